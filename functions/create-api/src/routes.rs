//! Routes and their integrations: wanted routes first, then what is left over, so that no wanted route is without its
//! target in between. It must not compare: which routes differ is given to it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigatewayv2::types::{AuthorizationType, IntegrationType};
use nameplate::StepError;
use nameplate::request::Protocol;
use nameplate::resource::api::{Access, Authority, Changes, Standing, Target};

use crate::context::{Step, absent_is_fine, answered, once, write_error};

impl Step<'_> {
    /// All of a route is written whichever of its attributes differ. `authorizers` are ids by name.
    pub(crate) async fn write_routes(
        &self,
        standing: &Standing,
        changes: &Changes,
        authorizers: &BTreeMap<String, String>,
    ) -> Result<(), StepError> {
        let (client, api_id) = (&self.clients.api_gateway, standing.api.id.as_str());
        let mut differing: BTreeSet<&str> =
            changes.routes.iter().filter_map(|difference| difference.key.as_deref()).collect();
        let mut integrations = BTreeMap::new();
        for integration in &standing.integrations {
            integrations.entry(integration.target.clone()).or_insert_with(|| integration.id.clone());
        }
        let wanted: Vec<_> =
            self.request.api.routes.iter().filter(|route| differing.remove(route.route.as_str())).collect();
        // What is not there is made before what is there is led elsewhere.
        let (there, missing): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|route| {
            let key = route.route.as_str();
            standing.routes.iter().any(|found| found.key == key)
        });
        for route in missing.into_iter().chain(there) {
            let (key, access) = (route.route.as_str(), Access::of(self.request, route));
            let target = Target::of(self.request.api.protocol(), route);
            let to = format!("integrations/{}", self.prepare_target(api_id, key, &target, &mut integrations).await?);
            let authorizer = self.prepare_access(api_id, &access, authorizers).await?;
            let kind = AuthorizationType::from(access.kind());
            let scopes: Vec<String> = access.scopes().iter().cloned().collect();
            match standing.routes.iter().find(|found| found.key == key) {
                None => {
                    let call = client.create_route().api_id(api_id).route_key(key).target(to).authorization_type(kind);
                    let call = call.set_authorizer_id(authorizer);
                    let call = call.set_authorization_scopes(Some(scopes).filter(|scopes| !scopes.is_empty()));
                    call.send().await.map_err(|error| write_error("apigatewayv2:CreateRoute", &error))?;
                }
                Some(found) => {
                    let call = client.update_route().api_id(api_id).route_id(&found.id).target(to);
                    // What is left out stays: an empty id and an empty list take away what was there.
                    let call = call.authorization_type(kind).authorizer_id(authorizer.unwrap_or_default());
                    let call = call.set_authorization_scopes(Some(scopes));
                    call.send().await.map_err(|error| write_error("apigatewayv2:UpdateRoute", &error))?;
                }
            }
        }
        for route in standing.routes.iter().filter(|route| differing.contains(route.key.as_str())) {
            let gone = client.delete_route().api_id(api_id).route_id(&route.id).send().await;
            absent_is_fine("apigatewayv2:DeleteRoute", gone)?;
        }
        Ok(())
    }

    /// The integration for `target`, made if there is none, and for a function the permission to call it. The
    /// permission comes before the route, so that a route that exists has it, and after the integration, so that
    /// whoever looks for permissions that are left over finds the function.
    async fn prepare_target(
        &self,
        api_id: &str,
        route_key: &str,
        target: &Target,
        integrations: &mut BTreeMap<Target, String>,
    ) -> Result<String, StepError> {
        let id = match integrations.get(target) {
            Some(id) => id.clone(),
            None => {
                let id = self.create_integration(api_id, target).await?;
                integrations.insert(target.clone(), id.clone());
                id
            }
        };
        if let Some(function) = target.function() {
            self.permit(function, Authority::Route(route_key), api_id).await?;
        }
        Ok(id)
    }

    async fn create_integration(&self, api_id: &str, target: &Target) -> Result<String, StepError> {
        // A WebSocket API takes the function in the form of the first version, method included (Developer Guide,
        // "Set up a WebSocket API integration request in API Gateway").
        let older = self.request.api.protocol() == Protocol::WebSocket && target.function().is_some();
        let uri = if older { self.settings.invocation_uri(&target.uri) } else { target.uri.clone() };
        let method = if older { Some("POST".to_owned()) } else { target.method.clone() };
        let mapping = &target.mapping;
        let call = self
            .clients
            .api_gateway
            .create_integration()
            .api_id(api_id)
            .integration_type(IntegrationType::from(target.kind.as_str()))
            .integration_uri(uri)
            .set_integration_method(method)
            .set_payload_format_version(target.payload.clone())
            .set_request_parameters((!mapping.is_empty()).then(|| mapping.clone().into_iter().collect()));
        let answer = call
            .customize()
            .config_override(once())
            .send()
            .await
            .map_err(|error| write_error("apigatewayv2:CreateIntegration", &error))?;
        answered(answer.integration_id, "CreateIntegration", "IntegrationId")
    }
}
