//! The name is live, and another request changes its routes and cross-origin rules, closes a route, limits one, wants an
//! access log, and leaves a tag out.

use e2e::{Ended, World, request};
use http::Method;
use serde_json::{Value, json};

use super::{Later, Play, Scenario};
use crate::oracle::{self, Live};

pub(super) struct Changed;

const CLOSED: &str = "GET /v1/function";
const RETENTION_DAYS: u16 = 7;

/// What is wrong with what hangs on the API: limits, access log, authorizer, permissions, tags.
async fn hangings(play: &Play, result: &Value) -> Vec<String> {
    let (world, api) = (&play.world, &result["apiId"]);
    let id = api.as_str().unwrap_or_default();
    let mut deviations = Vec::new();
    let mut check = |what: &str, is: &Value, must_be: &Value| {
        if is != must_be {
            deviations.push(format!("{what}: {is}, must be {must_be}"));
        }
    };
    let stage = world.rest("apigateway", Method::GET, &format!("/v2/apis/{id}/stages/$default"), None).await;
    let limits = json!({"GET /v1/models": {"throttlingRateLimit": 50.0, "throttlingBurstLimit": 60}});
    check("limits of routes", &stage["routeSettings"], &limits);

    let group = format!("/aws/vendedlogs/nameplate/{}/{}", world.stack(), play.domain);
    let destination = stage["accessLogSettings"]["destinationArn"].as_str().unwrap_or_default();
    check("the log's group", &json!(destination.split(":log-group:").nth(1)), &json!(group));
    check("days that the log is kept", &log_group(world, &group).await["retentionInDays"], &json!(RETENTION_DAYS));

    let authorizers = world.api_parts(id, "authorizers").await;
    check("authorizers", &json!(authorizers.len()), &json!(1));
    let asked = authorizers.first().map(|one| &one["authorizerId"]);
    let routes = world.api_parts(id, "routes").await;
    let closed = routes.iter().find(|route| route["routeKey"] == CLOSED);
    check("who is asked", &json!(closed.map(|route| &route["authorizerId"])), &json!(asked));
    for function in [&play.function, &play.asked] {
        let permissions = play.permissions(function, api).await.len();
        check(&format!("permissions to call {function}"), &json!(permissions), &json!(1));
    }

    let ask = json!({"logGroupName": group});
    let of_log = world.json("logs", "Logs_20140328.ListTagsLogGroup", &ask).await["tags"].clone();
    let tags = json!({"nameplate:domain": play.domain, "nameplate:stack": world.stack(), "team": "inference"});
    check("tags of the stage", &stage["tags"], &tags);
    check("tags of the log group", &of_log, &tags);
    check("tags of the API", &world.apis(&play.domain).await.into_iter().next().unwrap_or_default()["tags"], &tags);
    deviations
}

async fn log_group(world: &World, name: &str) -> Value {
    let ask = json!({"logGroupNamePrefix": name});
    let answer = world.json("logs", "Logs_20140328.DescribeLogGroups", &ask).await;
    let mut groups = answer["logGroups"].as_array().into_iter().flatten();
    groups.find(|group| group["logGroupName"] == name).cloned().unwrap_or_default()
}

impl Scenario for Changed {
    fn name(&self) -> &'static str {
        "changed"
    }

    fn prepare<'a>(&'a self, play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async {
            let mut request = request(&play.domain, &play.url("/models"));
            request["tags"]["stage"] = json!("trial");
            request["api"]["routes"] = json!([
                {"route": "GET /v1/models", "url": play.url("/models")},
                {"route": "GET /v1/gone", "url": play.url("/gone")},
            ]);
            play.live_before(&request).await
        })
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        let mut request = request(&play.domain, &play.url("/models"));
        request["api"]["cors"] = json!({"allowOrigins": ["https://app.example.com"]});
        request["api"]["accessLog"] = json!({"retentionDays": RETENTION_DAYS});
        request["api"]["routes"] = json!([
            {"route": "GET /v1/models", "url": play.url("/moved"), "throttle": {"rate": 50, "burst": 60}},
            {"route": "GET /v1/added", "url": play.url("/added")},
            {"route": CLOSED, "lambda": play.function, "authorizer": {"lambda": {"function": play.asked}}},
        ]);
        request
    }

    fn judge<'a>(&'a self, play: &'a Play, _before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async {
            let routes = vec!["GET /v1/added", CLOSED, "GET /v1/models"];
            let expected = Live { routes, closed: vec![CLOSED], ..Live::bought(&play.domain) };
            let mut deviations = oracle::live(&play.world, &ended.output, &expected).await;
            deviations.extend(hangings(play, &ended.output).await);
            deviations
        })
    }

    /// The functions are every case's, and their policies would grow with each.
    fn clear_up<'a>(&'a self, play: &'a Play, ended: &'a Ended) -> Later<'a, ()> {
        Box::pin(async {
            for function in [&play.function, &play.asked] {
                for statement in play.permissions(function, &ended.output["apiId"]).await {
                    let id = statement["Sid"].as_str().unwrap_or_default();
                    let path = format!("/2015-03-31/functions/{function}/policy/{id}");
                    play.world.rest("lambda", Method::DELETE, &path, None).await;
                }
            }
        })
    }
}
