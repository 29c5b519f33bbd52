//! Requests that are taken, with their defaults, and requests that are refused.

use super::*;
use serde_json::json;

fn minimal() -> Value {
    json!({"domainName": "example.com", "api": {"routes": [{"route": "GET /", "url": "https://backend.example.net/"}]}})
}

fn with(pointer: &str, value: Value) -> Value {
    let mut document = minimal();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = document.pointer_mut(parent).expect("the parent exists");
    parent.as_object_mut().expect("an object").insert(key.to_owned(), value);
    document
}

/// A request for a name below one that a registrar sells.
fn below(more: Value) -> Value {
    let mut document = with("/domainName", json!("acme.example.com"));
    document.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    document
}

/// A request of somebody with a DNS of his own.
fn external(more: Value) -> Value {
    let mut document = with("/dns", json!("external"));
    document.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    document
}

/// A request for a certificate that ACM asks about at the mailboxes of `asked`.
fn by_email(domain: &str, asked: &str) -> Value {
    let mut document = with("/certificate", json!({"validation": "EMAIL", "validationDomain": asked}));
    document["domainName"] = json!(domain);
    document
}

#[test]
fn mails_go_to_a_name_at_or_above_the_domain_and_by_default_to_the_one_that_is_sold() {
    for (domain, asked) in [
        ("example.com", "example.com"),
        ("a.b.example.com", "a.b.example.com"),
        ("a.b.example.com", "b.example.com"),
        ("a.b.example.com", "example.com"),
    ] {
        let request = Request::parse(&by_email(domain, asked)).expect("valid");
        assert_eq!(request.validation_domain(), Some(asked));
    }
    let mut document = below(json!({"certificate": {"validation": "EMAIL"}}));
    let request = Request::parse(&document).expect("valid");
    assert_eq!(request.validation_domain(), Some("example.com"));
    assert_eq!(request.certificate.validation_domain.as_ref().map(DomainName::as_str), Some("example.com"));
    document["certificate"]["resendEmail"] = json!(true);
    let again = Request::parse(&document).expect("valid");
    assert_eq!(again.fingerprint(), request.fingerprint(), "to send mails again is no other wish");
    let by_dns = Request::parse(&below(json!({}))).expect("valid");
    assert_eq!(by_dns.validation_domain(), None);
    assert_ne!(by_dns.fingerprint(), request.fingerprint());
}

#[test]
fn the_customers_own_dns_serves_every_kind_of_name() {
    for name in ["example.com", "acme.example.com"] {
        let request = Request::parse(&external(json!({"domainName": name}))).expect("valid");
        assert_eq!(request.dns, Dns::External);
    }
}

#[test]
fn a_name_below_one_that_is_sold_lies_in_a_zone_around_it() {
    for zone in [json!({}), json!({"hostedZone": "example.com"}), json!({"hostedZone": "Z0123456789"})] {
        let request = Request::parse(&below(zone)).expect("valid");
        assert_eq!(request.hostname(), "api.acme.example.com");
        assert_eq!(request.certificate_names(), ["acme.example.com", "*.acme.example.com"]);
    }
}

fn refusal(document: &Value) -> String {
    Request::parse(document).expect_err("a refusal").reason
}

#[test]
fn defaults_are_filled_in_and_the_result_parses_to_itself() {
    let request = Request::parse(&minimal()).expect("valid");
    assert_eq!(request.hostname(), "api.example.com");
    assert_eq!(request.certificate_names(), ["example.com", "*.example.com"]);
    assert!(request.registration.is_none() && !request.dry_run);
    assert_eq!(request.name_servers, NameServers::Report);
    let again = Request::parse(&serde_json::to_value(&request).expect("JSON")).expect("valid");
    assert_eq!(again, request);
    assert_eq!(again.fingerprint(), Request { dry_run: true, ..request }.fingerprint());
}

