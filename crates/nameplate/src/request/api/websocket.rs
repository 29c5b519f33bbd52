//! What is otherwise in a WebSocket API: its routes' keys, what chooses among them, and what such an API does not
//! have. Sources: AWS-FACTS 4.1.3, 4.2.1; the Developer Guide's pages "WebSocket selection expressions" and
//! "Set up data mapping for WebSocket APIs". It must not know an HTTP API's routes.

use super::{Api, Authorizer, Protocol, Route, RouteKey};
use crate::error::StepError;

/// What chooses among routes where the request does not say.
pub const SELECTION_EXPRESSION: &str = "$request.body.action";
/// Where a message's part begins in an expression.
const BODY: &str = "$request.body.";
/// Longest expression, in characters: ample, since API Gateway names no limit.
const MAX_EXPRESSION_LENGTH: usize = 256;
/// Longest key of a route, in characters: ample, since API Gateway names no limit.
const MAX_KEY_LENGTH: usize = 128;
/// The routes that no message names. Who may call is asked on the first.
const CONNECT: &str = "$connect";
const RESERVED: [&str; 3] = [CONNECT, "$disconnect", "$default"];

impl RouteKey {
    /// Whether a WebSocket API takes the key; else why not. The characters are those that stand for themselves in the
    /// ARN by which a function is permitted to be called.
    pub(super) fn check_websocket(&self) -> Result<(), String> {
        let text = self.as_str();
        let fits = (1..=MAX_KEY_LENGTH).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._:/-".contains(c));
        if fits || RESERVED.contains(&text) {
            return Ok(());
        }
        Err(format!(
            "a WebSocket API has no route `{text}`; write `$connect`, `$disconnect`, `$default`, or what a message \
             names, such as `ask`: at most {MAX_KEY_LENGTH} letters, digits and `.`, `_`, `:`, `/`, `-`"
        ))
    }
}

/// Refuses what a WebSocket API does not have, and in an HTTP API what only a WebSocket API has.
pub(super) fn check(api: &Api) -> Result<(), StepError> {
    if api.protocol() == Protocol::Http {
        return match &api.route_selection_expression {
            Some(_) => Err(StepError::invalid(
                "api.routeSelectionExpression",
                "an HTTP API chooses its routes by method and path",
                "leave the field out, or set `api.protocol` to `WEBSOCKET`",
            )),
            None => Ok(()),
        };
    }
    if let Some(expression) = &api.route_selection_expression {
        check_expression(expression)?;
    }
    if api.cors.is_some() {
        return Err(StepError::invalid(
            "api.cors",
            "a WebSocket API has no cross-origin rules: browsers ask for none before they connect",
            "leave the field out; the route `$connect`, or its authorizer, can look at the header `Origin`",
        ));
    }
    if api.authorizer.is_some() {
        return Err(StepError::invalid(
            "api.authorizer",
            "a WebSocket API asks who somebody is when they connect, and never again",
            "put the authorizer on the route `$connect`",
        ));
    }
    api.routes.iter().enumerate().try_for_each(|(index, route)| check_route(&format!("api.routes[{index}]"), route))
}

fn check_route(field: &str, route: &Route) -> Result<(), StepError> {
    let refuse = |name: &str, problem: &str, remedy: &str| {
        Err(StepError::invalid(&format!("{field}.{name}"), problem.to_owned(), remedy))
    };
    if route.path.is_some() {
        return refuse("path", "a message has no path", "leave the field out; put the path into `url`");
    }
    if !route.scopes.is_empty() {
        return refuse(
            "scopes",
            "scopes are read from a token, and WebSocket APIs have no authorizer that reads one",
            "leave the field out; let the function that authorizes `$connect` look at the scopes",
        );
    }
    match &route.authorizer {
        Some(_) if route.route.as_str() != CONNECT => refuse(
            "authorizer",
            "a WebSocket API asks who somebody is when they connect, and never again",
            "put the authorizer on the route `$connect`",
        ),
        Some(Authorizer::Jwt(_)) => refuse(
            "authorizer.jwt",
            "WebSocket APIs have no authorizer that reads tokens",
            "use `{\"lambda\": …}` with a function that checks the token, or `\"IAM\"`",
        ),
        Some(Authorizer::Lambda(lambda)) if lambda.ttl != 0 => refuse(
            "authorizer.lambda.ttl",
            "a WebSocket API keeps no answer of its authorizer, which is asked once for each connection",
            "leave the field out",
        ),
        _ => Ok(()),
    }
}

fn check_expression(text: &str) -> Result<(), StepError> {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    let fits = text.strip_prefix(BODY).is_some_and(|path| path.split('.').all(is_name));
    if fits && text.len() <= MAX_EXPRESSION_LENGTH {
        return Ok(());
    }
    Err(StepError::invalid(
        "api.routeSelectionExpression",
        format!("`{text}` does not say where a message names its route"),
        format!(
            "write `{BODY}` and where the name stands in the message's JSON, such as `{SELECTION_EXPRESSION}`, in at \
             most {MAX_EXPRESSION_LENGTH} characters"
        ),
    ))
}

