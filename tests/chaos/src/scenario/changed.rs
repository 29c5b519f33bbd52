//! The name is live, and another request changes its routes and cross-origin rules.

use e2e::{Ended, request};
use serde_json::{Value, json};

use super::{Later, Play, Scenario};
use crate::oracle::{self, Live};

pub(super) struct Changed;

impl Scenario for Changed {
    fn name(&self) -> &'static str {
        "changed"
    }

    fn prepare<'a>(&'a self, play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async {
            let mut request = request(&play.domain, &play.url("/models"));
            request["api"]["routes"] = json!([
                {"route": "GET /v1/models", "url": play.url("/models")},
                {"route": "GET /v1/gone", "url": play.url("/gone")},
            ]);
            play.live_before(&request).await
        })
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        let mut request = request(&play.domain, &play.url("/models"));
        request["api"]["cors"] = json!({"allowOrigins": ["https://app.example.com"]});
        request["api"]["routes"] = json!([
            {"route": "GET /v1/models", "url": play.url("/moved")},
            {"route": "GET /v1/added", "url": play.url("/added")},
        ]);
        request
    }

    fn judge<'a>(&'a self, play: &'a Play, _before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async {
            let expected = Live { routes: vec!["GET /v1/added", "GET /v1/models"], ..Live::bought(&play.domain) };
            oracle::live(&play.world, &ended.output, &expected).await
        })
    }
}
