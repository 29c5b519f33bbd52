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
use nameplate::aliases::{HostRecord, Whose};
use nameplate::contract::retire::IN_USE_DEADLINE_SECS;
use nameplate::contract::{AttachDomainInput, AttachDomainOutput};
use nameplate::delegation::Resolver;
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of, invalid_change_batch};
use nameplate::records::Standing;
use nameplate::request::{Dns, RecordSet};
use nameplate::{Request, StepError, runtime, tags};

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
    let tags = tags::wanted(&input.request, &settings.stack);
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
mod tests {
    use super::*;
    use aws_sdk_apigatewayv2::Client as Gateway;
    use aws_sdk_apigatewayv2::operation::create_api_mapping::CreateApiMappingOutput;
    use aws_sdk_apigatewayv2::operation::create_domain_name::CreateDomainNameOutput;
    use aws_sdk_apigatewayv2::operation::get_api::GetApiOutput;
    use aws_sdk_apigatewayv2::operation::get_api_mappings::GetApiMappingsOutput;
    use aws_sdk_apigatewayv2::operation::get_domain_name::GetDomainNameOutput;
    use aws_sdk_apigatewayv2::operation::tag_resource::TagResourceOutput;
    use aws_sdk_apigatewayv2::operation::update_api_mapping::UpdateApiMappingOutput;
    use aws_sdk_apigatewayv2::operation::update_domain_name::UpdateDomainNameOutput;
    use aws_sdk_route53::Client as Dns;
    use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsOutput;
    use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsOutput;
    use aws_sdk_route53::types::{ChangeInfo, ChangeStatus, ResourceRecord};
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;
    use aws_smithy_types::body::SdkBody;
    use nameplate::Class;
    use nameplate::request::Protocol;
    use serde_json::json;
    use std::collections::HashMap;

    const HOST: &str = "api.example.com";
    const CERTIFICATE: &str = "arn:aws:acm:us-east-1:123456789012:certificate/one";
    const GATEWAY_NAME: &str = "d-abc.execute-api.us-east-1.amazonaws.com";
    const GATEWAY_ZONE: &str = "Z1UJRXOUMOOFQ8";
    /// What the DNS says of the domain.
    const SERVER: &str = "ns-1.awsdns-01.com";

    fn request() -> Request {
        Request::parse(&json!({
            "domainName": "example.com",
            "api": {"routes": [{"route": "GET /", "url": "https://backend.example.net/"}]},
            "tags": {"team": "x"}
        }))
        .expect("valid")
    }

    fn input(fresh: bool) -> AttachDomainInput {
        AttachDomainInput {
            request: request(),
            api_id: "a1".into(),
            stage: "$default".into(),
            protocol: Protocol::Http,
            awaited_servers: Vec::new(),
            recorded: Vec::new(),
            yielding: Vec::new(),
            hosted_zone_id: Some("Z1".into()),
            certificate_arn: CERTIFICATE.into(),
            fresh,
            former_tags: Vec::new(),
        }
    }

    async fn step(gateway: &[&Rule], dns: &[&Rule], fresh: bool) -> Result<AttachDomainOutput, StepError> {
        step_given(gateway, dns, input(fresh)).await
    }

