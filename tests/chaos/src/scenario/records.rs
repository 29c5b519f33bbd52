//! The name is live with records of its own, and another request keeps one, changes one, adds one and removes one.

use e2e::{Ended, request};
use serde_json::{Value, json};

use super::{Later, Play, Scenario, of};
use crate::case::Site;
use crate::oracle::{self, Live};

pub(super) struct Records;

fn with_records(play: &Play, records: &[(&str, &str)]) -> Value {
    let mut wish = request(&play.domain, &play.url("/models"));
    let records = records
        .iter()
        .map(|(label, address)| json!({"name": format!("{label}.{}", play.domain), "type": "A", "values": [address]}));
    wish["records"] = records.collect();
    wish
}

impl Scenario for Records {
    fn name(&self) -> &'static str {
        "records"
    }

    fn prepare<'a>(&'a self, play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async {
            let records = [("kept", "192.0.2.1"), ("changed", "192.0.2.2"), ("gone", "192.0.2.3")];
            let live = play.live_before(&with_records(play, &records)).await?;
            let zone = live["hostedZoneId"].as_str().unwrap_or_default();
            play.world.put_record(zone, &format!("theirs.{}", play.domain), "A", "192.0.2.9").await;
            Ok(Value::Null)
        })
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        with_records(play, &[("kept", "192.0.2.1"), ("changed", "192.0.2.4"), ("added", "192.0.2.5")])
    }

    fn disturbs(&self, site: &Site) -> bool {
        of(site, &["Plan", "WriteRecords"])
    }

    fn judge<'a>(&'a self, play: &'a Play, _before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async {
            let wanted = [("added", 5), ("changed", 4), ("kept", 1), ("theirs", 9)];
            let records = wanted.map(|(label, number)| format!("{label}.{}. A 192.0.2.{number}", play.domain));
            let expected = Live { records: records.into(), ..Live::bought(&play.domain) };
            let mut deviations = oracle::live(&play.world, &ended.output, &expected).await;
            // What is not on the list would never go; others' must not be on it.
            let item = play.world.item(&play.domain).await;
            let list = item["records"]["S"].as_str().unwrap_or_default();
            for label in ["added", "changed", "kept"].iter().filter(|label| !list.contains(*label)) {
                deviations.push(format!("the record {label} is not on record as ours: {list}"));
            }
            if list.contains("theirs") {
                deviations.push(format!("somebody else's record is on record as ours: {list}"));
            }
            deviations
        })
    }
}
