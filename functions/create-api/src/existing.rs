//! An existing API that the request puts behind the name: looked at, and nothing else. It must not know the request's
//! routes: there are none.

use nameplate::StepError;
use nameplate::contract::CreateApiOutput;
use nameplate::request::ExistingApi;
use nameplate::resource::api::check_existing;

use crate::context::Step;

impl Step<'_> {
    /// What attaching the name needs to know of the API, which comes in the place of those that are `replaced`.
    pub(crate) async fn use_existing(
        &self,
        existing: &ExistingApi,
        replaced: Vec<String>,
    ) -> Result<CreateApiOutput, StepError> {
        let id = &existing.api_id;
        let api = observe::apigateway::api(&self.clients.api_gateway, id).await?.ok_or_else(|| {
            StepError::failed(
                "ApiNotFound",
                format!("the API {id} is not there any more"),
                "name another one in `api.existing`, then start the execution again",
            )
        })?;
        check_existing(&api, self.tagging)?;
        let protocol = api.protocol.ok_or_else(|| {
            StepError::failed(
                "UnknownProtocol",
                format!("the API {id} is neither an HTTP nor a WebSocket API"),
                "name one of these in `api.existing`",
            )
        })?;
        Ok(CreateApiOutput {
            stage: existing.stage.clone(),
            protocol,
            default_endpoint: (!api.closed).then(|| api.default_endpoint(&existing.stage)),
            replaced,
            api_id: api.id,
        })
    }
}
