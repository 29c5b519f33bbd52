//! Least privilege as deployed: what the roles may do is what they are seen to do, and IAM refuses the rest.
//!
//! The policies are those that IAM holds, and the calls are those that the local AWS has recorded.
//! `each_role_may_do…`, which compares the two, runs alone, so that every call is its own. No test here may know the
//! template.

use std::time::{Duration, SystemTime};

use e2e::{Backend, Events, World, owned, request};
use http::Method;
use local_aws::{AwsClient, CallError};
use serde_json::{Value, json};

/// The Lambda functions, by the beginning of their resources' names in the stack.
const FUNCTIONS: [&str; 22] = [
    "Plan",
    "CreateApi",
    "Register",
    "CreateZone",
    "CorrectDelegation",
    "RequestCert",
    "WriteRecords",
    "WriteValidationRecords",
    "AttachDomain",
    "CloseEndpoint",
    "PlanRetire",
    "DetachDomain",
    "DeleteApi",
    "DeleteCertificate",
    "DeleteValidationRecords",
    "DeleteRecords",
    "DeleteZone",
    "ReleaseRegistration",
    "DeleteWatches",
    "Resume",
    "ReleaseClaim",
    "PollRegistrations",
];

/// The tag by which a resource is this stack's, and the stack's name.
const OURS: (&str, &str) = ("nameplate:stack", "nameplate.us-east-1");

/// What is permitted and no run can be seen to do, with the reason.
const UNSEEN: [(&str, &str, &str); 18] = [
    ("Register", "route53:CreateHostedZone", "RegisterDomain makes the zone in its caller's name (AWS-FACTS 1.4.4)"),
    ("CreateApi", "apigateway:PUT", "CreateStage with tags needs it: Service Authorization Reference, API Gateway V2"),
    ("CreateApi", "apigateway:TagResource", "the newer name of POST and PUT on tags"),
    ("CreateApi", "logs:CreateLogDelivery", LOG_DELIVERY),
    ("CreateApi", "logs:DeleteLogDelivery", LOG_DELIVERY),
    ("CreateApi", "logs:DescribeResourcePolicies", LOG_DELIVERY),
    ("CreateApi", "logs:GetLogDelivery", LOG_DELIVERY),
    ("CreateApi", "logs:ListLogDeliveries", LOG_DELIVERY),
    ("CreateApi", "logs:PutResourcePolicy", LOG_DELIVERY),
    ("CreateApi", "logs:UpdateLogDelivery", LOG_DELIVERY),
    (
        "AttachDomain",
        "apigateway:PUT",
        "CreateDomainName with tags needs it: Service Authorization Reference, API Gateway V2",
    ),
    ("AttachDomain", "apigateway:TagResource", "the newer name of POST and PUT on tags"),
    ("AttachDomain", "iam:CreateServiceLinkedRole", "the account's first custom domain makes a role (AWS-FACTS 4.4.7)"),
    ("Resume", "sqs:SendMessage", ON_FAILURE),
    ("ReleaseClaim", "sqs:SendMessage", ON_FAILURE),
    ("PollRegistrations", "sqs:SendMessage", ON_FAILURE),
    ("provision", "logs:", LOGS),
    ("retire", "logs:", LOGS),
];

/// Why a function that sets an access log may deliver logs.
const LOG_DELIVERY: &str = "API Gateway sets up the delivery of an access log in its caller's name (AWS-FACTS 4.3.5)";

/// Why a state machine may do what it is not seen to do.
const LOGS: &str = "Step Functions delivers its logs past the record";

/// Why a function that events start may write to the queue.
const ON_FAILURE: &str = "Lambda itself sends what the function failed at, with the function's role";

/// The state machines, by the end of their names.
const MACHINES: [&str; 2] = ["provision", "retire"];

/// A function or a state machine.
struct Owner {
    /// `Plan`, …, `provision` or `retire`.
    kind: String,
    /// Its own name, as the record has it.
    name: String,
    role: String,
}

/// One statement of a role.
#[derive(Debug)]
struct Statement {
    actions: Vec<String>,
    resources: Vec<String>,
    condition: Value,
}

/// A call that was carried out, as IAM sees it.
#[derive(Debug)]
struct Seen {
    operation: String,
    action: String,
    /// For API Gateway the path, with `-` for ids that the record does not hold.
    path: Option<String>,
}

fn list(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

async fn owners(world: &World) -> Vec<Owner> {
    let mut owners = Vec::new();
    let page = world.rest("lambda", Method::GET, "/2015-03-31/functions/?MaxItems=1000", None).await;
    for kind in FUNCTIONS {
        let function = page["Functions"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|function| {
                function["FunctionName"].as_str().is_some_and(|name| name.contains(&format!("-{kind}Function-")))
            })
            .unwrap_or_else(|| panic!("no function {kind}"));
        let text = |field: &str| function[field].as_str().expect("text").to_owned();
        owners.push(Owner { kind: kind.to_owned(), name: text("FunctionName"), role: role_name(&text("Role")) });
    }
    for (kind, arn) in MACHINES.into_iter().zip([world.machine().to_owned(), world.retire_machine()]) {
        let body = json!({"stateMachineArn": arn});
        let machine = world.json("states", "AWSStepFunctions.DescribeStateMachine", &body).await;
        owners.push(Owner {
            kind: kind.to_owned(),
            name: machine["name"].as_str().expect("a name").to_owned(),
            role: role_name(machine["roleArn"].as_str().expect("a role")),
        });
    }
    owners
}

fn role_name(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or_default().to_owned()
}

async fn iam(world: &World, fields: &[(&str, &str)]) -> String {
    let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("Version", "2010-05-08")]).collect();
    world.client().query("iam", &fields).await.unwrap_or_else(|error| panic!("{fields:?}: {error}"))
}

/// The contents of the elements of that name.
fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open).skip(1).filter_map(|rest| rest.split_once(&close).map(|(content, _)| content)).collect()
}

/// The statements of the policies that a role itself holds.
async fn statements(world: &World, role: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let names = iam(world, &[("Action", "ListRolePolicies"), ("RoleName", role)]).await;
    for policy in elements(&names, "member") {
        let answer = iam(world, &[("Action", "GetRolePolicy"), ("RoleName", role), ("PolicyName", policy)]).await;
        let document = elements(&answer, "PolicyDocument").first().expect("a document").to_string();
        let document = document.replace("&quot;", "\"").replace("&amp;", "&");
        let document = match document.starts_with('{') {
            true => document,
            false => percent_encoding::percent_decode_str(&document).decode_utf8_lossy().into_owned(),
        };
        let document: Value = serde_json::from_str(&document).unwrap_or_else(|error| panic!("{document}: {error}"));
        for statement in document["Statement"].as_array().expect("statements") {
            assert_eq!(statement["Effect"], "Allow", "{statement}");
            statements.push(Statement {
                actions: list(&statement["Action"]),
                resources: list(&statement["Resource"]),
                condition: statement["Condition"].clone(),
            });
        }
    }
    statements
}

/// What of API Gateway carries tags, and so can meet a condition on them.
fn taggable(path: &str) -> bool {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    matches!(segments.as_slice(), ["apis" | "domainnames", _] | ["apis", _, "stages", _])
}

/// Operations whose requests carry the stack's tag.
const TAGGED: [&str; 5] =
    ["AddTagsToCertificate", "CreateApi", "CreateStage", "CreateDomainName", "RequestCertificate"];

impl Statement {
    /// Whether the statement can be what lets a call be made, and by which of its resources.
    fn serves(&self, action: &str, resource: &str, seen: &Seen) -> bool {
        let condition = self.condition.to_string();
        let tag_asked = condition.contains("\"StringEquals\":{\"aws:RequestTag/");
        let tagged = !tag_asked || TAGGED.contains(&seen.operation.as_str());
        let owned = !condition.contains("aws:ResourceTag/") || seen.path.as_deref().is_none_or(taggable);
        let reached = seen
            .path
            .as_ref()
            .is_none_or(|path| resource.split_once("::").is_some_and(|(_, pattern)| glob(pattern, path)));
        self.actions.iter().any(|allowed| allowed == action) && seen.action == action && tagged && owned && reached
    }
}

/// Whether a text has the form of a pattern in which `*` stands for anything.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text
            .strip_prefix(head)
            .is_some_and(|text| (0..=text.len()).any(|at| text.is_char_boundary(at) && glob(rest, &text[at..]))),
    }
}

/// Takes a tag off something of API Gateway.
fn untagging(path: &str, key: &str) -> Ask {
    let (arn, key) = (format!("arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2F{path}"), key.replace(':', "%3A"));
    gateway(Method::DELETE, &format!("/tags/{arn}?tagKeys={key}"), json!({}))
}

/// The permission that an operation needs, and for API Gateway the path that it is about.
fn needed(service: &str, operation: &str, resource: &str) -> (String, Option<String>) {
    match (service, operation) {
        ("lambda", "Invoke") => ("lambda:InvokeFunction".to_owned(), None),
        ("apigateway", "TagResource") => ("apigateway:POST".to_owned(), Some(format!("/tags/{resource}"))),
        ("apigateway", "UntagResource") => ("apigateway:DELETE".to_owned(), Some(format!("/tags/{resource}"))),
        ("apigateway", _) => {
            let verbs = [("Get", "GET"), ("Create", "POST"), ("Update", "PATCH"), ("Delete", "DELETE")];
            let (noun, method) = verbs
                .iter()
                .find_map(|(verb, method)| operation.strip_prefix(verb).map(|noun| (noun, *method)))
                .unwrap_or_else(|| panic!("what is {operation}?"));
            let folder = |name: &str| name.trim_end_matches('s').to_ascii_lowercase() + "s";
            let whole = method == "POST" || noun.ends_with('s');
            let path = match noun {
                "Api" | "Apis" | "DomainName" | "DomainNames" if whole => format!("/{}", folder(noun)),
                "Api" | "DomainName" => format!("/{}/{resource}", folder(noun)),
                "CorsConfiguration" => format!("/apis/{resource}/cors"),
                "AccessLogSettings" => format!("/apis/{resource}/stages/-/accesslogsettings"),
                "RouteSettings" => format!("/apis/{resource}/stages/-/routesettings/-"),
                _ => {
                    let above = if noun.starts_with("ApiMapping") { "domainnames" } else { "apis" };
                    format!("/{above}/{resource}/{}{}", folder(noun), if whole { "" } else { "/-" })
                }
            };
            (format!("apigateway:{method}"), Some(path))
        }
        _ => (format!("{service}:{operation}"), None),
    }
}

