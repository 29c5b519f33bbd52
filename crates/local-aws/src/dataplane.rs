//! Requests of an API's clients.
//!
//! Owns whether a custom domain's name resolves, whether a default endpoint is closed, the header by which API Gateway's
//! answers are known, and the last step to an HTTP backend, which goes to this machine only (see [`Loopback`]). Route
//! matching, CORS, authorizers and Lambda integrations are MiniStack's.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use serde_json::{Value, json};

use crate::access_log::{self, Arrival};
use crate::answer::{self, Answer};
use crate::dns::Look;
use crate::domain_name::plain;
use crate::emulator::encode;
use crate::local::Local;
use crate::net::{Loopback, strip_connection_headers};
use crate::route::match_path;
use crate::{apis, certificate, permission};

/// Marks a client's request on its way through MiniStack and back to us.
const PASSAGE: &str = "x-local-aws-passage";

/// What every answer of an HTTP API carries, a 404 for a route that is not there included, and no backend can set: names
/// that begin with `apigw-` are reserved (AWS-FACTS 4.1.9).
const REQUEST_ID: &str = "apigw-requestid";
/// What TLS would show, which is not spoken here: the serial number of the certificate of a custom domain.
const CERTIFICATE: &str = "x-local-aws-certificate";
/// The same of API Gateway's other APIs, and of AWS's services.
const OTHER_REQUEST_ID: &str = "x-amzn-requestid";

/// The host that a request names, without its port.
pub(crate) fn host(request: &Request<Bytes>) -> String {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    plain(host)
}

/// Whether a host is this machine by name, and so no custom domain.
pub(crate) fn is_local_host(host: &str) -> bool {
    host.is_empty() || Loopback::of_host(host, 0).is_ok()
}

/// Where a client's request goes.
pub(crate) struct Destination {
    /// API, stage and path, as far as they are known.
    pub(crate) target: Option<(String, String, String)>,
    /// The API of a default endpoint, by which MiniStack knows it.
    pub(crate) of_default_endpoint: Option<String>,
    /// ARN of the certificate of a custom domain.
    certificate: Option<String>,
}

/// Where a request goes by its host; else the answer that its client gets.
pub(crate) async fn resolve(local: &Local, name: &str, path: &str) -> Result<Destination, Box<Answer>> {
    let aws_endpoint = format!(".execute-api.{}.amazonaws.com", local.region);
    let api = name.strip_suffix(&aws_endpoint).or_else(|| name.strip_suffix(".execute-api.localhost"));
    let mut certificate = None;
    let target = if let Some(api) = api {
        let found = apis::find(local, api).await;
        let target = by_stage(local, api, path).await;
        let stage = target.as_ref().map(|(_, stage, _)| stage.as_str()).unwrap_or_default();
        if apis::is_closed(local, &found, stage).await {
            return Err(Box::new(signed(closed(&found), &found)));
        }
        target
    } else if is_local_host(name) {
        None
    } else {
        let (domain, presented) = custom_domain(local, name).await?;
        certificate = presented;
        by_mapping(local, &domain, path).await
    };
    Ok(Destination { target, of_default_endpoint: api.map(str::to_owned), certificate })
}

/// The host by which MiniStack knows an API.
pub(crate) fn default_endpoint(api: &str) -> HeaderValue {
    let known = HeaderValue::try_from(format!("{api}.execute-api.localhost"));
    known.unwrap_or_else(|_| HeaderValue::from_static("localhost"))
}

/// Answers an unsigned request, or one signed for `execute-api`.
pub(crate) async fn handle(local: &Local, mut request: Request<Bytes>) -> Answer {
    let name = host(&request);
    let Destination { target, of_default_endpoint, certificate } =
        match resolve(local, &name, request.uri().path()).await {
            Ok(destination) => destination,
            Err(refusal) => return *refusal,
        };
    if let Some(api) = of_default_endpoint {
        request.headers_mut().insert(HOST, default_endpoint(&api));
    }
    let arrived = Arrival::of(local, &name, request.method());
    let mut answer = answer_of(local, request, target.as_ref()).await;
    if let Some(certificate) = certificate {
        answer.headers_mut().insert(CERTIFICATE, serial(&certificate));
    }
    if let Some((api, stage, path)) = &target {
        access_log::write(local, api, stage, path, &arrived, &answer).await;
    }
    answer
}

