//! Host names in a dry run: custom domain, mapping and alias records of each.

use std::collections::BTreeMap;

use nameplate::StepError;
use nameplate::contract::result::{ReportAction, ResourceReport};
use serde_json::{Value, json};

use super::{NOT_YET, Tagging, resource};
use crate::look;
use crate::step::Clients;

/// What is looked at for each host name.
pub(super) struct Hosts<'a> {
    pub(super) clients: &'a Clients,
    pub(super) tagging: &'a Tagging<'a>,
    /// The zone of the alias records; nothing where somebody else's DNS answers.
    pub(super) zone_id: Option<&'a str>,
    /// The custom domain as the request wants it.
    pub(super) after: &'a Value,
}

impl Hosts<'_> {
    pub(super) async fn custom_domain(
        &self,
        host: &str,
        found: Option<&look::CustomDomain>,
    ) -> Result<ResourceReport, StepError> {
        let before = match found {
            Some(found) => {
                let mapping = look::root_mapping(self.clients, host).await?;
                let (api, stage) = mapping.map(|mapping| (mapping.api_id, mapping.stage)).unzip();
                let tags = self.tagging.shown(found.tags.clone());
                json!({"certificate": found.certificate_arn, "api": api, "stage": stage.flatten(), "tags": tags})
            }
            None => Value::Null,
        };
        Ok(resource("custom domain", found.map(|found| found.name.clone()), host, &before, self.after))
    }

    /// The records of the host name that point to the custom domain.
    pub(super) async fn aliases(
        &self,
        host: &str,
        found: Option<&look::CustomDomain>,
    ) -> Result<ResourceReport, StepError> {
        let present = self.present(host).await?;
        let target = found.and_then(|found| found.target.as_deref()).unwrap_or(NOT_YET);
        let name = (!present.is_empty()).then(|| host.to_owned());
        let before = if present.is_empty() { Value::Null } else { json!(present) };
        Ok(resource("alias records", name, host, &before, &json!({"A": target, "AAAA": target})))
    }

    /// A host name that the request does not name any more.
    pub(super) async fn removed(&self, host: &str) -> Result<Vec<ResourceReport>, StepError> {
        let gone = |kind: &str| ResourceReport {
            resource: kind.to_owned(),
            action: ReportAction::Remove,
            name: host.to_owned(),
            changes: Vec::new(),
        };
        let mut resources = vec![gone("custom domain")];
        if !self.present(host).await?.is_empty() {
            resources.push(gone("alias records"));
        }
        Ok(resources)
    }

    async fn present(&self, host: &str) -> Result<BTreeMap<&'static str, String>, StepError> {
        match self.zone_id {
            Some(zone_id) => look::aliases(self.clients, zone_id, host).await,
            None => Ok(BTreeMap::new()),
        }
    }
}