/// Everything that was recorded after `after`: whose call, what it needed, and the error's code.
async fn recorded(world: &World, after: u64) -> Vec<(String, Seen, String)> {
    let answer = world.control(Method::GET, &format!("/_local/calls?after={after}"), None).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    answer["calls"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|call| {
            !["admin", "-"].contains(&call["caller"].as_str().unwrap_or("-")) && call["service"] != "execute-api"
        })
        .map(|call| {
            let operation = text(&call["action"]);
            let (action, path) = needed(&text(&call["service"]), &operation, &text(&call["resource"]));
            (text(&call["caller"]), Seen { operation, action, path }, text(&call["error"]))
        })
        .collect()
}

/// Runs that together make every call that the code has.
async fn every_way(world: &World) {
    let backend = Backend::start().await;
    let settings = world.control(Method::GET, "/_local/settings", None).await;
    bought_and_changed(world, &backend).await;
    owned_and_unconfirmed(world, &backend).await;
    registered_elsewhere(world, &backend).await;
    delegated_elsewhere(world, &backend).await;
    of_other_kinds(world, &backend).await;
    in_a_named_zone(world, &backend).await;
    asked_by_email(world, &backend).await;
    stopped(world, &backend).await;
    retired(world, &backend).await;
    dissolved(world, &backend).await;
    // A name that is still to be had, looked at only.
    let mut asked = request("privileges-free.com", &backend.url("/models"));
    asked["dryRun"] = json!(true);
    let _ = world.run(&asked).await.live();
    world.control(Method::PUT, "/_local/settings", Some(&settings)).await;
}

/// A bought name with a Lambda route, records and a certificate of somebody else is retired, and renewed no more. One
/// mapping leads to somebody else's API, and another path to our own.
async fn retired(world: &World, backend: &Backend) {
    let domain = "privileges-retired.com";
    let lambda = world.function("Resume").await;
    let mut asked = request(domain, &backend.url("/models"));
    asked["api"]["routes"].as_array_mut().expect("routes").push(json!({"route": "POST /f", "lambda": lambda}));
    asked["records"] = json!([{"name": format!("www.{domain}"), "type": "A", "values": ["192.0.2.1"]}]);
    let live = world.run(&asked).await.live();
    let body = json!({"DomainName": format!("*.{domain}"), "ValidationMethod": "DNS"});
    world.json("acm", "CertificateManager.RequestCertificate", &body).await;
    let theirs = json!({"name": "theirs", "protocolType": "HTTP"});
    let theirs = world.rest("apigateway", Method::POST, "/v2/apis", Some(&theirs)).await["apiId"].clone();
    let stages = format!("/v2/apis/{}/stages", theirs.as_str().expect("an id"));
    world.rest("apigateway", Method::POST, &stages, Some(&json!({"stageName": "$default"}))).await;
    let mappings = format!("/v2/domainnames/api.{domain}/apimappings");
    let ours = json!({"apiId": live["apiId"], "stage": "$default", "apiMappingKey": "v2"});
    world.rest("apigateway", Method::POST, &mappings, Some(&ours)).await;
    let root = world.mappings(&format!("api.{domain}")).await;
    let root = root.iter().find(|mapping| mapping["apiMappingKey"].as_str().unwrap_or_default().is_empty());
    let path = format!("{mappings}/{}", root.expect("a mapping")["apiMappingId"].as_str().expect("an id"));
    let moved = json!({"apiId": theirs, "stage": "$default"});
    world.rest("apigateway", Method::PATCH, &path, Some(&moved)).await;
    let _ = world.retire(domain, &json!({"autoRenew": "off"})).await.live();
    world.rest("apigateway", Method::DELETE, &format!("/v2/apis/{}", theirs.as_str().expect("an id")), None).await;
}

/// A name in a zone that Nameplate made is retired when the registry points to that zone no more; one whose purchase
/// ended long ago without the name; one that nobody knows.
async fn dissolved(world: &World, backend: &Backend) {
    let domain = "privileges-dissolved.com";
    let elsewhere = json!({"state": "owned", "createZone": false, "nameServers": ["ns.example.net"]});
    world.registry(domain, elsewhere.clone()).await;
    let mut asked = request(domain, &backend.url("/models"));
    asked.as_object_mut().expect("an object").remove("registration");
    asked["nameServers"] = json!("correct");
    let _ = world.run(&asked).await.live();
    world.registry(domain, elsewhere).await;
    let _ = world.retire(domain, &json!({})).await.live();
    assert_eq!(world.zones(domain).await, [""; 0], "the zone went");
    let item = json!({"id": {"S": "domain#privileges-gone.com"}, "purchaseIntent": {"N": "1"}, "purchaseOperation": {"S": "op-1"}});
    world.json("dynamodb", "DynamoDB_20120810.PutItem", &json!({"TableName": world.table(), "Item": item})).await;
    let _ = world.retire("privileges-gone.com", &json!({})).await.live();
    let _ = world.retire("privileges-unknown.com", &json!({})).await.refused("Nameplate.Refused");
}

/// A run that is stopped in its sleep: what it held is released.
async fn stopped(world: &World, backend: &Backend) {
    let domain = "privileges-stopped.com";
    let arn = world.start(world.machine(), &request(domain, &backend.url("/models"))).await;
    until(async || world.watches(domain).await.into_iter().find(|watch| !watch["token"].is_null())).await;
    world.json("states", "AWSStepFunctions.StopExecution", &json!({"executionArn": arn})).await;
    until(async || Some(world.item(domain).await).filter(|item| item["heldBy"].is_null())).await;
}

/// A name with an old intent that AWS never heard of; forged events on the way; then the request changes.
async fn bought_and_changed(world: &World, backend: &Backend) {
    let domain = "privileges.com";
    let slow = json!({"state": "available", "registration": {"outcome": "SUCCESSFUL", "delayMs": 6000}});
    world.registry(domain, slow).await;
    world.control(Method::PUT, "/_local/settings", Some(&json!({"delays": {"certificateIssue": 5000}}))).await;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let item = json!({"id": {"S": format!("domain#{domain}")}, "purchaseIntent": {"N": (now - 7200).to_string()}});
    world.json("dynamodb", "DynamoDB_20120810.PutItem", &json!({"TableName": world.table(), "Item": item})).await;

    let jwt = |audience: &str| json!({"jwt": {"issuer": "https://login.example.com", "audience": [audience]}});
    let mut asked = request(domain, &backend.url("/models"));
    asked["api"]["routes"] = json!([
        {"route": "GET /v1/models", "url": backend.url("/models")},
        {"route": "GET /v1/old", "url": backend.url("/old"), "authorizer": jwt("old"), "throttle": {"rate": 1, "burst": 1}},
    ]);
    asked["api"]["accessLog"] = json!({"retentionDays": 30});
    let arn = world.start(world.machine(), &asked).await;
    let operation =
        until(async || world.item(domain).await["purchaseOperation"]["S"].as_str().map(str::to_owned)).await;
    let detail = json!({"version": 1, "domainName": domain, "operationId": operation, "status": "SUCCESSFUL"});
    world.publish("Domain Registration Completed", &detail, 1).await;
    let certificate = until(async || {
        let found = world.certificates(domain).await;
        let states = world.states(&arn).await;
        let asleep = states.last().is_some_and(|state| state == "AwaitCertificate");
        found.first().filter(|_| asleep).map(|found| found["CertificateArn"].as_str().expect("an ARN").to_owned())
    })
    .await;
    let forged = json!({"source": "aws.acm", "detailType": "ACM Certificate Available", "resources": [certificate],
        "detail": {"Action": "ISSUANCE"}});
    world.control(Method::POST, "/_local/events", Some(&forged)).await;
    let first = world.ended(&arn).await.live();
    world.control(Method::PUT, "/_local/settings", Some(&json!({"delays": {"certificateIssue": 500}}))).await;

    // A certificate of somebody else with the names that are wanted next.
    let more = [format!("*.{domain}"), format!("more.{domain}")];
    let body = json!({"DomainName": domain, "SubjectAlternativeNames": more, "ValidationMethod": "DNS"});
    world.json("acm", "CertificateManager.RequestCertificate", &body).await;
    let functions = owners(world).await;
    let resume = functions.iter().find(|owner| owner.kind == "Resume").expect("a function");
    let path = format!("/2015-03-31/functions/{}/configuration", resume.name);
    let lambda = world.rest("lambda", Method::GET, &path, None).await["FunctionArn"].clone();
    asked["certificate"] = json!({"alternativeNames": more});
    asked["api"]["routes"] = json!([
        {"route": "GET /v1/models", "url": backend.url("/other")},
        {"route": "POST /v1/function", "lambda": lambda},
    ]);
    asked["api"]["cors"] = json!({"allowOrigins": ["https://app.example.com"]});
    asked["api"]["throttle"] = json!({"rate": 100.0, "burst": 200});
    asked["api"]["authorizer"] = jwt("new");
    asked["api"]["accessLog"] = json!({"retentionDays": 90});
    asked["tags"] = json!({"team": "inference", "stage": "changed"});
    asked["records"] = json!([{"name": format!("www.{}", asked["domainName"].as_str().expect("a name")), "type": "A", "values": ["192.0.2.1"]}]);
    let second = world.run(&asked).await.live();
    assert_ne!(second["certificateArn"], first["certificateArn"], "a certificate with one more name");
    asked["registration"]["autoRenew"] = json!(false);
    assert_eq!(world.run(&asked).await.live()["registration"]["autoRenew"], false);
    asked["registration"]["autoRenew"] = json!(true);
    let mut dry = asked.clone();
    dry["dryRun"] = json!(true);
    let _ = world.run(&dry).await.live();
    let authorizers = format!("/v2/apis/{}/authorizers", second["apiId"].as_str().expect("an id"));
    let made = world.rest("apigateway", Method::GET, &authorizers, None).await["items"][0]["authorizerId"].clone();
    let by_hand = json!({"identitySource": ["$request.header.Other"]});
    let path = format!("{authorizers}/{}", made.as_str().expect("an id"));
    world.rest("apigateway", Method::PATCH, &path, Some(&by_hand)).await;
    for field in ["cors", "accessLog"] {
        asked["api"].as_object_mut().expect("an object").remove(field);
    }
    asked["api"]["routes"].as_array_mut().expect("a list").pop();
    asked["tags"] = json!({"team": "serving"});
    let third = world.run(&asked).await.live();

    // The API goes, and what is known of it; its mapping stays and is taken over by the new one.
    let forget = json!({"TableName": world.table(), "Key": {"id": {"S": format!("domain#{domain}")}},
        "UpdateExpression": "REMOVE known"});
    world.json("dynamodb", "DynamoDB_20120810.UpdateItem", &forget).await;
    let path = format!("/v2/apis/{}", third["apiId"].as_str().expect("an id"));
    world.rest("apigateway", Method::DELETE, &path, None).await;
    let fourth = world.run(&asked).await.live();
    assert_ne!(fourth["apiId"], third["apiId"]);
    asked["dryRun"] = json!(true);
    let _ = world.run(&asked).await.live();
}

