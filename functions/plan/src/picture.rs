//! What one plan sees of AWS, each thing read once: whoever asks again gets the answer that was given before, so that
//! the refusals, the report and the question whether anything is left to do speak of one and the same picture.
//! It must not know what is compared with what.

use std::collections::BTreeMap;
use std::future::Future;

use aws_sdk_route53::types::{ResourceRecordSet, RrType};
use nameplate::domain::dns_form;
use nameplate::resource::certificate::Certificate;
use nameplate::resource::custom_domain::{Mapping, root};
use nameplate::{Request, StepError};
use tokio::sync::Mutex;

use crate::context::{Clients, Settings};
use crate::look;

/// Record sets at one name that can matter: A, AAAA and one more, which is CNAME only if it is the first.
const RECORDS_AT_A_HOST: i32 = 3;

/// Who asks, for which request, and what has been answered.
pub(crate) struct Picture<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) settings: &'a Settings,
    pub(crate) request: &'a Request,
    certificates: Answers<Option<Certificate>>,
    mappings: Answers<Vec<Mapping>>,
    zone_tags: Answers<Option<BTreeMap<String, String>>>,
    registration_tags: Answers<BTreeMap<String, String>>,
    zones: Answers<Option<Vec<ResourceRecordSet>>>,
    names: Answers<Vec<ResourceRecordSet>>,
}

/// Answers by what was asked about.
struct Answers<T>(Mutex<BTreeMap<String, T>>);

impl<T> Default for Answers<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Answers<T> {
    async fn about(&self, key: &str, ask: impl Future<Output = Result<T, StepError>>) -> Result<T, StepError> {
        let mut answers = self.0.lock().await;
        if let Some(answer) = answers.get(key) {
            return Ok(answer.clone());
        }
        let answer = ask.await?;
        answers.insert(key.to_owned(), answer.clone());
        Ok(answer)
    }
}

impl<'a> Picture<'a> {
    pub(crate) fn new(clients: &'a Clients, settings: &'a Settings, request: &'a Request) -> Self {
        Self {
            clients,
            settings,
            request,
            certificates: Answers::default(),
            mappings: Answers::default(),
            zone_tags: Answers::default(),
            registration_tags: Answers::default(),
            zones: Answers::default(),
            names: Answers::default(),
        }
    }

    /// A certificate without its tags; nothing when ACM does not know it.
    pub(crate) async fn certificate(&self, arn: &str) -> Result<Option<Certificate>, StepError> {
        self.certificates.about(arn, observe::acm::certificate(&self.clients.acm, arn)).await
    }

    /// Where the paths of a custom domain lead; none when it is gone.
    pub(crate) async fn mappings(&self, host: &str) -> Result<Vec<Mapping>, StepError> {
        let ask = async {
            let found = observe::apigateway::mappings(&self.clients.apigateway, host).await?;
            Ok(found.unwrap_or_default())
        };
        self.mappings.about(host, ask).await
    }

    /// Where the root path of a custom domain leads, if it leads anywhere.
    pub(crate) async fn root_mapping(&self, host: &str) -> Result<Option<Mapping>, StepError> {
        Ok(root(&self.mappings(host).await?).cloned())
    }

    /// The tags of a hosted zone; nothing when it is gone.
    pub(crate) async fn zone_tags(&self, id: &str) -> Result<Option<BTreeMap<String, String>>, StepError> {
        self.zone_tags.about(id, observe::route53::zone_tags(&self.clients.route53, id)).await
    }

    /// The tags of the registration of the domain, which is in this account.
    pub(crate) async fn registration_tags(&self) -> Result<BTreeMap<String, String>, StepError> {
        let domain = self.request.domain_name.as_str();
        let ask = async {
            let found = observe::route53domains::registration_tags(&self.clients.domains, domain).await?;
            Ok(found.unwrap_or_default())
        };
        self.registration_tags.about(domain, ask).await
    }

    /// All record sets of a zone; nothing when it is gone.
    pub(crate) async fn record_sets(&self, zone_id: &str) -> Result<Option<Vec<ResourceRecordSet>>, StepError> {
        self.zones.about(zone_id, look::record_sets(self.clients, zone_id)).await
    }

    /// The A, AAAA and CNAME records at a host name.
    pub(crate) async fn addresses(&self, zone_id: &str, host: &str) -> Result<Vec<ResourceRecordSet>, StepError> {
        let kinds = [RrType::A, RrType::Aaaa, RrType::Cname];
        let sets = self.at(zone_id, host, RrType::A, RECORDS_AT_A_HOST).await?;
        Ok(sets.into_iter().filter(|set| kinds.contains(set.r#type())).collect())
    }

    /// The CNAME record at a name.
    pub(crate) async fn cname(&self, zone_id: &str, name: &str) -> Result<Option<ResourceRecordSet>, StepError> {
        let sets = self.at(zone_id, name, RrType::Cname, 1).await?;
        Ok(sets.into_iter().find(|set| *set.r#type() == RrType::Cname))
    }

    /// The first record sets at a name, from a type on: out of the whole zone if that has been read.
    async fn at(
        &self,
        zone_id: &str,
        name: &str,
        kind: RrType,
        most: i32,
    ) -> Result<Vec<ResourceRecordSet>, StepError> {
        let here = |set: &ResourceRecordSet| dns_form(set.name()) == dns_form(name);
        if let Some(whole) = self.zones.0.lock().await.get(zone_id) {
            return Ok(whole.iter().flatten().filter(|set| here(set)).cloned().collect());
        }
        let key = format!("{zone_id} {name} {}", kind.as_str());
        let mut sets = self.names.about(&key, look::records_at(self.clients, zone_id, name, kind, most)).await?;
        sets.retain(here);
        Ok(sets)
    }
}