#[test]
fn the_certificate_covers_every_host_name_unless_the_request_says_otherwise() {
    let document = with("/api/alternativeHostnames", json!(["example.com", "www.example.com", "a.eu.example.com"]));
    let request = Request::parse(&document).expect("valid");
    assert_eq!(request.hostnames(), ["api.example.com", "example.com", "www.example.com", "a.eu.example.com"]);
    assert_eq!(request.certificate_names(), ["example.com", "*.example.com", "a.eu.example.com"]);
    let mut narrow = document;
    narrow["certificate"] = json!({"alternativeNames": ["*.example.com"]});
    assert!(refusal(&narrow).contains("covers the host name `a.eu.example.com`"), "{}", refusal(&narrow));
}

#[test]
fn the_whole_example_of_the_design_is_accepted() {
    let request = Request::parse(&json!({
        "domainName": "my-ai-service.com",
        "registration": {"years": 1, "maxPrice": {"amount": 15.00, "currency": "USD"}, "contactSecret": "nameplate/contact", "autoRenew": true, "privacyProtection": true},
        "certificate": {"validation": "DNS", "alternativeNames": ["*.my-ai-service.com"], "keyAlgorithm": "RSA_2048"},
        "api": {
            "hostname": "api.my-ai-service.com", "protocol": "HTTP",
            "routes": [
                {"route": "POST /v1/chat/completions", "url": "https://models.internal.example/v1/chat/completions"},
                {"route": "GET /v1/models", "lambda": "arn:aws:lambda:us-east-1:123456789012:function:list-models"}
            ],
            "cors": {"allowOrigins": ["https://app.my-ai-service.com"]},
            "throttle": {"rate": 100, "burst": 200}
        },
        "tags": {"team": "inference"}, "dryRun": false
    }));
    assert!(request.is_ok(), "{request:?}");
}

#[test]
fn a_deep_host_name_gets_a_name_of_its_own_on_the_certificate() {
    let request = Request::parse(&with("/api/hostname", json!("v1.api.example.com"))).expect("valid");
    assert_eq!(request.certificate_names(), ["example.com", "*.example.com", "v1.api.example.com"]);
}

