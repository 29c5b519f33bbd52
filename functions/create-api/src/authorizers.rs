//! The authorizers of the API: made before a route asks them, deleted after the last one that did. It must not compare,
//! and must not know targets.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigatewayv2::types::{AuthorizerType, JwtConfiguration};
use nameplate::StepError;
use nameplate::resource::api::{
    Access, Authority, AuthorizerAttribute, AuthorizerSpec, Changes, Standing, authorizers_of,
};

use crate::context::{Step, absent_is_fine, answered, once, write_error};

impl Step<'_> {
    /// Makes what is missing and puts right what was changed, all of one whichever of its attributes differ. Gives the
    /// ids of those that are wanted by name.
    pub(crate) async fn write_authorizers(
        &self,
        standing: &Standing,
        changes: &Changes,
    ) -> Result<BTreeMap<String, String>, StepError> {
        let (client, api_id) = (&self.clients.api_gateway, standing.api.id.as_str());
        let differing: BTreeSet<&str> =
            changes.authorizers.iter().filter_map(|difference| difference.key.as_deref()).collect();
        let mut ids = BTreeMap::new();
        for spec in authorizers_of(self.request) {
            let name = spec.name();
            let found = standing.authorizers.iter().find(|authorizer| authorizer.name == name);
            let id = match found {
                Some(found) if !differing.contains(name.as_str()) => found.id.clone(),
                Some(found) => {
                    let call = client.update_authorizer().api_id(api_id).authorizer_id(&found.id);
                    call.authorizer_type(AuthorizerType::from(spec.kind.as_str()))
                        .set_identity_source(Some(spec.sources.iter().cloned().collect()))
                        .set_jwt_configuration(jwt(&spec))
                        .set_authorizer_uri(self.authorizer_uri(&spec))
                        .set_authorizer_payload_format_version(spec.payload.clone())
                        .set_authorizer_result_ttl_in_seconds(spec.ttl)
                        .set_enable_simple_responses(spec.simple)
                        .send()
                        .await
                        .map_err(|error| write_error("apigatewayv2:UpdateAuthorizer", &error))?;
                    found.id.clone()
                }
                None => {
                    let call = client.create_authorizer().api_id(api_id).name(&name);
                    let answer = call
                        .authorizer_type(AuthorizerType::from(spec.kind.as_str()))
                        .set_identity_source(Some(spec.sources.iter().cloned().collect()))
                        .set_jwt_configuration(jwt(&spec))
                        .set_authorizer_uri(self.authorizer_uri(&spec))
                        .set_authorizer_payload_format_version(spec.payload.clone())
                        .set_authorizer_result_ttl_in_seconds(spec.ttl)
                        .set_enable_simple_responses(spec.simple)
                        .customize()
                        .config_override(once())
                        .send()
                        .await
                        .map_err(|error| write_error("apigatewayv2:CreateAuthorizer", &error))?;
                    answered(answer.authorizer_id, "CreateAuthorizer", "AuthorizerId")?
                }
            };
            ids.insert(name, id);
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
        let Some(authorizer) = access.authorizer() else { return Ok(None) };
        let id = answered(ids.get(&authorizer.name()).cloned(), "CreateAuthorizer", "AuthorizerId")?;
        if let Some(function) = &authorizer.function {
            self.permit(function, Authority::Authorizer(&id), api_id).await?;
        }
        Ok(Some(id))
    }

    /// Deletes what no route asks any more.
    pub(crate) async fn remove_authorizers(&self, api_id: &str, changes: &Changes) -> Result<(), StepError> {
        let left = changes.authorizers.iter().filter(|one| one.attribute == AuthorizerAttribute::LeftOver);
        for id in left.filter_map(|difference| difference.key.as_deref()) {
            let gone = self.clients.api_gateway.delete_authorizer().api_id(api_id).authorizer_id(id).send().await;
            absent_is_fine("apigatewayv2:DeleteAuthorizer", gone)?;
        }
        Ok(())
    }

    fn authorizer_uri(&self, spec: &AuthorizerSpec) -> Option<String> {
        spec.function.as_ref().map(|function| self.settings.invocation_uri(function))
    }
}

fn jwt(spec: &AuthorizerSpec) -> Option<JwtConfiguration> {
    let issuer = spec.issuer.as_ref()?;
    let audience = Some(spec.audience.iter().cloned().collect());
    Some(JwtConfiguration::builder().issuer(issuer).set_audience(audience).build())
}
