//! A live name wants its records in another hosted zone: they come there, and what stands in the former one stays, is
//! said, and stays known for a retirement.

use e2e::Ended;
use serde_json::{Value, json};

use super::{Later, Play, Scenario, of};
use crate::case::Site;
use crate::oracle::{self, Live};

pub(super) struct Moved;

/// The zone that the name lies in first.
fn closer(play: &Play) -> String {
    format!("eu.{}", play.domain)
}

fn below(play: &Play) -> String {
    format!("acme.{}", closer(play))
}

fn further(play: &Play) -> String {
    format!("www.{}", below(play))
}

fn lying_in(play: &Play, zone: &str, address: &str) -> Value {
    let mut wish = play.without_purchase(&below(play));
    wish["hostedZone"] = json!(zone);
    wish["records"] = json!([{"name": further(play), "type": "A", "values": [address]}]);
    wish
}

impl Scenario for Moved {
    fn name(&self) -> &'static str {
        "moved"
    }

    fn prepare<'a>(&'a self, play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async {
            let (world, closer) = (&play.world, closer(play));
            play.own().await;
            world.make_zone(&closer).await;
            let zone_of =
                async |name: &str| world.zones(name).await.into_iter().next().ok_or(format!("no zone {name}"));
            let (around, former) = (zone_of(&play.domain).await?, zone_of(&closer).await?);
            let servers = world.name_servers(&former).await;
            let server = servers.first().ok_or("the zone has no name servers")?;
            world.put_record(&around, &closer, "NS", server).await;
            let _ = play.live_before(&lying_in(play, &closer, "192.0.2.1")).await?;
            world.remove_record(&around, &closer, "NS").await;
            Ok(json!({"zone": former, "records": world.records(&former).await}))
        })
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        lying_in(play, &play.domain, "192.0.2.2")
    }

    fn disturbs(&self, site: &Site) -> bool {
        let looks = ["Plan", "AttachDomain"].contains(&site.caller.as_str()) && site.service == "route53";
        looks || of(site, &["WriteValidationRecords", "WriteRecords"])
    }

    fn judge<'a>(&'a self, play: &'a Play, before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async {
            let (domain, further) = (below(play), further(play));
            let records = vec![format!("{further}. A 192.0.2.2")];
            let expected = Live { zone: Some(&play.domain), records, ..Live::owned(&domain) };
            let mut deviations = oracle::live(&play.world, &ended.output, &expected).await;
            let former = before["zone"].as_str().unwrap_or_default();
            let stand = json!(play.world.records(former).await);
            if stand != before["records"] {
                deviations.push(format!("records of the former zone: {stand}, must be {}", before["records"]));
            }
            let actions = ended.output["actions"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let said = actions.filter(|action| action.contains(former) && action.contains(&further)).count();
            if said != 1 {
                deviations.push(format!("what stands in the former zone is said {said} times: {}", ended.output));
            }
            let item = play.world.item(&domain).await;
            let list = item["records"]["S"].as_str().unwrap_or_default();
            if list.matches(&further).count() != 2 {
                deviations.push(format!("not one record of {further} on the list for each zone: {list}"));
            }
            deviations
        })
    }
}