#[test]
fn bad_input_names_the_field_and_what_is_wrong() {
    let eleven: Vec<String> = (0..11).map(|n| format!("n{n}.example.com")).collect();
    let ten_hosts: Vec<String> = (0..10).map(|n| format!("n{n}.example.com")).collect();
    let nine_deep_hosts: Vec<String> = (0..9).map(|n| format!("n{n}.eu.example.com")).collect();
    let cases = [
        (json!([]), "request", "no JSON object"),
        (json!({"domainName": "example.com"}), "request", "missing field `api`"),
        (with("/api/rout", json!(1)), "api.rout", "unknown field"),
        (with("/domainName", json!(7)), "domainName", "invalid type"),
        (with("/domainName", json!("co.uk")), "domainName", "public suffix"),
        (with("/domainName", json!(format!("{}.photography", "a".repeat(60)))), "domainName", "at most 64"),
        (with("/api/hostname", json!("api.other.com")), "api.hostname", "not in `example.com`"),
        (
            with("/api/alternativeHostnames", json!(["example.com", "www.other.com"])),
            "api.alternativeHostnames[1]",
            "not in `example.com`",
        ),
        (
            with("/api/alternativeHostnames", json!(["API.example.com"])),
            "api.alternativeHostnames[0]",
            "answers already",
        ),
        (with("/api/alternativeHostnames", json!(ten_hosts)), "api.alternativeHostnames", "more than 10"),
        (with("/api/alternativeHostnames", json!(nine_deep_hosts)), "certificate.alternativeNames", "11 names"),
        (with("/api/routes", json!([])), "api.routes", "no route"),
        (with("/api/routes", json!([{"route": "GET /"}])), "api.routes[0]", "no target"),
        (
            with("/api/routes/0/throttle", json!({"rate": 10_001, "burst": 1})),
            "api.routes[0].throttle.rate",
            "outside 1 to 10000",
        ),
        (
            with("/api/routes/0/throttle", json!({"rate": 1, "burst": 0})),
            "api.routes[0].throttle.burst",
            "outside 1 to 5000",
        ),
        (with("/api/routes", json!([{"route": "GET /", "url": "http://a.example/"}])), "api.routes[0].url", "http://"),
        (with("/api/routes", json!([{"route": "GET /", "url": "ftp://a.example/"}])), "api.routes[0].url", "ftp"),
        (
            with("/api/routes", json!([{"route": "GET /", "url": "https://u:p@a.example/"}])),
            "api.routes[0].url",
            "password",
        ),
        (
            with(
                "/api/routes",
                json!([{"route": "GET /", "url": "https://a.example/", "lambda": "arn:aws:lambda:us-east-1:123456789012:function:f"}]),
            ),
            "api.routes[0]",
            "two targets",
        ),
        (with("/api/routes", json!([{"route": "GET /", "lambda": "list-models"}])), "api.routes[0].lambda", "no ARN"),
        (
            with(
                "/api/routes",
                json!([{"route": "GET /a", "url": "https://a.example/"}, {"route": "GET /a", "url": "https://b.example/"}]),
            ),
            "api.routes[1].route",
            "same requests",
        ),
        (
            with(
                "/api/routes",
                json!([{"route": "GET /{a}", "url": "https://a.example/"}, {"route": "GET /{b}", "url": "https://b.example/"}]),
            ),
            "api.routes[1].route",
            "same requests",
        ),
        (
            with("/certificate", json!({"alternativeNames": ["*.other.com"]})),
            "certificate.alternativeNames[0]",
            "not in `example.com`",
        ),
        (with("/certificate", json!({"alternativeNames": eleven})), "certificate.alternativeNames", "more than 10"),
        (
            with("/certificate", json!({"alternativeNames": ["www.example.com"]})),
            "certificate.alternativeNames",
            "covers the host name",
        ),
        (with("/nameServers", json!("fix")), "nameServers", "unknown variant"),
        (with("/dns", json!("bind")), "dns", "unknown variant"),
        (
            external(json!({"registration": {"maxPrice": {"amount": 15, "currency": "USD"}}})),
            "registration",
            "served by Route 53",
        ),
        (external(json!({"nameServers": "correct"})), "nameServers", "no zone to point"),
        (
            external(json!({"records": [{"name": "www.example.com", "type": "A", "values": ["192.0.2.1"]}]})),
            "records",
            "no zone to write",
        ),
        (
            external(json!({"domainName": "a.example.com", "hostedZone": "example.com"})),
            "hostedZone",
            "no hosted zone is used",
        ),
        (with("/hostedZone", json!("Z0123456789")), "hostedZone", "a zone of its own"),
        (with("/hostedZone", json!("zone")), "hostedZone", "no hosted zone"),
        (below(json!({"hostedZone": "other.example"})), "hostedZone", "does not lie in"),
        (below(json!({"hostedZone": "le.com"})), "hostedZone", "does not lie in"),
        (below(json!({"nameServers": "correct"})), "nameServers", "not changed for it"),
        (
            below(json!({"registration": {"maxPrice": {"amount": 15, "currency": "USD"}}})),
            "registration",
            "what is registered",
        ),
        (with("/certificate", json!({"validation": "MAIL"})), "certificate.validation", "unknown variant"),
        (with("/certificate", json!({"resendEmail": true})), "certificate.resendEmail", "validated by DNS"),
        (
            with("/certificate", json!({"validation": "DNS", "validationDomain": "example.com"})),
            "certificate.validationDomain",
            "validated by DNS",
        ),
        (by_email("example.com", "other.com"), "certificate.validationDomain", "is not `example.com` or a name above"),
        (
            by_email("example.com", "mail.example.com"),
            "certificate.validationDomain",
            "is not `example.com` or a name above",
        ),
        (by_email("a.b.example.com", "c.example.com"), "certificate.validationDomain", "or a name above it"),
        (by_email("a.badexample.com", "example.com"), "certificate.validationDomain", "or a name above it"),
        (by_email("a.co.uk", "co.uk"), "certificate.validationDomain", "public suffix"),
        (with("/registration", json!({})), "registration", "missing field `maxPrice`"),
        (
            with("/registration", json!({"maxPrice": {"amount": 15, "currency": "USD"}, "years": 0})),
            "registration.years",
            "outside 1 to 10",
        ),
        (
            with("/registration", json!({"maxPrice": {"amount": 15, "currency": "USD"}, "years": 11})),
            "registration.years",
            "outside 1 to 10",
        ),
        (
            with("/registration", json!({"maxPrice": {"amount": -1, "currency": "USD"}})),
            "registration.maxPrice.amount",
            "no positive amount",
        ),
        (
            with("/registration", json!({"maxPrice": {"amount": 15, "currency": "EUR"}})),
            "registration.maxPrice.currency",
            "not USD",
        ),
        (with("/api/cors", json!({"allowOrigins": ["app.example.com"]})), "api.cors.allowOrigins[0]", "no origin"),
        (
            with("/api/cors", json!({"allowOrigins": ["*"], "allowCredentials": true})),
            "api.cors.allowCredentials",
            "`*`",
        ),
        (with("/api/throttle", json!({"rate": 0, "burst": 1})), "api.throttle.rate", "outside"),
        (with("/tags", json!({"nameplate:domain": "x"})), "tags.nameplate:domain", "reserved"),
        (with("/tags", json!({"aws:x": "x"})), "tags.aws:x", "reserved"),
    ];
    for (document, field, problem) in cases {
        let error = Request::parse(&document).expect_err(problem);
        assert_eq!(error.class, crate::Class::InvalidRequest);
        assert!(
            error.reason.starts_with(&format!("{field}: ")) && error.reason.contains(problem),
            "{field}: {}",
            error.reason
        );
        assert!(!error.remedy.is_empty());
    }
}

