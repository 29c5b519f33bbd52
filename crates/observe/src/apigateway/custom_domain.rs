//! Custom domains and where their paths lead.

use aws_sdk_apigatewayv2::Client;
use aws_sdk_apigatewayv2::types::{DomainName, DomainNameConfiguration};
use nameplate::StepError;
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of};
use nameplate::resource::custom_domain::{CustomDomain, Mapping};

use super::{NOT_FOUND, PAGE_SIZE};

/// The custom domain of a host name.
///
/// # Errors
/// As [`classify`] has it.
pub async fn custom_domain(client: &Client, host: &str) -> Result<Option<CustomDomain>, StepError> {
    match client.get_domain_name().domain_name(host).send().await {
        Ok(answer) => Ok(Some(standing(host, answer.tags, answer.domain_name_configurations.as_deref()))),
        Err(error) if code_of(&error) == Some(NOT_FOUND) => Ok(None),
        Err(error) => Err(classify("apigatewayv2:GetDomainName", &error)),
    }
}

/// All custom domains of the account and region.
///
/// # Errors
/// As [`classify`] has it.
pub async fn custom_domains(client: &Client) -> Result<Vec<CustomDomain>, StepError> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = client.get_domain_names().max_results(PAGE_SIZE).set_next_token(next);
        let page = call.send().await.map_err(|error| classify("apigatewayv2:GetDomainNames", &error))?;
        found.extend(page.items.unwrap_or_default().into_iter().map(listed));
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// Where the paths of a custom domain lead; none when it is not there.
///
/// # Errors
/// As [`classify`] has it.
pub async fn mappings(client: &Client, host: &str) -> Result<Option<Vec<Mapping>>, StepError> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = client.get_api_mappings().domain_name(host).max_results(PAGE_SIZE).set_next_token(next);
        let page = match call.send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some(NOT_FOUND) => return Ok(None),
            Err(error) => return Err(classify("apigatewayv2:GetApiMappings", &error)),
        };
        found.extend(page.items.unwrap_or_default().into_iter().map(|mapping| Mapping {
            id: mapping.api_mapping_id.unwrap_or_default(),
            path: mapping.api_mapping_key.unwrap_or_default(),
            api_id: mapping.api_id.unwrap_or_default(),
            stage: mapping.stage.unwrap_or_default(),
        }));
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(Some(found));
        }
    }
}

fn listed(item: DomainName) -> CustomDomain {
    let name = item.domain_name.unwrap_or_default();
    standing(&name, item.tags, item.domain_name_configurations.as_deref())
}

/// A custom domain as API Gateway answers about it, in whichever call.
pub fn standing(
    name: &str,
    tags: Option<std::collections::HashMap<String, String>>,
    configurations: Option<&[DomainNameConfiguration]>,
) -> CustomDomain {
    let configuration = configurations.and_then(<[_]>::first);
    let text = |text: Option<&str>| text.map(str::to_owned);
    CustomDomain {
        name: dns_form(name),
        status: configuration.and_then(|c| c.domain_name_status()).map(|status| status.as_str().to_owned()),
        certificate_arn: configuration.and_then(|c| text(c.certificate_arn())),
        endpoint_type: configuration.and_then(|c| c.endpoint_type()).map(|kind| kind.as_str().to_owned()),
        security_policy: configuration.and_then(|c| c.security_policy()).map(|policy| policy.as_str().to_owned()),
        ip_address_type: configuration.and_then(|c| c.ip_address_type()).map(|kind| kind.as_str().to_owned()),
        target: configuration.and_then(|c| c.api_gateway_domain_name()).map(dns_form),
        target_zone_id: configuration.and_then(|c| text(c.hosted_zone_id())),
        tags: tags.unwrap_or_default().into_iter().collect(),
    }
}
