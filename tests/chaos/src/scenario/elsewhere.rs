//! A name that another account holds: the zone is made, and a person points the registrar to it.

use e2e::Ended;
use serde_json::{Value, json};

use super::{Later, Play, Scenario, announces, of};
use crate::case::Site;
use crate::oracle::{self, Live};

pub(super) struct Elsewhere;

impl Scenario for Elsewhere {
    fn name(&self) -> &'static str {
        "elsewhere"
    }

    fn prepare<'a>(&'a self, play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async {
            play.world.registry(&play.domain, json!({"state": "elsewhere"})).await;
            Ok(Value::Null)
        })
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        play.without_purchase(&play.domain)
    }

    fn meanwhile<'a>(&'a self, play: &'a Play) -> Later<'a, ()> {
        Box::pin(play.delegate_elsewhere())
    }

    fn disturbs(&self, site: &Site) -> bool {
        of(site, &["CreateZone"]) || announces(site)
    }

    fn judge<'a>(&'a self, play: &'a Play, _before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async {
            let expected =
                Live { registered: "elsewhere", charges: vec![], tagged: false, ..Live::bought(&play.domain) };
            oracle::live(&play.world, &ended.output, &expected).await
        })
    }
}