/// A name that is ours, with a zone that nobody has tagged and an address that nobody has confirmed.
async fn owned_and_unconfirmed(world: &World, backend: &Backend) {
    let domain = "privileges-owned.com";
    world.registry(domain, json!({"state": "owned", "reachability": "PENDING"})).await;
    let mut asked = request(domain, &backend.url("/models"));
    asked["api"]["accessLog"] = json!({"retentionDays": 7});
    let first = world.run(&asked).await.live();
    assert_eq!(first["registration"]["emailConfirmed"], false);
    assert_eq!(world.run(&asked).await.live(), first, "nothing left to do");
    asked["tags"] = json!({});
    let _ = world.run(&asked).await.live();
}

/// A name that somebody else's account holds, which needs a zone here and gets its servers set by hand.
async fn registered_elsewhere(world: &World, backend: &Backend) {
    let domain = "privileges-elsewhere.com";
    world.registry(domain, json!({"state": "elsewhere"})).await;
    let mut asked = request(domain, &backend.url("/models"));
    asked.as_object_mut().expect("an object").remove("registration");
    asked["api"]["defaultEndpoint"] = json!("closed");
    let arn = world.start(world.machine(), &asked).await;
    let zone = until(async || world.zones(domain).await.first().cloned()).await;
    let servers = world.name_servers(&zone).await;
    world.registry(domain, json!({"state": "elsewhere", "nameServers": servers})).await;
    let _ = world.ended(&arn).await.live();
}

/// A name that is ours and delegated to somewhere else, which the request wants corrected.
async fn delegated_elsewhere(world: &World, backend: &Backend) {
    let domain = "privileges-delegation.com";
    world.registry(domain, json!({"state": "owned", "createZone": false, "nameServers": ["ns.example.net"]})).await;
    let mut asked = request(domain, &backend.url("/models"));
    asked.as_object_mut().expect("an object").remove("registration");
    asked["nameServers"] = json!("correct");
    let _ = world.run(&asked).await.live();
}

/// A name that is to lie in a zone that the request names by its id.
async fn in_a_named_zone(world: &World, backend: &Backend) {
    let domain = "privileges-around.com";
    world.registry(domain, json!({"state": "owned"})).await;
    let mut asked = request(&format!("acme.{domain}"), &backend.url("/models"));
    asked.as_object_mut().expect("an object").remove("registration");
    asked["hostedZone"] = json!(world.zones(domain).await[0]);
    asked["dryRun"] = json!(true);
    let _ = world.run(&asked).await.live();
}

/// A WebSocket API that changes, and then an API of somebody else.
async fn of_other_kinds(world: &World, backend: &Backend) {
    let routes = json!([{"route": "ask", "url": backend.url("/ask")}]);
    let kind = json!({"protocol": "WEBSOCKET", "defaultEndpoint": "closed"});
    let mut asked = owned(world, "privileges-socket.com", routes, kind).await;
    let _ = world.run(&asked).await.live();
    assert!(!world.run(&asked).await.live()["apiId"].is_null(), "nothing left to do");
    asked["api"]["routeSelectionExpression"] = json!("$request.body.kind");
    let _ = world.run(&asked).await.live();
    let body = json!({"name": "somebody-else", "protocolType": "HTTP"});
    let theirs = world.rest("apigateway", Method::POST, "/v2/apis", Some(&body)).await["apiId"].clone();
    let stages = format!("/v2/apis/{}/stages", theirs.as_str().expect("an id"));
    world.rest("apigateway", Method::POST, &stages, Some(&json!({"stageName": "$default"}))).await;
    asked["api"] = json!({"existing": {"apiId": theirs, "stage": "$default"}});
    let _ = world.run(&asked).await.live();
}

/// A name that ACM asks about by e-mail: the first run is stopped, the second has the mails sent again.
async fn asked_by_email(world: &World, backend: &Backend) {
    let domain = "privileges-email.com";
    world.registry(domain, json!({"state": "owned"})).await;
    let mut asked = request(domain, &backend.url("/models"));
    asked["certificate"] = json!({"validation": "EMAIL", "resendEmail": true});
    let asleep =
        async || until(async || world.watches(domain).await.into_iter().find(|watch| !watch["token"].is_null())).await;
    let first = world.start(world.machine(), &asked).await;
    asleep().await;
    world.json("states", "AWSStepFunctions.StopExecution", &json!({"executionArn": first})).await;
    until(async || Some(world.item(domain).await).filter(|item| item["heldBy"].is_null())).await;
    let second = world.start(world.machine(), &asked).await;
    asleep().await;
    world.click_for(&world.certificates(domain).await[0], &[domain, "*.privileges-email.com"]).await;
    let result = world.ended(&second).await.live();
    assert_eq!(world.run(&asked).await.live(), result, "nothing left to do");
}

/// What `look` finds, once it finds something.
async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(Duration::from_secs(120), async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    found.await.expect("what is waited for does not come")
}

