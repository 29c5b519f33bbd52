//! A name below a zone that exists here goes live in it, and the zone stays as it was.

use e2e::Ended;
use serde_json::{Value, json};

use super::{Later, Play, Scenario, of};
use crate::case::Site;
use crate::oracle::{self, Live};

pub(super) struct Inside;

/// The name below the one that is sold.
fn below(play: &Play) -> String {
    format!("acme.{}", play.domain)
}

impl Scenario for Inside {
    fn name(&self) -> &'static str {
        "inside"
    }

    fn prepare<'a>(&'a self, play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async {
            play.world.registry(&play.domain, json!({"state": "owned"})).await;
            let zones = play.world.zones(&play.domain).await;
            let zone = zones.first().ok_or("the registrar has made no zone")?;
            play.world.put_record(zone, &format!("www.{}", play.domain), "A", "192.0.2.9").await;
            Ok(Value::Null)
        })
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        play.without_purchase(&below(play))
    }

    fn disturbs(&self, site: &Site) -> bool {
        of(site, &["Plan", "CreateZone", "WriteValidationRecords", "AttachDomain"])
    }

    fn judge<'a>(&'a self, play: &'a Play, _before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async {
            let domain = below(play);
            let expected = Live {
                zone: Some(&play.domain),
                charges: vec![],
                tagged: false,
                records: vec![format!("www.{}. A 192.0.2.9", play.domain)],
                ..Live::bought(&domain)
            };
            let mut deviations = oracle::live(&play.world, &ended.output, &expected).await;
            let own = play.world.zones(&domain).await;
            if !own.is_empty() {
                deviations.push(format!("zones of the name itself: {own:?}"));
            }
            deviations
        })
    }
}
