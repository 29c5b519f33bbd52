//! Which operation a request is, and what it is about, by AWS's own names.
//!
//! Owns the table of REST paths. Sources: the service models of route53, apigatewayv2 and lambda. Must not judge
//! whether a request is right.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;

/// The operation's name; `METHOD /path` where the table has none.
pub(crate) fn name(service: &str, request: &Request<Bytes>) -> String {
    if let Some(target) = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()) {
        return target.rsplit('.').next().unwrap_or_default().to_owned();
    }
    let path = request.uri().path();
    if let Some((_, operation)) = path.split_once("/operation/").filter(|_| path.starts_with("/service/")) {
        return operation.to_owned();
    }
    let rest = match service {
        "route53" => route53(request.method(), &segments(path, "2013-04-01")),
        "apigateway" if path.starts_with("/v2/") => apigateway(request.method(), &segments(path, "v2")),
        "lambda" => lambda(request.method(), path),
        "account" if path.trim_end_matches('/') == "/listRegions" => Some("ListRegions".to_owned()),
        "s3" => s3(request),
        _ => query_action(request),
    };
    rest.unwrap_or_else(|| format!("{} {path}", request.method()))
}

fn segments<'a>(path: &'a str, version: &str) -> Vec<&'a str> {
    let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.first() == Some(&version) {
        segments.remove(0);
    }
    segments
}

fn query_action(request: &Request<Bytes>) -> Option<String> {
    let find = |fields: &[u8]| {
        form_urlencoded::parse(fields).find(|(key, _)| key == "Action").map(|(_, value)| value.into_owned())
    };
    find(request.uri().query().unwrap_or_default().as_bytes()).or_else(|| find(request.body()))
}

fn route53(method: &Method, segments: &[&str]) -> Option<String> {
    let (get, post, delete) = (method == Method::GET, method == Method::POST, method == Method::DELETE);
    let name = match segments {
        ["hostedzone"] if get => "ListHostedZones",
        ["hostedzone"] if post => "CreateHostedZone",
        ["hostedzonesbyname"] if get => "ListHostedZonesByName",
        ["hostedzonecount"] if get => "GetHostedZoneCount",
        ["hostedzone", _] if get => "GetHostedZone",
        ["hostedzone", _] if post => "UpdateHostedZoneComment",
        ["hostedzone", _] if delete => "DeleteHostedZone",
        ["hostedzone", _, "dnssec"] if get => "GetDNSSEC",
        ["hostedzone", _, "rrset"] if get => "ListResourceRecordSets",
        ["hostedzone", _, "rrset"] if post => "ChangeResourceRecordSets",
        ["change", _] if get => "GetChange",
        ["tags", _, _] if get => "ListTagsForResource",
        ["tags", _, _] if post => "ChangeTagsForResource",
        ["tags", _] if post => "ListTagsForResources",
        _ => return None,
    };
    Some(name.to_owned())
}

fn apigateway(method: &Method, segments: &[&str]) -> Option<String> {
    // (collection, its member in the singular), by the folder they are in.
    const UNDER_API: [(&str, &str); 6] = [
        ("routes", "Route"),
        ("integrations", "Integration"),
        ("stages", "Stage"),
        ("deployments", "Deployment"),
        ("authorizers", "Authorizer"),
        ("models", "Model"),
    ];
    let verb = |single: bool| match *method {
        Method::GET => Some("Get"),
        Method::POST if !single => Some("Create"),
        Method::PATCH if single => Some("Update"),
        Method::DELETE if single => Some("Delete"),
        _ => None,
    };
    let named = |member: &str, single: bool| {
        let plural = if !single && method == Method::GET { "s" } else { "" };
        verb(single).map(|verb| format!("{verb}{member}{plural}"))
    };
    let under_api = |folder: &str| UNDER_API.iter().find(|(name, _)| *name == folder).map(|(_, member)| *member);
    match segments {
        ["tags", ..] => match *method {
            Method::GET => Some("GetTags".to_owned()),
            Method::POST => Some("TagResource".to_owned()),
            Method::DELETE => Some("UntagResource".to_owned()),
            _ => None,
        },
        ["apis"] => named("Api", false),
        ["apis", _] => named("Api", true),
        ["apis", _, "cors"] if method == Method::DELETE => Some("DeleteCorsConfiguration".to_owned()),
        ["apis", _, "stages", _, "routesettings", _] if method == Method::DELETE => {
            Some("DeleteRouteSettings".to_owned())
        }
        ["apis", _, "stages", _, "accesslogsettings"] if method == Method::DELETE => {
            Some("DeleteAccessLogSettings".to_owned())
        }
        ["apis", _, folder] => named(under_api(folder)?, false),
        ["apis", _, folder, _] => named(under_api(folder)?, true),
        ["domainnames"] => named("DomainName", false),
        ["domainnames", _] => named("DomainName", true),
        ["domainnames", _, "apimappings"] => named("ApiMapping", false),
        ["domainnames", _, "apimappings", _] => named("ApiMapping", true),
        _ => None,
    }
}