#[tokio::test]
async fn each_role_may_do_what_it_is_seen_to_do_and_nothing_else() {
    let world = World::deployed();
    let before = world.calls_so_far().await;
    every_way(&world).await;
    let calls = recorded(&world, before).await;

    let mut problems = Vec::new();
    for owner in owners(&world).await {
        let seen: Vec<&(String, Seen, String)> = calls.iter().filter(|(caller, ..)| *caller == owner.name).collect();
        let machine = MACHINES.contains(&owner.kind.as_str());
        if seen.is_empty() && machine {
            eprintln!("the calls of Step Functions are not in the record");
            continue;
        }
        let statements = statements(&world, &owner.role).await;
        assert!(!seen.is_empty() && !statements.is_empty(), "{}: no call or no policy", owner.name);
        for (_, call, error) in &seen {
            let allowed = statements.iter().any(|statement| {
                statement.resources.iter().any(|resource| statement.serves(&call.action, resource, call))
            });
            if !allowed || error.starts_with("AccessDenied") {
                problems.push(format!("{} does what it may not: {call:?} {error}", owner.kind));
            }
        }
        for statement in &statements {
            for action in &statement.actions {
                let unseen = |(kind, listed, _): &&(&str, &str, &str)| {
                    *kind == owner.kind && (listed == action || listed.ends_with(':') && action.starts_with(*listed))
                };
                let tags = action == "apigateway:POST" && statement.resources.iter().all(|r| r.ends_with("/tags/*"));
                for resource in &statement.resources {
                    let done = seen.iter().any(|(_, call, _)| statement.serves(action, resource, call));
                    if !done && UNSEEN.iter().find(unseen).is_none() {
                        problems.push(format!("{} may {action} on {resource} and never does", owner.kind));
                    }
                    if done && !tags && UNSEEN.iter().find(unseen).is_some() {
                        problems.push(format!("{} is seen to {action}; take it out of the list", owner.kind));
                    }
                }
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

/// A request to AWS.
#[derive(Clone, Debug)]
enum Ask {
    /// A service with JSON protocol: its target and body.
    Json(&'static str, Value),
    /// API Gateway or Lambda: service, method, path and body.
    Rest(&'static str, Method, String, Value),
    /// Route 53: method, path and body.
    Xml(Method, String, String),
}

impl Ask {
    async fn by(&self, client: &AwsClient) -> Result<String, CallError> {
        match self {
            Self::Json(target, body) => {
                let service = match target.split_once('.').expect("a target").0 {
                    "AWSEvents" => "events",
                    "AWSStepFunctions" => "states",
                    "CertificateManager" => "acm",
                    "DynamoDB_20120810" => "dynamodb",
                    "Logs_20140328" => "logs",
                    "Route53Domains_v20140515" => "route53domains",
                    service => service,
                };
                client.json(service, target, body).await.map(|answer| answer.to_string())
            }
            Self::Rest(service, method, path, body) => {
                client.rest_json(service, method.clone(), path, Some(body)).await.map(|answer| answer.to_string())
            }
            Self::Xml(method, path, body) => client.rest_xml("route53", method.clone(), path, body.clone()).await,
        }
    }
}

fn gateway(method: Method, path: &str, body: Value) -> Ask {
    Ask::Rest("apigateway", method, format!("/v2{path}"), body)
}

/// One batch of changes, each `action name type value`; a value of `alias` is one of API Gateway.
fn records(zone: &str, changes: &[&str]) -> Ask {
    let change = |line: &&str| {
        let [action, name, kind, value] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let value = match value {
            "alias" => "<AliasTarget><HostedZoneId>Z1UJRXOUMOOFQ8</HostedZoneId><DNSName>d-1.execute-api.us-east-1.amazonaws.com\
                 </DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>"
                .to_owned(),
            value => format!("<TTL>60</TTL><ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords>"),
        };
        format!(
            "<Change><Action>{action}</Action><ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type>{value}</ResourceRecordSet></Change>"
        )
    };
    let changes: String = changes.iter().map(change).collect();
    let body = format!(
        "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>{changes}\
         </Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
    );
    Ask::Xml(Method::POST, format!("/2013-04-01/hostedzone/{zone}/rrset"), body)
}

fn zone_request(name: &str) -> Ask {
    let body = format!(
        "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>{name}</Name>\
         <CallerReference>{name}</CallerReference></CreateHostedZoneRequest>"
    );
    Ask::Xml(Method::POST, "/2013-04-01/hostedzone".to_owned(), body)
}

fn item(operation: &'static str, table: &str, key: &str) -> Ask {
    let body = match operation.ends_with("PutItem") {
        true => json!({"TableName": table, "Item": {"id": {"S": key}}}),
        false if operation.ends_with("UpdateItem") => json!({
            "TableName": table, "Key": {"id": {"S": key}}, "UpdateExpression": "SET resolved = :now",
            "ExpressionAttributeValues": {":now": {"N": "1"}},
        }),
        false => json!({"TableName": table, "Key": {"id": {"S": key}}}),
    };
    Ask::Json(operation, body)
}

fn event(detail_type: &str, source: &str) -> Ask {
    // Whoever catches it holds it against the schema of an operation that has ended: only those are taken.
    let detail = json!({"version": 1, "domainName": "privileges-event.com", "operationId": "some", "status": "ERROR"});
    let entry = json!({"Source": source, "DetailType": detail_type, "Detail": detail.to_string()});
    Ask::Json("AWSEvents.PutEvents", json!({"Entries": [entry]}))
}

fn certificate(name: &str, tags: Value, options: Value) -> Ask {
    let body = json!({"DomainName": name, "ValidationMethod": "DNS", "Tags": tags, "Options": options});
    Ask::Json("CertificateManager.RequestCertificate", body)
}

fn domains(operation: &'static str, name: &str) -> Ask {
    Ask::Json(operation, json!({"DomainName": name}))
}

/// A whole request to buy a name, but for who buys it.
fn purchase(name: &str) -> Ask {
    let contact = json!({
        "FirstName": "Ada", "LastName": "Example", "ContactType": "PERSON", "AddressLine1": "1 Example Street",
        "City": "Seattle", "State": "WA", "ZipCode": "98101", "CountryCode": "US", "PhoneNumber": "+1.2065550100",
        "Email": "ada@example.com"
    });
    let body = json!({"DomainName": name, "DurationInYears": 1, "AdminContact": contact, "RegistrantContact": contact,
        "TechContact": contact});
    Ask::Json("Route53Domains_v20140515.RegisterDomain", body)
}

const NAME_SERVERS: &str = "Route53Domains_v20140515.UpdateDomainNameservers";
const RENEWAL_OFF: &str = "Route53Domains_v20140515.DisableDomainAutoRenew";
const RENEWAL_ON: &str = "Route53Domains_v20140515.EnableDomainAutoRenew";
const TAGS_OFF: &str = "Route53Domains_v20140515.DeleteTagsForDomain";
const PUT_ITEM: &str = "DynamoDB_20120810.PutItem";
const GET_ITEM: &str = "DynamoDB_20120810.GetItem";
const UPDATE_ITEM: &str = "DynamoDB_20120810.UpdateItem";
const CREATE_LOG_GROUP: &str = "Logs_20140328.CreateLogGroup";
const PUT_RETENTION: &str = "Logs_20140328.PutRetentionPolicy";
const DELETE_LOG_GROUP: &str = "Logs_20140328.DeleteLogGroup";
const DELETE_ITEM: &str = "DynamoDB_20120810.DeleteItem";
/// Nobody may, and everybody is seen to be refused.
const DELETION: &str = "Route53Domains_v20140515.DeleteDomain";

/// A function's role, with what every test needs beside it.
struct As {
    world: World,
    role: AwsClient,
}

impl As {
    async fn the(kind: &str) -> Self {
        let world = World::deployed();
        let owners = owners(&world).await;
        let owner = owners.iter().find(|owner| owner.kind == kind).expect("a function");
        // A function's credentials come to be with its first invocation. No input at all does nothing.
        let path = format!("/2015-03-31/functions/{}/invocations", owner.name);
        world.rest("lambda", Method::POST, &path, Some(&json!({}))).await;
        let role = world.client().as_function(&owner.name).await.expect("the function's credentials");
        Self { world, role }
    }

    /// AWS must carry this out, or refuse it for another reason than permission: then with this code.
    async fn may(&self, ask: Ask, otherwise: Option<&str>) -> String {
        let answer = ask.by(&self.role).await;
        match (answer, otherwise) {
            (Ok(answer), None) => answer,
            (Err(error), Some(code)) if error.to_string().contains(code) => String::new(),
            (answer, _) => panic!("{ask:?}: {answer:?}"),
        }
    }

    /// IAM must refuse this.
    async fn may_not(&self, ask: Ask) {
        let answer = ask.by(&self.role).await;
        let denied = answer.as_ref().is_err_and(|error| error.to_string().contains("AccessDenied"));
        assert!(denied, "{ask:?}: {answer:?}");
    }

    /// A zone of the administrator's.
    async fn zone(&self, name: &str) -> String {
        zone_request(name).by(self.world.client()).await.expect("a zone");
        self.world.zones(name).await.remove(0)
    }

    /// An API of the administrator's, with these tags.
    async fn api(&self, tags: Value) -> String {
        let body = json!({"name": "somebody-else", "protocolType": "HTTP", "tags": tags});
        let api = self.world.rest("apigateway", Method::POST, "/v2/apis", Some(&body)).await;
        api["apiId"].as_str().expect("an id").to_owned()
    }

    async fn remove_api(&self, id: &str) {
        self.world.rest("apigateway", Method::DELETE, &format!("/v2/apis/{id}"), None).await;
    }
}

fn our_tags() -> Value {
    json!([{"Key": OURS.0, "Value": OURS.1}])
}

#[tokio::test]
async fn nobody_can_give_up_a_registration_or_touch_what_keeps_it() {
    let world = World::deployed();
    let domain = "privileges-kept.com";
    world.registry(domain, json!({"state": "owned"})).await;
    let forbidden =
        ["Route53Domains_v20140515.DisableDomainTransferLock", DELETION, RENEWAL_OFF, NAME_SERVERS, TAGS_OFF];
    for kind in FUNCTIONS {
        let role = As::the(kind).await;
        // What one function alone is for.
        let own: &[&str] = match kind {
            "CorrectDelegation" => &[NAME_SERVERS],
            // What the request names no more goes, and a renewal that it does not want ends.
            "Register" => &[RENEWAL_OFF, TAGS_OFF],
            "ReleaseRegistration" => &[RENEWAL_OFF, TAGS_OFF],
            _ => &[],
        };
        for operation in forbidden.into_iter().filter(|operation| !own.contains(operation)) {
            role.may_not(domains(operation, domain)).await;
        }
    }
    // The state machines' roles, by IAM's own judgement of their policies; they may do their own work.
    let owners = owners(&world).await;
    let table = format!("arn:aws:dynamodb:us-east-1:000000000000:table/{}", world.table());
    let deletion = format!("route53domains:{}", DELETION.rsplit('.').next().expect("an operation"));
    for machine in owners.iter().filter(|owner| MACHINES.contains(&owner.kind.as_str())) {
        let role = format!("arn:aws:iam::000000000000:role/{}", machine.role);
        for (action, resource, decision) in [
            ("dynamodb:UpdateItem", table.as_str(), "allowed"),
            (deletion.as_str(), "*", "implicitDeny"),
            ("route53domains:RegisterDomain", "*", "implicitDeny"),
            ("route53domains:DisableDomainAutoRenew", "*", "implicitDeny"),
            ("dynamodb:DeleteItem", table.as_str(), "implicitDeny"),
        ] {
            let fields = [
                ("Action", "SimulatePrincipalPolicy"),
                ("PolicySourceArn", role.as_str()),
                ("ActionNames.member.1", action),
                ("ResourceArns.member.1", resource),
            ];
            let answer = iam(&world, &fields).await;
            assert_eq!(elements(&answer, "EvalDecision"), [decision], "{}: {action}: {answer}", machine.kind);
        }
    }
    // It is still there, and the administrator's same request is no bad request.
    let detail =
        world.json("route53domains", "Route53Domains_v20140515.GetDomainDetail", &json!({"DomainName": domain})).await;
    assert_eq!(detail["DomainName"], domain);
    let error = domains(DELETION, domain).by(world.client()).await.expect_err("the lock is on").to_string();
    assert!(error.contains("TLDRulesViolation"), "{error}");
}

#[tokio::test]
async fn plan_cannot_write_anything() {
    let plan = As::the("Plan").await;
    let zone = plan.zone("privileges-plan.com").await;
    let table = plan.world.table().to_owned();
    plan.may(Ask::Json("CertificateManager.ListCertificates", json!({})), None).await;
    let unknown = "arn:aws:acm:us-east-1:000000000000:certificate/privileges-plan";
    let unknown =
        json!({"CertificateArn": unknown, "Domain": "privileges-plan.com", "ValidationDomain": "privileges-plan.com"});
    plan.may(Ask::Json("CertificateManager.DescribeCertificate", unknown.clone()), Some("ResourceNotFoundException"))
        .await;
    plan.may_not(Ask::Json("CertificateManager.ResendValidationEmail", unknown)).await;
    plan.may(item(GET_ITEM, &table, "domain#privileges-plan.com"), None).await;
    plan.may(domains("Route53Domains_v20140515.CheckDomainAvailability", "privileges-plan.com"), None).await;
    for ask in [
        item(GET_ITEM, &table, "watch#some"),
        item(PUT_ITEM, &table, "domain#privileges-plan.com"),
        item(UPDATE_ITEM, &table, "domain#privileges-plan.com"),
        certificate("privileges-plan.com", our_tags(), json!({})),
        Ask::Json(PUT_RETENTION, json!({"logGroupName": "/aws/lambda/privileges-plan", "retentionInDays": 1})),
        gateway(Method::POST, "/apis", json!({"name": "x", "protocolType": "HTTP", "tags": {OURS.0: OURS.1}})),
        gateway(
            Method::POST,
            "/domainnames",
            json!({"domainName": "api.privileges-plan.com", "tags": {OURS.0: OURS.1}}),
        ),
        zone_request("privileges-planned.com"),
        records(&zone, &["UPSERT _x.privileges-plan.com CNAME y.example.com"]),
        purchase("privileges-planned.com"),
        event("Domain Live", "nameplate"),
        Ask::Json("secretsmanager.GetSecretValue", json!({"SecretId": "elsewhere/contact"})),
        Ask::Json("secretsmanager.PutSecretValue", json!({"SecretId": "nameplate/contact", "SecretString": "{}"})),
        Ask::Json("AWSStepFunctions.StartExecution", json!({"stateMachineArn": plan.world.machine(), "input": "{}"})),
    ] {
        plan.may_not(ask).await;
    }
}

#[tokio::test]
async fn create_api_changes_only_apis_of_this_stack() {
    let create_api = As::the("CreateApi").await;
    let foreign = create_api.api(json!({})).await;
    let of_another = create_api.api(json!({OURS.0: "another"})).await;
    let api = |tags: Value| {
        gateway(Method::POST, "/apis", json!({"name": "privileges", "protocolType": "HTTP", "tags": tags}))
    };
    let made = create_api.may(api(json!({OURS.0: OURS.1})), None).await;
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let id = made["apiId"].as_str().expect("an id");
    create_api.may(gateway(Method::PATCH, &format!("/apis/{id}"), json!({"name": "renamed"})), None).await;
    let stage = json!({"stageName": "$default", "autoDeploy": true, "tags": {OURS.0: OURS.1}});
    create_api.may(gateway(Method::POST, &format!("/apis/{id}/stages"), stage), None).await;
    create_api
        .may(gateway(Method::PATCH, &format!("/apis/{id}/stages/$default"), json!({"autoDeploy": true})), None)
        .await;
    let owners = owners(&create_api.world).await;
    let resume = owners.iter().find(|owner| owner.kind == "Resume").expect("a function");
    let permission = |principal: &str| {
        let body = json!({"StatementId": format!("privileges-{}", principal.len()), "Action": "lambda:InvokeFunction", "Principal": principal});
        Ask::Rest("lambda", Method::POST, format!("/2015-03-31/functions/{}/policy", resume.name), body)
    };
    create_api.may(permission("apigateway.amazonaws.com"), None).await;
    let tag = |id: &str, value: &str| {
        let arn = format!("arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fapis%2F{id}");
        gateway(Method::POST, &format!("/tags/{arn}"), json!({"tags": {OURS.0: value}}))
    };
    create_api.may(tag(id, OURS.1), None).await;
    let statement = format!("privileges-{}", "apigateway.amazonaws.com".len());
    let path = format!("/2015-03-31/functions/{}/policy/{statement}", resume.name);
    create_api.may(Ask::Rest("lambda", Method::DELETE, path, json!({})), None).await;
    // A deployment needs a route.
    create_api.may(gateway(Method::POST, &format!("/apis/{id}/deployments"), json!({})), Some("BadRequest")).await;
    let group = |stack: &str| format!("/aws/vendedlogs/nameplate/{stack}/privileges-api.com");
    let logs = |target: &'static str, name: &str| {
        Ask::Json(target, json!({"logGroupName": name, "retentionInDays": 30, "tags": {OURS.0: OURS.1}}))
    };
    let ours = group(OURS.1);
    create_api.may(logs(CREATE_LOG_GROUP, &ours), None).await;
    create_api.may(logs(PUT_RETENTION, &ours), None).await;
    let elsewhere = group("another");
    logs(CREATE_LOG_GROUP, &elsewhere).by(create_api.world.client()).await.expect("a log group");
    for ask in [
        logs(PUT_RETENTION, &elsewhere),
        logs(DELETE_LOG_GROUP, &ours),
        logs("Logs_20140328.FilterLogEvents", &ours),
        logs("Logs_20140328.DeleteRetentionPolicy", &ours),
        api(json!({})),
        api(json!({OURS.0: "another"})),
        gateway(Method::PATCH, &format!("/apis/{foreign}"), json!({"name": "taken"})),
        gateway(Method::PATCH, &format!("/apis/{of_another}"), json!({"name": "taken"})),
        gateway(Method::POST, &format!("/apis/{foreign}/stages"), json!({"stageName": "$default"})),
        gateway(Method::DELETE, &format!("/apis/{foreign}"), json!({})),
        gateway(Method::DELETE, &format!("/apis/{id}"), json!({})),
        gateway(Method::DELETE, &format!("/apis/{id}/stages/$default"), json!({})),
        gateway(Method::PATCH, &format!("/apis/{foreign}/stages/$default"), json!({"autoDeploy": true})),
        gateway(Method::GET, "/domainnames", json!({})),
        tag(id, "another"),
        permission("s3.amazonaws.com"),
        Ask::Rest("lambda", Method::POST, format!("/2015-03-31/functions/{}/invocations", resume.name), json!({})),
        zone_request("privileges-api.com"),
        purchase("privileges-api.com"),
    ] {
        create_api.may_not(ask).await;
    }
    for name in [&ours, &elsewhere] {
        logs(DELETE_LOG_GROUP, name).by(create_api.world.client()).await.expect("gone");
    }
    for id in [id, &foreign, &of_another] {
        create_api.remove_api(id).await;
    }
}

#[tokio::test]
async fn register_buys_and_renews_and_gives_nothing_up() {
    let register = As::the("Register").await;
    let table = register.world.table().to_owned();
    register.world.registry("privileges-register.com", json!({"state": "unavailable"})).await;
    // Allowed, and refused by the registry.
    register.may(purchase("privileges-register.nope"), Some("UnsupportedTLD")).await;
    register.may(item(GET_ITEM, &table, "domain#privileges-register.com"), None).await;
    for renewal in [RENEWAL_OFF, RENEWAL_ON] {
        register.may(domains(renewal, "privileges-register.nope"), Some("InvalidInput")).await;
    }
    for ask in [
        domains(DELETION, "privileges-register.com"),
        domains("Route53Domains_v20140515.TransferDomain", "privileges-register.com"),
        domains("Route53Domains_v20140515.RenewDomain", "privileges-register.com"),
        item(GET_ITEM, &table, "watch#some"),
        item(UPDATE_ITEM, &table, "watch#some"),
        item(PUT_ITEM, &table, "domain#privileges-register.com"),
        Ask::Json("secretsmanager.GetSecretValue", json!({"SecretId": "elsewhere/contact"})),
        Ask::Json("secretsmanager.DeleteSecret", json!({"SecretId": "nameplate/contact"})),
        Ask::Xml(Method::GET, "/2013-04-01/hostedzonesbyname".to_owned(), String::new()),
        certificate("privileges-register.com", our_tags(), json!({})),
        gateway(Method::GET, "/apis", json!({})),
    ] {
        register.may_not(ask).await;
    }
}

#[tokio::test]
async fn create_zone_cannot_touch_records_apis_or_the_registry() {
    let create_zone = As::the("CreateZone").await;
    create_zone.may(zone_request("privileges-zone.com"), None).await;
    let zone = create_zone.world.zones("privileges-zone.com").await.remove(0);
    create_zone.may(Ask::Xml(Method::GET, format!("/2013-04-01/hostedzone/{zone}"), String::new()), None).await;
    let foreign = create_zone.api(json!({})).await;
    for ask in [
        records(&zone, &["UPSERT _x.privileges-zone.com CNAME y.example.com"]),
        records(&zone, &["UPSERT api.privileges-zone.com A alias"]),
        Ask::Xml(Method::GET, format!("/2013-04-01/hostedzone/{zone}/rrset"), String::new()),
        Ask::Xml(Method::DELETE, format!("/2013-04-01/hostedzone/{zone}"), String::new()),
        gateway(Method::GET, "/apis", json!({})),
        gateway(Method::PATCH, &format!("/apis/{foreign}"), json!({"name": "taken"})),
        gateway(Method::DELETE, &format!("/apis/{foreign}"), json!({})),
        gateway(Method::POST, "/apis", json!({"name": "x", "protocolType": "HTTP", "tags": {OURS.0: OURS.1}})),
        domains("Route53Domains_v20140515.GetDomainDetail", "privileges-zone.com"),
        purchase("privileges-zone.com"),
    ] {
        create_zone.may_not(ask).await;
    }
    create_zone.remove_api(&foreign).await;
}

#[tokio::test]
async fn correct_delegation_changes_name_servers_and_nothing_else() {
    let correct = As::the("CorrectDelegation").await;
    let (name, table) = ("privileges-correct.com", correct.world.table().to_owned());
    correct.world.registry(name, json!({"state": "owned"})).await;
    let zone = correct.world.zones(name).await.remove(0);
    correct.may(domains("Route53Domains_v20140515.GetDomainDetail", name), None).await;
    correct.may(item(GET_ITEM, &table, "domain#privileges-correct.com"), None).await;
    correct.may(item(UPDATE_ITEM, &table, "domain#privileges-correct.com"), None).await;
    for ask in [
        records(&zone, &["UPSERT _x.privileges-correct.com CNAME y.example.com"]),
        zone_request("privileges-correct.com"),
        Ask::Xml(Method::GET, format!("/2013-04-01/hostedzone/{zone}"), String::new()),
        gateway(Method::GET, "/apis", json!({})),
        certificate(name, our_tags(), json!({})),
        item(GET_ITEM, &table, "watch#privileges-correct"),
        item(PUT_ITEM, &table, "domain#privileges-correct.com"),
        purchase("privileges-correct-new.com"),
    ] {
        correct.may_not(ask).await;
    }
}

#[tokio::test]
async fn request_cert_requests_only_what_is_marked_as_ours() {
    let request_cert = As::the("RequestCert").await;
    let (name, table) = ("privileges-cert.com", request_cert.world.table().to_owned());
    let made = request_cert.may(certificate(name, our_tags(), json!({})), None).await;
    let made: Value = serde_json::from_str(&made).expect("JSON");
    request_cert.may(item(PUT_ITEM, &table, "watch#privileges-cert"), None).await;
    request_cert.may(item(UPDATE_ITEM, &table, "domain#privileges-cert.com"), None).await;
    let arn = json!({"CertificateArn": made["CertificateArn"]});
    request_cert.may(Ask::Json("CertificateManager.DescribeCertificate", arn.clone()), None).await;
    let resend = |arn: &Value| {
        let body = json!({"CertificateArn": arn, "Domain": name, "ValidationDomain": name});
        Ask::Json("CertificateManager.ResendValidationEmail", body)
    };
    // Allowed, and refused by ACM, which does not ask about this one by e-mail.
    request_cert.may(resend(&made["CertificateArn"]), Some("InvalidStateException")).await;
    let foreign =
        json!({"DomainName": name, "ValidationMethod": "EMAIL", "Tags": [{"Key": OURS.0, "Value": "another"}]});
    let foreign = request_cert.world.json("acm", "CertificateManager.RequestCertificate", &foreign).await;
    request_cert.may_not(resend(&foreign["CertificateArn"])).await;
    request_cert.world.json("acm", "CertificateManager.DeleteCertificate", &foreign).await;
    for ask in [
        certificate(name, json!([]), json!({})),
        certificate(name, json!([{"Key": OURS.0, "Value": "another"}]), json!({})),
        certificate(name, our_tags(), json!({"Export": "ENABLED"})),
        // Refused by a rule of ACM as well, which must not be told first.
        certificate("no name at all", json!([]), json!({})),
        Ask::Json("CertificateManager.DeleteCertificate", arn.clone()),
        Ask::Json(
            "CertificateManager.AddTagsToCertificate",
            json!({"CertificateArn": arn["CertificateArn"], "Tags": [{"Key": OURS.0, "Value": "another"}]}),
        ),
        item(PUT_ITEM, &table, "domain#privileges-cert.com"),
        item(GET_ITEM, &table, "watch#privileges-cert"),
        zone_request(name),
        purchase(name),
    ] {
        request_cert.may_not(ask).await;
    }
    request_cert.world.json("acm", "CertificateManager.DeleteCertificate", &arn).await;
}

#[tokio::test]
async fn validation_records_are_the_only_records_of_their_function() {
    let write = As::the("WriteValidationRecords").await;
    let zone = write.zone("privileges-records.com").await;
    write.may(records(&zone, &["CREATE _a.privileges-records.com CNAME y.example.com"]), None).await;
    write.may(records(&zone, &["UPSERT _A.Privileges-Records.com. CNAME z.example.com"]), None).await;
    for changes in [
        &["UPSERT www.privileges-records.com CNAME y.example.com"][..],
        &["UPSERT _a.privileges-records.com TXT y"],
        &["DELETE _a.privileges-records.com CNAME z.example.com"],
        &["UPSERT privileges-records.com A 192.0.2.1"],
        &["UPSERT privileges-records.com NS ns.example.com"],
        // All of a batch must be allowed.
        &[
            "UPSERT _b.privileges-records.com CNAME y.example.com",
            "UPSERT www.privileges-records.com CNAME y.example.com",
        ],
        // Refused by a rule of Route 53 as well, which must not be told first.
        &["UPSERT www.elsewhere.example CNAME y.example.com"],
    ] {
        write.may_not(records(&zone, changes)).await;
    }
    for ask in [
        Ask::Xml(Method::DELETE, format!("/2013-04-01/hostedzone/{zone}"), String::new()),
        Ask::Xml(Method::GET, "/2013-04-01/hostedzonesbyname".to_owned(), String::new()),
        gateway(Method::GET, "/apis", json!({})),
        purchase("privileges-records.com"),
    ] {
        write.may_not(ask).await;
    }
}

#[tokio::test]
async fn further_records_are_of_seven_types_and_never_written_over() {
    let write = As::the("WriteRecords").await;
    let (name, table) = ("privileges-further.com", write.world.table().to_owned());
    let zone = write.zone(name).await;
    write.may(records(&zone, &[&format!("CREATE www.{name} A 192.0.2.1")]), None).await;
    let both = [&*format!("DELETE www.{name} A 192.0.2.1"), &*format!("CREATE www.{name} CNAME y.example.com")];
    write.may(records(&zone, &both), None).await;
    write.may(item(GET_ITEM, &table, "domain#privileges-further.com"), None).await;
    write.may(item(UPDATE_ITEM, &table, "domain#privileges-further.com"), None).await;
    for line in [
        format!("UPSERT www.{name} CNAME z.example.com"),
        format!("CREATE below.{name} NS ns.example.com"),
        format!("DELETE {name} NS ns.example.com"),
        format!("DELETE {name} SOA x"),
    ] {
        write.may_not(records(&zone, &[&line])).await;
    }
    for ask in [
        Ask::Xml(Method::DELETE, format!("/2013-04-01/hostedzone/{zone}"), String::new()),
        Ask::Xml(Method::GET, "/2013-04-01/hostedzonesbyname".to_owned(), String::new()),
        item(UPDATE_ITEM, &table, "watch#privileges-further"),
        item(PUT_ITEM, &table, "domain#privileges-further.com"),
        gateway(Method::GET, "/apis", json!({})),
        purchase(name),
    ] {
        write.may_not(ask).await;
    }
}

#[tokio::test]
async fn attach_domain_changes_only_aliases_and_custom_domains_of_this_stack() {
    let attach = As::the("AttachDomain").await;
    let domain = "privileges-attach.com";
    // A live name: its custom domain is ours. The role may change it, and no longer once it is not ours.
    attach.world.registry(domain, json!({"state": "owned"})).await;
    let backend = Backend::start().await;
    let result = attach.world.run(&request(domain, &backend.url("/models"))).await.live();
    let zone = result["hostedZoneId"].as_str().expect("a zone");
    let custom = format!("/domainnames/api.{domain}");
    let change = || {
        let configuration = json!([{"certificateArn": result["certificateArn"], "endpointType": "REGIONAL", "securityPolicy": "TLS_1_2"}]);
        gateway(Method::PATCH, &custom, json!({"domainNameConfigurations": configuration}))
    };
    attach.may(change(), None).await;
    attach.may(records(zone, &[&format!("UPSERT www.{domain} A alias")]), None).await;
    attach.world.write_record(zone, &format!("taken.{domain}"), "CNAME", "y.example.com").await;
    let swap = [format!("DELETE taken.{domain} CNAME y.example.com"), format!("CREATE taken.{domain} A alias")];
    attach.may(records(zone, &swap.each_ref().map(String::as_str)), None).await;
    attach.may(untagging(&format!("domainnames%2Fapi.{domain}"), "team"), None).await;
    let made = |tags: Value| {
        let configuration = json!([{"certificateArn": result["certificateArn"], "endpointType": "REGIONAL"}]);
        let body =
            json!({"domainName": format!("www.{domain}"), "domainNameConfigurations": configuration, "tags": tags});
        gateway(Method::POST, "/domainnames", body)
    };
    attach.may(made(json!({OURS.0: OURS.1})), None).await;
    attach.world.rest("apigateway", Method::DELETE, &format!("/v2/domainnames/www.{domain}"), None).await;
    for ask in [
        made(json!({})),
        made(json!({OURS.0: "another"})),
        gateway(Method::DELETE, &custom, json!({})),
        gateway(Method::PATCH, &format!("/apis/{}", result["apiId"].as_str().expect("an id")), json!({"name": "x"})),
        gateway(Method::POST, "/apis", json!({"name": "x", "protocolType": "HTTP", "tags": {OURS.0: OURS.1}})),
        records(zone, &[&format!("UPSERT new.{domain} CNAME y.example.com")]),
        records(zone, &[&format!("CREATE new.{domain} CNAME y.example.com")]),
        records(zone, &[&format!("UPSERT {domain} MX 10")]),
        records(zone, &[&format!("DELETE www.{domain} A alias")]),
        untagging(&format!("domainnames%2Fapi.{domain}"), OURS.0),
        zone_request("privileges-attached.com"),
        purchase("privileges-attached.com"),
        Ask::Json("CertificateManager.ListCertificates", json!({})),
    ] {
        attach.may_not(ask).await;
    }
    let arn = format!("arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fdomainnames%2Fapi.{domain}");
    let keys = "tagKeys=nameplate%3Astack";
    attach.world.rest("apigateway", Method::DELETE, &format!("/v2/tags/{arn}?{keys}"), None).await;
    attach.may_not(change()).await;
}

#[tokio::test]
async fn close_endpoint_closes_what_is_of_this_stack_and_does_nothing_else() {
    let close = As::the("CloseEndpoint").await;
    let ours = close.api(json!({OURS.0: OURS.1})).await;
    let of_another = close.api(json!({OURS.0: "another"})).await;
    let zone = close.zone("privileges-close.com").await;
    let change = |id: &str, body: Value| gateway(Method::PATCH, &format!("/apis/{id}"), body);
    let closed = |closed: bool| json!({"disableExecuteApiEndpoint": closed});
    close.may(gateway(Method::GET, &format!("/apis/{ours}"), json!({})), None).await;
    close.may(change(&ours, closed(true)), None).await;
    close.may(Ask::Xml(Method::GET, "/2013-04-01/change/CNONE".to_owned(), String::new()), Some("NoSuchChange")).await;
    for ask in [
        change(&ours, closed(false)),
        change(&ours, json!({"name": "renamed"})),
        change(&of_another, closed(true)),
        gateway(Method::DELETE, &format!("/apis/{ours}"), json!({})),
        gateway(Method::POST, &format!("/apis/{ours}/routes"), json!({"routeKey": "GET /"})),
        gateway(Method::GET, "/domainnames", json!({})),
        records(&zone, &["UPSERT www.privileges-close.com A alias"]),
        Ask::Xml(Method::GET, format!("/2013-04-01/hostedzone/{zone}/rrset"), String::new()),
        item(GET_ITEM, close.world.table(), "domain#privileges-close.com"),
        purchase("privileges-close.com"),
    ] {
        close.may_not(ask).await;
    }
    for id in [&ours, &of_another] {
        close.remove_api(id).await;
    }
}

#[tokio::test]
async fn resume_wakes_and_cannot_start_or_buy() {
    let resume = As::the("Resume").await;
    let table = resume.world.table().to_owned();
    resume.may(item(UPDATE_ITEM, &table, "watch#privileges-resume"), None).await;
    let answer = json!({"taskToken": "no-such-token", "output": "{}"});
    resume.may(Ask::Json("AWSStepFunctions.SendTaskSuccess", answer.clone()), Some("Task")).await;
    for ask in [
        item(UPDATE_ITEM, &table, "domain#privileges-resume.com"),
        item(GET_ITEM, &table, "watch#privileges-resume"),
        item(PUT_ITEM, &table, "watch#privileges-resume"),
        Ask::Json("DynamoDB_20120810.Scan", json!({"TableName": table})),
        Ask::Json("AWSStepFunctions.StartExecution", json!({"stateMachineArn": resume.world.machine(), "input": "{}"})),
        Ask::Json("AWSStepFunctions.SendTaskFailure", json!({"taskToken": "no-such-token"})),
        purchase("privileges-resume.com"),
        event("Domain Registration Completed", "nameplate"),
        zone_request("privileges-resume.com"),
        gateway(Method::GET, "/apis", json!({})),
    ] {
        resume.may_not(ask).await;
    }
}

#[tokio::test]
async fn release_claim_lets_go_and_does_nothing_else() {
    let release = As::the("ReleaseClaim").await;
    let table = release.world.table().to_owned();
    release.may(item(GET_ITEM, &table, "domain#privileges-release.com"), None).await;
    release.may(item(UPDATE_ITEM, &table, "domain#privileges-release.com"), None).await;
    release.may(item(UPDATE_ITEM, &table, "watch#privileges-release"), None).await;
    let execution = release.world.machine().replace(":stateMachine:", ":execution:") + ":no-such-execution";
    let named = json!({"executionArn": execution});
    release.may(Ask::Json("AWSStepFunctions.DescribeExecution", named.clone()), Some("ExecutionDoesNotExist")).await;
    for ask in [
        item(GET_ITEM, &table, "watch#privileges-release"),
        item(PUT_ITEM, &table, "domain#privileges-release.com"),
        Ask::Json("AWSStepFunctions.StopExecution", named),
        Ask::Json(
            "AWSStepFunctions.StartExecution",
            json!({"stateMachineArn": release.world.machine(), "input": "{}"}),
        ),
        Ask::Json("AWSStepFunctions.SendTaskSuccess", json!({"taskToken": "no-such-token", "output": "{}"})),
        purchase("privileges-release.com"),
        zone_request("privileges-release.com"),
        gateway(Method::GET, "/apis", json!({})),
    ] {
        release.may_not(ask).await;
    }
}

#[tokio::test]
async fn poll_registrations_tells_only_of_registrations() {
    let poll = As::the("PollRegistrations").await;
    let events = Events::about(&poll.world, "privileges-event.com").await;
    let table = poll.world.table().to_owned();
    poll.may(Ask::Json("Route53Domains_v20140515.ListOperations", json!({})), None).await;
    let open = |index: Option<&str>| {
        let mut body = json!({"TableName": table, "KeyConditionExpression": "#open = :kind",
            "ExpressionAttributeNames": {"#open": "open"}, "ExpressionAttributeValues": {":kind": {"S": "registration"}}});
        if let Some(index) = index {
            body["IndexName"] = json!(index);
        }
        Ask::Json("DynamoDB_20120810.Query", body)
    };
    poll.may(open(Some("open-watches")), None).await;
    for ask in [
        open(None),
        event("Domain Live", "nameplate"),
        event("Domain Requested", "nameplate"),
        event("Domain Registration Completed", "somebody.else"),
        item(UPDATE_ITEM, &table, "watch#some"),
        purchase("privileges-poll.com"),
        domains("Route53Domains_v20140515.GetDomainDetail", "privileges-poll.com"),
    ] {
        poll.may_not(ask).await;
    }
    // Published last, so that whatever came before it is there too.
    poll.may(event("Domain Registration Failed", "nameplate"), None).await;
    let published = until(async || Some(events.arrived().await).filter(|published| !published.is_empty())).await;
    let types: Vec<&Value> = published.iter().map(|event| &event["detail-type"]).collect();
    assert_eq!(types, ["Domain Registration Failed"], "nothing of what was refused was published");
}

/// Deleting what is not there, or may not be deleted, by a role.
fn zone_deletion(zone: &str) -> Ask {
    Ask::Xml(Method::DELETE, format!("/2013-04-01/hostedzone/{zone}"), String::new())
}

/// What no function of a retirement may do: make anything, buy anything, or say that something has happened.
fn makings(name: &str) -> Vec<Ask> {
    vec![
        gateway(Method::POST, "/apis", json!({"name": "x", "protocolType": "HTTP", "tags": {OURS.0: OURS.1}})),
        gateway(Method::POST, "/domainnames", json!({"domainName": format!("api.{name}"), "tags": {OURS.0: OURS.1}})),
        certificate(name, our_tags(), json!({})),
        zone_request(name),
        purchase(name),
        event("Domain Retired", "nameplate"),
        domains(NAME_SERVERS, name),
    ]
}

#[tokio::test]
async fn plan_retire_cannot_take_anything_away() {
    let plan = As::the("PlanRetire").await;
    let (name, table) = ("privileges-plan-retire.com", plan.world.table().to_owned());
    let zone = plan.zone(name).await;
    let api = plan.api(json!({OURS.0: OURS.1})).await;
    plan.may(item(GET_ITEM, &table, &format!("domain#{name}")), None).await;
    plan.may(Ask::Rest("account", Method::POST, "/listRegions".to_owned(), json!({})), None).await;
    plan.may(Ask::Xml(Method::GET, format!("/2013-04-01/hostedzone/{zone}/dnssec"), String::new()), None).await;
    for ask in [
        item(GET_ITEM, &table, "watch#some"),
        item(UPDATE_ITEM, &table, &format!("domain#{name}")),
        item(DELETE_ITEM, &table, "watch#some"),
        gateway(Method::DELETE, &format!("/apis/{api}"), json!({})),
        gateway(Method::DELETE, &format!("/domainnames/api.{name}"), json!({})),
        records(&zone, &[&format!("DELETE _x.{name} CNAME y.example.com")]),
        zone_deletion(&zone),
        domains(RENEWAL_OFF, name),
    ]
    .into_iter()
    .chain(makings(name))
    {
        plan.may_not(ask).await;
    }
    plan.remove_api(&api).await;
}

#[tokio::test]
async fn detach_domain_deletes_only_aliases_and_custom_domains_of_this_stack() {
    let detach = As::the("DetachDomain").await;
    let name = "privileges-detach.com";
    detach.world.registry(name, json!({"state": "owned"})).await;
    let backend = Backend::start().await;
    let live = detach.world.run(&request(name, &backend.url("/models"))).await.live();
    let zone = live["hostedZoneId"].as_str().expect("a zone");
    let api = format!("/apis/{}", live["apiId"].as_str().expect("an id"));
    let custom = format!("/domainnames/api.{name}");
    for line in [format!("CREATE www.{name} A alias"), format!("CREATE www.{name} TXT \"x\"")] {
        records(zone, &[&line]).by(detach.world.client()).await.expect("a record");
    }
    detach.may(records(zone, &[&format!("DELETE www.{name} A alias")]), None).await;
    detach.may(gateway(Method::GET, &custom, json!({})), None).await;
    for ask in [
        records(zone, &[&format!("CREATE www.{name} A alias")]),
        records(zone, &[&format!("DELETE www.{name} TXT \"x\"")]),
        gateway(Method::DELETE, &api, json!({})),
        gateway(Method::PATCH, &custom, json!({})),
        zone_deletion(zone),
        item(GET_ITEM, detach.world.table(), &format!("domain#{name}")),
        domains(RENEWAL_OFF, name),
    ]
    .into_iter()
    .chain(makings(name))
    {
        detach.may_not(ask).await;
    }
    let tag = async |method: Method, rest: &str, body: Option<Value>| {
        let arn = format!("arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fdomainnames%2Fapi.{name}");
        detach.world.rest("apigateway", method, &format!("/v2/tags/{arn}{rest}"), body.as_ref()).await
    };
    tag(Method::DELETE, "?tagKeys=nameplate%3Astack", None).await;
    detach.may_not(gateway(Method::DELETE, &custom, json!({}))).await;
    tag(Method::POST, "", Some(json!({"tags": {OURS.0: OURS.1}}))).await;
    detach.may(gateway(Method::DELETE, &custom, json!({})), None).await;
}

#[tokio::test]
async fn delete_api_deletes_only_apis_of_this_stack() {
    let delete = As::the("DeleteApi").await;
    let name = "privileges-delete-api.com";
    let (ours, foreign) = (delete.api(json!({OURS.0: OURS.1})).await, delete.api(json!({})).await);
    let of_another = delete.api(json!({OURS.0: "another"})).await;
    let resume = delete.world.function("Resume").await;
    let policy = format!("/2015-03-31/functions/{resume}/policy");
    let statement = json!({"StatementId": "privileges-delete-api", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"});
    delete.world.rest("lambda", Method::POST, &policy, Some(&statement)).await;
    delete.may(Ask::Rest("lambda", Method::GET, policy.clone(), json!({})), None).await;
    delete.may(Ask::Rest("lambda", Method::DELETE, format!("{policy}/privileges-delete-api"), json!({})), None).await;
    for ask in [
        gateway(Method::DELETE, &format!("/apis/{foreign}"), json!({})),
        gateway(Method::DELETE, &format!("/apis/{of_another}"), json!({})),
        gateway(Method::PATCH, &format!("/apis/{ours}"), json!({"name": "x"})),
        gateway(Method::DELETE, &format!("/domainnames/api.{name}"), json!({})),
        Ask::Rest("lambda", Method::POST, policy.clone(), statement),
        Ask::Rest("lambda", Method::POST, format!("/2015-03-31/functions/{resume}/invocations"), json!({})),
        item(GET_ITEM, delete.world.table(), &format!("domain#{name}")),
    ]
    .into_iter()
    .chain(makings(name))
    {
        delete.may_not(ask).await;
    }
    delete.may(gateway(Method::DELETE, &format!("/apis/{ours}"), json!({})), None).await;
    for id in [foreign, of_another] {
        delete.remove_api(&id).await;
    }
}

#[tokio::test]
async fn delete_certificate_deletes_only_certificates_of_this_stack() {
    let delete = As::the("DeleteCertificate").await;
    let name = "privileges-delete-cert.com";
    let requested = async |tags: Value| {
        let made = certificate(name, tags, json!({})).by(delete.world.client()).await.expect("a certificate");
        let made: Value = serde_json::from_str(&made).expect("JSON");
        json!({"CertificateArn": made["CertificateArn"]})
    };
    let ours = requested(our_tags()).await;
    let others = [
        requested(json!([{"Key": "team", "Value": "x"}])).await,
        requested(json!([{"Key": OURS.0, "Value": "another"}])).await,
    ];
    delete.may(Ask::Json("CertificateManager.DescribeCertificate", ours.clone()), None).await;
    for ask in others
        .iter()
        .map(|arn| Ask::Json("CertificateManager.DeleteCertificate", arn.clone()))
        .chain([
            Ask::Json("CertificateManager.ListCertificates", json!({})),
            item(GET_ITEM, delete.world.table(), &format!("domain#{name}")),
            gateway(Method::GET, "/apis", json!({})),
        ])
        .chain(makings(name))
    {
        delete.may_not(ask).await;
    }
    delete.may(Ask::Json("CertificateManager.DeleteCertificate", ours), None).await;
    for arn in others {
        delete.world.json("acm", "CertificateManager.DeleteCertificate", &arn).await;
    }
}

#[tokio::test]
async fn records_are_deleted_each_by_its_own_function_and_made_by_neither() {
    let name = "privileges-delete-records.com";
    let (proofs, further) = (As::the("DeleteValidationRecords").await, As::the("DeleteRecords").await);
    let (zone, table) = (proofs.zone(name).await, proofs.world.table().to_owned());
    let (proof, www) = (format!("_x.{name} CNAME y.example.com"), format!("www.{name} CNAME y.example.com"));
    let both = [format!("CREATE {proof}"), format!("CREATE {www}"), format!("CREATE {name} TXT \"x\"")];
    for line in &both {
        records(&zone, &[line]).by(proofs.world.client()).await.expect("a record");
    }
    for line in [format!("DELETE {www}"), format!("DELETE {name} TXT \"x\""), format!("CREATE {proof}")] {
        proofs.may_not(records(&zone, &[&line])).await;
    }
    for line in [
        format!("UPSERT {www}"),
        format!("CREATE a.{name} A 192.0.2.1"),
        format!("DELETE {name} NS ns.example.com"),
        format!("DELETE {name} SOA x"),
    ] {
        further.may_not(records(&zone, &[&line])).await;
    }
    proofs.may(records(&zone, &[&format!("DELETE {proof}")]), None).await;
    proofs.may(Ask::Json("CertificateManager.ListCertificates", json!({})), None).await;
    further.may(records(&zone, &[&format!("DELETE {www}"), &format!("DELETE {name} TXT \"x\"")]), None).await;
    further.may(item(GET_ITEM, &table, &format!("domain#{name}")), None).await;
    further.may(item(UPDATE_ITEM, &table, &format!("domain#{name}")), None).await;
    proofs.may_not(item(GET_ITEM, &table, &format!("domain#{name}"))).await;
    further.may_not(Ask::Json("CertificateManager.ListCertificates", json!({}))).await;
    for role in [&proofs, &further] {
        for ask in [
            zone_deletion(&zone),
            item(UPDATE_ITEM, &table, "watch#some"),
            item(PUT_ITEM, &table, &format!("domain#{name}")),
            Ask::Json(
                "CertificateManager.DeleteCertificate",
                json!({"CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/x"}),
            ),
        ]
        .into_iter()
        .chain(makings(name))
        {
            role.may_not(ask).await;
        }
    }
}

#[tokio::test]
async fn delete_zone_deletes_zones_and_no_record_and_no_registration() {
    let delete = As::the("DeleteZone").await;
    let name = "privileges-delete-zone.com";
    let zone = delete.zone(name).await;
    delete.may(domains("Route53Domains_v20140515.GetDomainDetail", name), Some("InvalidInput")).await;
    for ask in [
        records(&zone, &[&format!("DELETE _x.{name} CNAME y.example.com")]),
        records(&zone, &[&format!("CREATE _x.{name} CNAME y.example.com")]),
        Ask::Xml(Method::GET, "/2013-04-01/hostedzonesbyname".to_owned(), String::new()),
        domains(RENEWAL_OFF, name),
        item(GET_ITEM, delete.world.table(), &format!("domain#{name}")),
        gateway(Method::GET, "/apis", json!({})),
    ]
    .into_iter()
    .chain(makings(name))
    {
        delete.may_not(ask).await;
    }
    delete.may(zone_deletion(&zone), None).await;
}

#[tokio::test]
async fn release_registration_takes_off_what_is_ours_and_gives_nothing_up() {
    let release = As::the("ReleaseRegistration").await;
    let name = "privileges-release-registration.com";
    release.world.registry(name, json!({"state": "owned"})).await;
    release.may(domains(RENEWAL_OFF, name), None).await;
    let tags = json!({"DomainName": name, "TagsToDelete": [OURS.0]});
    release.may(Ask::Json(TAGS_OFF, tags), None).await;
    let zone = release.world.zones(name).await.remove(0);
    let tagged = json!({"DomainName": name, "TagsToUpdate": [{"Key": OURS.0, "Value": OURS.1}]});
    for ask in [
        domains(DELETION, name),
        domains("Route53Domains_v20140515.DisableDomainTransferLock", name),
        domains(RENEWAL_ON, name),
        Ask::Json("Route53Domains_v20140515.UpdateTagsForDomain", tagged),
        zone_deletion(&zone),
        item(GET_ITEM, release.world.table(), &format!("domain#{name}")),
    ]
    .into_iter()
    .chain(makings(name))
    {
        release.may_not(ask).await;
    }
}

#[tokio::test]
async fn delete_watches_deletes_watches_and_no_domain() {
    let delete = As::the("DeleteWatches").await;
    let (name, table) = ("privileges-delete-watches.com", delete.world.table().to_owned());
    delete.may(item(DELETE_ITEM, &table, "watch#privileges-delete-watches"), None).await;
    for ask in [
        item(DELETE_ITEM, &table, &format!("domain#{name}")),
        item(UPDATE_ITEM, &table, "watch#some"),
        item(PUT_ITEM, &table, "watch#some"),
        item(GET_ITEM, &table, "watch#some"),
        Ask::Json("DynamoDB_20120810.Scan", json!({"TableName": table})),
        Ask::Json("AWSStepFunctions.SendTaskSuccess", json!({"taskToken": "no-such-token", "output": "{}"})),
    ]
    .into_iter()
    .chain(makings(name))
    {
        delete.may_not(ask).await;
    }
}