    async fn step_given(
        gateway: &[&Rule],
        dns: &[&Rule],
        input: AttachDomainInput,
    ) -> Result<AttachDomainOutput, StepError> {
        let clients = Clients {
            api_gateway: mock_client!(aws_sdk_apigatewayv2, RuleMode::MatchAny, gateway),
            route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, dns),
            resolver: Resolver::always(&[SERVER]),
        };
        let settings = Settings { stack: "nameplate".into(), partition: "aws".into(), region: "us-east-1".into() };
        run(&clients, &settings, input).await
    }

    fn our_tags() -> HashMap<String, String> {
        tags::wanted(&request(), "nameplate").into_iter().collect()
    }

    fn foreign_tags() -> HashMap<String, String> {
        HashMap::from([("team".to_owned(), "x".to_owned())])
    }

    /// What API Gateway answers on the wire when it refuses.
    fn refusal(status: u16, code: &str, message: &str) -> HttpResponse {
        let body = json!({"__type": code, "message": message}).to_string();
        HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body))
    }

    /// What Route 53 answers on the wire when it refuses.
    fn dns_refusal(status: u16, code: &str, message: &str) -> HttpResponse {
        let body = format!(
            r#"<?xml version="1.0"?><ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"#
        );
        HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body))
    }

    fn configuration() -> DomainNameConfiguration {
        DomainNameConfiguration::builder()
            .api_gateway_domain_name(GATEWAY_NAME)
            .hosted_zone_id(GATEWAY_ZONE)
            .certificate_arn(CERTIFICATE)
            .domain_name_status(DomainNameStatus::Available)
            .ip_address_type(IpAddressType::Dualstack)
            .build()
    }

    fn domain_created() -> Rule {
        mock!(Gateway::create_domain_name)
            .match_requests(|call| {
                let [configuration] = call.domain_name_configurations() else { return false };
                call.domain_name() == Some(HOST)
                    && call.tags() == Some(&our_tags())
                    && configuration.certificate_arn() == Some(CERTIFICATE)
                    && configuration.endpoint_type() == Some(&EndpointType::Regional)
                    && configuration.security_policy() == Some(&SecurityPolicy::Tls12)
                    && configuration.ip_address_type() == Some(&IpAddressType::Dualstack)
            })
            .then_output(|| CreateDomainNameOutput::builder().domain_name_configurations(configuration()).build())
    }

    fn domain_refused(answer: fn() -> HttpResponse) -> Rule {
        mock!(Gateway::create_domain_name).sequence().http_response(answer).repeatedly().build()
    }

    fn domain_conflict() -> Rule {
        domain_refused(|| refusal(409, "ConflictException", "The domain name you provided already exists."))
    }

    fn domain(tags: HashMap<String, String>, change: impl Fn(&mut DomainNameConfiguration)) -> Rule {
        let mut configuration = configuration();
        change(&mut configuration);
        mock!(Gateway::get_domain_name).match_requests(|call| call.domain_name() == Some(HOST)).then_output(move || {
            GetDomainNameOutput::builder()
                .domain_name_configurations(configuration.clone())
                .set_tags(Some(tags.clone()))
                .build()
        })
    }

    fn our_domain() -> Rule {
        domain(our_tags(), |_| {})
    }

    fn no_domain() -> Rule {
        mock!(Gateway::get_domain_name).then_http_response(|| refusal(404, "NotFoundException", "Invalid domain name"))
    }

    fn mapping_created() -> Rule {
        mock!(Gateway::create_api_mapping)
            .match_requests(|call| {
                call.domain_name() == Some(HOST)
                    && call.api_id() == Some("a1")
                    && call.stage() == Some("$default")
                    && call.api_mapping_key().is_none()
            })
            .then_output(|| CreateApiMappingOutput::builder().build())
    }

    fn mapping_conflict() -> Rule {
        mock!(Gateway::create_api_mapping).then_http_response(|| refusal(409, "ConflictException", "exists"))
    }

    /// Mappings as `(id, path, API, stage)`.
    fn mappings(present: &'static [(&str, &str, &str, &str)]) -> Rule {
        mock!(Gateway::get_api_mappings).then_output(move || {
            let items = present.iter().map(|(id, path, api, stage)| {
                ApiMapping::builder().api_mapping_id(*id).api_mapping_key(*path).api_id(*api).stage(*stage).build()
            });
            GetApiMappingsOutput::builder().set_items(Some(items.collect())).build()
        })
    }

    fn right_mapping() -> Rule {
        mappings(&[("m0", "v2", "other", "$default"), ("m1", "", "a1", "$default")])
    }

    fn mapping_updated() -> Rule {
        mock!(Gateway::update_api_mapping)
            .match_requests(|call| {
                call.api_mapping_id() == Some("m1") && call.api_id() == Some("a1") && call.stage() == Some("$default")
            })
            .then_output(|| UpdateApiMappingOutput::builder().build())
    }

    fn alias_to(kind: RrType, name: &str, zone: &str) -> ResourceRecordSet {
        let alias = AliasTarget::builder().dns_name(name).hosted_zone_id(zone).evaluate_target_health(false);
        ResourceRecordSet::builder()
            .name("api.example.com.")
            .r#type(kind)
            .alias_target(alias.build().expect("complete"))
            .build()
            .expect("complete")
    }

    fn right(kind: RrType) -> ResourceRecordSet {
        alias_to(kind, "d-abc.execute-api.us-east-1.amazonaws.com.", GATEWAY_ZONE)
    }

    fn plain_record(name: &str, kind: RrType, value: &str) -> ResourceRecordSet {
        let value = ResourceRecord::builder().value(value).build().expect("complete");
        ResourceRecordSet::builder().name(name).r#type(kind).ttl(300).resource_records(value).build().expect("complete")
    }

    fn records(present: Vec<ResourceRecordSet>) -> Rule {
        mock!(Dns::list_resource_record_sets)
            .match_requests(|call| {
                call.hosted_zone_id() == Some("Z1")
                    && call.start_record_name() == Some(HOST)
                    && call.start_record_type() == Some(&RrType::A)
            })
            .then_output(move || {
                ListResourceRecordSetsOutput::builder()
                    .set_resource_record_sets(Some(present.clone()))
                    .is_truncated(false)
                    .max_items(RECORDS_READ)
                    .build()
                    .expect("complete")
            })
    }

    /// One batch with exactly these changes, each an alias of the custom domain.
    fn batch(wanted: &'static [(ChangeAction, RrType)]) -> Rule {
        mock!(Dns::change_resource_record_sets)
            .match_requests(move |call| {
                let changes = call.change_batch().map(ChangeBatch::changes).unwrap_or_default();
                call.hosted_zone_id() == Some("Z1")
                    && changes.len() == wanted.len()
                    && changes.iter().zip(wanted).all(|(change, (action, kind))| {
                        let record = change.resource_record_set().expect("a record");
                        let alias = record.alias_target().expect("an alias");
                        change.action() == action
                            && record.name() == HOST
                            && record.r#type() == kind
                            && record.ttl().is_none()
                            && alias.dns_name() == GATEWAY_NAME
                            && alias.hosted_zone_id() == GATEWAY_ZONE
                            && !alias.evaluate_target_health()
                    })
            })
            .then_output(changed)
    }

    fn changed() -> ChangeResourceRecordSetsOutput {
        let info =
            ChangeInfo::builder().id("/change/C1").status(ChangeStatus::Pending).submitted_at(DateTime::from_secs(0));
        ChangeResourceRecordSetsOutput::builder().change_info(info.build().expect("complete")).build()
    }

    const CREATE_BOTH: &[(ChangeAction, RrType)] =
        &[(ChangeAction::Create, RrType::A), (ChangeAction::Create, RrType::Aaaa)];

    fn batch_refused() -> Rule {
        mock!(Dns::change_resource_record_sets).then_http_response(|| {
            dns_refusal(
                400,
                "InvalidChangeBatch",
                "[Tried to create resource record set [name='api.example.com.', type='A'] but it already exists]",
            )
        })
    }

    /// A mock panics on a call that no rule expects, so these lists of rules say what is not called, too.
    #[tokio::test]
    async fn creates_when_absent() {
        let (look, create, map) = (no_domain(), domain_created(), mapping_created());
        let change = batch(CREATE_BOTH);
        let output = step(&[&look, &create, &map], &[&change], false).await.expect("made");
        assert_eq!(output.api_endpoint, "https://api.example.com");
        assert_eq!(output.change_ids, ["C1"]);
        assert_eq!([&look, &create, &map, &change].map(Rule::num_calls), [1; 4]);
    }

    #[tokio::test]
    async fn a_fresh_name_costs_three_calls() {
        let (create, map, change) = (domain_created(), mapping_created(), batch(CREATE_BOTH));
        step(&[&create, &map], &[&change], true).await.expect("made");
        assert_eq!([&create, &map, &change].map(Rule::num_calls), [1; 3]);
    }

    #[tokio::test]
    async fn adopts_when_ours_and_finishes_what_a_cut_run_left() {
        let (look, mappings, map) = (our_domain(), mappings(&[]), mapping_created());
        let (list, change) = (records(vec![]), batch(CREATE_BOTH));
        step(&[&look, &mappings, &map], &[&list, &change], false).await.expect("adopted");
        assert_eq!([&look, &mappings, &map, &list, &change].map(Rule::num_calls), [1; 5]);
    }

    #[tokio::test]
    async fn second_run_changes_nothing() {
        let (look, mappings) = (our_domain(), right_mapping());
        let list = records(vec![right(RrType::A), right(RrType::Aaaa)]);
        let output = step(&[&look, &mappings], &[&list], false).await.expect("nothing to do");
        assert!(output.change_ids.is_empty());
        assert_eq!([&look, &mappings, &list].map(Rule::num_calls), [1; 3]);
    }

    #[tokio::test]
    async fn a_further_host_name_is_put_on_the_api_beside_one_that_stands() {
        let (look, mappings) = (our_domain(), right_mapping());
        let list = records(vec![right(RrType::A), right(RrType::Aaaa)]);
        let absent = mock!(Gateway::get_domain_name)
            .match_requests(|call| call.domain_name() == Some("example.com"))
            .then_http_response(|| refusal(404, "NotFoundException", "Invalid domain name"));
        let create = mock!(Gateway::create_domain_name)
            .match_requests(|call| call.domain_name() == Some("example.com"))
            .then_output(|| CreateDomainNameOutput::builder().domain_name_configurations(configuration()).build());
        let map = mock!(Gateway::create_api_mapping)
            .match_requests(|call| call.domain_name() == Some("example.com") && call.api_id() == Some("a1"))
            .then_output(|| CreateApiMappingOutput::builder().build());
        let change = mock!(Dns::change_resource_record_sets)
            .match_requests(|call| {
                let changes = call.change_batch().map(ChangeBatch::changes).unwrap_or_default();
                let name =
                    |change: &Change| change.resource_record_set().is_some_and(|set| set.name() == "example.com");
                changes.len() == 2 && changes.iter().all(name)
            })
            .then_output(changed);
        let mut wish = input(false);
        wish.request.api.alternative_hostnames = vec!["example.com".parse().expect("a name")];
        let clients = Clients {
            api_gateway: mock_client!(
                aws_sdk_apigatewayv2,
                RuleMode::MatchAny,
                [&look, &mappings, &absent, &create, &map]
            ),
            route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, [&list, &change]),
            resolver: Resolver::always(&[SERVER]),
        };
        let settings = Settings { stack: "nameplate".into(), partition: "aws".into(), region: "us-east-1".into() };
        let output = run(&clients, &settings, wish).await.expect("attached");
        assert_eq!(output.api_endpoint, "https://api.example.com");
        assert_eq!(output.alternative_endpoints, ["https://example.com"]);
        assert!(output.release_deadline > runtime::now());
        assert_eq!([&look, &mappings, &absent, &create, &map, &list, &change].map(Rule::num_calls), [1; 7]);
    }

    #[tokio::test]
    async fn awaited_name_servers_are_looked_for_in_the_dns() {
        for (awaited, delegated) in [
            (&[] as &[&str], false),
            (&["ns-9.awsdns-09.com"], false),
            (&[SERVER, "ns-9.awsdns-09.com"], false),
            (&[SERVER], true),
        ] {
            let (found, mappings) = (our_domain(), right_mapping());
            let (mut wish, list) = (input(false), records(vec![right(RrType::A), right(RrType::Aaaa)]));
            wish.awaited_servers = awaited.iter().map(|server| (*server).to_owned()).collect();
            let output = step_given(&[&found, &mappings], &[&list], wish).await.expect("attached");
            assert_eq!(output.delegated, delegated, "{awaited:?}");
        }
    }

    #[tokio::test]
    async fn in_the_customers_own_dns_nothing_is_written_and_the_target_is_said_with_its_exact_value() {
        let (found, mappings) = (domain(our_tags(), |_| {}), right_mapping());
        let mut wish = input(false);
        (wish.request.dns, wish.hosted_zone_id) = (nameplate::request::Dns::External, None);
        let clients = Clients {
            api_gateway: mock_client!(aws_sdk_apigatewayv2, RuleMode::MatchAny, [&found, &mappings]),
            route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, [] as [&Rule; 0]),
            resolver: Resolver::always(&[SERVER]),
        };
        let settings = Settings { stack: "nameplate".into(), partition: "aws".into(), region: "us-east-1".into() };
        let output = run(&clients, &settings, wish).await.expect("attached");
        let action = format!("Set and keep this record in the DNS of example.com: {HOST} CNAME {GATEWAY_NAME}");
        assert_eq!(output.actions, [action]);
        let target = Target { dns_name: GATEWAY_NAME.into(), hosted_zone_id: GATEWAY_ZONE.into() };
        let top = pointing(&request(), "example.com", &target);
        assert!(top.contains("example.com ALIAS (or ANAME, ") && top.ends_with(GATEWAY_NAME), "{top}");
    }

    #[tokio::test]
    async fn refuses_when_foreign() {
        let look = domain(foreign_tags(), |_| {});
        let error = step(&[&look], &[], false).await.expect_err("foreign");
        assert_eq!((error.class, error.code.as_str()), (Class::Refused, "DomainNameNotOurs"));
        assert!(error.reason.contains(HOST), "{}", error.reason);
    }

    #[tokio::test]
    async fn what_belongs_to_others_is_taken_over_on_request_tags_first() {
        let look = domain(foreign_tags(), |configuration| configuration.certificate_arn = Some("arn:theirs".into()));
        let tag = mock!(Gateway::tag_resource)
            .match_requests(|call| call.tags().is_some_and(|tags| tags.contains_key(tags::STACK)))
            .then_output(|| TagResourceOutput::builder().build());
        let tagged = tag.clone();
        let update = mock!(Gateway::update_domain_name)
            .match_requests(move |_| tagged.num_calls() == 1)
            .then_output(|| UpdateDomainNameOutput::builder().domain_name_configurations(configuration()).build());
        let (mappings, map) = (mappings(&[("m1", "", "theirs", "$default")]), mapping_updated());
        let list = records(vec![plain_record("api.example.com.", RrType::Cname, "x.example.net")]);
        let change = mock!(Dns::change_resource_record_sets)
            .match_requests(|call| call.change_batch().map(ChangeBatch::changes).unwrap_or_default().len() == 3)
            .then_output(changed);
        let mut wish = input(false);
        wish.request.adopt = true;
        let clients = Clients {
            api_gateway: mock_client!(
                aws_sdk_apigatewayv2,
                RuleMode::MatchAny,
                [&look, &tag, &update, &mappings, &map]
            ),
            route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, [&list, &change]),
            resolver: Resolver::always(&[SERVER]),
        };
        let settings = Settings { stack: "nameplate".into(), partition: "aws".into(), region: "us-east-1".into() };
        run(&clients, &settings, wish).await.expect("taken over");
        assert_eq!([&look, &tag, &update, &mappings, &map, &list, &change].map(Rule::num_calls), [1; 7]);
    }

    #[tokio::test]
    async fn a_fresh_name_whose_first_attempt_was_cut_goes_on_from_what_is_there() {
        for create in
            [domain_conflict(), domain_refused(|| refusal(429, "TooManyRequestsException", "Too Many Requests"))]
        {
            let (look, mappings) = (our_domain(), right_mapping());
            let list = records(vec![right(RrType::A), right(RrType::Aaaa)]);
            step(&[&create, &look, &mappings], &[&list], true).await.expect("found");
            assert_eq!([&create, &look, &mappings, &list].map(Rule::num_calls), [1; 4]);
        }
    }

    #[tokio::test]
    async fn a_conflict_over_a_name_that_is_not_in_this_account_is_refused() {
        let (create, look) = (domain_conflict(), no_domain());
        let error = step(&[&create, &look], &[], true).await.expect_err("taken");
        assert_eq!((error.class, error.code.as_str()), (Class::Refused, "DomainNameTaken"));
    }

    #[tokio::test(start_paused = true)]
    async fn too_many_requests_exception_waits_for_its_turn_and_is_not_repeated_here() {
        for fresh in [true, false] {
            let create = domain_refused(|| refusal(429, "TooManyRequestsException", "Too Many Requests"));
            let look = no_domain();
            let error = step(&[&create, &look], &[], fresh).await.expect_err("throttled");
            assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "TooManyRequestsException"));
            assert_eq!((create.num_calls(), look.num_calls()), (1, 1), "fresh: {fresh}");
        }
    }

    #[tokio::test]
    async fn a_certificate_that_is_not_usable_yet_is_not_ready() {
        let create = domain_refused(|| {
            refusal(400, "BadRequestException", "The certificate provided must be issued: PENDING_VALIDATION")
        });
        let error = step(&[&create], &[], true).await.expect_err("not yet");
        assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "CertificateNotUsable"));
        assert!(error.reason.contains(CERTIFICATE), "{}", error.reason);
    }

    #[tokio::test]
    async fn any_other_bad_request_exception_is_failed() {
        let create = domain_refused(|| refusal(400, "BadRequestException", "Invalid domain name"));
        let error = step(&[&create], &[], true).await.expect_err("bad");
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, "BadRequestException"));
    }

    #[tokio::test]
    async fn a_custom_domain_that_is_not_available_is_waited_for_or_handed_to_a_person() {
        for (status, class, code) in [
            (DomainNameStatus::Updating, Class::NotReady, "DomainNameUpdating"),
            (DomainNameStatus::PendingCertificateReimport, Class::Failed, "PendingCertificateReimport"),
            (DomainNameStatus::PendingOwnershipVerification, Class::Failed, "PendingOwnershipVerification"),
        ] {
            let look = domain(our_tags(), |found| found.domain_name_status = Some(status.clone()));
            let error = step(&[&look], &[], false).await.expect_err("not available");
            assert_eq!((error.class, error.code.as_str()), (class, code));
        }
    }

    fn domain_updated(status: DomainNameStatus) -> Rule {
        mock!(Gateway::update_domain_name)
            .match_requests(|call| {
                let [configuration] = call.domain_name_configurations() else { return false };
                call.domain_name() == Some(HOST)
                    && configuration.certificate_arn() == Some(CERTIFICATE)
                    && configuration.ip_address_type() == Some(&IpAddressType::Dualstack)
            })
            .then_output(move || {
                let mut configuration = configuration();
                configuration.domain_name_status = Some(status.clone());
                UpdateDomainNameOutput::builder().domain_name_configurations(configuration).build()
            })
    }

    #[tokio::test]
    async fn another_certificate_or_a_domain_without_ipv6_is_updated() {
        let changes: [fn(&mut DomainNameConfiguration); 2] = [
            |found| found.certificate_arn = Some("arn:aws:acm:us-east-1:123456789012:certificate/old".into()),
            |found| found.ip_address_type = Some(IpAddressType::Ipv4),
        ];
        for change in changes {
            let (look, update) = (domain(our_tags(), change), domain_updated(DomainNameStatus::Available));
            let (mappings, list) = (right_mapping(), records(vec![right(RrType::A), right(RrType::Aaaa)]));
            step(&[&look, &update, &mappings], &[&list], false).await.expect("updated");
            assert_eq!(update.num_calls(), 1);
        }
    }

    #[tokio::test]
    async fn a_custom_domain_that_is_still_updating_after_the_change_is_not_ready() {
        let look = domain(our_tags(), |found| found.certificate_arn = None);
        let update = domain_updated(DomainNameStatus::Updating);
        let error = step(&[&look, &update], &[], false).await.expect_err("updating");
        assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "DomainNameUpdating"));
    }

    #[tokio::test]
    async fn an_update_that_meets_another_is_retryable() {
        let look = domain(our_tags(), |found| found.certificate_arn = None);
        let update = mock!(Gateway::update_domain_name).then_http_response(|| refusal(409, "ConflictException", "x"));
        let error = step(&[&look, &update], &[], false).await.expect_err("a conflict");
        assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "ConflictException"));
    }

    #[tokio::test]
    async fn only_missing_tags_are_added() {
        let mut tags = our_tags();
        tags.remove("team");
        let (look, mappings) = (domain(tags, |_| {}), right_mapping());
        let tag = mock!(Gateway::tag_resource)
            .match_requests(|call| {
                call.resource_arn() == Some("arn:aws:apigateway:us-east-1::/domainnames/api.example.com")
                    && call.tags() == Some(&HashMap::from([("team".to_owned(), "x".to_owned())]))
            })
            .then_output(|| TagResourceOutput::builder().build());
        let list = records(vec![right(RrType::A), right(RrType::Aaaa)]);
        step(&[&look, &mappings, &tag], &[&list], false).await.expect("tagged");
        assert_eq!(tag.num_calls(), 1);
    }

    #[tokio::test]
    async fn a_mapping_that_stands_already_is_found_after_the_conflict() {
        let (create, map, look) = (domain_created(), mapping_conflict(), right_mapping());
        let change = batch(CREATE_BOTH);
        step(&[&create, &map, &look], &[&change], true).await.expect("found");
        assert_eq!([&map, &look, &change].map(Rule::num_calls), [1; 3]);
    }

    #[tokio::test]
    async fn a_conflict_over_a_mapping_that_is_not_there_is_retryable() {
        let (create, map, look) = (domain_created(), mapping_conflict(), mappings(&[]));
        let error = step(&[&create, &map, &look], &[], true).await.expect_err("a conflict");
        assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "ConflictException"));
    }

    #[tokio::test]
    async fn a_mapping_of_an_api_that_is_ours_or_gone_is_taken_over() {
        let ours = mock!(Gateway::get_api)
            .match_requests(|call| call.api_id() == Some("old"))
            .then_output(|| GetApiOutput::builder().set_tags(Some(our_tags())).build());
        let gone = mock!(Gateway::get_api).then_http_response(|| refusal(404, "NotFoundException", "Invalid API id"));
        for other in [ours, gone] {
            let (look, mappings) = (our_domain(), mappings(&[("m1", "", "old", "$default")]));
            let (update, list) = (mapping_updated(), records(vec![right(RrType::A), right(RrType::Aaaa)]));
            step(&[&look, &mappings, &other, &update], &[&list], false).await.expect("taken over");
            assert_eq!([&other, &update].map(Rule::num_calls), [1; 2]);
        }
    }

    #[tokio::test]
    async fn a_mapping_of_a_foreign_api_is_refused() {
        let (look, mappings) = (our_domain(), mappings(&[("m1", "", "old", "$default")]));
        let other =
            mock!(Gateway::get_api).then_output(|| GetApiOutput::builder().set_tags(Some(foreign_tags())).build());
        let error = step(&[&look, &mappings, &other], &[], false).await.expect_err("foreign");
        assert_eq!((error.class, error.code.as_str()), (Class::Refused, "MappingNotOurs"));
        assert!(error.reason.contains("old") && error.reason.contains(HOST), "{}", error.reason);
    }

    #[tokio::test]
    async fn a_recorded_mapping_is_ours_whichever_api_it_leads_to() {
        let (look, mappings) = (our_domain(), mappings(&[("m1", "", "existing", "beta")]));
        let (update, list) = (mapping_updated(), records(vec![right(RrType::A), right(RrType::Aaaa)]));
        let given = AttachDomainInput { recorded: vec![HOST.to_owned()], ..input(false) };
        step_given(&[&look, &mappings, &update], &[&list], given).await.expect("taken over");
        assert_eq!(update.num_calls(), 1);
    }

    #[tokio::test]
    async fn a_websocket_api_is_mapped_by_its_stage_and_answers_under_another_scheme() {
        let (create, change) = (domain_created(), batch(CREATE_BOTH));
        let map = mock!(Gateway::create_api_mapping)
            .match_requests(|call| call.api_id() == Some("a1") && call.stage() == Some("live"))
            .then_output(|| CreateApiMappingOutput::builder().build());
        let given = AttachDomainInput { stage: "live".into(), protocol: Protocol::WebSocket, ..input(true) };
        let output = step_given(&[&create, &map], &[&change], given).await.expect("attached");
        assert_eq!((output.api_endpoint.as_str(), map.num_calls()), ("wss://api.example.com", 1));
    }

    #[tokio::test]
    async fn a_mapping_that_may_not_change_its_kind_is_failed_with_a_way_out() {
        let (look, mappings) = (our_domain(), mappings(&[("m1", "", "old", "$default")]));
        let ours = mock!(Gateway::get_api).then_output(|| GetApiOutput::builder().set_tags(Some(our_tags())).build());
        let refused = mock!(Gateway::update_api_mapping).then_http_response(|| {
            refusal(400, "BadRequestException", "WebSocket APIs can only be attached with other WebSocket APIs")
        });
        let error = step(&[&look, &mappings, &ours, &refused], &[], false).await.expect_err("another kind");
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, "MappingOfAnotherKind"));
        assert!(error.remedy.contains("delete the mappings"), "{error}");
    }

    #[tokio::test]
    async fn a_mapping_of_our_api_on_another_stage_is_corrected() {
        let (look, mappings, update) = (our_domain(), mappings(&[("m1", "", "a1", "test")]), mapping_updated());
        let list = records(vec![right(RrType::A), right(RrType::Aaaa)]);
        step(&[&look, &mappings, &update], &[&list], false).await.expect("corrected");
        assert_eq!(update.num_calls(), 1);
    }

    #[tokio::test]
    async fn records_that_a_lost_answer_left_are_found_after_the_refusal() {
        let (create, map, change) = (domain_created(), mapping_created(), batch_refused());
        let list = records(vec![right(RrType::A), right(RrType::Aaaa)]);
        step(&[&create, &map], &[&change, &list], true).await.expect("found");
        assert_eq!([&change, &list].map(Rule::num_calls), [1; 2]);
    }

    #[tokio::test]
    async fn after_a_refusal_only_what_is_missing_is_written() {
        let (create, map, list) = (domain_created(), mapping_created(), records(vec![right(RrType::A)]));
        let rest = batch(&[(ChangeAction::Create, RrType::Aaaa)]);
        let refused = mock!(Dns::change_resource_record_sets)
            .match_requests(|call| call.change_batch().is_some_and(|batch| batch.changes().len() == 2))
            .then_http_response(|| dns_refusal(400, "InvalidChangeBatch", "it already exists"));
        let output = step(&[&create, &map], &[&refused, &list, &rest], true).await.expect("written");
        assert_eq!(output.change_ids, ["C1"]);
        assert_eq!([&refused, &list, &rest].map(Rule::num_calls), [1; 3]);
    }

    #[tokio::test]
    async fn invalid_change_batch_that_a_look_does_not_explain_is_failed() {
        let (create, map, list) = (domain_created(), mapping_created(), records(vec![]));
        let refused = mock!(Dns::change_resource_record_sets).then_http_response(|| {
            dns_refusal(400, "InvalidChangeBatch", "the alias target name does not lie within the target zone")
        });
        let error = step(&[&create, &map], &[&refused, &list], true).await.expect_err("refused");
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, "InvalidChangeBatch"));
        assert!(error.reason.contains("does not lie within"), "{}", error.reason);
        assert_eq!(refused.num_calls(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn prior_request_not_complete_is_retryable() {
        let (create, map) = (domain_created(), mapping_created());
        let change = mock!(Dns::change_resource_record_sets)
            .sequence()
            .http_response(|| dns_refusal(400, "PriorRequestNotComplete", "still processing"))
            .repeatedly()
            .build();
        let error = step(&[&create, &map], &[&change], true).await.expect_err("busy");
        assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "PriorRequestNotComplete"));
    }

    #[tokio::test]
    async fn a_foreign_record_is_refused_by_its_type() {
        let (create, map, change) = (domain_created(), mapping_created(), batch_refused());
        let list = records(vec![plain_record("api.example.com.", RrType::A, "192.0.2.1")]);
        let error = step(&[&create, &map], &[&change, &list], true).await.expect_err("foreign");
        assert_eq!((error.class, error.code.as_str()), (Class::Refused, "RecordNotOurs"));
        assert!(error.reason.contains("type A "), "{}", error.reason);
    }

    #[tokio::test]
    async fn a_record_of_an_earlier_request_goes_in_the_batch_in_which_the_alias_comes() {
        for (kind, written, other, changes) in [
            (RrType::A, "192.0.2.1", "192.0.2.9", &["UPSERT A alias", "CREATE AAAA alias"][..]),
            (
                RrType::Cname,
                "b.example.net",
                "c.example.net",
                &["DELETE CNAME b.example.net", "CREATE A alias", "CREATE AAAA alias"][..],
            ),
        ] {
            let ours = json!({"name": HOST, "type": kind.as_str(), "ttl": 300, "values": [written]});
            let given = || AttachDomainInput {
                yielding: vec![serde_json::from_value(ours.clone()).expect("a record")],
                ..input(false)
            };
            let words = |change: &Change| {
                let record = change.resource_record_set().expect("a record");
                let value = record.resource_records().first().map_or("alias", ResourceRecord::value);
                format!("{} {} {value}", change.action(), record.r#type())
            };
            let change = mock!(Dns::change_resource_record_sets)
                .match_requests(move |call| {
                    let sent = call.change_batch().map(ChangeBatch::changes).unwrap_or_default();
                    sent.iter().map(words).collect::<Vec<_>>() == changes
                })
                .then_output(|| ChangeResourceRecordSetsOutput::builder().build());
            let at_host = |value: &str| records(vec![plain_record("api.example.com.", kind.clone(), value)]);
            let (look, mapped, list) = (our_domain(), mappings(&[("m1", "", "a1", "$default")]), at_host(written));
            step_given(&[&look, &mapped], &[&change, &list], given()).await.expect("replaced");
            assert_eq!([&list, &change].map(Rule::num_calls), [1; 2], "{kind}");

            let (look, mapped, list) = (our_domain(), mappings(&[("m1", "", "a1", "$default")]), at_host(other));
            let error = step_given(&[&look, &mapped], &[&list], given()).await.expect_err("changed since");
            assert_eq!(error.code, "RecordNotOurs");
        }
    }

    #[test]
    fn only_records_at_the_host_name_count_and_only_differences_are_written() {
        let target = Target { dns_name: GATEWAY_NAME.into(), hosted_zone_id: GATEWAY_ZONE.into() };
        let decide_as = |recorded, adopt, present: &[ResourceRecordSet]| {
            record_changes(HOST, present, &target, Claims { recorded, adopt, yielding: &[] })
        };
        let decide = |present: &[ResourceRecordSet]| decide_as(true, false, present);
        let refused = |present: &[ResourceRecordSet]| decide(present).expect_err("foreign").code;
        let upper = alias_to(RrType::A, "D-ABC.execute-api.us-east-1.amazonaws.com.", GATEWAY_ZONE);
        let earlier = alias_to(RrType::A, "d-old.execute-api.us-east-1.amazonaws.com.", GATEWAY_ZONE);
        let mut healthy = right(RrType::Aaaa);
        healthy.alias_target.as_mut().expect("an alias").evaluate_target_health = true;
        let mut weighted = right(RrType::A);
        weighted.set_identifier = Some("one".into());

        assert_eq!(decide(&[]).expect("free"), both_records());
        assert_eq!(
            decide(&[plain_record("b.example.com.", RrType::Cname, "x.example.net")]).expect("free"),
            both_records()
        );
        assert_eq!(decide(&[upper, right(RrType::Aaaa)]).expect("ours"), []);
        let (create, upsert) = (
            |kind| RecordChange::Write(ChangeAction::Create, kind),
            |kind| RecordChange::Write(ChangeAction::Upsert, kind),
        );
        assert_eq!(decide(&[right(RrType::A)]).expect("ours"), [create(RrType::Aaaa)]);
        assert_eq!(decide(&[right(RrType::A), healthy]).expect("ours"), [upsert(RrType::Aaaa)]);
        let before = [earlier, right(RrType::Aaaa)];
        assert_eq!(decide(&before).expect("an earlier custom domain"), [upsert(RrType::A)]);
        assert_eq!(decide_as(false, false, &before).expect_err("nobody wrote it for us").code, "RecordNotOurs");
        assert_eq!(decide_as(false, true, &before).expect("adopted"), [upsert(RrType::A)]);

        let cname = plain_record("api.example.com.", RrType::Cname, "x.example.net");
        let swap = decide_as(false, true, std::slice::from_ref(&cname)).expect("adopted");
        assert_eq!(
            swap,
            [RecordChange::Remove(Box::new(cname)), create(RrType::A), create(RrType::Aaaa)],
            "in one batch"
        );
        let address = plain_record("api.example.com.", RrType::A, "192.0.2.1");
        let taken = decide_as(false, true, &[address]).expect("adopted");
        assert_eq!(taken, [upsert(RrType::A), create(RrType::Aaaa)]);
        assert_eq!(decide_as(true, true, std::slice::from_ref(&weighted)).expect_err("several").code, "RecordNotOurs");
        for foreign in [
            plain_record("api.example.com.", RrType::A, "192.0.2.1"),
            plain_record("api.example.com.", RrType::Aaaa, "2001:db8::1"),
            plain_record("api.example.com.", RrType::Cname, "x.example.net"),
            alias_to(RrType::A, "lb.us-east-1.elb.amazonaws.com.", "Z35SXDOTRQ7X7K"),
            alias_to(RrType::A, "d-old.execute-api.eu-west-1.amazonaws.com.", "ZLY8HYME6SFDD"),
            weighted,
        ] {
            assert_eq!(refused(&[foreign]), "RecordNotOurs");
        }
    }
}
