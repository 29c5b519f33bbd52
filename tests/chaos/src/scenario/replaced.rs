//! A live name gives up one of its host names, makes one of a record of its own, and wants other names on its
//! certificate: the new certificate takes the place of the old one, what the host name needed goes, and the record
//! yields to the alias.

use e2e::Ended;
use serde_json::{Value, json};

use super::{Later, Play, Scenario, of};
use crate::case::Site;
use crate::oracle::{self, Live};

pub(super) struct Replaced;

fn of_old(play: &Play) -> String {
    format!("old.api.{}", play.domain)
}

fn dropped(play: &Play) -> String {
    format!("www.{}", play.domain)
}

/// At first a record of its own, then a host name.
fn hosted(play: &Play) -> String {
    format!("docs.{}", play.domain)
}

fn named_beside(play: &Play, name: &str) -> Value {
    let mut wish = play.without_purchase(&play.domain);
    wish["certificate"] = json!({"alternativeNames": [format!("*.{}", play.domain), name]});
    wish
}

impl Scenario for Replaced {
    fn name(&self) -> &'static str {
        "replaced"
    }

    fn prepare<'a>(&'a self, play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async {
            play.own().await;
            let mut wish = named_beside(play, &of_old(play));
            wish["api"]["alternativeHostnames"] = json!([dropped(play)]);
            wish["records"] = json!([{"name": hosted(play), "type": "A", "values": ["192.0.2.1"]}]);
            play.live_before(&wish).await
        })
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        let mut wish = named_beside(play, &format!("new.api.{}", play.domain));
        wish["api"]["alternativeHostnames"] = json!([hosted(play)]);
        wish
    }

    /// What these steps read is disturbed where less has to be waited for.
    fn disturbs(&self, site: &Site) -> bool {
        let acts = site.writes() || site.of_state_machine();
        acts && site.nth == 1 && of(site, &["AttachDomain", "DetachDomain", "DeleteCertificate"])
    }

    fn judge<'a>(&'a self, play: &'a Play, before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async move {
            let (once_proven, dropped) = (of_old(play), dropped(play));
            let hosted = hosted(play);
            let target = play.world.custom_domain(&hosted).await["domainNameConfigurations"][0]["apiGatewayDomainName"]
                .as_str()
                .map_or_else(|| "nothing, for want of a custom domain".to_owned(), str::to_owned);
            let records = ["A", "AAAA"].map(|kind| format!("{hosted}. {kind} {target}")).into();
            let expected = Live { once_proven: Some(&once_proven), records, ..Live::owned(&play.domain) };
            let mut deviations = oracle::live(&play.world, &ended.output, &expected).await;
            if !play.world.custom_domain(&dropped).await.is_null() {
                deviations.push(format!("{dropped} has its custom domain yet"));
            }
            if ended.output["apiId"] != before["apiId"] || ended.output["certificateArn"] == before["certificateArn"] {
                deviations.push(format!("not the same API with another certificate: {before}, then {}", ended.output));
            }
            let endpoints = ended.output["alternativeEndpoints"].to_string();
            if endpoints.contains(&dropped) || !endpoints.contains(&hosted) || ended.output["actions"] != json!([]) {
                deviations.push(format!("the result speaks of other things: {}", ended.output));
            }
            let (status, _) = play.world.get(&hosted, "/v1/models").await;
            if status != 200 {
                deviations.push(format!("{hosted} answers {status}"));
            }
            deviations
        })
    }
}
