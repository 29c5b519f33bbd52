//! Step `attach-domain`: the host names on the API, one after the other: custom domain, mapping, alias records A and
//! AAAA of each.
//!
//! - Reads: GetDomainName, GetApiMappings and ListResourceRecordSets, each only where an earlier answer leaves
//!   the question open; GetApi of an API that holds the mapping in our place. Where a person was to set name servers, the
//!   DNS is asked for those of the domain at last.
//! - Writes only what differs: CreateDomainName or UpdateDomainName, TagResource and UntagResource, CreateApiMapping or
//!   UpdateApiMapping, one batch of ChangeResourceRecordSets.
//! - Tokens: none; each thing is named by the host name, so a repeated call conflicts with itself, and a conflict
//!   is answered by looking. CreateDomainName and UpdateDomainName are each limited to one in 30 s for the whole
//!   account (AWS-FACTS 4.5.2): the SDK does not repeat them, the state machine does.
//! - Where the customer's own DNS answers, no record is read or written: the one to set is an action.
//! - NotReady: API Gateway does not take the certificate yet, or the custom domain is UPDATING.
//! - Refused: the custom domain, the mapping or a record of the name belongs to somebody else, and the request does
//!   not say to adopt it. Records with a routing policy are never taken over.
//!
//! It must not know how the API or the certificate is made.

use std::collections::BTreeMap;

use aws_sdk_apigatewayv2::config::http::HttpResponse;
use aws_sdk_apigatewayv2::config::retry::RetryConfig;
use aws_sdk_apigatewayv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_apigatewayv2::types::{
    ApiMapping, DomainNameConfiguration, DomainNameStatus, EndpointType, IpAddressType, SecurityPolicy,
};
use aws_sdk_route53::types::{AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};
use nameplate::contract::retire::IN_USE_DEADLINE_SECS;
use nameplate::contract::{AttachDomainInput, AttachDomainOutput};
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of, invalid_change_batch};
use nameplate::function::resolver::Resolver;
use nameplate::function::runtime;
use nameplate::request::{Dns, RecordSet};
use nameplate::resource::alias::{HostRecord, Whose};
use nameplate::resource::record::Standing;
use nameplate::resource::tags;
use nameplate::{Request, StepError};

/// Records at one name that can matter: A, AAAA and one more, which is CNAME only if it is the first.
const RECORDS_READ: i32 = 3;
/// Mappings per page. API Gateway pages only when it is asked for a page size.
const PAGE_SIZE: &str = "500";

/// The clients of this step.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) api_gateway: aws_sdk_apigatewayv2::Client,
    pub(crate) route53: aws_sdk_route53::Client,
    pub(crate) resolver: Resolver,
}

/// Where this step runs, for tags and ARNs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) stack: String,
    pub(crate) partition: String,
    pub(crate) region: String,
}

/// Runs the step.
///
/// # Errors
/// `Refused` for what is not ours, `NotReady` for a certificate or custom domain that AWS is still busy with,
/// `Retryable` when the next attempt would see more, else `Failed`.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: AttachDomainInput,
) -> Result<AttachDomainOutput, StepError> {
    let tags = tags::wanted(&input.request.tags, &input.request.domain_name, &settings.stack);
    let (mut endpoints, mut actions, mut change_ids) = (Vec::new(), Vec::new(), Vec::new());
    for host in input.request.hostnames() {
        let step = Step { clients, settings, tags: &tags, host: &host, input: &input };
        match step.attach().await? {
            Pointed::ByUs { change_id } => change_ids.extend(change_id),
            Pointed::ByAPerson { action } => actions.push(action),
        }
        endpoints.push(format!("{}://{host}", input.protocol.scheme()));
    }
    let alternative_endpoints = endpoints.split_off(1);
    let awaited = &input.awaited_servers;
    let delegated =
        !awaited.is_empty() && clients.resolver.name_servers(input.request.domain_name.as_str()).await == *awaited;
    Ok(AttachDomainOutput {
        delegated,
        api_endpoint: endpoints.remove(0),
        alternative_endpoints,
        change_ids,
        actions,
        release_deadline: runtime::now() + IN_USE_DEADLINE_SECS,
    })
}

