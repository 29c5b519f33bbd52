//! An API with all that hangs below it, as wanted and with one thing after the other changed by hand.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::DomainName;
use crate::resource::difference::Attribute;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:list-models";
const DOORKEEPER: &str = "arn:aws:lambda:us-east-1:123456789012:function:doorkeeper";
const GROUP: &str = "/aws/vendedlogs/nameplate/nameplate/example.com";

fn request(api: Value) -> Request {
    let tags = json!({"team": "x"});
    Request::parse(&json!({"domainName": "example.com", "api": api, "tags": tags})).expect("valid")
}

fn tagging() -> Tagging {
    let domain: DomainName = "example.com".parse().expect("a domain");
    Tagging::new(&BTreeMap::from([("team".to_owned(), "x".to_owned())]), &domain, "nameplate", &["cost".to_owned()])
}

/// Something of everything that an HTTP API can have.
fn http() -> Request {
    request(json!({
        "routes": [
            {"route": "GET /url", "url": "https://a.example/", "headers": {"x-tenant": "acme"}, "throttle": {"rate": 1, "burst": 2},
                "authorizer": {"jwt": {"issuer": "https://login.example.com", "audience": ["models"]}}, "scopes": ["read"]},
            {"route": "GET /function", "lambda": FUNCTION, "authorizer": {"lambda": {"function": DOORKEEPER, "ttl": 60}}}
        ],
        "cors": {"allowOrigins": ["https://App.example.com"], "maxAge": 60},
        "throttle": {"rate": 100, "burst": 200},
        "accessLog": {"retentionDays": 30}
    }))
}

fn socket() -> Request {
    request(json!({"protocol": "WEBSOCKET", "routes": [{"route": "ask", "url": "https://a.example/"}]}))
}

/// What a run leaves for a request, in the ids that API Gateway could give.
fn as_wanted(request: &Request) -> Standing {
    let tagging = tagging();
    let wanted = Wanted { request, stack: "nameplate", tagging: &tagging };
    let protocol = wanted.protocol();
    let tags = tagging.wanted().clone();
    let mut standing = Standing::made(Api {
        id: "a1".into(),
        protocol: Some(protocol),
        name: "example.com".into(),
        route_selection_expression: request.api.route_selection_expression.clone(),
        cors: request.api.cors.clone(),
        tags: tags.clone(),
        ..Api::default()
    });
    fn permit(standing: &mut Standing, function: &str, authority: Authority<'_>) {
        let sid = statement_id("a1", authority, function);
        standing.policies.entry(function.to_owned()).or_default().insert(sid);
    }
    for spec in authorizers_of(request) {
        let id = format!("by {}", spec.kind);
        if let Some(function) = &spec.function {
            permit(&mut standing, function, Authority::Authorizer(&id));
        }
        standing.authorizers.push(Authorizer { id, name: spec.name(), spec });
    }
    for (index, route) in request.api.routes.iter().enumerate() {
        let (key, target, access) = (route.route.as_str(), Target::of(protocol, route), Access::of(request, route));
        if let Some(function) = target.function() {
            permit(&mut standing, function, Authority::Route(key));
        }
        standing.integrations.push(Integration { id: format!("i{index}"), target });
        standing.routes.push(Route {
            id: format!("r{index}"),
            key: key.into(),
            integration_id: Some(format!("i{index}")),
            authorization: Some(access.kind().into()),
            authorizer_id: access.authorizer().map(|spec| format!("by {}", spec.kind)),
            scopes: access.scopes().clone(),
        });
    }
    let limits = |limits: &crate::request::Throttle| Limits { rate: Some(limits.rate), burst: Some(limits.burst) };
    let of_route =
        |route: &crate::request::Route| Some((route.route.as_str().to_owned(), limits(route.throttle.as_ref()?)));
    standing.stage = Some(Stage {
        name: stage(protocol).into(),
        auto_deploy: deploys_itself(protocol),
        deployment_id: Some("d1".into()),
        limits: request.api.throttle.as_ref().map(limits).unwrap_or_default(),
        route_limits: request.api.routes.iter().filter_map(of_route).collect(),
        access_log: LogSettings::wanted(request, "nameplate"),
        tags: tags.clone(),
    });
    let mark = deployment_mark(&standing, request, false);
    standing.deployments = vec![Deployment { id: "d1".into(), mark, status: None }];
    standing.log_group = request.api.access_log.as_ref().map(|log| LogGroup {
        name: GROUP.into(),
        retention_days: Some(log.retention_days),
        tags,
        ..LogGroup::default()
    });
    standing
}