async fn answer_of(local: &Local, mut request: Request<Bytes>, target: Option<&(String, String, String)>) -> Answer {
    let found = match &target {
        Some((api, ..)) => apis::find(local, api).await,
        None => Value::Null,
    };
    if let Some((api, stage, path)) = target
        && let Some(reason) = permission::missing(local, api, stage, request.method(), path).await
    {
        let body = json!({ "message": "Internal Server Error", "reason": reason });
        return signed(answer::json(StatusCode::INTERNAL_SERVER_ERROR, "application/json", &body), &found);
    }
    let passage = local.passages.begin();
    request.headers_mut().insert(PASSAGE, HeaderValue::from(passage));
    let mut answer = local.forward(request).await;
    let from_backend = local.passages.end(passage);
    for (name, value) in from_backend.iter().flatten() {
        // MiniStack's own headers, CORS among them, stand; those of the backend come beside them.
        if name == http::header::CONTENT_TYPE || !answer.headers().contains_key(name) {
            answer.headers_mut().insert(name.clone(), value.clone());
        }
    }
    signed(answer, &found)
}

/// What a closed default endpoint answers: 404 for an HTTP API, 403 for a REST API (AWS re:Post, "Deactivate the API
/// Gateway default endpoint API"; quoted in floci-io/floci#2054). What a WebSocket API answers is not confirmed against
/// AWS; it is taken for the latter.
fn closed(api: &Value) -> Answer {
    let (status, message) = match api["protocolType"] == "HTTP" {
        true => (StatusCode::NOT_FOUND, "Not Found"),
        false => (StatusCode::FORBIDDEN, "Forbidden"),
    };
    answer::json(status, "application/json", &json!({ "message": message }))
}

/// An answer with the header that API Gateway's answers carry; without an API it is not API Gateway's.
fn signed(mut answer: Answer, api: &Value) -> Answer {
    let (name, other) = match api["protocolType"].as_str() {
        Some("HTTP") => (REQUEST_ID, OTHER_REQUEST_ID),
        Some(_) => (OTHER_REQUEST_ID, REQUEST_ID),
        None => return answer,
    };
    let id = HeaderValue::try_from(uuid::Uuid::new_v4().simple().to_string()).expect("a uuid is a header value");
    answer.headers_mut().remove(other);
    answer.headers_mut().insert(name, id);
    answer
}

fn serial(certificate: &str) -> HeaderValue {
    HeaderValue::try_from(certificate::serial(certificate)).expect("digits and colons")
}

/// What an HTTP API of somebody else answers, in a region that is not ours.
fn of_another_region(target: &str) -> Answer {
    let body = json!({ "message": "Not Found" });
    let mut answer = answer::json(StatusCode::NOT_FOUND, "application/json", &body);
    answer.headers_mut().insert(CERTIFICATE, serial(target));
    signed(answer, &json!({ "protocolType": "HTTP" }))
}

/// API, stage and path of a request to a default endpoint (AWS-FACTS 4.3.1: `$default` is served at the root).
async fn by_stage(local: &Local, api: &str, path: &str) -> Option<(String, String, String)> {
    let (first, rest) = path.strip_prefix('/')?.split_once('/').unwrap_or((path.strip_prefix('/')?, ""));
    let stages = apis::items(local, api, "stages").await;
    if stages.iter().any(|stage| stage["stageName"] == first) {
        return Some((api.to_owned(), first.to_owned(), format!("/{rest}")));
    }
    Some((api.to_owned(), "$default".to_owned(), path.to_owned()))
}

/// API, stage and path of a request to a custom domain: the longest mapping wins (AWS-FACTS 4.4.5).
async fn by_mapping(local: &Local, domain: &str, path: &str) -> Option<(String, String, String)> {
    let target = format!("/v2/domainnames/{}/apimappings", encode(domain));
    let mappings = local.emulator.rest_json("apigateway", Method::GET, &target, None).await.ok()?;
    let rest = |key: &str| {
        if key.is_empty() {
            return Some(path.to_owned());
        }
        let rest = path.strip_prefix('/')?.strip_prefix(key)?;
        if rest.is_empty() { Some("/".to_owned()) } else { rest.starts_with('/').then(|| rest.to_owned()) }
    };
    let field = |mapping: &Value, name: &str| mapping[name].as_str().unwrap_or_default().to_owned();
    mappings["items"]
        .as_array()?
        .iter()
        .filter_map(|mapping| Some((rest(&field(mapping, "apiMappingKey"))?, mapping)))
        .max_by_key(|(_, mapping)| field(mapping, "apiMappingKey").len())
        .map(|(rest, mapping)| (field(mapping, "apiId"), field(mapping, "stage"), rest))
}