#[test]
fn text_that_is_no_request_is_refused_whatever_its_size_and_depth() {
    let nested = |depth: usize| format!("{}{}", r#"{"api":"#.repeat(depth), "1") + &"}".repeat(depth);
    let long = "x".repeat(MAX_DOCUMENT_BYTES);
    let cases = [
        (nested(200), "nested more than 127 deep"),
        (nested(20), "api: unknown field `api`"),
        (nested(MAX_DOCUMENT_BYTES), "more than 65536"),
        (format!("{{\"{long}\": 1}}"), "more than 65536"),
        (String::new(), "no JSON that can be read"),
        ("{".to_owned(), "no JSON that can be read"),
        (r#"{"domainName": "\ud800"}"#.to_owned(), "no JSON that can be read"),
        (r#"{"api": 1e999}"#.to_owned(), "no JSON that can be read"),
    ];
    for (text, problem) in cases {
        let error = Request::read(&text).expect_err(problem);
        assert_eq!(error.class, crate::Class::InvalidRequest);
        assert!(error.reason.contains(problem), "{problem}: {}", error.reason);
    }
    let fitting = format!("{}{}", minimal(), " ".repeat(MAX_DOCUMENT_BYTES - minimal().to_string().len()));
    assert!(Request::read(&fitting).is_ok());
    assert!(Request::read(&format!("{fitting} ")).is_err());
}

#[test]
fn much_of_anything_is_refused_in_few_words() {
    let route = |n: usize| json!({"route": format!("GET /{n}"), "url": "https://a.example/"});
    let tags: BTreeMap<String, u8> = (0..100_000).map(|n| (format!("key-{n}"), 1)).collect();
    let names = |count: usize| (0..count).map(|n| format!("n{n}.example.com")).collect::<Vec<_>>();
    let long = "x".repeat(1_000_000);
    let cases = [
        (with("/api/routes", (0..10_000).map(route).collect()), "there are 10000 routes, more than 300"),
        (with("/tags", tags.keys().map(|key| (key.clone(), "v")).collect()), "there are 100000 tags, more than 8"),
        (with("/tags", json!(tags)), "expected a string"),
        (
            with("/certificate", json!({"alternativeNames": names(10_000)})),
            "with the domain itself these are 10001 names, more than 10",
        ),
        (with("/domainName", json!(long)), "longer than 253"),
        (with("/domainName", json!(vec!["a"; 100_000].join("."))), "longer than 253"),
        (with("/api/hostname", json!(long)), "longer than 253"),
        (with("/api/protocol", json!(long)), "unknown variant"),
        (with("/api/cors", json!(long)), "invalid type: string"),
        (with("/api/cors", json!({"allowOrigins": [long]})), "is no origin"),
        (with("/api/cors", json!({"allowOrigins": ["*"], "allowHeaders": [" ".repeat(1_000_000)]})), "header"),
        (with("/api/cors", json!({"allowOrigins": ["*"], "allowMethods": [long]})), "is no method"),
        (with("/api/routes", json!([{"route": long}])), "more than 10240"),
        (with("/api/routes", json!([{"route": "GET /", "url": format!("https://a.example/{long}")}])), "2048"),
        (with("/api/routes", json!([{"route": "GET /", "lambda": long}])), "is no ARN"),
        (with(&format!("/{long}"), json!(1)), "expected one of"),
        (with("/tags", json!({&long: "v"})), "at most 256"),
        (with("/tags", json!({&long: 1})), "expected a string"),
        (
            with("/registration", json!({"maxPrice": {"amount": 15, "currency": long}})),
            "not USD, in which Route 53 Domains charges",
        ),
        (
            with("/registration", json!({"maxPrice": {"amount": 15, "currency": "USD"}, "contactSecret": long})),
            "more than 512",
        ),
    ];
    for (document, problem) in cases {
        let error = Request::parse(&document).expect_err(problem);
        assert_eq!(error.class, crate::Class::InvalidRequest);
        assert!(error.reason.contains(problem), "{problem}: {}", error.reason);
        assert!(error.reason.chars().count() <= crate::error::MAX_INVALID_REASON, "{problem}");
        assert!(error.remedy.chars().count() <= 300, "{problem}: {}", error.remedy);
    }
}

#[test]
fn a_list_is_no_object() {
    let price = json!({"amount": 15, "currency": "USD"});
    let cases = [
        (with("/registration", json!([1, price])), "registration"),
        (with("/registration", json!({"maxPrice": [15, "USD"]})), "registration.maxPrice"),
        (with("/api/routes", json!([["GET /", "https://a.example/"]])), "api.routes[0]"),
        (with("/certificate", json!([])), "certificate"),
    ];
    for (document, field) in cases {
        let reason = refusal(&document);
        assert!(reason.starts_with(&format!("{field}: it is a list")), "{field}: {reason}");
    }
}

#[test]
fn what_is_passed_on_to_aws_holds_no_character_that_aws_refuses() {
    let url = |url: &str| with("/api/routes", json!([{"route": "GET /", "url": url}]));
    let lambda = |arn: &str| with("/api/routes", json!([{"route": "GET /", "lambda": arn}]));
    let cors = |field: &str, value: &str| {
        let mut cors = json!({"allowOrigins": ["*"]});
        cors[field] = json!([value]);
        with("/api/cors", cors)
    };
    let secret = |name: &str| {
        with("/registration", json!({"maxPrice": {"amount": 1, "currency": "USD"}, "contactSecret": name}))
    };
    for good in [
        url("HTTPS://a.example:8443/v1/{id}?a=b"),
        lambda("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f:$LATEST"),
        cors("allowOrigins", "https://app.example.com:8443"),
        cors("allowOrigins", "http://[::1]:3000"),
        cors("allowHeaders", "x-amz-date"),
        cors("exposeHeaders", "*"),
        secret("arn:aws:secretsmanager:us-east-1:123456789012:secret:nameplate/contact-a1B2c3"),
    ] {
        let read = Request::parse(&good);
        assert!(read.is_ok(), "{good}: {read:?}");
    }
    for bad in [
        url(" https://a.example/"),
        url("https://a.example/\n"),
        url("https://a.ex\tample/"),
        url("https://bücher.example/"),
        url(r"https:\\a.example\"),
        url("https:a.example"),
        url("https:a://b.example"),
        url("https:///a.example"),
        url("https://@a.example/"),
        url("https://:@a.example/"),
        lambda("arn:aws :lambda:us-east-1:123456789012:function:f"),
        lambda("arn:aws:lambda:us east:123456789012:function:f"),
        cors("allowOrigins", "https://a.example/"),
        cors("allowOrigins", "https://a.example?b"),
        cors("allowOrigins", "https://u@a.example"),
        cors("allowOrigins", " https://a.example"),
        cors("allowOrigins", "https://a.example\r\nx: y"),
        cors("allowHeaders", ""),
        cors("allowHeaders", "x y"),
        cors("exposeHeaders", "x:\r\n"),
        secret("nameplate/contact "),
        secret("nameplate/ä"),
    ] {
        assert!(Request::parse(&bad).is_err(), "{bad}");
    }
}

#[test]
fn types_are_named_in_the_words_of_json() {
    let cases = [
        ("/dryRun", json!("yes"), "expected true or false"),
        ("/api/routes", json!({}), "expected a list"),
        ("/api", json!("x"), "expected an object"),
        ("/tags", json!(1), "expected an object"),
        ("/api/throttle", json!({"rate": "fast", "burst": 1}), "expected a number"),
        ("/api/throttle", json!({"rate": 1, "burst": 1e12}), "expected a whole number"),
        ("/registration", json!({"years": 300}), "expected a small whole number"),
    ];
    for (pointer, value, words) in cases {
        let reason = refusal(&with(pointer, value));
        assert!(reason.ends_with(words), "{words}: {reason}");
    }
}

#[test]
fn http_targets_are_taken_when_asked_for() {
    let mut document = with("/api/allowHttp", json!(true));
    document["api"]["routes"] = json!([{"route": "GET /", "url": "http://127.0.0.1:8080/"}]);
    assert!(Request::parse(&document).is_ok());
}

#[test]
fn route_keys_are_those_that_api_gateway_takes() {
    for good in ["$default", "GET /", "ANY /{proxy+}", "POST /v1/models/{id}/run", "GET /a-b_c.d~e"] {
        assert!(good.parse::<RouteKey>().is_ok(), "{good}");
    }
    let http = |key: &str| Request::parse(&with("/api/routes", json!([{"route": key, "url": "https://a.example/"}])));
    assert!(http("GET").is_err(), "the key of a WebSocket API's route");
    for bad in [
        "",
        "FETCH /",
        "get /",
        "GET  /",
        "GET a",
        "GET /a b",
        "GET //",
        "GET /a/",
        "GET /{proxy+}/x",
        "GET /x{id}",
        "GET /{}",
        "GET /{a}/{a}",
        "GET /a?b=c",
        "GET /ä",
    ] {
        assert!(bad.parse::<RouteKey>().is_err(), "{bad}");
    }
}

#[test]
fn an_error_never_shows_more_than_it_must() {
    let text =
        refusal(&with("/registration", json!({"maxPrice": {"amount": 15, "currency": "USD"}, "contactSecret": " "})));
    assert!(text.starts_with("registration.contactSecret"));
}
