//! A fresh name is bought and goes live.

use e2e::{Ended, request};
use serde_json::Value;

use super::{Later, Play, Scenario};
use crate::case::Site;
use crate::oracle::{self, Live};

pub(super) struct Fresh;

impl Scenario for Fresh {
    fn name(&self) -> &'static str {
        "fresh"
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        request(&play.domain, &play.url("/models"))
    }

    /// The poller works for all executions together.
    fn further_sites(&self) -> Vec<Site> {
        [("dynamodb", "Query"), ("route53domains", "ListOperations"), ("events", "PutEvents")]
            .map(|(service, action)| Site::first("PollRegistrations", service, action))
            .into()
    }

    fn waits(&self) -> bool {
        true
    }

    fn judge<'a>(&'a self, play: &'a Play, _before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async { oracle::live(&play.world, &ended.output, &Live::bought(&play.domain)).await })
    }
}