/// Who makes the host name lead here.
enum Pointed {
    /// Alias records, and Route 53's id of the change that wrote them, if one was needed.
    ByUs { change_id: Option<String> },
    /// Records in a DNS of the customer's own.
    ByAPerson { action: String },
}

/// The custom domain, ready to be used.
struct Ready {
    target: Target,
    /// Made by this very call: then it has no mapping yet.
    created: bool,
}

/// What the alias records point to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    dns_name: String,
    hosted_zone_id: String,
}

/// A custom domain as API Gateway reports it.
#[derive(Clone, Debug)]
struct Found {
    tags: BTreeMap<String, String>,
    configuration: DomainNameConfiguration,
}

impl Found {
    fn new(
        operation: &str,
        tags: Option<std::collections::HashMap<String, String>>,
        configurations: Option<Vec<DomainNameConfiguration>>,
    ) -> Result<Self, StepError> {
        let configuration = configurations
            .and_then(|list| list.into_iter().next())
            .ok_or_else(|| unreadable(operation, "DomainNameConfigurations"))?;
        Ok(Self { tags: tags.unwrap_or_default().into_iter().collect(), configuration })
    }

    fn target(&self) -> Result<Target, StepError> {
        let configuration = &self.configuration;
        match (configuration.api_gateway_domain_name(), configuration.hosted_zone_id()) {
            (Some(name), Some(zone)) => Ok(Target { dns_name: dns_form(name), hosted_zone_id: zone.to_owned() }),
            _ => Err(unreadable("GetDomainName", "ApiGatewayDomainName or HostedZoneId")),
        }
    }
}

/// Whether a custom domain can be used and changed now (AWS-FACTS 4.4.4).
fn check_status(host: &str, configuration: &DomainNameConfiguration) -> Result<(), StepError> {
    match configuration.domain_name_status() {
        Some(DomainNameStatus::Updating) => Err(StepError::not_ready(
            "DomainNameUpdating",
            format!("API Gateway is still changing the custom domain {host}"),
        )),
        Some(DomainNameStatus::PendingCertificateReimport) => Err(StepError::failed(
            "PendingCertificateReimport",
            format!("the custom domain {host} waits for its imported certificate to be imported again"),
            "import the certificate again in ACM, or delete the custom domain in API Gateway; then start the execution again",
        )),
        Some(DomainNameStatus::PendingOwnershipVerification) => Err(StepError::failed(
            "PendingOwnershipVerification",
            format!("the custom domain {host} waits for an ownership verification certificate"),
            "give it one in API Gateway, or delete the custom domain; then start the execution again",
        )),
        _ => Ok(()),
    }
}

/// Whether the custom domain has to be changed: another certificate, or no IPv6, which the AAAA record promises.
fn needs_update(configuration: &DomainNameConfiguration, certificate_arn: &str) -> bool {
    configuration.certificate_arn() != Some(certificate_arn)
        || configuration.ip_address_type().is_some_and(|kind| *kind != IpAddressType::Dualstack)
}

/// What has to happen to the mapping of the root path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum MappingChange {
    Keep,
    Create,
    /// Ours, on another stage.
    Update {
        mapping_id: String,
    },
    /// The root path leads to another API.
    Take {
        mapping_id: String,
        from_api: String,
    },
}

fn mapping_change(mappings: &[ApiMapping], api_id: &str, stage: &str) -> MappingChange {
    let root = mappings.iter().find(|mapping| mapping.api_mapping_key().unwrap_or_default().is_empty());
    let Some(mapping) = root else { return MappingChange::Create };
    let mapping_id = mapping.api_mapping_id().unwrap_or_default().to_owned();
    match (mapping.api_id().unwrap_or_default(), mapping.stage()) {
        (id, Some(on)) if id == api_id && on == stage => MappingChange::Keep,
        (id, _) if id == api_id => MappingChange::Update { mapping_id },
        (other, _) => MappingChange::Take { mapping_id, from_api: other.to_owned() },
    }
}

/// One change of a record at a host name.
#[derive(Clone, Debug, PartialEq)]
enum RecordChange {
    /// An alias of the custom domain.
    Write(ChangeAction, RrType),
    /// A record that is taken over, or was an earlier request's, and cannot stand beside an alias.
    Remove(Box<ResourceRecordSet>),
}