fn lambda(method: &Method, path: &str) -> Option<String> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).skip(1).collect();
    let (get, post, put, delete) =
        (method == Method::GET, method == Method::POST, method == Method::PUT, method == Method::DELETE);
    let name = match segments.as_slice() {
        ["functions"] if get => "ListFunctions",
        ["functions"] if post => "CreateFunction",
        ["functions", _] if get => "GetFunction",
        ["functions", _] if delete => "DeleteFunction",
        ["functions", _, "invocations"] if post => "Invoke",
        ["functions", _, "policy"] if get => "GetPolicy",
        ["functions", _, "policy"] if post => "AddPermission",
        ["functions", _, "policy", _] if delete => "RemovePermission",
        ["functions", _, "configuration"] if get => "GetFunctionConfiguration",
        ["functions", _, "configuration"] if put => "UpdateFunctionConfiguration",
        ["functions", _, "code"] if put => "UpdateFunctionCode",
        ["functions", _, "versions"] if post => "PublishVersion",
        ["functions", _, "versions"] if get => "ListVersionsByFunction",
        ["tags", _] if get => "ListTags",
        ["tags", _] if post => "TagResource",
        ["tags", _] if delete => "UntagResource",
        _ => return None,
    };
    Some(name.to_owned())
}

fn s3(request: &Request<Bytes>) -> Option<String> {
    let depth = request.uri().path().split('/').filter(|segment| !segment.is_empty()).count().min(2);
    let name = match (request.method().as_str(), depth) {
        ("GET", 0) => "ListBuckets",
        ("PUT", 1) => "CreateBucket",
        ("HEAD", 1) => "HeadBucket",
        ("DELETE", 1) => "DeleteBucket",
        ("PUT", 2) => "PutObject",
        ("GET", 2) => "GetObject",
        ("HEAD", 2) => "HeadObject",
        ("DELETE", 2) => "DeleteObject",
        _ => return None,
    };
    // Sub-resources (`?tagging`, `?uploads`) are other operations; nobody here counts them.
    let sub = request.uri().query().is_some_and(|query| !query.contains('='));
    (!sub).then(|| name.to_owned())
}

