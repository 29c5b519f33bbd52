//! The authorizers of the API: made before a route asks them, deleted after the last one that did.
//! What they should be is decided in `nameplate::resource::api`. It must not know targets.

use std::collections::BTreeMap;

use aws_sdk_apigatewayv2::types::{Authorizer, AuthorizerType, JwtConfiguration};
use nameplate::StepError;
use nameplate::error::classify;
use nameplate::request::Protocol;
use nameplate::resource::api::{Access, AuthorizerChanges, AuthorizerFields, AuthorizerSpec, ObservedAuthorizer};

use crate::step::{PAGE_SIZE, Settings, Step, absent_is_fine, answered, once, write_error};

impl Step<'_> {
    pub(crate) async fn read_authorizers(&self, api_id: &str) -> Result<Vec<ObservedAuthorizer>, StepError> {
        let (mut authorizers, mut next) = (Vec::new(), None);
        loop {
            let page = self
                .clients
                .api_gateway
                .get_authorizers()
                .api_id(api_id)
                .max_results(PAGE_SIZE)
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| classify("apigatewayv2:GetAuthorizers", &error))?;
            let protocol = self.request.api.protocol();
            authorizers.extend(page.items.unwrap_or_default().into_iter().filter_map(|one| observed(protocol, one)));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(authorizers);
            }
        }
    }

    /// Makes what is missing and puts right what was changed: ids by name.
    pub(crate) async fn write_authorizers(
        &self,
        api_id: &str,
        changes: &AuthorizerChanges,
    ) -> Result<BTreeMap<String, String>, StepError> {
        let client = &self.clients.api_gateway;
        let mut ids = changes.present.clone();
        for spec in &changes.create {
            let fields = Fields::of(self.settings, spec);
            let answer = client
                .create_authorizer()
                .api_id(api_id)
                .name(spec.name())
                .authorizer_type(fields.kind)
                .set_identity_source(Some(fields.sources))
                .set_jwt_configuration(fields.jwt)
                .set_authorizer_uri(fields.uri)
                .set_authorizer_payload_format_version(fields.payload)
                .set_authorizer_result_ttl_in_seconds(fields.ttl)
                .set_enable_simple_responses(fields.simple)
                .customize()
                .config_override(once())
                .send()
                .await
                .map_err(|error| write_error("apigatewayv2:CreateAuthorizer", &error))?;
            ids.insert(spec.name(), answered(answer.authorizer_id, "CreateAuthorizer", "AuthorizerId")?);
        }
        for (id, spec) in &changes.update {
            let fields = Fields::of(self.settings, spec);
            client
                .update_authorizer()
                .api_id(api_id)
                .authorizer_id(id)
                .authorizer_type(fields.kind)
                .set_identity_source(Some(fields.sources))
                .set_jwt_configuration(fields.jwt)
                .set_authorizer_uri(fields.uri)
                .set_authorizer_payload_format_version(fields.payload)
                .set_authorizer_result_ttl_in_seconds(fields.ttl)
                .set_enable_simple_responses(fields.simple)
                .send()
                .await
                .map_err(|error| write_error("apigatewayv2:UpdateAuthorizer", &error))?;
        }
        Ok(ids)
    }

    /// The id of the authorizer that a route shall ask, if any. A function is permitted before a route asks it, so
    /// that a route that asks one can.
    pub(crate) async fn prepare_access(
        &self,
        api_id: &str,
        access: &Access,
        ids: &BTreeMap<String, String>,
    ) -> Result<Option<String>, StepError> {
        let Access::By { authorizer, .. } = access else { return Ok(None) };
        let id = answered(ids.get(&authorizer.name()).cloned(), "CreateAuthorizer", "AuthorizerId")?;
        if let Some(function) = authorizer.function() {
            self.permit_authorizer(function, &id, api_id).await?;
        }
        Ok(Some(id))
    }

    /// Deletes what no route asks any more.
    pub(crate) async fn remove_authorizers(&self, api_id: &str, changes: &AuthorizerChanges) -> Result<(), StepError> {
        for id in &changes.remove {
            let gone = self.clients.api_gateway.delete_authorizer().api_id(api_id).authorizer_id(id).send().await;
            absent_is_fine("apigatewayv2:DeleteAuthorizer", gone)?;
        }
        Ok(())
    }
}

/// An authorizer in the form in which it is sent.
struct Fields {
    kind: AuthorizerType,
    sources: Vec<String>,
    jwt: Option<JwtConfiguration>,
    uri: Option<String>,
    payload: Option<String>,
    ttl: Option<i32>,
    simple: Option<bool>,
}

impl Fields {
    fn of(settings: &Settings, spec: &AuthorizerSpec) -> Self {
        match spec {
            AuthorizerSpec::Jwt { issuer, audience, source } => {
                let audience = Some(audience.iter().cloned().collect());
                Self {
                    kind: AuthorizerType::Jwt,
                    sources: vec![source.clone()],
                    jwt: Some(JwtConfiguration::builder().issuer(issuer).set_audience(audience).build()),
                    uri: None,
                    payload: None,
                    ttl: None,
                    simple: None,
                }
            }
            AuthorizerSpec::Lambda { function, sources, ttl, simple } => Self {
                kind: AuthorizerType::Request,
                sources: sources.iter().cloned().collect(),
                jwt: None,
                uri: Some(settings.invocation_uri(function)),
                payload: spec.payload().map(str::to_owned),
                // What a WebSocket API's authorizer does not know is not sent to it.
                ttl: spec.payload().map(|_| *ttl),
                simple: spec.payload().map(|_| *simple),
            },
        }
    }
}

fn observed(protocol: Protocol, authorizer: Authorizer) -> Option<ObservedAuthorizer> {
    let of_messages = protocol == Protocol::WebSocket;
    let jwt = authorizer.jwt_configuration();
    let fields = AuthorizerFields {
        kind: authorizer.authorizer_type().map(AuthorizerType::as_str),
        sources: authorizer.identity_source(),
        issuer: jwt.and_then(JwtConfiguration::issuer),
        audience: jwt.map(JwtConfiguration::audience).unwrap_or_default(),
        uri: authorizer.authorizer_uri(),
        payload: authorizer.authorizer_payload_format_version().filter(|_| !of_messages),
        ttl: authorizer.authorizer_result_ttl_in_seconds().filter(|_| !of_messages),
        simple: authorizer.enable_simple_responses().filter(|_| !of_messages),
    };
    let spec = fields.spec();
    Some(ObservedAuthorizer { id: authorizer.authorizer_id?, name: authorizer.name?, spec })
}
