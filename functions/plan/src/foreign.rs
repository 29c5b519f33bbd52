//! What stands in the place of something that the request wants and belongs to somebody else: refused by its name, or
//! told as what a run takes over. Read-only. It must not know how anything is taken over: the steps look for themselves.

use std::collections::BTreeMap;

use aws_sdk_route53::types::ResourceRecordSet;
use nameplate::contract::Known;
use nameplate::domain::dns_form;
use nameplate::request::Dns;
use nameplate::resource::alias;
use nameplate::resource::alias::{HostRecord, Whose};
use nameplate::resource::record::Owned;
use nameplate::resource::tags::{self, Tagging};
use nameplate::resource::thing::Thing;
use nameplate::{Request, StepError};

use crate::look::{self, CustomDomains};
use crate::picture::Picture;

/// What is asked about.
pub(crate) struct Looking<'a> {
    pub(crate) picture: &'a Picture<'a>,
    pub(crate) request: &'a Request,
    pub(crate) known: &'a Known,
    /// The records of earlier requests that are ours.
    pub(crate) owned: &'a [Owned],
    pub(crate) custom_domains: &'a CustomDomains,
    /// Whether the name is registered in this account.
    pub(crate) registered: bool,
    /// The zone that the records go into, if it is known by now.
    pub(crate) zone_id: Option<&'a str>,
}

/// Something of somebody else's.
struct Foreign {
    thing: Thing,
    /// The code under which it is refused.
    code: &'static str,
    /// Whether it can be taken over.
    adoptable: bool,
}

impl Foreign {
    fn new(code: &'static str, resource: &str, name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { thing: Thing::new(resource, name, reason), code, adoptable: true }
    }

    fn refusal(&self) -> StepError {
        let Thing { resource, name, reason } = &self.thing;
        let remedy = match self.adoptable {
            true => "remove it, ask for another host name, or write `\"adopt\": true` to have it taken over",
            false => "remove it, or ask for other host names",
        };
        StepError::refused(self.code, format!("the {resource} {name} is in the way: {reason}"), remedy)
    }
}

/// Host names of ours that a run which was stopped has led to the existing API that its request names, without having
/// recorded it. Nobody else leads a custom domain with our tags to just that API.
///
/// # Errors
/// As `classify` has it.
pub(crate) async fn begun(
    picture: &Picture<'_>,
    earlier_api: Option<&str>,
    custom_domains: &CustomDomains,
    known: &Known,
) -> Result<Vec<String>, StepError> {
    let Some(api) = earlier_api else { return Ok(Vec::new()) };
    let mut hosts = Vec::new();
    for host in custom_domains.wanted.keys().chain(&custom_domains.dropped) {
        let recorded = known.hostnames.contains(host);
        if !recorded && picture.root_mapping(host).await?.is_some_and(|mapping| mapping.api_id == api) {
            hosts.push(host.clone());
        }
    }
    Ok(hosts)
}

