//! A live name with records of its own, a Lambda route and a Lambda authorizer is retired, and nothing of others is touched.

use e2e::{Ended, request, retirement, traces_of_ours};
use http::Method;
use serde_json::{Value, json};

use super::{Later, Machine, Play, Scenario};
use crate::oracle;

pub(super) struct Retired;

/// The id in the policy of the function of a statement that is not ours.
fn their_statement(play: &Play) -> String {
    format!("theirs-{}", play.name)
}

impl Scenario for Retired {
    fn name(&self) -> &'static str {
        "retired"
    }

    fn machine(&self) -> Machine {
        Machine::Retire
    }

    fn prepare<'a>(&'a self, play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async {
            let (world, domain) = (&play.world, &play.domain);
            let mut wish = request(domain, &play.url("/models"));
            let authorizer = json!({"lambda": {"function": play.asked}});
            let route = json!({"route": "GET /v1/function", "lambda": play.function, "authorizer": authorizer});
            wish["api"]["routes"].as_array_mut().expect("routes").push(route);
            wish["records"] = json!([
                {"name": format!("www.{domain}"), "type": "A", "values": ["192.0.2.1"]},
                {"name": domain, "type": "TXT", "values": ["v=spf1 -all"]},
            ]);
            let live = play.live_before(&wish).await?;
            // What others have beside it: a record, an API with one of our tags, and a permission on the function.
            let zone = live["hostedZoneId"].as_str().unwrap_or_default();
            world.put_record(zone, &format!("theirs.{domain}"), "A", "192.0.2.9").await;
            let theirs = json!({"name": domain, "protocolType": "HTTP", "tags": {"nameplate:domain": domain}});
            let theirs = world.rest("apigateway", Method::POST, "/v2/apis", Some(&theirs)).await;
            let permission = json!({"StatementId": their_statement(play), "Action": "lambda:InvokeFunction",
                "Principal": "apigateway.amazonaws.com", "SourceArn": format!("arn:aws:execute-api:us-east-1:000000000000:{}/*", theirs["apiId"].as_str().unwrap_or_default())});
            let path = format!("/2015-03-31/functions/{}/policy", play.function);
            world.rest("lambda", Method::POST, &path, Some(&permission)).await;
            Ok(json!({"zone": zone, "api": live["apiId"], "theirs": theirs["apiId"]}))
        })
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        retirement(&play.domain, &json!({"autoRenew": "off"}))
    }

    fn judge<'a>(&'a self, play: &'a Play, before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async {
            let (world, domain) = (&play.world, &play.domain);
            let mut deviations = traces_of_ours(world, domain, &format!("api.{domain}")).await;
            let mut check = |what: &str, holds: bool| {
                if !holds {
                    deviations.push(format!("{what}: {}", ended.arn));
                }
            };
            let text = |field: &str| before[field].as_str().unwrap_or_default().to_owned();
            let zone = text("zone");
            check("the registrar's zone is not there as it was", world.zones(domain).await == [zone.as_str()]);
            let records = world.records(&zone).await;
            check(&format!("the zone holds {records:?}"), records == [format!("theirs.{domain}. A 192.0.2.9")]);
            let apis = world.apis(domain).await;
            check("somebody else's API is not there", apis.len() == 1 && apis[0]["apiId"] == before["theirs"]);
            for function in [&play.function, &play.asked] {
                let left = play.permissions(function, &before["api"]).await;
                check(&format!("our API may still call {function}"), left.is_empty());
            }
            let policy = world.policy_of(&play.function).await;
            check("somebody else's permission is gone", policy.contains(&their_statement(play)));
            let registry = world.control(Method::GET, &format!("/_local/domains/{domain}"), None).await;
            check("the registration is gone", registry["state"] == "owned");
            check("it is still renewed", registry["autoRenew"] == false);
            check("tags are left on it", world.domain_tags(domain).await.is_empty());
            check("tags are left on the zone", world.zone_tags(&zone).await.is_empty());
            check("it was paid again", world.charges(domain).await == [oracle::PRICE]);
            // The function is every case's.
            let path = format!("/2015-03-31/functions/{}/policy/{}", play.function, their_statement(play));
            world.rest("lambda", Method::DELETE, &path, None).await;
            world.rest("apigateway", Method::DELETE, &format!("/v2/apis/{}", text("theirs")), None).await;
            deviations
        })
    }

    fn judge_again(&self, _first: &Value, second: &Value) -> Option<String> {
        (second["removed"] != json!([])).then(|| format!("retired again it removes {}", second["removed"]))
    }
}
