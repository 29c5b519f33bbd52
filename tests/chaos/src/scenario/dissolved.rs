//! A name that another account holds is retired: the zone that Nameplate made goes.

use e2e::{Ended, named, retirement, traces_of_ours};
use serde_json::{Value, json};

use super::{Later, Machine, Play, Scenario, of};
use crate::case::Site;

pub(super) struct Dissolved;

impl Scenario for Dissolved {
    fn name(&self) -> &'static str {
        "dissolved"
    }

    fn machine(&self) -> Machine {
        Machine::Retire
    }

    fn prepare<'a>(&'a self, play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async {
            play.world.registry(&play.domain, json!({"state": "elsewhere"})).await;
            let wish = play.without_purchase(&play.domain);
            let (live, ()) = tokio::join!(play.live_before(&wish), play.delegate_elsewhere());
            live
        })
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        retirement(&play.domain, &json!({"acceptDelegated": true}))
    }

    fn disturbs(&self, site: &Site) -> bool {
        of(site, &["DeleteZone"])
    }

    fn judge<'a>(&'a self, play: &'a Play, _before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async {
            let mut deviations = traces_of_ours(&play.world, &play.domain, &format!("api.{}", play.domain)).await;
            let zones = play.world.zones(&play.domain).await;
            if !zones.is_empty() {
                deviations.push(format!("the zone that Nameplate made is still there: {zones:?}"));
            }
            if !named(&ended.output["left"], "hosted zone").is_empty() {
                deviations.push(format!("it is said to be left: {}", ended.output));
            }
            deviations
        })
    }

    fn judge_again(&self, _first: &Value, second: &Value) -> Option<String> {
        (second["removed"] != json!([])).then(|| format!("retired again it removes {}", second["removed"]))
    }
}