impl Looking<'_> {
    /// What a run would take over.
    ///
    /// # Errors
    /// `Refused` for the first thing that the request does not say to take over, or that nobody can.
    pub(crate) async fn adopted(&self) -> Result<Vec<Thing>, StepError> {
        let mut all: Vec<Foreign> = self.registration().await?.into_iter().collect();
        all.extend(self.custom_domains());
        all.extend(self.mappings().await?);
        if let (Dns::Route53, Some(zone_id)) = (self.request.dns, self.zone_id) {
            all.extend(self.zone(zone_id).await?);
            for host in self.request.hostnames() {
                all.extend(self.records(zone_id, &host).await?);
            }
        }
        let refused = all.iter().find(|foreign| !self.request.adopt || !foreign.adoptable);
        match refused {
            Some(foreign) => Err(foreign.refusal()),
            None => Ok(all.into_iter().map(|foreign| foreign.thing).collect()),
        }
    }

    /// Whether an earlier run has led the host name here: mappings and records carry no tags.
    fn recorded(&self, host: &str) -> bool {
        self.known.hostnames.iter().any(|known| known == host)
    }

    /// What our custom domain of a host name answers under, or that of others which is taken over.
    pub(crate) fn target(&self, host: &str) -> Option<&str> {
        let CustomDomains { wanted, foreign, .. } = self.custom_domains;
        wanted.get(host).or(foreign.get(host)).and_then(|found| found.target.as_deref())
    }

    /// Whether it is an alias of an earlier custom domain of ours.
    pub(crate) fn is_earlier(&self, host: &str, set: &ResourceRecordSet) -> bool {
        self.recorded(host) && host_record(set).alias.as_deref().is_some_and(|alias| self.is_here(alias))
    }

    /// Whether an earlier request had it as a further record: it goes when the alias records come.
    fn is_further(&self, zone_id: &str, set: &ResourceRecordSet) -> bool {
        let standing = look::as_standing(set);
        self.owned.iter().any(|one| one.is_in(zone_id) && standing.is(&one.record))
    }

    /// Whether an alias leads to a custom domain of this region.
    fn is_here(&self, alias: &str) -> bool {
        let region = self.picture.clients.apigateway.config().region();
        region.is_some_and(|region| alias::is_custom_domain_in(region.as_ref(), alias))
    }

    fn custom_domains(&self) -> Vec<Foreign> {
        let reason = format!("it was not made by this stack for {}", self.request.domain_name);
        let foreign = |name: &String| Foreign::new("CustomDomainNotOurs", "custom domain", name, &reason);
        self.custom_domains.foreign.keys().map(foreign).collect()
    }

    /// Root paths of our custom domains that lead to APIs of others.
    async fn mappings(&self) -> Result<Vec<Foreign>, StepError> {
        let mut all = Vec::new();
        for host in self.custom_domains.wanted.keys() {
            let Some(mapping) = self.picture.root_mapping(host).await? else { continue };
            // A recorded mapping is ours whichever API it leads to, since a request can name an existing one.
            let api = mapping.api_id;
            // One that leads where the request wants it may be of a run that was stopped before it recorded anything.
            let wanted = self.request.api.existing.as_ref().is_some_and(|existing| existing.api_id == api);
            let ours = wanted || self.recorded(host) || self.known.api_id.as_ref() == Some(&api);
            if ours || self.is_our_api(&api).await? {
                continue;
            }
            let reason = format!("it leads to the API {api}, which is not Nameplate's");
            all.push(Foreign::new("MappingNotOurs", "mapping", format!("of {host}"), reason));
        }
        // A host name that is taken off takes all its paths with it.
        for host in &self.custom_domains.dropped {
            for mapping in self.picture.mappings(host).await? {
                let (path, api) = (mapping.path, mapping.api_id);
                if (path.is_empty() && self.recorded(host)) || self.is_our_api(&api).await? {
                    continue;
                }
                let reason = format!(
                    "it leads to the API {api}, which is not Nameplate's, and the request names {host} no more"
                );
                let name = format!("of {host}/{path}");
                all.push(Foreign { adoptable: false, ..Foreign::new("MappingNotOurs", "mapping", name, reason) });
            }
        }
        Ok(all)
    }

    /// An API that is gone belongs to nobody.
    async fn is_our_api(&self, id: &str) -> Result<bool, StepError> {
        let api = observe::apigateway::api(&self.picture.clients.apigateway, id).await?;
        let stack = &self.picture.settings.stack;
        let tagging = Tagging::new(&self.request.tags, &self.request.domain_name, stack, &[]);
        Ok(api.is_none_or(|api| tagging.are_ours(&api.tags)))
    }

    /// A registration that another stack bought. Once a name is live here it does not matter any more who that was.
    async fn registration(&self) -> Result<Option<Foreign>, StepError> {
        if !self.registered || !self.known.hostnames.is_empty() {
            return Ok(None);
        }
        let present = self.picture.registration_tags().await?;
        Ok(self.of_another_stack("registration", self.request.domain_name.as_str(), &present))
    }

    /// A zone of the name that another stack uses. A zone around the name carries nobody's tags for it.
    async fn zone(&self, id: &str) -> Result<Option<Foreign>, StepError> {
        if !self.request.domain_name.is_registrable() {
            return Ok(None);
        }
        let present = self.picture.zone_tags(id).await?.unwrap_or_default();
        Ok(self.of_another_stack("hosted zone", id, &present))
    }

    fn of_another_stack(&self, resource: &str, name: &str, present: &BTreeMap<String, String>) -> Option<Foreign> {
        let stack = tags::other_stack(present, &self.picture.settings.stack)?;
        Some(Foreign::new("OtherStack", resource, name, tags::used_by(stack)))
    }

    /// Records at a host name that others wrote.
    async fn records(&self, zone_id: &str, host: &str) -> Result<Vec<Foreign>, StepError> {
        // What points to a custom domain goes with it, to whomever.
        let target = self.target(host);
        let foreign = |set: &ResourceRecordSet| {
            let adoptable = match host_record(set).whose(target, self.is_earlier(host, set)) {
                Whose::Ours => return None,
                Whose::Theirs if self.is_further(zone_id, set) => return None,
                Whose::Theirs => true,
                Whose::Routed => false,
            };
            let name = format!("{host} {}", set.r#type().as_str());
            let reason = format!("Nameplate did not write it; it says {}", content(set));
            Some(Foreign { adoptable, ..Foreign::new("RecordNotOurs", "record", name, reason) })
        };
        let records = self.picture.addresses(zone_id, host).await?;
        Ok(records.iter().filter_map(foreign).collect())
    }
}

pub(crate) fn host_record(set: &ResourceRecordSet) -> HostRecord {
    HostRecord {
        kind: set.r#type().as_str().to_owned(),
        alias: set.alias_target().map(|alias| dns_form(alias.dns_name())),
        routed: set.set_identifier().is_some(),
    }
}

fn content(set: &ResourceRecordSet) -> String {
    match set.alias_target() {
        Some(alias) => format!("alias of {}", dns_form(alias.dns_name())),
        None => set.resource_records().iter().map(|record| record.value()).collect::<Vec<_>>().join(", "),
    }
}
