//! Whether API Gateway may invoke a function.
//!
//! Owns the reading of a function's resource policy. MiniStack invokes without asking; on AWS a missing permission is a
//! 500 to the client (AWS-FACTS 4.1.10).

use http::Method;
use serde_json::Value;

use crate::emulator::encode;
use crate::local::Local;
use crate::route;

/// Why the request would fail on AWS for want of a permission; `None` also where that cannot be told.
pub(crate) async fn missing(local: &Local, api: &str, stage: &str, method: &Method, path: &str) -> Option<String> {
    let route = route::taken(local, api, method, path).await?;
    missing_for(local, api, stage, &route).await
}

/// The same for a route that is known.
pub(crate) async fn missing_for(local: &Local, api: &str, stage: &str, route: &Value) -> Option<String> {
    let id = route["target"].as_str()?.strip_prefix("integrations/")?;
    let target = format!("/v2/apis/{}/integrations/{}", encode(api), encode(id));
    let integration = local.emulator.rest_json("apigateway", Method::GET, &target, None).await.ok()?;
    if integration["integrationType"] != "AWS_PROXY" {
        return None;
    }
    let function = function_of(integration["integrationUri"].as_str()?)?;
    let target = format!("/2015-03-31/functions/{}/policy", encode(function));
    let policy = local.emulator.rest_json("lambda", Method::GET, &target, None).await.ok();
    let policy: Value =
        policy.and_then(|answer| serde_json::from_str(answer["Policy"].as_str()?).ok()).unwrap_or_default();
    let key = route["routeKey"].as_str().unwrap_or_default();
    let source = source_arn(&local.region, &local.account_id, api, stage, key);
    (!allows(&policy, &source)).then(|| format!("API Gateway may not invoke {function} for {source}"))
}

/// The ARN in whose name API Gateway invokes for a route.
fn source_arn(region: &str, account: &str, api: &str, stage: &str, route_key: &str) -> String {
    let resource = match route_key.split_once(" /") {
        Some(("ANY", path)) => format!("*/{path}"),
        Some((method, path)) => format!("{method}/{path}"),
        None => route_key.to_owned(),
    };
    format!("arn:aws:execute-api:{region}:{account}:{api}/{stage}/{resource}")
}

/// The function's ARN in an integration's URI, bare or wrapped.
fn function_of(uri: &str) -> Option<&str> {
    let inner = uri.split_once("/functions/").map_or(uri, |(_, inner)| inner);
    Some(inner.strip_suffix("/invocations").unwrap_or(inner)).filter(|arn| !arn.is_empty())
}

/// Whether a resource policy lets API Gateway invoke in the name of `source`.
fn allows(policy: &Value, source: &str) -> bool {
    let list = |value: &Value| -> Vec<String> {
        match value {
            Value::String(one) => vec![one.clone()],
            Value::Array(many) => many.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        }
    };
    let permits = |statement: &&Value| {
        let service = list(&statement["Principal"]["Service"]);
        let principal = service.iter().any(|name| name == "apigateway.amazonaws.com") || statement["Principal"] == "*";
        let action = list(&statement["Action"]).iter().any(|action| glob(action, "lambda:InvokeFunction"));
        let conditions = statement["Condition"].as_object();
        let met = conditions.is_none_or(|operators| {
            operators.iter().all(|(operator, keys)| {
                keys.as_object().into_iter().flatten().all(|(key, values)| match key.to_ascii_lowercase().as_str() {
                    "aws:sourcearn" => list(values).iter().any(|value| match operator.as_str() {
                        "StringEquals" => value == source,
                        _ => glob(value, source),
                    }),
                    "aws:sourceaccount" => {
                        list(values).iter().any(|account| source.split(':').nth(4) == Some(account.as_str()))
                    }
                    _ => true,
                })
            })
        });
        statement["Effect"] == "Allow" && principal && action && met
    };
    policy["Statement"].as_array().is_some_and(|statements| statements.iter().any(|statement| permits(&statement)))
}

/// Whether `text` has the form of `pattern`, in which `*` stands for anything and `?` for one character.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => {
            pattern.len() == text.len()
                && pattern.bytes().zip(text.bytes()).all(|(wanted, is)| wanted == b'?' || wanted == is)
        }
        Some((head, rest)) => {
            text.is_char_boundary(head.len().min(text.len()))
                && text.len() >= head.len()
                && glob(head, &text[..head.len()])
                && (head.len()..=text.len()).any(|at| text.is_char_boundary(at) && glob(rest, &text[at..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_permits_only_the_routes_it_names() {
        let policy = |source: &str| {
            json!({ "Statement": [{ "Effect": "Allow", "Principal": { "Service": "apigateway.amazonaws.com" },
                "Action": "lambda:InvokeFunction", "Condition": { "ArnLike": { "AWS:SourceArn": source } } }] })
        };
        let source = source_arn("us-east-1", "000000000000", "a1", "$default", "GET /v1/models");
        assert_eq!(source, "arn:aws:execute-api:us-east-1:000000000000:a1/$default/GET/v1/models");
        for (permitted, expected) in [
            ("arn:aws:execute-api:us-east-1:000000000000:a1/*", true),
            ("arn:aws:execute-api:us-east-1:000000000000:a1/*/*/v1/models", true),
            ("arn:aws:execute-api:us-east-1:000000000000:a1/$default/GET/v1/models", true),
            ("arn:aws:execute-api:us-east-1:000000000000:a1/$default/POST/v1/models", false),
            ("arn:aws:execute-api:us-east-1:000000000000:b2/*", false),
        ] {
            assert_eq!(allows(&policy(permitted), &source), expected, "{permitted}");
        }
        assert!(!allows(&Value::Null, &source), "no policy at all");
        let mut other = policy("arn:aws:execute-api:us-east-1:000000000000:a1/*");
        other["Statement"][0]["Principal"]["Service"] = json!("events.amazonaws.com");
        assert!(!allows(&other, &source));
        assert_eq!(source_arn("r", "1", "a", "s", "$default"), "arn:aws:execute-api:r:1:a/s/$default");
        assert_eq!(source_arn("r", "1", "a", "s", "ANY /{proxy+}"), "arn:aws:execute-api:r:1:a/s/*/{proxy+}");
    }

    #[test]
    fn functions_stand_bare_or_wrapped_in_a_uri() {
        let bare = "arn:aws:lambda:us-east-1:000000000000:function:f";
        let wrapped = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{bare}/invocations");
        assert_eq!(function_of(bare), Some(bare));
        assert_eq!(function_of(&wrapped), Some(bare));
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("a?c", "abc", true),
            ("a*b*", "axxbyy", true),
            ("é*", "a", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }
}
