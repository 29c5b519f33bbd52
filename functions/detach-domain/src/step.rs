//! Step `detach-domain`: takes the host names off the API: alias records, mappings, custom domain, in that order, so
//! that no name points into the void. What would be refused is looked at before anything of a host name goes.
//!
//! - Reads: GetDomainName, GetApiMappings, GetApi of an API that holds a mapping, ListResourceRecordSets.
//! - Writes: one batch of ChangeResourceRecordSets for each zone that holds an alias record of ours,
//!   DeleteApiMapping, DeleteDomainName.
//! - Tokens: none; what is gone is done. DeleteDomainName is limited to one in 30 s for the whole account
//!   (AWS-FACTS 4.5.2): the SDK does not repeat it, the state machine does, and this step looks first.
//! - NotReady: DeleteDomainName has to wait for its turn.
//! - Refused: the custom domain does not carry our tags any more, or a mapping is neither of an API of ours nor the root
//!   mapping of a host name that is on record as ours. An API is never touched here.
//!
//! It must not know how the custom domain was made.

use aws_sdk_apigatewayv2::config::retry::RetryConfig;
use aws_sdk_apigatewayv2::operation::get_domain_name::GetDomainNameOutput;
use aws_sdk_apigatewayv2::types::ApiMapping;
use aws_sdk_route53::types::{AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};
use nameplate::StepError;
use nameplate::contract::retire::{DetachDomainInput, RetireStepOutput};
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of, invalid_change_batch};
use nameplate::resource::alias::is_custom_domain_in;
use nameplate::resource::tags;

/// Records at one name that can matter: A, AAAA and one more.
const RECORDS_READ: i32 = 3;
/// Mappings per page. API Gateway pages only when it is asked for a page size.
const PAGE_SIZE: &str = "500";

/// The clients of this step.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) api_gateway: aws_sdk_apigatewayv2::Client,
    pub(crate) route53: aws_sdk_route53::Client,
}

/// Whose resources these are.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) stack: String,
}

/// Runs the step.
///
/// # Errors
/// As the module says.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: DetachDomainInput,
) -> Result<RetireStepOutput, StepError> {
    let step = Step { clients, settings, input: &input };
    for host in &input.hostnames {
        let domain = step.custom_domain(host).await?;
        let mappings = match &domain {
            Some(_) => step.our_mappings(host).await?,
            None => Vec::new(),
        };
        let region = clients.api_gateway.config().region().map(ToString::to_string);
        let targets = Targets {
            exact: domain.as_ref().and_then(target),
            gone_from: region.filter(|_| domain.is_none() && input.recorded.contains(host)),
        };
        for zone in &input.hosted_zone_ids {
            step.delete_records(zone, host, &targets).await?;
        }
        if domain.is_some() {
            step.delete_mappings(host, &mappings).await?;
            step.delete_custom_domain(host).await?;
        }
    }
    Ok(RetireStepOutput::default())
}

/// Which aliases of a host name are ours.
#[derive(Debug)]
struct Targets {
    /// What our custom domain answers under, in normal form.
    exact: Option<String>,
    /// The region in which an alias of any custom domain is: ours is gone, and the records of the name are on record as
    /// ours. What our custom domain answered under nobody can tell any more.
    gone_from: Option<String>,
}

impl Targets {
    fn hold(&self, alias: &AliasTarget) -> bool {
        let name = dns_form(alias.dns_name());
        let gone_from = self.gone_from.as_deref();
        self.exact.as_ref() == Some(&name) || gone_from.is_some_and(|region| is_custom_domain_in(region, &name))
    }
}

/// The alias records of `host` that are ours. One with a routing policy is somebody else's work.
fn ours(host: &str, present: &[ResourceRecordSet], targets: &Targets) -> Vec<ResourceRecordSet> {
    let ours = |record: &&ResourceRecordSet| {
        dns_form(record.name()) == host
            && matches!(record.r#type(), RrType::A | RrType::Aaaa)
            && record.set_identifier().is_none()
            && record.alias_target().is_some_and(|alias| targets.hold(alias))
    };
    present.iter().filter(ours).cloned().collect()
}

fn target(domain: &GetDomainNameOutput) -> Option<String> {
    domain.domain_name_configurations().first()?.api_gateway_domain_name().map(dns_form)
}

struct Step<'a> {
    clients: &'a Clients,
    settings: &'a Settings,
    input: &'a DetachDomainInput,
}

