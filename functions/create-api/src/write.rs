//! The API itself and its tags, and the order in which everything is written. It must not compare: what differs is given
//! to it.

use std::collections::BTreeMap;

use aws_sdk_apigatewayv2::types::{Cors, ProtocolType};
use nameplate::StepError;
use nameplate::request::{self, DefaultEndpoint, Protocol};
use nameplate::resource::api::{
    Api, ApiAttribute, Changes, CorsRules, StageAttribute, Standing, settling, stage, unused,
};
use nameplate::resource::tags;

use crate::context::{Step, absent_is_fine, answered, once, write_error};

impl Step<'_> {
    /// A new API without routes.
    pub(crate) async fn create(&self) -> Result<Api, StepError> {
        let (wanted, api) = (self.wanted(), &self.request.api);
        let answer = self
            .clients
            .api_gateway
            .create_api()
            .name(wanted.name())
            .protocol_type(match wanted.protocol() {
                Protocol::Http => ProtocolType::Http,
                Protocol::WebSocket => ProtocolType::Websocket,
            })
            .set_route_selection_expression(api.route_selection_expression.clone())
            .set_cors_configuration(api.cors.as_ref().map(cors_configuration))
            .set_tags(Some(self.tagging.wanted().clone().into_iter().collect()))
            .customize()
            .config_override(once())
            .send()
            .await
            .map_err(|error| write_error("apigatewayv2:CreateApi", &error))?;
        let id = answered(answer.api_id, "CreateApi", "ApiId")?;
        tracing::info!(api_id = id, "created the API {id}");
        Ok(Api {
            id,
            endpoint: answered(answer.api_endpoint, "CreateApi", "ApiEndpoint")?,
            closed: false,
            // What was just sent: comparing it with the answer could only repeat the call.
            protocol: Some(wanted.protocol()),
            name: wanted.name().to_owned(),
            route_selection_expression: api.route_selection_expression.clone(),
            cors: api.cors.clone(),
            tags: self.tagging.wanted().clone(),
            created: None,
        })
    }

    /// Makes everything as it is wanted.
    pub(crate) async fn write(&self, standing: &Standing, changes: &Changes) -> Result<(), StepError> {
        let api_id = standing.api.id.as_str();
        self.write_api(api_id, changes).await?;
        // Before the routes go: API Gateway refuses settings that name no route (seen in
        // terraform-aws-modules/terraform-aws-apigateway-v2#80), and nothing says that they go with it.
        self.remove_route_limits(api_id, changes).await?;
        let authorizers = self.write_authorizers(standing, changes).await?;
        self.write_routes(standing, changes, &authorizers).await?;
        self.restore_permissions(standing, changes, &authorizers).await?;
        self.write_tags(api_id, "", tags::to_write(&changes.api, ApiAttribute::Tag)).await?;
        // A stage may be changed only once it carries our tags.
        if standing.stage.is_some() {
            let below = format!("/stages/{}", stage(self.request.api.protocol()));
            self.write_tags(api_id, &below, tags::to_write(&changes.stage, StageAttribute::Tag)).await?;
        }
        let deployment = self.deploy(standing, changes).await?;
        self.write_log_group(standing, changes).await?;
        self.write_stage(standing, changes, deployment).await?;
        // What nothing asks or uses any more goes last, once nothing that is deployed does.
        if settling(standing, self.request, changes) {
            return Err(StepError::not_ready(
                "RoutesSettle",
                format!("routes of the API {api_id} have just been led elsewhere; who was called is forbidden next"),
            ));
        }
        self.remove_permissions(standing).await?;
        for integration in unused(standing, self.request, &changes.routes) {
            let call = self.clients.api_gateway.delete_integration();
            let gone = call.api_id(api_id).integration_id(&integration.id).send().await;
            absent_is_fine("apigatewayv2:DeleteIntegration", gone)?;
        }
        self.remove_authorizers(api_id, changes).await
    }

    async fn write_api(&self, api_id: &str, changes: &Changes) -> Result<(), StepError> {
        let client = &self.clients.api_gateway;
        let (wanted, api) = (self.wanted(), &self.request.api);
        if api.cors.is_none() && !changes.cors.is_empty() {
            client
                .delete_cors_configuration()
                .api_id(api_id)
                .send()
                .await
                .map_err(|error| write_error("apigatewayv2:DeleteCorsConfiguration", &error))?;
        }
        let (mut call, mut differs) = (client.update_api().api_id(api_id), false);
        if let Some(cors) = api.cors.as_ref().filter(|_| !changes.cors.is_empty()) {
            (call, differs) = (call.cors_configuration(cors_configuration(cors)), true);
        }
        for difference in &changes.api {
            call = match difference.attribute {
                ApiAttribute::Name => call.name(wanted.name()),
                ApiAttribute::RouteSelectionExpression => {
                    call.set_route_selection_expression(api.route_selection_expression.clone())
                }
                ApiAttribute::DefaultEndpoint if api.default_endpoint == DefaultEndpoint::Open => {
                    call.disable_execute_api_endpoint(false)
                }
                // It is closed by the step that has asked the host name for an answer; tags have a call of their own; an
                // API of another kind is another one.
                ApiAttribute::DefaultEndpoint | ApiAttribute::Tag | ApiAttribute::Protocol => continue,
            };
            differs = true;
        }
        if differs {
            call.send().await.map_err(|error| write_error("apigatewayv2:UpdateApi", &error))?;
        }
        Ok(())
    }

    async fn write_tags(
        &self,
        api_id: &str,
        below: &str,
        (set, take_off): (BTreeMap<String, String>, Vec<String>),
    ) -> Result<(), StepError> {
        let arn = self.settings.arn(api_id, below);
        if !set.is_empty() {
            let call =
                self.clients.api_gateway.tag_resource().resource_arn(&arn).set_tags(Some(set.into_iter().collect()));
            call.send().await.map_err(|error| write_error("apigatewayv2:TagResource", &error))?;
        }
        if !take_off.is_empty() {
            let call = self.clients.api_gateway.untag_resource().resource_arn(&arn).set_tag_keys(Some(take_off));
            call.send().await.map_err(|error| write_error("apigatewayv2:UntagResource", &error))?;
        }
        Ok(())
    }
}

/// The rules as API Gateway takes them. Every list is sent, so that an update also empties one.
fn cors_configuration(cors: &request::Cors) -> Cors {
    let rules = CorsRules::of(cors);
    let list = |set: std::collections::BTreeSet<String>| Some(set.into_iter().collect());
    Cors::builder()
        .set_allow_origins(list(rules.origins))
        .set_allow_methods(list(rules.methods))
        .set_allow_headers(list(rules.headers))
        .set_expose_headers(list(rules.exposed))
        .allow_credentials(rules.credentials)
        .set_max_age(cors.max_age)
        .build()
}