/// The custom domain that serves a name and its certificate, if the name leads there; else the answer that a client gets.
async fn custom_domain(local: &Local, name: &str) -> Result<(String, Option<String>), Box<Answer>> {
    // There is no answer at all where a name leads nowhere, so that nothing of AWS may be on this one.
    let unanswered = |body: &Value| {
        let mut answer = answer::json(StatusCode::BAD_GATEWAY, "application/json", body);
        answer.headers_mut().remove(OTHER_REQUEST_ID);
        Err(Box::new(answer))
    };
    let resolution = match Look::new(&local.emulator).await {
        Ok(mut look) => look.resolve(&local.registry, name, "A").await,
        Err(error) => Err(error),
    };
    let resolution = match resolution {
        Ok(resolution) => resolution,
        Err(error) => return unanswered(&json!({ "message": error.to_string() })),
    };
    let Some(target) = &resolution.alias else {
        let reason = resolution.reason.clone().unwrap_or_else(|| "its A record is not an alias".to_owned());
        let body =
            json!({ "message": format!("{name} does not resolve"), "reason": reason, "chain": resolution.chain });
        return unanswered(&body);
    };
    if target.contains(".execute-api.") && !target.ends_with(&format!(".execute-api.{}.amazonaws.com", local.region)) {
        return Err(Box::new(of_another_region(target)));
    }
    let wildcard = name.split_once('.').map(|(_, parent)| format!("*.{parent}"));
    for domain in [Some(name.to_owned()), wildcard].into_iter().flatten() {
        let path = format!("/v2/domainnames/{}", encode(&domain));
        if let Ok(found) = local.emulator.rest_json("apigateway", Method::GET, &path, None).await {
            let configuration = &found["domainNameConfigurations"][0];
            let gateway = configuration["apiGatewayDomainName"].as_str().map(plain);
            if gateway.as_deref() == Some(target) {
                return Ok((domain, configuration["certificateArn"].as_str().map(str::to_owned)));
            }
            let body = json!({
                "message": format!("{name} does not resolve to its custom domain"),
                "reason": format!("its alias points to {target}, not to {}", gateway.unwrap_or_default()),
                "chain": resolution.chain,
            });
            return unanswered(&body);
        }
    }
    // The name leads to API Gateway, which does not know it.
    Err(Box::new(answer::rest_json_error(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden")))
}

/// Answers MiniStack's call of an HTTP integration: `rest` is `{api}/{integration}/{path of the request}`.
pub(crate) async fn integrate(local: &Local, rest: &str, mut request: Request<Bytes>) -> Answer {
    let mut parts = rest.splitn(3, '/');
    let (api, id) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let path = format!("/{}", parts.next().unwrap_or_default());
    let Some(integration) = local.gateway.integration(api, id) else {
        return bad_gateway(&format!("the API {api} has no HTTP integration {id}"));
    };
    let uri = if integration.uri.contains('{') {
        let routes = apis::items(local, api, "routes").await;
        let target = format!("integrations/{id}");
        let keys = routes
            .iter()
            .filter(|route| route["target"] == target.as_str())
            .filter_map(|route| route["routeKey"].as_str());
        substitute(&integration.uri, &path, keys)
    } else {
        integration.uri.clone()
    };
    let (to, target) = match destination(&uri, integration.path_is_mapped.then_some(&path), request.uri().query()) {
        Ok(destination) => destination,
        Err(reason) => return bad_gateway(&reason),
    };
    if integration.method != "ANY"
        && let Ok(method) = Method::from_bytes(integration.method.as_bytes())
    {
        *request.method_mut() = method;
    }
    let passage = request.headers_mut().remove(PASSAGE).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    *request.uri_mut() = target;
    strip_connection_headers(request.headers_mut());
    request.headers_mut().remove(CONTENT_LENGTH);
    request.headers_mut().insert(HOST, HeaderValue::try_from(to.to_string()).expect("an address is a header value"));
    match local.client.send(to, request).await {
        Ok(mut answer) => {
            strip_connection_headers(answer.headers_mut());
            if let Some(passage) = passage {
                let mut headers = answer.headers().clone();
                headers.remove(CONTENT_LENGTH);
                headers.remove(http::header::DATE);
                local.passages.leave(passage, headers);
            }
            answer
        }
        Err(error) => bad_gateway(&error.to_string()),
    }
}

fn bad_gateway(reason: &str) -> Answer {
    let body = json!({ "message": "The local AWS cannot reach the backend", "reason": reason });
    answer::json(StatusCode::BAD_GATEWAY, "application/json", &body)
}

/// The machine and the request target of an integration's URI; the request's query string goes with it.
fn destination(uri: &str, path: Option<&String>, query: Option<&str>) -> Result<(Loopback, Uri), String> {
    let parsed: Uri = uri.parse().map_err(|error| format!("{uri} is not a URL: {error}"))?;
    let host = parsed.host().unwrap_or_default();
    let port = parsed.port_u16().unwrap_or(if parsed.scheme_str() == Some("https") { 443 } else { 80 });
    let to = Loopback::of_host(host, port).map_err(|error| error.to_string())?;
    if parsed.scheme_str() != Some("http") {
        return Err(format!("{uri} is not http://; the local AWS speaks no TLS"));
    }
    let path = path.map_or(parsed.path(), String::as_str);
    let query: Vec<&str> = [parsed.query(), query].into_iter().flatten().filter(|query| !query.is_empty()).collect();
    let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) };
    target.parse().map(|target| (to, target)).map_err(|error| format!("{target} is not a request target: {error}"))
}

/// Fills `{variables}` of an integration's URI from the path, by the first of its routes that the path matches.
fn substitute<'a>(uri: &str, path: &str, keys: impl Iterator<Item = &'a str>) -> String {
    let mut uri = uri.to_owned();
    for key in keys {
        let pattern = key.split_once(' ').map_or("", |(_, pattern)| pattern);
        if let Some(variables) = match_path(pattern, path) {
            for (name, value) in variables {
                uri = uri.replace(&format!("{{{name}}}"), &value).replace(&format!("{{{name}+}}"), &value);
            }
            return uri;
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integration_goes_where_its_uri_says_and_nowhere_else() {
        let target = |uri: &str, path: Option<&str>, query: Option<&str>| {
            destination(uri, path.map(str::to_owned).as_ref(), query).map(|(to, uri)| (to.to_string(), uri.to_string()))
        };
        assert_eq!(
            target("http://127.0.0.1:8080/v1/chat", None, None),
            Ok(("127.0.0.1:8080".to_owned(), "/v1/chat".to_owned())),
            "the request's path is not appended"
        );
        assert_eq!(
            target("http://localhost/a?b=1", Some("/mapped"), Some("c=%20")),
            Ok(("127.0.0.1:80".to_owned(), "/mapped?b=1&c=%20".to_owned()))
        );
        assert!(target("http://models.internal.example/v1", None, None).unwrap_err().contains("not on this machine"));
        assert!(target("https://127.0.0.1:8443/v1", None, None).unwrap_err().contains("no TLS"));
    }

    #[test]
    fn variables_of_a_route_go_into_the_uri() {
        let filled = |uri: &str, path: &str, keys: &[&str]| substitute(uri, path, keys.iter().copied());
        assert_eq!(filled("http://h/x/{proxy}", "/a/b", &["ANY /{proxy+}"]), "http://h/x/a/b");
        assert_eq!(filled("http://h/{id}/{b}", "/models/7/y", &["GET /models/{id}/{b}"]), "http://h/7/y");
        assert_eq!(filled("http://h/{id}", "/other/7", &["GET /models/{id}", "GET /other/{id}"]), "http://h/7");
        assert_eq!(filled("http://h/{id}", "/nothing", &["GET /models/{id}"]), "http://h/{id}");
    }

    #[test]
    fn an_answer_tells_which_kind_of_api_gave_it() {
        let of = |protocol: &str| json!({ "protocolType": protocol, "disableExecuteApiEndpoint": true });
        let http = signed(closed(&of("HTTP")), &of("HTTP"));
        assert_eq!((http.status(), http.body().as_ref()), (StatusCode::NOT_FOUND, &br#"{"message":"Not Found"}"#[..]));
        assert!(http.headers().contains_key(REQUEST_ID) && !http.headers().contains_key(OTHER_REQUEST_ID));
        let other = signed(closed(&of("WEBSOCKET")), &of("WEBSOCKET"));
        assert_eq!(other.status(), StatusCode::FORBIDDEN);
        assert!(!other.headers().contains_key(REQUEST_ID) && other.headers().contains_key(OTHER_REQUEST_ID));
        let mut forged = Answer::default();
        forged.headers_mut().insert(REQUEST_ID, HeaderValue::from_static("of the backend"));
        assert_ne!(signed(forged, &of("HTTP")).headers()[REQUEST_ID], "of the backend");
        assert!(signed(Answer::default(), &Value::Null).headers().is_empty());
    }

    #[test]
    fn the_hosts_port_is_no_part_of_the_name() {
        let named = |host: &str| super::host(&Request::get("/").header("host", host).body(Bytes::new()).unwrap());
        assert_eq!(named("API.example.com:4566"), "api.example.com");
        assert_eq!(named("api.example.com"), "api.example.com");
        assert!(is_local_host(&named("127.0.0.1:4566")) && is_local_host(&named("x.execute-api.localhost:1")));
        assert!(!is_local_host("api.example.com"));
    }
}
