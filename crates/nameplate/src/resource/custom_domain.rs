//! A custom domain of API Gateway and the mapping of its root path. It must not know how it is read or written.

use std::collections::BTreeMap;

use strum::VariantArray;

use crate::resource::difference::{Attribute, Difference, Differences};
use crate::resource::tags::{self, Tagging};

/// `IpAddressType`: both, which the alias record AAAA promises.
pub const IP_ADDRESS_TYPE: &str = "dualstack";
/// `SecurityPolicy`: HTTP APIs need this one, which serves TLS 1.3 as well (AWS-FACTS 4.4.3).
pub const SECURITY_POLICY: &str = "TLS_1_2";
/// `EndpointType`: HTTP and WebSocket APIs take no other (AWS-FACTS 4.4.6).
pub const ENDPOINT_TYPE: &str = "REGIONAL";

/// A custom domain as API Gateway shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomDomain {
    /// The host name, in normal form.
    pub name: String,
    /// `DomainNameStatus`, of its first configuration like all that follows.
    pub status: Option<String>,
    /// `CertificateArn`.
    pub certificate_arn: Option<String>,
    /// `EndpointType`.
    pub endpoint_type: Option<String>,
    /// `SecurityPolicy`.
    pub security_policy: Option<String>,
    /// `IpAddressType`.
    pub ip_address_type: Option<String>,
    /// `ApiGatewayDomainName`, in normal form: what alias records must point to.
    pub target: Option<String>,
    /// `HostedZoneId`: the zone of that name.
    pub target_zone_id: Option<String>,
    /// All its tags.
    pub tags: BTreeMap<String, String>,
}

/// A custom domain as a run wants it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// ARN of its certificate; nothing while that is not requested yet.
    pub certificate_arn: Option<&'a str>,
    /// Its tags.
    pub tagging: &'a Tagging,
}

/// What of a custom domain a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum CustomDomainAttribute {
    /// The certificate that it presents.
    Certificate,
    /// Which addresses it answers on.
    IpAddressType,
    /// One of its tags.
    Tag,
}

impl Attribute for CustomDomainAttribute {
    fn path(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::IpAddressType => "ipAddressType",
            Self::Tag => "tags.{}",
        }
    }
}

/// What a run has to change about a custom domain; all of it where there is none.
pub fn differences(standing: Option<&CustomDomain>, wanted: &Wanted<'_>) -> Vec<Difference<CustomDomainAttribute>> {
    let mut differences = Differences::default();
    let present = |field: fn(&CustomDomain) -> &Option<String>| standing.and_then(|domain| field(domain).as_deref());
    differences.compare_known(
        CustomDomainAttribute::Certificate,
        present(|domain| &domain.certificate_arn),
        wanted.certificate_arn,
    );
    // Nothing is said where AWS shows nothing.
    let kind = present(|domain| &domain.ip_address_type);
    if standing.is_none() || kind.is_some() {
        differences.compare(CustomDomainAttribute::IpAddressType, &kind, &Some(IP_ADDRESS_TYPE));
    }
    let none = BTreeMap::new();
    let present = standing.map_or(&none, |domain| &domain.tags);
    tags::compare(&mut differences, CustomDomainAttribute::Tag, present, wanted.tagging);
    differences.into_vec()
}

/// Where a path of a custom domain leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// `ApiMappingId`.
    pub id: String,
    /// `ApiMappingKey`: the path; empty for the root.
    pub path: String,
    /// `ApiId`.
    pub api_id: String,
    /// `Stage`.
    pub stage: String,
}

/// The root path as a run wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedMapping<'a> {
    /// The API; nothing while it is not made yet.
    pub api_id: Option<&'a str>,
    /// The stage.
    pub stage: &'a str,
}

/// What of the mapping of the root path a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum MappingAttribute {
    /// The API that the root path leads to.
    Api,
    /// The stage of that API.
    Stage,
}

impl Attribute for MappingAttribute {
    fn path(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Stage => "stage",
        }
    }
}

/// The mapping of the root path among those of a custom domain.
pub fn root(mappings: &[Mapping]) -> Option<&Mapping> {
    mappings.iter().find(|mapping| mapping.path.is_empty())
}

/// What a run has to change about the mapping of the root path; all of it where there is none.
pub fn mapping_differences(
    standing: Option<&Mapping>,
    wanted: &WantedMapping<'_>,
) -> Vec<Difference<MappingAttribute>> {
    let mut differences = Differences::default();
    differences.compare_known(MappingAttribute::Api, standing.map(|mapping| mapping.api_id.as_str()), wanted.api_id);
    differences.compare(MappingAttribute::Stage, &standing.map(|mapping| mapping.stage.as_str()), &Some(wanted.stage));
    differences.into_vec()
}

#[cfg(test)]
mod tests;
