//! The stage: what it is on, its limits and its access log, of which every difference is written by one call. It must
//! not compare.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_apigatewayv2::types::{AccessLogSettings, RouteSettings};
use nameplate::StepError;
use nameplate::request::Throttle;
use nameplate::resource::api::{
    AccessLogAttribute, Changes, LogSettings, NO_LIMIT, StageAttribute, Standing, deploys_itself, stage,
};
use nameplate::resource::difference;

use crate::access_log::log_error;
use crate::context::{Step, absent_is_fine};

impl Step<'_> {
    /// Takes off the limits of routes that shall have none.
    pub(crate) async fn remove_route_limits(&self, api_id: &str, changes: &Changes) -> Result<(), StepError> {
        let name = stage(self.request.api.protocol());
        let of_routes = [StageAttribute::RouteRate, StageAttribute::RouteBurst];
        let gone = changes.stage.iter().filter(|one| of_routes.contains(&one.attribute) && one.after.is_null());
        let keys: BTreeSet<&str> = gone.filter_map(|difference| difference.key.as_deref()).collect();
        for key in keys {
            let call = self.clients.api_gateway.delete_route_settings().api_id(api_id).stage_name(name).route_key(key);
            absent_is_fine("apigatewayv2:DeleteRouteSettings", call.send().await)?;
        }
        Ok(())
    }

    /// Makes or changes the stage, and puts it on `deployment` if there is one.
    pub(crate) async fn write_stage(
        &self,
        standing: &Standing,
        changes: &Changes,
        deployment: Option<String>,
    ) -> Result<(), StepError> {
        let (client, api_id, api) = (&self.clients.api_gateway, standing.api.id.as_str(), &self.request.api);
        let (name, deploys) = (stage(api.protocol()), deploys_itself(api.protocol()));
        let limits_of_routes =
            || api.routes.iter().filter_map(|one| Some((one.route.as_str(), one.throttle.as_ref()?)));
        let log_differs =
            difference::any(&changes.access_log, &[AccessLogAttribute::Destination, AccessLogAttribute::Format]);
        let log = LogSettings::wanted(self.request, &self.settings.stack).filter(|_| log_differs);
        if standing.stage.is_none() {
            let call = client.create_stage().api_id(api_id).stage_name(name).auto_deploy(deploys);
            call.set_deployment_id(deployment)
                .set_default_route_settings(api.throttle.as_ref().map(route_settings))
                .set_route_settings(by_route(limits_of_routes()))
                .set_access_log_settings(log.map(|log| self.access_log_settings(&log)))
                .set_tags(Some(self.tagging.wanted().clone().into_iter().collect()))
                .send()
                .await
                .map_err(|error| log_error("apigatewayv2:CreateStage", &error))?;
            return Ok(());
        }
        if log_differs && log.is_none() {
            let call = client.delete_access_log_settings().api_id(api_id).stage_name(name);
            absent_is_fine("apigatewayv2:DeleteAccessLogSettings", call.send().await)?;
        }
        let mut differs = deployment.is_some() || log.is_some();
        let (mut limits, mut of_routes) = (None, None);
        for one in &changes.stage {
            match one.attribute {
                StageAttribute::Name | StageAttribute::AutoDeploy => {}
                // Both are sent if one differs.
                StageAttribute::Rate | StageAttribute::Burst => {
                    limits = Some(api.throttle.as_ref().unwrap_or(&NO_LIMIT))
                }
                StageAttribute::RouteRate | StageAttribute::RouteBurst if !one.after.is_null() => {
                    of_routes = by_route(limits_of_routes());
                }
                // Limits that go, and tags, have calls of their own.
                StageAttribute::RouteRate | StageAttribute::RouteBurst | StageAttribute::Tag => continue,
            }
            differs = true;
        }
        if !differs {
            return Ok(());
        }
        let call = client.update_stage().api_id(api_id).stage_name(name).auto_deploy(deploys);
        call.set_deployment_id(deployment)
            .set_default_route_settings(limits.map(route_settings))
            .set_route_settings(of_routes)
            .set_access_log_settings(log.map(|log| self.access_log_settings(&log)))
            .send()
            .await
            .map_err(|error| log_error("apigatewayv2:UpdateStage", &error))?;
        Ok(())
    }

    fn access_log_settings(&self, log: &LogSettings) -> AccessLogSettings {
        let destination = self.settings.log_group_arn(&log.group);
        AccessLogSettings::builder().destination_arn(destination).format(&log.format).build()
    }
}

fn route_settings(limits: &Throttle) -> RouteSettings {
    RouteSettings::builder().throttling_rate_limit(limits.rate).throttling_burst_limit(limits.burst).build()
}

fn by_route<'a>(limits: impl Iterator<Item = (&'a str, &'a Throttle)>) -> Option<HashMap<String, RouteSettings>> {
    let settings: HashMap<_, _> = limits.map(|(key, limits)| (key.to_owned(), route_settings(limits))).collect();
    (!settings.is_empty()).then_some(settings)
}