/// Both alias records, where nothing stands yet.
fn both_records() -> Vec<RecordChange> {
    [RrType::A, RrType::Aaaa].map(|kind| RecordChange::Write(ChangeAction::Create, kind)).into()
}

/// What has to change so that A and AAAA of `host` are aliases of `target`.
///
/// # Errors
/// `Refused` for a record that is not ours ([`HostRecord::whose`]), unless it is to be adopted and can be.
fn record_changes(
    host: &str,
    present: &[ResourceRecordSet],
    target: &Target,
    claims: Claims<'_>,
) -> Result<Vec<RecordChange>, StepError> {
    let here: Vec<&ResourceRecordSet> = present.iter().filter(|record| dns_form(record.name()) == host).collect();
    let find = |kind: RrType| here.iter().copied().find(move |record| *record.r#type() == kind);
    // An earlier custom domain of the name was in this region, as its zone tells.
    let earlier = |record: &ResourceRecordSet| {
        let here = |alias: &AliasTarget| alias.hosted_zone_id() == target.hosted_zone_id;
        claims.recorded && record.alias_target().is_some_and(here)
    };
    let written = |record: &ResourceRecordSet| {
        let standing = standing(record);
        claims.yielding.iter().any(|ours| standing.is(ours))
    };
    let take = |record: &ResourceRecordSet| match host_record(record).whose(Some(&target.dns_name), earlier(record)) {
        Whose::Ours => Ok(()),
        Whose::Theirs if written(record) => {
            let kind = record.r#type().as_str();
            tracing::info!(host, kind, "replaces the record of type {kind} at {host} that an earlier request had");
            Ok(())
        }
        Whose::Theirs if claims.adopt => {
            let kind = record.r#type().as_str();
            tracing::info!(host, kind, "takes over the record of type {kind} at {host}");
            Ok(())
        }
        Whose::Theirs => Err(record_is_foreign(host, record.r#type(), TAKE_OVER)),
        Whose::Routed => Err(record_is_foreign(host, record.r#type(), "it has a routing policy; remove the record")),
    };
    if let Some(alone) = find(RrType::Cname) {
        take(alone)?;
        let both = both_records();
        return Ok(std::iter::once(RecordChange::Remove(Box::new(alone.clone()))).chain(both).collect());
    }
    let mut changes = Vec::new();
    for kind in [RrType::A, RrType::Aaaa] {
        let Some(record) = find(kind.clone()) else {
            changes.push(RecordChange::Write(ChangeAction::Create, kind));
            continue;
        };
        take(record)?;
        let right = record.alias_target().is_some_and(|alias| {
            points_to(alias, target) && !alias.evaluate_target_health() && record.set_identifier().is_none()
        });
        if !right {
            changes.push(RecordChange::Write(ChangeAction::Upsert, kind));
        }
    }
    Ok(changes)
}

/// What a run may count as its own at a host name.
#[derive(Clone, Copy, Debug)]
struct Claims<'a> {
    /// An earlier run wrote the alias records of the name.
    recorded: bool,
    /// The request says to take over what belongs to others.
    adopt: bool,
    /// Records of earlier requests that are ours as long as they are exactly so.
    yielding: &'a [RecordSet],
}

/// What to do about a record of somebody else.
const TAKE_OVER: &str = "remove the record, choose another host name, or write `\"adopt\": true` to have it replaced";

fn host_record(record: &ResourceRecordSet) -> HostRecord {
    HostRecord {
        kind: record.r#type().as_str().to_owned(),
        alias: record.alias_target().map(|alias| dns_form(alias.dns_name())),
        routed: record.set_identifier().is_some(),
    }
}

fn standing(record: &ResourceRecordSet) -> Standing {
    // Whatever more than name, type, time to live and values a set has makes it one of somebody else.
    let more = record.alias_target().is_some() || record.set_identifier().is_some();
    let simple = !more && record.health_check_id().is_none();
    let values = record.resource_records().iter().map(|record| record.value().to_owned()).collect();
    Standing::new(record.name(), record.r#type().as_str(), record.ttl(), values, simple)
}

fn points_to(alias: &AliasTarget, target: &Target) -> bool {
    dns_form(alias.dns_name()) == target.dns_name && alias.hosted_zone_id() == target.hosted_zone_id
}

fn record_is_foreign(host: &str, kind: &RrType, remedy: &str) -> StepError {
    StepError::refused(
        "RecordNotOurs",
        format!("{host} already has a record of type {} that Nameplate did not write", kind.as_str()),
        remedy,
    )
}

/// What became of a call that fails when the thing is there already.
enum Outcome<T> {
    Done(T),
    /// Look at what is there; the error stands if that explains nothing.
    Look(StepError),
}

struct Step<'a> {
    clients: &'a Clients,
    settings: &'a Settings,
    tags: &'a BTreeMap<String, String>,
    host: &'a str,
    input: &'a AttachDomainInput,
}

impl Step<'_> {
    /// Puts one host name on the API.
    async fn attach(&self) -> Result<Pointed, StepError> {
        let domain = self.custom_domain().await?;
        self.map(domain.created).await?;
        if self.input.request.dns == Dns::External {
            return Ok(Pointed::ByAPerson { action: pointing(&self.input.request, self.host, &domain.target) });
        }
        let zone_id = self.input.hosted_zone_id.as_deref().ok_or_else(no_zone)?;
        Ok(Pointed::ByUs { change_id: self.point(&domain, zone_id).await? })
    }

    fn is_ours<'t>(&self, present: impl IntoIterator<Item = (&'t String, &'t String)>) -> bool {
        let pairs = present.into_iter().map(|(key, value)| (key.as_str(), value.as_str()));
        tags::ours(pairs, self.input.request.domain_name.as_str(), &self.settings.stack)
    }

    /// The custom domain: made, or found, ours and as wanted.
    async fn custom_domain(&self) -> Result<Ready, StepError> {
        let known = if self.input.fresh { None } else { self.look_at_domain().await? };
        let found = match known {
            Some(found) => found,
            None => match self.create_domain().await? {
                Outcome::Done(found) => {
                    tracing::info!(host = self.host, "created the custom domain {}", self.host);
                    check_status(self.host, &found.configuration)?;
                    return Ok(Ready { target: found.target()?, created: true });
                }
                Outcome::Look(error) => self.look_at_domain().await?.ok_or(error)?,
            },
        };
        if !self.is_ours(&found.tags) && !self.input.request.adopt {
            return Err(StepError::refused(
                "DomainNameNotOurs",
                format!(
                    "the custom domain {} of API Gateway does not carry the tags `{}` = `{}` and `{}` = `{}`",
                    self.host,
                    tags::DOMAIN,
                    self.input.request.domain_name,
                    tags::STACK,
                    self.settings.stack
                ),
                "choose another host name, delete the custom domain, or write `\"adopt\": true` to take it over",
            ));
        }
        check_status(self.host, &found.configuration)?;
        // First: what does not carry our tags may not be changed.
        self.correct_tags(&found).await?;
        let mut target = found.target()?;
        if needs_update(&found.configuration, &self.input.certificate_arn) {
            let updated = self.update_domain().await?;
            check_status(self.host, &updated.configuration)?;
            target = updated.target()?;
        }
        Ok(Ready { target, created: false })
    }

    async fn look_at_domain(&self) -> Result<Option<Found>, StepError> {
        match self.clients.api_gateway.get_domain_name().domain_name(self.host).send().await {
            Ok(answer) => Found::new("GetDomainName", answer.tags, answer.domain_name_configurations).map(Some),
            Err(error) if code_of(&error) == Some("NotFoundException") => Ok(None),
            Err(error) => Err(classify("apigatewayv2:GetDomainName", &error)),
        }
    }

    async fn create_domain(&self) -> Result<Outcome<Found>, StepError> {
        let answer = self
            .clients
            .api_gateway
            .create_domain_name()
            .domain_name(self.host)
            .domain_name_configurations(self.configuration())
            .set_tags(Some(self.tags.clone().into_iter().collect()))
            .customize()
            .config_override(once())
            .send()
            .await;
        let error = match answer {
            Ok(answer) => {
                return Found::new("CreateDomainName", answer.tags, answer.domain_name_configurations)
                    .map(Outcome::Done);
            }
            Err(error) => error,
        };
        let failure = self.domain_error("apigatewayv2:CreateDomainName", &error);
        match code_of(&error) {
            Some("ConflictException") => Ok(Outcome::Look(StepError::refused(
                "DomainNameTaken",
                format!("API Gateway says that the custom domain {} exists, but not in this account", self.host),
                "choose another host name, or delete the custom domain in the account that holds it",
            ))),
            // A cut attempt may have used up this half minute's only call, and have succeeded.
            Some("TooManyRequestsException") if self.input.fresh => Ok(Outcome::Look(failure)),
            _ => Err(failure),
        }
    }

    async fn update_domain(&self) -> Result<Found, StepError> {
        let answer = self
            .clients
            .api_gateway
            .update_domain_name()
            .domain_name(self.host)
            .domain_name_configurations(self.configuration())
            .customize()
            .config_override(once())
            .send()
            .await
            .map_err(|error| match code_of(&error) {
                Some(code @ "ConflictException") => StepError::retryable(
                    code,
                    format!("apigatewayv2:UpdateDomainName met another change of {}", self.host),
                ),
                _ => self.domain_error("apigatewayv2:UpdateDomainName", &error),
            })?;
        Found::new("UpdateDomainName", answer.tags, answer.domain_name_configurations)
    }

    /// HTTP APIs need TLS_1_2, which serves TLS 1.3 as well (AWS-FACTS 4.4.3).
    fn configuration(&self) -> DomainNameConfiguration {
        DomainNameConfiguration::builder()
            .certificate_arn(&self.input.certificate_arn)
            .endpoint_type(EndpointType::Regional)
            .security_policy(SecurityPolicy::Tls12)
            .ip_address_type(IpAddressType::Dualstack)
            .build()
    }

    /// API Gateway learns of a certificate some moments after ACM has issued it and answers BadRequestException
    /// until then (AWS-FACTS 4.4.2); what else is bad about the request stays bad.
    fn domain_error<E: ProvideErrorMetadata>(&self, operation: &str, error: &SdkError<E, HttpResponse>) -> StepError {
        let message = error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default();
        if code_of(error) == Some("BadRequestException") && message.to_ascii_lowercase().contains("certificate") {
            return StepError::not_ready(
                "CertificateNotUsable",
                format!("API Gateway does not take the certificate {} yet: {message}", self.input.certificate_arn),
            );
        }
        // One such call each 30 s in the whole account (AWS-FACTS 4.5.2): a turn to wait for, not a failure.
        if let Some(code @ "TooManyRequestsException") = code_of(error) {
            return StepError::not_ready(code, format!("{operation} has to wait for its turn in this account"));
        }
        classify(operation, error)
    }

    /// Gives the custom domain the tags that the request wants.
    async fn correct_tags(&self, found: &Found) -> Result<(), StepError> {
        let Settings { partition, region, .. } = self.settings;
        let arn = format!("arn:{partition}:apigateway:{region}::/domainnames/{}", self.host);
        let missing = tags::missing(self.tags, &found.tags);
        if !missing.is_empty() {
            let pairs = missing.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            let call = self.clients.api_gateway.tag_resource().resource_arn(&arn).set_tags(Some(pairs));
            call.send().await.map_err(|error| classify("apigatewayv2:TagResource", &error))?;
        }
        let stale = tags::stale(&self.input.former_tags, &found.tags);
        if !stale.is_empty() {
            let call = self.clients.api_gateway.untag_resource().resource_arn(&arn).set_tag_keys(Some(stale));
            call.send().await.map_err(|error| classify("apigatewayv2:UntagResource", &error))?;
        }
        Ok(())
    }

    /// Leads the root path to our API.
    async fn map(&self, created: bool) -> Result<(), StepError> {
        let mut change = if created { MappingChange::Create } else { self.look_at_mappings().await? };
        if change == MappingChange::Create {
            let Outcome::Look(error) = self.create_mapping().await? else { return Ok(()) };
            change = self.look_at_mappings().await?;
            if change == MappingChange::Create {
                return Err(error);
            }
        }
        match change {
            MappingChange::Keep | MappingChange::Create => Ok(()),
            MappingChange::Update { mapping_id } => self.update_mapping(&mapping_id).await,
            MappingChange::Take { mapping_id, from_api } => {
                if !self.input.request.adopt {
                    self.check_api_is_ours(&from_api).await?;
                }
                self.update_mapping(&mapping_id).await
            }
        }
    }

    async fn look_at_mappings(&self) -> Result<MappingChange, StepError> {
        let mut mappings = Vec::new();
        let mut next = None;
        loop {
            let page = self
                .clients
                .api_gateway
                .get_api_mappings()
                .domain_name(self.host)
                .max_results(PAGE_SIZE)
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| classify("apigatewayv2:GetApiMappings", &error))?;
            mappings.extend(page.items.unwrap_or_default());
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(mapping_change(&mappings, &self.input.api_id, &self.input.stage));
            }
        }
    }

    async fn create_mapping(&self) -> Result<Outcome<()>, StepError> {
        let answer = self
            .clients
            .api_gateway
            .create_api_mapping()
            .domain_name(self.host)
            .api_id(&self.input.api_id)
            .stage(&self.input.stage)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Outcome::Done(())),
            Err(error) => match code_of(&error) {
                Some(code @ "ConflictException") => Ok(Outcome::Look(StepError::retryable(
                    code,
                    format!("apigatewayv2:CreateApiMapping met another change of {}", self.host),
                ))),
                _ => Err(classify("apigatewayv2:CreateApiMapping", &error)),
            },
        }
    }

    async fn update_mapping(&self, mapping_id: &str) -> Result<(), StepError> {
        let answer = self
            .clients
            .api_gateway
            .update_api_mapping()
            .domain_name(self.host)
            .api_mapping_id(mapping_id)
            .api_id(&self.input.api_id)
            .stage(&self.input.stage)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => match code_of(&error) {
                Some(code @ "ConflictException") => Err(StepError::retryable(
                    code,
                    format!("apigatewayv2:UpdateApiMapping met another change of {}", self.host),
                )),
                // WebSocket APIs share a custom domain with no other (AWS-FACTS 4.4.6). That a mapping which is the
                // only one may change from one kind to the other is not confirmed against AWS.
                Some("BadRequestException") if says(&error, "WebSocket") => Err(StepError::failed(
                    "MappingOfAnotherKind",
                    format!("API Gateway does not lead {} to an API of another kind: {}", self.host, message(&error)),
                    "delete the mappings of the custom domain in API Gateway, then start the execution again; the name \
                     does not answer until then",
                )),
                _ => Err(classify("apigatewayv2:UpdateApiMapping", &error)),
            },
        }
    }

    /// A mapping may be taken from an earlier API of ours, or from one that is gone; a recorded one is ours whichever
    /// API it leads to, since a request can name an existing one.
    async fn check_api_is_ours(&self, api_id: &str) -> Result<(), StepError> {
        if self.input.recorded.iter().any(|host| host == self.host) {
            return Ok(());
        }
        match self.clients.api_gateway.get_api().api_id(api_id).send().await {
            Ok(api) if self.is_ours(api.tags().into_iter().flatten()) => Ok(()),
            Ok(_) => Err(StepError::refused(
                "MappingNotOurs",
                format!("the root path of {} leads to the API {api_id}, which is not Nameplate's", self.host),
                "remove that mapping in API Gateway, choose another host name, or write `\"adopt\": true` to take it over",
            )),
            Err(error) if code_of(&error) == Some("NotFoundException") => Ok(()),
            Err(error) => Err(classify("apigatewayv2:GetApi", &error)),
        }
    }

    /// Points A and AAAA of the host name to the custom domain: the id of the change, if one was needed.
    async fn point(&self, domain: &Ready, zone_id: &str) -> Result<Option<String>, StepError> {
        let target = &domain.target;
        let first = if domain.created { both_records() } else { self.look_at_records(zone_id, target).await? };
        let error = match self.change_records(zone_id, &first, target).await? {
            Outcome::Done(change_id) => return Ok(change_id),
            Outcome::Look(error) => error,
        };
        let second = self.look_at_records(zone_id, target).await?;
        if second == first {
            return Err(error);
        }
        match self.change_records(zone_id, &second, target).await? {
            Outcome::Done(change_id) => Ok(change_id),
            Outcome::Look(error) => Err(error),
        }
    }

    async fn look_at_records(&self, zone_id: &str, target: &Target) -> Result<Vec<RecordChange>, StepError> {
        let answer = self
            .clients
            .route53
            .list_resource_record_sets()
            .hosted_zone_id(zone_id)
            .start_record_name(self.host)
            .start_record_type(RrType::A)
            .max_items(RECORDS_READ)
            .send()
            .await
            .map_err(|error| classify("route53:ListResourceRecordSets", &error))?;
        let claims = Claims {
            recorded: self.input.recorded.iter().any(|host| host == self.host),
            adopt: self.input.request.adopt,
            yielding: &self.input.yielding,
        };
        record_changes(self.host, answer.resource_record_sets(), target, claims)
    }

    /// One batch: all of it or nothing (AWS-FACTS 2.2.1). A batch that finds a record in its way, which may be its
    /// own after a lost answer, asks for a look.
    async fn change_records(
        &self,
        zone_id: &str,
        changes: &[RecordChange],
        target: &Target,
    ) -> Result<Outcome<Option<String>>, StepError> {
        if changes.is_empty() {
            return Ok(Outcome::Done(None));
        }
        let mut batch = ChangeBatch::builder();
        for change in changes {
            batch = batch.changes(match change {
                RecordChange::Write(action, kind) => self.alias_change(action, kind, target)?,
                RecordChange::Remove(record) => Change::builder()
                    .action(ChangeAction::Delete)
                    .resource_record_set(record.as_ref().clone())
                    .build()
                    .map_err(|error| incomplete(&error))?,
            });
        }
        let answer = self
            .clients
            .route53
            .change_resource_record_sets()
            .hosted_zone_id(zone_id)
            .change_batch(batch.build().map_err(|error| incomplete(&error))?)
            .send()
            .await;
        let error = match answer {
            Ok(answer) => {
                let id = answer.change_info().map(|change| change.id().trim_start_matches("/change/").to_owned());
                return Ok(Outcome::Done(id));
            }
            Err(error) => error,
        };
        let Some(said) = invalid_change_batch(&error) else {
            return Err(classify("route53:ChangeResourceRecordSets", &error));
        };
        Ok(Outcome::Look(StepError::failed(
            "InvalidChangeBatch",
            format!("Route 53 refused the alias records of {}: {said}", self.host),
            "remove the cause that Route 53 names, then start the execution again",
        )))
    }

    fn alias_change(&self, action: &ChangeAction, kind: &RrType, target: &Target) -> Result<Change, StepError> {
        let alias = AliasTarget::builder()
            .hosted_zone_id(&target.hosted_zone_id)
            .dns_name(&target.dns_name)
            .evaluate_target_health(false)
            .build()
            .map_err(|error| incomplete(&error))?;
        let record = ResourceRecordSet::builder()
            .name(self.host)
            .r#type(kind.clone())
            .alias_target(alias)
            .build()
            .map_err(|error| incomplete(&error))?;
        Change::builder().action(action.clone()).resource_record_set(record).build().map_err(|error| incomplete(&error))
    }
}