/// Fills in the defaults. An authorizer of a WebSocket API always answers with a policy (`EnableSimpleResponses` in
/// API Gateway's model is for HTTP APIs alone).
pub(super) fn fill_in(api: &mut Api) {
    api.route_selection_expression.get_or_insert_with(|| SELECTION_EXPRESSION.to_owned());
    for route in &mut api.routes {
        if let Some(Authorizer::Lambda(lambda)) = &mut route.authorizer {
            lambda.simple_responses = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::request::Request;

    const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

    fn with(more: &Value) -> Result<Request, StepError> {
        let mut api = json!({"protocol": "WEBSOCKET", "routes": [{"route": "ask", "lambda": FUNCTION}]});
        api.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        Request::parse(&json!({"domainName": "example.com", "api": api}))
    }

    /// The same with one route, to a URL, that has more fields.
    fn route(key: &str, more: &Value) -> Result<Request, StepError> {
        let mut route = json!({"route": key, "url": "https://a.example/"});
        route.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        with(&json!({"routes": [route]}))
    }

    #[test]
    fn a_message_names_its_route_where_the_request_says_or_in_its_action() {
        let request = with(&json!({})).expect("valid");
        assert_eq!(request.api.route_selection_expression.as_deref(), Some("$request.body.action"));
        let again = Request::parse(&serde_json::to_value(&request).expect("JSON")).expect("read again");
        assert_eq!(again, request);
        let own = with(&json!({"routeSelectionExpression": "$request.body.message.kind"})).expect("valid");
        assert_eq!(own.api.route_selection_expression.as_deref(), Some("$request.body.message.kind"));
        let long = format!("$request.body.{}", "a".repeat(243));
        for bad in ["action", "$request.body", "$request.body.", "$request.header.a", "$request.body.a..b", &long] {
            let error = with(&json!({"routeSelectionExpression": bad})).expect_err("refused");
            assert!(error.reason.starts_with("api.routeSelectionExpression: "), "{error}");
        }
    }

    #[test]
    fn routes_have_keys_of_their_own_kind() {
        for key in ["$connect", "$disconnect", "$default", "ask", "chat/send", "chat:send", "v1.ask-me_now"] {
            let request = route(key, &json!({})).unwrap_or_else(|error| panic!("{key}: {error}"));
            assert_eq!(request.api.routes[0].route.as_str(), key);
        }
        for key in ["", "GET /", "a b", "$other", "a*", "ä", &"a".repeat(129)] {
            let error = route(key, &json!({})).expect_err("refused");
            assert!(error.reason.starts_with("api.routes[0].route: "), "{error}");
        }
        let http = |key: &str| {
            let routes = json!([{"route": key, "lambda": FUNCTION}]);
            Request::parse(&json!({"domainName": "example.com", "api": {"routes": routes}})).expect_err("refused")
        };
        assert!(http("$connect").remedy.contains("WEBSOCKET"));
        assert!(http("ask").remedy.contains("GET /v1/models"));
        let twice = json!([{"route": "ask", "lambda": FUNCTION}, {"route": "ask", "url": "https://a.example/"}]);
        assert!(with(&json!({"routes": twice})).expect_err("refused").reason.contains("api.routes[1].route"));
    }

    #[test]
    fn what_a_websocket_api_does_not_have_is_refused_by_name_with_a_way_out() {
        let jwt = json!({"jwt": {"issuer": "https://login.example.com", "audience": ["a"]}});
        let lambda = json!({"lambda": {"function": FUNCTION, "ttl": 60}});
        for (result, field, remedy) in [
            (with(&json!({"cors": {"allowOrigins": ["*"]}})), "api.cors", "Origin"),
            (with(&json!({"authorizer": "IAM"})), "api.authorizer", "$connect"),
            (route("ask", &json!({"authorizer": "IAM"})), "api.routes[0].authorizer", "$connect"),
            (route("ask", &json!({"authorizer": "NONE"})), "api.routes[0].authorizer", "$connect"),
            (route("$connect", &json!({"authorizer": jwt})), "api.routes[0].authorizer.jwt", "lambda"),
            (route("$connect", &json!({"authorizer": lambda})), "api.routes[0].authorizer.lambda.ttl", "leave"),
            (route("ask", &json!({"scopes": ["a"]})), "api.routes[0].scopes", "$connect"),
            (route("ask", &json!({"path": "/a"})), "api.routes[0].path", "url"),
        ] {
            let error = result.expect_err("refused");
            assert!(error.reason.starts_with(&format!("{field}: ")) && error.remedy.contains(remedy), "{error}");
        }
        let http =
            json!({"routes": [{"route": "GET /", "lambda": FUNCTION}], "routeSelectionExpression": "$request.body.a"});
        let error = Request::parse(&json!({"domainName": "example.com", "api": http})).expect_err("refused");
        assert!(error.reason.starts_with("api.routeSelectionExpression: "), "{error}");
    }

    #[test]
    fn who_connects_can_be_asked_for_credentials_or_by_a_function_that_answers_with_a_policy() {
        assert!(route("$connect", &json!({"authorizer": "IAM"})).is_ok());
        let asked = route("$connect", &json!({"authorizer": {"lambda": {"function": FUNCTION}}})).expect("valid");
        let Some(Authorizer::Lambda(lambda)) = &asked.api.routes[0].authorizer else { panic!("{asked:?}") };
        assert!(!lambda.simple_responses);
        let again = Request::parse(&serde_json::to_value(&asked).expect("JSON")).expect("read again");
        assert_eq!(again, asked);
    }
}
