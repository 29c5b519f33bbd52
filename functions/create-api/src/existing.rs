//! An existing API that the request puts behind the name: looked at, and nothing else. It must not know the request's
//! routes: there are none.

use nameplate::StepError;
use nameplate::contract::CreateApiOutput;
use nameplate::error::{classify, code_of};
use nameplate::request::ExistingApi;

use crate::step::{Found, Step, endpoint};

impl Step<'_> {
    /// What attaching the name needs to know of the API. APIs of our own are in its place no more.
    pub(crate) async fn use_existing(
        &self,
        existing: &ExistingApi,
        ours: &[Found],
    ) -> Result<CreateApiOutput, StepError> {
        let id = &existing.api_id;
        let api = match self.clients.api_gateway.get_api().api_id(id).send().await {
            Ok(answer) => Found::from_get(answer)?,
            Err(error) if code_of(&error) == Some("NotFoundException") => {
                return Err(StepError::failed(
                    "ApiNotFound",
                    format!("the API {id} is not there any more"),
                    "name another one in `api.existing`, then start the execution again",
                ));
            }
            Err(error) => return Err(classify("apigatewayv2:GetApi", &error)),
        };
        if self.is_ours(&api.tags) {
            return Err(StepError::refused(
                "ApiIsOurs",
                format!("the API {id} was made by this stack for {}", self.request.domain_name),
                "leave `api.existing` out and describe the API by `routes`",
            ));
        }
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
            default_endpoint: (!api.closed).then(|| endpoint(&api.endpoint, &existing.stage)),
            replaced: ours.iter().map(|one| one.id.clone()).collect(),
            api_id: api.id,
        })
    }
}
