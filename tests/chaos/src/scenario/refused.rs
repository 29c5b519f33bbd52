//! The price is over the cap: nothing is made.

use e2e::{Ended, request};
use serde_json::{Value, json};

use super::{Later, Play, Scenario};
use crate::oracle;

pub(super) struct Refused;

impl Scenario for Refused {
    fn name(&self) -> &'static str {
        "refused"
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        let mut request = request(&play.domain, &play.url("/models"));
        request["registration"]["maxPrice"]["amount"] = json!(1.0);
        request
    }

    fn failure(&self) -> Option<&'static str> {
        Some("Nameplate.Refused")
    }

    fn judge<'a>(&'a self, play: &'a Play, _before: &'a Value, _ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async { oracle::nothing(&play.world, &play.domain).await })
    }
}