impl Step<'_> {
    fn is_ours<'t>(&self, present: impl IntoIterator<Item = (&'t String, &'t String)>) -> bool {
        let pairs = present.into_iter().map(|(key, value)| (key.as_str(), value.as_str()));
        tags::ours(pairs, self.input.domain_name.as_str(), &self.settings.stack)
    }

    /// Our custom domain; nothing when there is none.
    async fn custom_domain(&self, host: &str) -> Result<Option<GetDomainNameOutput>, StepError> {
        match self.clients.api_gateway.get_domain_name().domain_name(host).send().await {
            Ok(found) if self.is_ours(found.tags().into_iter().flatten()) => Ok(Some(found)),
            Ok(_) => Err(StepError::refused(
                "DomainNameNotOurs",
                format!(
                    "the custom domain {host} of API Gateway does not carry the tags `{}` = `{}` and `{}` = `{}` any more",
                    tags::DOMAIN,
                    self.input.domain_name,
                    tags::STACK,
                    self.settings.stack
                ),
                "start the execution again: it leaves the custom domain alone",
            )),
            Err(error) if code_of(&error) == Some("NotFoundException") => Ok(None),
            Err(error) => Err(classify("apigatewayv2:GetDomainName", &error)),
        }
    }

    async fn delete_records(&self, zone: &str, host: &str, targets: &Targets) -> Result<(), StepError> {
        let answer = self
            .clients
            .route53
            .list_resource_record_sets()
            .hosted_zone_id(zone)
            .start_record_name(host)
            .start_record_type(RrType::A)
            .max_items(RECORDS_READ)
            .send()
            .await;
        let present = match answer {
            Ok(page) => page.resource_record_sets,
            Err(error) if code_of(&error) == Some("NoSuchHostedZone") => return Ok(()),
            Err(error) => return Err(classify("route53:ListResourceRecordSets", &error)),
        };
        let records = ours(host, &present, targets);
        if records.is_empty() {
            return Ok(());
        }
        let change = |record| Change::builder().action(ChangeAction::Delete).resource_record_set(record).build();
        let batch = records
            .into_iter()
            .map(change)
            .collect::<Result<Vec<_>, _>>()
            .and_then(|changes| ChangeBatch::builder().set_changes(Some(changes)).build())
            .map_err(|error| {
                StepError::failed(
                    "Defect",
                    format!("the change batch: {error}"),
                    "report this as a defect of Nameplate",
                )
            })?;
        match self.clients.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch).send().await {
            Ok(_) => {
                tracing::info!(zone, host, "deleted the alias records");
                Ok(())
            }
            Err(error) => Err(match invalid_change_batch(&error) {
                // An earlier attempt of which the answer was lost, or somebody else: the next attempt looks.
                Some(said) => StepError::retryable(
                    "InvalidChangeBatch",
                    format!("the alias records of {host} changed while they were deleted: {said}"),
                ),
                None => classify("route53:ChangeResourceRecordSets", &error),
            }),
        }
    }

    /// Every mapping of the host name, unless one is somebody else's.
    async fn our_mappings(&self, host: &str) -> Result<Vec<ApiMapping>, StepError> {
        let mappings = self.mappings(host).await?;
        for mapping in &mappings {
            self.check_is_ours(host, mapping).await?;
        }
        Ok(mappings)
    }

    async fn delete_mappings(&self, host: &str, mappings: &[ApiMapping]) -> Result<(), StepError> {
        for id in mappings.iter().filter_map(|mapping| mapping.api_mapping_id()) {
            let gone = self.clients.api_gateway.delete_api_mapping().domain_name(host).api_mapping_id(id).send().await;
            match gone {
                Ok(_) => {}
                Err(error) if code_of(&error) == Some("NotFoundException") => {}
                Err(error) => return Err(classify("apigatewayv2:DeleteApiMapping", &error)),
            }
        }
        Ok(())
    }

    async fn mappings(&self, host: &str) -> Result<Vec<ApiMapping>, StepError> {
        let (mut mappings, mut next) = (Vec::new(), None);
        loop {
            let call = self.clients.api_gateway.get_api_mappings().domain_name(host).max_results(PAGE_SIZE);
            let page = match call.set_next_token(next).send().await {
                Ok(page) => page,
                Err(error) if code_of(&error) == Some("NotFoundException") => return Ok(mappings),
                Err(error) => return Err(classify("apigatewayv2:GetApiMappings", &error)),
            };
            mappings.extend(page.items.unwrap_or_default());
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(mappings);
            }
        }
    }

    /// The root mapping of a host name that is on record is ours, whatever API it leads to; an API that is gone belongs
    /// to nobody.
    async fn check_is_ours(&self, host: &str, mapping: &ApiMapping) -> Result<(), StepError> {
        let root = mapping.api_mapping_key().unwrap_or_default().is_empty();
        if root && self.input.recorded.iter().any(|recorded| recorded == host) {
            return Ok(());
        }
        let api_id = mapping.api_id().unwrap_or_default();
        match self.clients.api_gateway.get_api().api_id(api_id).send().await {
            Ok(api) if self.is_ours(api.tags().into_iter().flatten()) => Ok(()),
            Ok(_) => Err(StepError::refused(
                "MappingNotOurs",
                format!(
                    "the path `/{}` of {host} leads to the API {api_id}, which is not Nameplate's",
                    mapping.api_mapping_key().unwrap_or_default()
                ),
                "remove that mapping in API Gateway, then start the execution again",
            )),
            Err(error) if code_of(&error) == Some("NotFoundException") => Ok(()),
            Err(error) => Err(classify("apigatewayv2:GetApi", &error)),
        }
    }

    async fn delete_custom_domain(&self, host: &str) -> Result<(), StepError> {
        let call = self.clients.api_gateway.delete_domain_name().domain_name(host);
        let Err(error) = call.customize().config_override(once()).send().await else {
            tracing::info!(host, "deleted the custom domain {host}");
            return Ok(());
        };
        match code_of(&error) {
            Some("NotFoundException") => Ok(()),
            Some(code @ "TooManyRequestsException") => Err(StepError::not_ready(
                code,
                format!("apigatewayv2:DeleteDomainName has to wait for its turn in this account, for {host}"),
            )),
            _ => Err(classify("apigatewayv2:DeleteDomainName", &error)),
        }
    }
}

/// No repetition by the SDK: the limit of this call is longer than its patience, and IAM denies a second deletion of
/// what has lost its tags by the first.
fn once() -> aws_sdk_apigatewayv2::config::Builder {
    aws_sdk_apigatewayv2::Config::builder().retry_config(RetryConfig::disabled())
}

#[cfg(test)]
mod tests;
