//! Host names in a dry run: custom domain, mapping and alias records of each.

use std::collections::BTreeMap;

use aws_sdk_route53::types::ResourceRecordSet;
use nameplate::StepError;
use nameplate::contract::result::{ReportAction, ResourceReport};
use nameplate::domain::dns_form;
use nameplate::resource::certificate::ValidationRecord;
use nameplate::resource::custom_domain::{self, CustomDomain, Wanted, WantedMapping};
use nameplate::resource::difference::{NOT_YET, shown};
use nameplate::resource::tags::Tagging;
use serde_json::{Value, json};

use super::{compared, resource};
use crate::picture::Picture;

/// What is looked at for each host name.
pub(super) struct Hosts<'a> {
    pub(super) picture: &'a Picture<'a>,
    pub(super) tagging: &'a Tagging,
    /// The zone of the alias records; nothing where somebody else's DNS answers.
    pub(super) zone_id: Option<&'a str>,
    /// ARN of the certificate that stays.
    pub(super) certificate_arn: Option<&'a str>,
    /// Where the root path leads.
    pub(super) mapping: WantedMapping<'a>,
}

impl Hosts<'_> {
    pub(super) async fn custom_domain(
        &self,
        host: &str,
        found: Option<&CustomDomain>,
    ) -> Result<ResourceReport, StepError> {
        let mapping = match found {
            Some(_) => self.picture.root_mapping(host).await?,
            None => None,
        };
        let wanted = Wanted { certificate_arn: self.certificate_arn, tagging: self.tagging };
        let mut changes = shown(&custom_domain::differences(found, &wanted));
        changes.extend(shown(&custom_domain::mapping_differences(mapping.as_ref(), &self.mapping)));
        Ok(compared("custom domain", found.map(|found| found.name.clone()), host, changes))
    }

    /// The records of the host name that point to the custom domain.
    pub(super) async fn aliases(&self, host: &str, found: Option<&CustomDomain>) -> Result<ResourceReport, StepError> {
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

    /// A record that proves to ACM that the name is ours.
    pub(super) async fn validation(&self, record: &ValidationRecord) -> Result<Option<ResourceReport>, StepError> {
        let Some(zone_id) = self.zone_id else { return Ok(None) };
        let present = self.picture.cname(zone_id, &record.name).await?;
        let name = dns_form(&record.name);
        let before = present.as_ref().map_or(Value::Null, |set| json!({"CNAME": value(set)}));
        let after = json!({"CNAME": dns_form(&record.value)});
        Ok(Some(resource("validation record", present.map(|_| name.clone()), &name, &before, &after)))
    }

    async fn present(&self, host: &str) -> Result<BTreeMap<String, String>, StepError> {
        let Some(zone_id) = self.zone_id else { return Ok(BTreeMap::new()) };
        let sets = self.picture.addresses(zone_id, host).await?;
        Ok(sets.iter().map(|set| (set.r#type().as_str().to_owned(), value(set))).collect())
    }
}

/// What a record leads to.
fn value(set: &ResourceRecordSet) -> String {
    match set.alias_target() {
        Some(alias) => dns_form(alias.dns_name()),
        None => {
            let values = set.resource_records().iter().map(|record| record.value());
            values.map(dns_form).collect::<Vec<_>>().join(", ")
        }
    }
}
