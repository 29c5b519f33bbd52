//! The account's regions.
//!
//! Owns which there are: everything lives in one, and certificates may live in one more, so that looks into other
//! regions can be seen. Must not know who looks.

use bytes::Bytes;
use http::Request;
use serde_json::json;

use crate::answer::{Answer, replace_body};
use crate::local::Local;

/// The region beside that of everything.
const OTHER: &str = "eu-central-1";

/// Answers a call of the service.
pub(crate) async fn handle(local: &Local, action: &str, request: Request<Bytes>) -> Answer {
    // MiniStack checks the caller; its regions are all that there are.
    let mut answer = local.forward(request).await;
    if action == "ListRegions" && answer.status().is_success() {
        let enabled = |name: &str| json!({ "RegionName": name, "RegionOptStatus": "ENABLED_BY_DEFAULT" });
        replace_body(&mut answer, json!({ "Regions": [enabled(&local.region), enabled(OTHER)] }).to_string());
    }
    answer
}
