//! The first execution is stopped in its sleep; what releases its claim is disturbed; the next goes live.

use e2e::{Ended, request};
use serde_json::Value;

use super::{Later, Play, Scenario};
use crate::case::{Disturbance, Fault, Site};
use crate::oracle::{self, Live};

pub(super) struct Stopped;

impl Scenario for Stopped {
    fn name(&self) -> &'static str {
        "stopped"
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        request(&play.domain, &play.url("/models"))
    }

    fn disturbs(&self, _site: &Site) -> bool {
        false
    }

    fn further_sites(&self) -> Vec<Site> {
        let second = Site { nth: 2, ..Site::first("ReleaseClaim", "dynamodb", "UpdateItem") };
        [("states", "DescribeExecution"), ("dynamodb", "GetItem"), ("dynamodb", "UpdateItem")]
            .map(|(service, action)| Site::first("ReleaseClaim", service, action))
            .into_iter()
            .chain([second])
            .collect()
    }

    fn besides(&self) -> Vec<Disturbance> {
        vec![Disturbance::Call(Site::item_of_state_machine(2), Fault::Stopped)]
    }

    fn judge<'a>(&'a self, play: &'a Play, _before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async { oracle::live(&play.world, &ended.output, &Live::bought(&play.domain)).await })
    }
}
