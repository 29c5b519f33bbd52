//! A name that is registered in this account points elsewhere, and the request wants that corrected: one change.

use e2e::Ended;
use serde_json::{Value, json};

use super::{Later, Play, Scenario, of};
use crate::case::Site;
use crate::oracle::{self, Live};

pub(super) struct Corrected;

impl Scenario for Corrected {
    fn name(&self) -> &'static str {
        "corrected"
    }

    fn prepare<'a>(&'a self, play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async {
            let servers = json!(["ns-1.old-provider.example", "ns-2.old-provider.example"]);
            let state = json!({"state": "owned", "createZone": false, "nameServers": servers});
            play.world.registry(&play.domain, state).await;
            Ok(Value::Null)
        })
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        let mut request = play.without_purchase(&play.domain);
        request["nameServers"] = json!("correct");
        request
    }

    fn disturbs(&self, site: &Site) -> bool {
        of(site, &["CreateZone", "CorrectDelegation"])
    }

    fn judge<'a>(&'a self, play: &'a Play, _before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async {
            let expected = Live { charges: vec![], tagged: false, ..Live::bought(&play.domain) };
            let mut deviations = oracle::live(&play.world, &ended.output, &expected).await;
            let changes = oracle::operations(&play.world, &play.domain, "UPDATE_NAMESERVER").await;
            if changes != 1 {
                deviations.push(format!("the registry was changed {changes} times, must be once"));
            }
            deviations
        })
    }
}