/// What a person has to set in a DNS of his own. At the top of a zone no CNAME can stand (RFC 1034, 3.6.2), so that it
/// takes what the DNS has in its place.
fn pointing(request: &Request, host: &str, target: &Target) -> String {
    let kind = match host == request.domain_name.registrable() {
        true => "ALIAS (or ANAME, since a CNAME cannot stand at the top of a zone)",
        false => "CNAME",
    };
    format!("Set and keep this record in the DNS of {}: {host} {kind} {}", request.domain_name, target.dns_name)
}

fn no_zone() -> StepError {
    StepError::failed(
        "Defect",
        "no hosted zone was handed on for the alias records",
        "report this as a defect of Nameplate",
    )
}

fn message<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> &str {
    error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default()
}

fn says<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>, word: &str) -> bool {
    message(error).contains(word)
}

/// No repetition by the SDK: the limit of these calls is longer than its patience.
fn once() -> aws_sdk_apigatewayv2::config::Builder {
    aws_sdk_apigatewayv2::Config::builder().retry_config(RetryConfig::disabled())
}

fn unreadable(operation: &str, field: &str) -> StepError {
    StepError::retryable("UnreadableAnswer", format!("apigatewayv2:{operation} answered without {field}"))
}

fn incomplete(error: &aws_sdk_route53::error::BuildError) -> StepError {
    StepError::failed(
        "NotSent",
        format!("the change batch is incomplete: {error}"),
        "report this as a defect of Nameplate",
    )
}

#[cfg(test)]
mod tests;