/// What a call is about, where that is cheaply known. Never anything personal: names and ids only.
pub(crate) fn resource(service: &str, request: &Request<Bytes>) -> Option<String> {
    let decode = |segment: &str| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned();
    let path = request.uri().path();
    match service {
        "route53" => match segments(path, "2013-04-01").as_slice() {
            ["hostedzone", zone, ..] | ["tags", "hostedzone", zone] => return Some((*zone).to_owned()),
            ["hostedzone"] => {
                let body = std::str::from_utf8(request.body()).ok()?;
                return Some(body.split_once("<Name>")?.1.split_once("</Name>")?.0.to_owned());
            }
            ["hostedzonesbyname"] => {
                let query = request.uri().query()?;
                let mut fields = form_urlencoded::parse(query.as_bytes());
                return fields.find(|(key, _)| key == "dnsname").map(|(_, name)| name.into_owned());
            }
            _ => return None,
        },
        "apigateway" => match segments(path, "v2").as_slice() {
            ["tags", arn @ ..] if !arn.is_empty() => return Some(decode(&arn.join("/"))),
            [_, id, ..] => return Some(decode(id)),
            _ => {}
        },
        "lambda" => {
            if let Some((_, rest)) = path.split_once("/functions/") {
                return rest.split('/').next().map(decode);
            }
        }
        "s3" => return Some(decode(path.trim_start_matches('/'))),
        _ => {}
    }
    let body: Value = serde_json::from_slice(request.body()).ok()?;
    [
        "DomainName",
        "domainName",
        "CertificateArn",
        "OperationId",
        "SecretId",
        "TableName",
        "FunctionName",
        "executionArn",
        "stateMachineArn",
        "Rule",
        "Name",
        "name",
    ]
    .iter()
    .find_map(|field| body.get(field)?.as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str, body: &'static str) -> Request<Bytes> {
        let (method, uri) = line.split_once(' ').unwrap();
        Request::builder().method(method).uri(uri).body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn rest_paths_have_their_operation_names() {
        for (service, line, expected) in [
            ("route53", "GET /2013-04-01/hostedzonesbyname?dnsname=a.example", "ListHostedZonesByName"),
            ("route53", "POST /2013-04-01/hostedzone/Z1/rrset/", "ChangeResourceRecordSets"),
            ("route53", "POST /2013-04-01/hostedzone/Z1/rrset", "ChangeResourceRecordSets"),
            ("route53", "POST /2013-04-01/tags/hostedzone/Z1", "ChangeTagsForResource"),
            ("route53", "DELETE /2013-04-01/hostedzone/Z1", "DeleteHostedZone"),
            ("route53", "GET /2013-04-01/hostedzone/Z1/dnssec", "GetDNSSEC"),
            ("account", "POST /listRegions", "ListRegions"),
            ("apigateway", "GET /v2/apis", "GetApis"),
            ("apigateway", "POST /v2/apis", "CreateApi"),
            ("apigateway", "PATCH /v2/apis/a1", "UpdateApi"),
            ("apigateway", "GET /v2/apis/a1/routes", "GetRoutes"),
            ("apigateway", "POST /v2/apis/a1/stages", "CreateStage"),
            ("apigateway", "GET /v2/apis/a1/stages/%24default", "GetStage"),
            ("apigateway", "DELETE /v2/apis/a1/stages/%24default/routesettings/GET%20%2Fa", "DeleteRouteSettings"),
            ("apigateway", "DELETE /v2/apis/a1/stages/live/accesslogsettings", "DeleteAccessLogSettings"),
            ("apigateway", "POST /v2/apis/a1/deployments", "CreateDeployment"),
            ("apigateway", "DELETE /v2/domainnames/api.example.com", "DeleteDomainName"),
            ("apigateway", "POST /v2/domainnames/api.example.com/apimappings", "CreateApiMapping"),
            ("apigateway", "POST /v2/tags/arn%3Aaws%3Aapigateway", "TagResource"),
            ("lambda", "POST /2015-03-31/functions/plan/invocations", "Invoke"),
            ("lambda", "POST /2015-03-31/functions/plan/policy", "AddPermission"),
            ("lambda", "GET /2015-03-31/functions/", "ListFunctions"),
            ("s3", "PUT /bucket/key", "PutObject"),
            ("batch", "POST /v1/createjobqueue", "POST /v1/createjobqueue"),
        ] {
            assert_eq!(name(service, &request(line, "")), expected, "{line}");
        }
    }

    #[test]
    fn json_and_query_operations_name_themselves() {
        let json = Request::post("/").header("x-amz-target", "CertificateManager.RequestCertificate");
        assert_eq!(name("acm", &json.body(Bytes::new()).unwrap()), "RequestCertificate");
        assert_eq!(name("sts", &request("POST /", "Action=GetCallerIdentity&Version=2011-06-15")), "GetCallerIdentity");
        assert_eq!(name("iam", &request("GET /?Action=ListRoles", "")), "ListRoles");
        assert_eq!(
            name("monitoring", &request("POST /service/CloudWatch/operation/PutMetricData", "")),
            "PutMetricData"
        );
    }

    #[test]
    fn the_resource_tells_whose_call_it_was() {
        for (service, line, body, expected) in [
            ("route53", "POST /2013-04-01/hostedzone", "<C><Name>a.example.</Name></C>", Some("a.example.")),
            ("route53", "POST /2013-04-01/hostedzone/Z1/rrset", "<C/>", Some("Z1")),
            ("apigateway", "POST /v2/apis/a1/routes", "{\"routeKey\":\"$default\"}", Some("a1")),
            ("apigateway", "POST /v2/domainnames", "{\"domainName\":\"api.a.example\"}", Some("api.a.example")),
            ("apigateway", "GET /v2/tags/arn%3Ax%3A%3A%2Fapis%2Fa1", "", Some("arn:x::/apis/a1")),
            ("acm", "POST /", "{\"CertificateArn\":\"arn:c\"}", Some("arn:c")),
            ("acm", "POST /", "{}", None),
        ] {
            assert_eq!(resource(service, &request(line, body)).as_deref(), expected, "{line} {body}");
        }
    }
}
