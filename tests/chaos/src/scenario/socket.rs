//! A live HTTP API becomes a WebSocket API whose default endpoint is closed: another API takes the place of the first.

use e2e::Ended;
use serde_json::{Value, json};

use super::{Later, Play, Scenario, of};
use crate::case::Site;
use crate::oracle::{self, Live};

pub(super) struct Socket;

impl Scenario for Socket {
    fn name(&self) -> &'static str {
        "socket"
    }

    fn prepare<'a>(&'a self, play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async {
            play.own().await;
            play.live_before(&play.without_purchase(&play.domain)).await
        })
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        let mut request = play.without_purchase(&play.domain);
        let routes = json!([{"route": "ask", "url": play.url("/ask")}]);
        request["api"] =
            json!({"allowHttp": true, "protocol": "WEBSOCKET", "defaultEndpoint": "closed", "routes": routes});
        request
    }

    fn disturbs(&self, site: &Site) -> bool {
        of(site, &["CreateApi", "CloseEndpoint", "DeleteApi"])
    }

    fn judge<'a>(&'a self, play: &'a Play, before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async move {
            let result = &ended.output;
            let mut deviations = oracle::name(&play.world, result, &Live::owned(&play.domain)).await;
            deviations.extend(oracle::closed_socket(&play.world, result, &play.domain, &["ask"]).await);
            if result["apiId"] == before["apiId"] || result["actions"] != json!([]) {
                deviations.push(format!("not another API and all done: {before}, then {result}"));
            }
            deviations
        })
    }
}