fn changes(standing: Option<&Standing>, request: &Request) -> Changes {
    let tagging = tagging();
    Changes::of(standing, &Wanted { request, stack: "nameplate", tagging: &tagging })
}

fn lines(standing: Option<&Standing>, request: &Request) -> Vec<String> {
    let shown = changes(standing, request).shown();
    shown.into_iter().map(|change| format!("{}: {} -> {}", change.field, change.before, change.after)).collect()
}

/// What of a request is shown once something of what stands as wanted was changed.
fn after(request: &Request, change: fn(&mut Standing)) -> Vec<String> {
    let mut standing = as_wanted(request);
    change(&mut standing);
    lines(Some(&standing), request)
}

#[test]
fn an_api_that_is_as_wanted_differs_in_nothing() {
    for request in [http(), socket()] {
        let found = changes(Some(&as_wanted(&request)), &request);
        assert!(found.is_empty(), "{found:#?}");
    }
}

#[test]
fn an_api_that_is_renamed_and_a_stage_that_is_given_one_limit_by_hand_are_seen() {
    let plain = request(json!({"routes": [{"route": "GET /", "url": "https://a.example/"}]}));
    let found = after(&plain, |standing| {
        standing.api.name = "by hand".into();
        standing.stage.as_mut().expect("a stage").limits.burst = Some(7);
    });
    assert_eq!(found, [r#"name: "by hand" -> "example.com""#, "throttle.burst: 7 -> null"]);
}

/// The hand that changes something, and all that is shown of it.
type Hand = (fn(&mut Standing), &'static [&'static str]);

const HANDS: [Hand; 33] = [
    (|it| it.api.name = "other".into(), &[r#"name: "other" -> "example.com""#]),
    (|it| it.api.closed = true, &[r#"defaultEndpoint: "closed" -> "open""#]),
    (|it| drop(it.api.tags.remove("team")), &[r#"tags.team: null -> "x""#]),
    (|it| drop(it.api.tags.insert("cost".into(), "1".into())), &[r#"tags.cost: "1" -> null"#]),
    (|it| drop(it.api.tags.insert("theirs".into(), "1".into())), &[]),
    (|it| cors(it).allow_origins = vec!["*".into()], &[r#"cors.allowOrigins: ["*"] -> ["https://app.example.com"]"#]),
    (|it| cors(it).allow_methods = vec!["get".into()], &[r#"cors.allowMethods: ["GET"] -> ["*"]"#]),
    (|it| cors(it).allow_headers = vec!["X-A".into()], &[r#"cors.allowHeaders: ["x-a"] -> []"#]),
    (|it| cors(it).expose_headers = vec!["x-b".into()], &[r#"cors.exposeHeaders: ["x-b"] -> []"#]),
    (|it| cors(it).allow_credentials = true, &["cors.allowCredentials: true -> false"]),
    (|it| cors(it).max_age = Some(0), &["cors.maxAge: null -> 60"]),
    (
        |it| target(it, 0).uri = "https://b.example/".into(),
        &[r#"routes."GET /url".url: "https://b.example/" -> "https://a.example/""#],
    ),
    (|it| target(it, 0).method = Some("GET".into()), &[r#"routes."GET /url".method: "GET" -> "ANY""#]),
    (|it| target(it, 0).payload = Some("2.0".into()), &[r#"routes."GET /url".payloadFormat: "2.0" -> "1.0""#]),
    (|it| target(it, 0).vpc_link = Some("v1".into()), &[r#"routes."GET /url".vpcLink: "v1" -> null"#]),
    (
        |it| target(it, 0).mapping.clear(),
        &[r#"routes."GET /url".mapping: null -> {"overwrite:header.x-tenant":"acme"}"#],
    ),
    (
        |it| target(it, 1).uri = "other".into(),
        &[r#"routes."GET /function".lambda: "other" -> "arn:aws:lambda:us-east-1:123456789012:function:list-models""#],
    ),
    (|it| it.routes[0].scopes.clear(), &[r#"routes."GET /url".scopes: null -> ["read"]"#]),
    (|it| it.routes[1].authorizer_id = Some("gone".into()), &["routes.\"GET /function\".authorizer: \"gone\" -> NAME"]),
    (
        |it| {
            it.integrations
                .push(Integration { id: "i9".into(), target: Target { uri: "u".into(), ..Target::default() } })
        },
        &[r#"integrations.i9: "u" -> null"#],
    ),
    (
        |it| it.authorizers.push(Authorizer { id: "x9".into(), name: "by-hand".into(), ..Authorizer::default() }),
        &[r#"authorizers.x9: "by-hand" -> null"#],
    ),
    (|it| asked(it, "JWT").issuer = None, &["authorizers.NAME.issuer: null -> \"https://login.example.com\""]),
    (|it| asked(it, "JWT").audience.clear(), &["authorizers.NAME.audience: null -> [\"models\"]"]),
    (|it| asked(it, "JWT").ttl = Some(300), &[]),
    (|it| asked(it, "REQUEST").ttl = None, &["authorizers.NAME.ttl: 0 -> 60"]),
    (|it| asked(it, "REQUEST").simple = None, &["authorizers.NAME.simpleResponses: false -> true"]),
    (|it| asked(it, "REQUEST").payload = None, &["authorizers.NAME.payloadFormat: null -> \"2.0\""]),
    (
        |it| asked(it, "REQUEST").sources.clear(),
        &["authorizers.NAME.identitySources: [] -> [\"$request.header.Authorization\"]"],
    ),
    (|it| the_stage(it).auto_deploy = false, &["autoDeploy: false -> true"]),
    (|it| the_stage(it).limits.rate = None, &["throttle.rate: null -> 100.0"]),
    (
        |it| the_stage(it).route_limits.clear(),
        &[r#"routes."GET /url".throttle.burst: null -> 2"#, r#"routes."GET /url".throttle.rate: null -> 1.0"#],
    ),
    (|it| drop(the_stage(it).tags.remove("team")), &[r#"tags.team: null -> "x""#]),
    (|it| the_log(it).retention_days = None, &["accessLog.retentionDays: null -> 30"]),
];

fn cors(standing: &mut Standing) -> &mut Cors {
    standing.api.cors.as_mut().expect("rules")
}

fn target(standing: &mut Standing, index: usize) -> &mut Target {
    &mut standing.integrations[index].target
}

fn asked<'a>(standing: &'a mut Standing, kind: &str) -> &'a mut AuthorizerSpec {
    &mut standing.authorizers.iter_mut().find(|one| one.spec.kind == kind).expect("one").spec
}

fn the_stage(standing: &mut Standing) -> &mut Stage {
    standing.stage.as_mut().expect("a stage")
}

fn the_log(standing: &mut Standing) -> &mut LogGroup {
    standing.log_group.as_mut().expect("a log group")
}

/// Names of authorizers are hashes.
fn without_names(line: &str) -> String {
    let mut words: Vec<String> = line.split_inclusive(['.', ' ']).map(str::to_owned).collect();
    for word in &mut words {
        if let Some(at) = word.find("nameplate-").filter(|_| !word.contains("vendedlogs")) {
            let end = word[at..].find(['.', ' ']).map_or(word.len(), |end| at + end);
            word.replace_range(at.saturating_sub(usize::from(word.contains('"')))..end, "NAME");
        }
    }
    words.concat()
}

#[test]
fn each_thing_that_a_hand_can_change_is_seen_by_itself() {
    for (hand, expected) in HANDS {
        let shown: Vec<String> = after(&http(), hand).iter().map(|line| without_names(line)).collect();
        assert_eq!(shown, expected);
    }
    let other = after(&socket(), |it| it.api.route_selection_expression = Some("$request.body.kind".into()));
    assert_eq!(other, [r#"routeSelectionExpression: "$request.body.kind" -> "$request.body.action""#]);
    assert_eq!(after(&socket(), |it| the_stage(it).deployment_id = None), ["deployed: null -> true"]);
}

/// The paths of all attributes of a kind.
fn paths<A: Attribute + VariantArray>() -> impl Iterator<Item = &'static str> {
    A::VARIANTS.iter().map(|attribute| attribute.path())
}

#[test]
fn of_an_api_that_is_not_there_all_is_shown_and_each_authorizer_once() {
    let mut shown: BTreeSet<String> = BTreeSet::new();
    for request in [http(), socket()] {
        shown.extend(
            changes(None, &request)
                .shown()
                .into_iter()
                .inspect(|one| assert_eq!(one.before, Value::Null))
                .map(|one| one.field),
        );
    }
    // What can only stand in the way, comes with something else, or is a matter of an API that is there.
    let never = [
        "integrations.{}",
        "permissions.{}",
        "authorizers.{}",
        "routes.{}.integrationType",
        "routes.{}.method",
        "routes.{}.payloadFormat",
        "routes.{}.vpcLink",
        "routes.{}.target",
        "routes.{}.permission",
        "authorizers.{}.permission",
        "autoDeploy",
    ];
    let all = paths::<ApiAttribute>()
        .chain(paths::<CorsAttribute>())
        .chain(paths::<AuthorizerAttribute>())
        .chain(paths::<RouteAttribute>())
        .chain(paths::<IntegrationAttribute>())
        .chain(paths::<PermissionAttribute>())
        .chain(paths::<DeploymentAttribute>())
        .chain(paths::<StageAttribute>())
        .chain(paths::<AccessLogAttribute>());
    for path in all {
        let (start, end) = path.split_once("{}").unwrap_or((path, ""));
        let is = |field: &&String| {
            let key = field.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
            key.is_some_and(|key| key.is_empty() != path.contains('{') && !(end.is_empty() && key.contains('.')))
        };
        assert_eq!(shown.iter().any(|field| is(&field)), !never.contains(&path), "{path}: {shown:#?}");
    }
    let issuers = shown.iter().filter(|field| field.ends_with(".issuer"));
    assert_eq!(issuers.count(), 1);
}

#[test]
fn rules_limits_and_a_log_that_are_not_wanted_any_more_are_shown_as_what_goes() {
    let full = as_wanted(&http());
    let bare = request(json!({"routes": http().api.routes}));
    let mut bare = bare;
    bare.api.routes[0].throttle = None;
    let fields: Vec<String> = changes(Some(&full), &bare).shown().into_iter().map(|one| one.field).collect();
    assert_eq!(
        fields,
        [
            "accessLog.format",
            "accessLog.logGroup",
            "cors.allowCredentials",
            "cors.allowHeaders",
            "cors.allowMethods",
            "cors.allowOrigins",
            "cors.exposeHeaders",
            "cors.maxAge",
            r#"routes."GET /url".throttle.burst"#,
            r#"routes."GET /url".throttle.rate"#,
            "throttle.burst",
            "throttle.rate",
        ]
    );
}

#[test]
fn a_tag_that_differs_on_the_api_its_stage_and_its_log_group_alike_is_shown_once() {
    let found = after(&http(), |standing| {
        let old = || ("team".to_owned(), "old".to_owned());
        standing.api.tags.extend([old()]);
        the_log(standing).tags.extend([old()]);
        the_stage(standing).tags.remove("team");
    });
    assert_eq!(found, [r#"tags.team: "old" -> "x""#, r#"tags.team: null -> "x""#]);
}
