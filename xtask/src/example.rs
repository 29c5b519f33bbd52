//! The example that people see first: a request for the backend on this machine, and the question to the name.
//! It must not know where they are sent.

use hyper::Method;
use serde_json::json;

use crate::backend;
use crate::stack::BUDGET_USD;
use crate::world::quoted;

/// The name that is brought to life unless somebody says another one.
pub(crate) const DOMAIN: &str = "my-ai-service.com";
/// How the path at the name is asked.
pub(crate) const METHOD: Method = Method::POST;

/// The request, in the order in which people read it. `allowHttp`, because the backend has no certificate.
pub(crate) fn request(domain: &str, backend: &str) -> String {
    let (domain, backend) = (json!(domain), json!(backend));
    let route = json!(format!("{METHOD} {}", backend::PATH));
    format!(
        r#"{{"domainName": {domain}, "registration": {{"maxPrice": {{"amount": {BUDGET_USD}, "currency": "USD"}}}}, "api": {{"allowHttp": true, "routes": [{{"route": {route}, "url": {backend}}}]}}}}"#
    )
}

/// What the name is asked.
pub(crate) fn question() -> String {
    json!({ "model": "demo", "messages": [{ "role": "user", "content": "Is my name live?" }] }).to_string()
}

/// The same as a command. `endpoint` is where the local AWS listens, as a word of a shell.
pub(crate) fn curl(host: &str, endpoint: &str) -> String {
    format!(
        "curl -H 'Host: {host}' -H 'Content-Type: application/json' {endpoint}{} -d {}",
        backend::PATH,
        quoted(&question())
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_request_is_json_whatever_the_name() {
        let value: Value = serde_json::from_str(&request("a\"b.com", "http://127.0.0.1:1/")).unwrap();
        assert_eq!(value["domainName"], "a\"b.com");
        assert_eq!(value["api"]["routes"][0]["url"], "http://127.0.0.1:1/");
    }
}
