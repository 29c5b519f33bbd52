//! Cross-origin rules: as a request wants them, against those that stand.

use std::collections::BTreeSet;

use strum::VariantArray;

use crate::request::Cors;
use crate::resource::difference::{Attribute, Difference, Differences};

/// Rules in the form in which they are compared: without order, in one letter case where case means nothing (API
/// Gateway changes it), an age of 0 as none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsRules {
    /// `AllowOrigins`.
    pub origins: BTreeSet<String>,
    /// `AllowMethods`.
    pub methods: BTreeSet<String>,
    /// `AllowHeaders`.
    pub headers: BTreeSet<String>,
    /// `ExposeHeaders`.
    pub exposed: BTreeSet<String>,
    /// `AllowCredentials`.
    pub credentials: bool,
    /// `MaxAge`.
    pub max_age: Option<i32>,
}

impl CorsRules {
    /// The rules of a request, or of API Gateway.
    pub fn of(cors: &Cors) -> Self {
        let lower = |texts: &[String]| texts.iter().map(|text| text.to_ascii_lowercase()).collect();
        Self {
            origins: lower(&cors.allow_origins),
            methods: cors.allow_methods.iter().map(|method| method.to_ascii_uppercase()).collect(),
            headers: lower(&cors.allow_headers),
            exposed: lower(&cors.expose_headers),
            credentials: cors.allow_credentials,
            max_age: cors.max_age.filter(|age| *age != 0),
        }
    }
}

/// What of cross-origin rules a run writes, all of it in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum CorsAttribute {
    /// Origins that may call.
    AllowOrigins,
    /// Methods that they may use.
    AllowMethods,
    /// Headers that they may send.
    AllowHeaders,
    /// Headers of the answer that they may read.
    ExposeHeaders,
    /// Whether cookies and credentials may be sent.
    AllowCredentials,
    /// For how long a browser keeps the answer.
    MaxAge,
}

impl Attribute for CorsAttribute {
    fn path(self) -> &'static str {
        match self {
            Self::AllowOrigins => "cors.allowOrigins",
            Self::AllowMethods => "cors.allowMethods",
            Self::AllowHeaders => "cors.allowHeaders",
            Self::ExposeHeaders => "cors.exposeHeaders",
            Self::AllowCredentials => "cors.allowCredentials",
            Self::MaxAge => "cors.maxAge",
        }
    }
}

/// What a run has to change about cross-origin rules: all of them where there are none, or none are wanted.
pub fn cors_differences(standing: Option<&Cors>, wanted: Option<&Cors>) -> Vec<Difference<CorsAttribute>> {
    let (standing, wanted) = (standing.map(CorsRules::of), wanted.map(CorsRules::of));
    let (before, after) = (standing.as_ref(), wanted.as_ref());
    let mut differences = Differences::default();
    let mut list = |attribute, of: fn(&CorsRules) -> &BTreeSet<String>| {
        differences.compare(attribute, &before.map(of), &after.map(of));
    };
    list(CorsAttribute::AllowOrigins, |rules| &rules.origins);
    list(CorsAttribute::AllowMethods, |rules| &rules.methods);
    list(CorsAttribute::AllowHeaders, |rules| &rules.headers);
    list(CorsAttribute::ExposeHeaders, |rules| &rules.exposed);
    let credentials = |rules: Option<&CorsRules>| rules.map(|rules| rules.credentials);
    differences.compare(CorsAttribute::AllowCredentials, &credentials(before), &credentials(after));
    let max_age = |rules: Option<&CorsRules>| rules.and_then(|rules| rules.max_age);
    differences.compare(CorsAttribute::MaxAge, &max_age(before), &max_age(after));
    differences.into_vec()
}

#[cfg(test)]
mod tests;
