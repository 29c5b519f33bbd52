//! An existing API of somebody else takes the place of the name's own one, and stays as it is.

use e2e::{Ended, World};
use http::Method;
use serde_json::{Value, json};

use super::{Later, Play, Scenario, of};
use crate::case::Site;
use crate::oracle::{self, Live};

pub(super) struct Existing;

const STAGE: &str = "beta";

/// An API that somebody made by hand, with one route and one stage; its id.
async fn made_by_hand(play: &Play) -> Value {
    let post = async |path: &str, body: Value| play.world.rest("apigateway", Method::POST, path, Some(&body)).await;
    let api = json!({"name": "by hand", "protocolType": "HTTP", "tags": {"team": "theirs"}});
    let api = post("/v2/apis", api).await["apiId"].clone();
    let below = |folder: &str| format!("/v2/apis/{}/{folder}", api.as_str().unwrap_or_default());
    let integration = json!({"integrationType": "HTTP_PROXY", "integrationMethod": "GET",
        "integrationUri": play.url("/theirs"), "payloadFormatVersion": "1.0"});
    let integration = post(&below("integrations"), integration).await["integrationId"].clone();
    let target = format!("integrations/{}", integration.as_str().unwrap_or_default());
    post(&below("routes"), json!({"routeKey": "GET /theirs", "target": target})).await;
    post(&below("stages"), json!({"stageName": STAGE, "autoDeploy": true})).await;
    api
}

/// All that an API is.
async fn as_it_is(world: &World, api: &str) -> Value {
    let mut whole = json!({"api": world.rest("apigateway", Method::GET, &format!("/v2/apis/{api}"), None).await});
    for folder in ["routes", "integrations", "stages", "authorizers", "deployments"] {
        whole[folder] = json!(world.api_parts(api, folder).await);
    }
    whole
}

impl Scenario for Existing {
    fn name(&self) -> &'static str {
        "existing"
    }

    fn prepare<'a>(&'a self, play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async {
            play.own().await;
            let _ours = play.live_before(&play.without_purchase(&play.domain)).await?;
            let theirs = made_by_hand(play).await;
            let whole = as_it_is(&play.world, theirs.as_str().unwrap_or_default()).await;
            Ok(json!({"id": theirs, "whole": whole}))
        })
    }

    fn request(&self, play: &Play, before: &Value) -> Value {
        let mut request = play.without_purchase(&play.domain);
        request["api"] = json!({"existing": {"apiId": before["id"], "stage": STAGE}});
        request
    }

    fn disturbs(&self, site: &Site) -> bool {
        of(site, &["CreateApi", "AttachDomain"]) || (site.caller == "Plan" && site.service == "apigateway")
    }

    fn judge<'a>(&'a self, play: &'a Play, before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async {
            let (world, domain, result) = (&play.world, &play.domain, &ended.output);
            let mut deviations = oracle::name(world, result, &Live::owned(domain)).await;
            let mut check = |what: &str, is: &Value, must_be: &Value| {
                if is != must_be {
                    deviations.push(format!("{what}: {is}, must be {must_be}"));
                }
            };
            let host = format!("api.{domain}");
            check("result's API", &result["apiId"], &before["id"]);
            check("actions", &result["actions"], &json!([]));
            check("APIs of ours", &json!(world.apis(domain).await), &json!([]));
            let mapping = world.mappings(&host).await.into_iter().next().unwrap_or_default();
            check("mapping", &json!([mapping["apiId"], mapping["stage"]]), &json!([before["id"], STAGE]));
            let theirs = as_it_is(world, before["id"].as_str().unwrap_or_default()).await;
            check("somebody else's API", &theirs, &before["whole"]);
            check("answer under the name", &json!(world.get(&host, "/theirs").await.0), &json!(200));
            deviations
        })
    }
}
