//! What holds for all names and requests, tried on generated ones. It must not know single cases; those stand
//! beside the code.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::str::FromStr;

use nameplate::domain::{CertificateName, HostedZoneRef};
use nameplate::error::MAX_INVALID_REASON;
use nameplate::request::{LambdaArn, RETENTION_DAYS, RouteKey};
use nameplate::{Class, DomainName, Hostname, Request, StepError};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

/// A label that means itself: no hyphens where IDNA reads a prefix.
fn label() -> impl Strategy<Value = String> {
    "[a-z]([a-z0-9]|-[a-z0-9]){0,12}".prop_filter("a prefix of IDNA", |label| label.get(2..4) != Some("--"))
}

/// A name that a registrar sells.
fn domain() -> impl Strategy<Value = String> {
    (label(), select(vec!["com", "dev", "co.uk", "com.au", "example", "test"]))
        .prop_map(|(label, suffix)| format!("{label}.{suffix}"))
}

/// Text from everyday words to anything at all.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,40}",
        any::<String>(),
        domain(),
        "[*.a-zA-Zäßς。．-]{0,30}",
        "(xn--)?[a-z0-9-]{0,20}\\.[a-z]{2,5}"
    ]
}

/// Any JSON of moderate size.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(text(), inner, 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn amount() -> impl Strategy<Value = f64> {
    prop_oneof![0.01..1_000.0, (1_u32..100_000).prop_map(|cents| f64::from(cents) / 100.0), Just(f64::MIN_POSITIVE)]
}

fn registration() -> impl Strategy<Value = Value> {
    let flags = (option::of(any::<bool>()), option::of(any::<bool>()));
    (amount(), option::of(1_u8..=10), option::of("[A-Za-z0-9/_+=.@-]{1,60}"), flags).prop_map(
        |(amount, years, secret, (renew, privacy))| {
            object([
                ("maxPrice", Some(json!({"amount": amount, "currency": "USD"}))),
                ("years", years.map(Value::from)),
                ("contactSecret", secret.map(Value::from)),
                ("autoRenew", renew.map(Value::from)),
                ("privacyProtection", privacy.map(Value::from)),
            ])
        },
    )
}

/// Headers and path that a target gets otherwise than they came.
fn mapping() -> impl Strategy<Value = (Option<Map<String, Value>>, Option<String>)> {
    let value = || select(vec!["acme", "$request.header.x-user", "$context.requestId", "a-${request.path.id}"]);
    let headers = btree_map("q-[a-z0-9]{1,9}", option::of(value()), 1..4)
        .prop_map(|headers| headers.into_iter().map(|(name, value)| (name, json!(value))).collect());
    (option::of(headers), option::of(select(vec!["/", "$request.path", "/v1/${request.path.id}"]).prop_map_into()))
}

/// Who may call: the API, or a route.
fn authorizer() -> impl Strategy<Value = Option<Value>> {
    let function = "arn:aws:lambda:us-east-1:123456789012:function:may-call";
    let jwt = domain().prop_map(|host| json!({"jwt": {"issuer": format!("https://{host}/"), "audience": ["a"]}}));
    let lambda = (0..=3_600).prop_map(move |ttl| json!({"lambda": {"function": function, "ttl": ttl}}));
    option::of(prop_oneof![Just(json!("NONE")), Just(json!("IAM")), jwt, lambda])
}

/// The fields of a route that say what answers.
fn target() -> impl Strategy<Value = Value> {
    prop_oneof![
        (domain(), "(/[A-Za-z0-9._~%{}-]{1,9}){0,4}/?", mapping()).prop_map(|(host, path, (headers, to))| object([
            ("url", Some(json!(format!("https://{host}{path}")))),
            ("headers", headers.map(Value::from)),
            ("path", to.map(Value::from)),
        ])),
        ("[a-z]{2}-[a-z]{4,9}-[1-9]", "[0-9]{12}", "[A-Za-z0-9_-]{1,64}").prop_map(|(region, account, name)| object([
            ("lambda", Some(json!(format!("arn:aws:lambda:{region}:{account}:function:{name}"))))
        ])),
    ]
}

fn throttle() -> impl Strategy<Value = Value> {
    (1.0..10_000.0, 1..=5_000).prop_map(|(rate, burst)| json!({"rate": rate, "burst": burst}))
}

/// Routes with paths that differ in their first segment.
fn routes() -> impl Strategy<Value = Value> {
    let methods = select(vec!["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]);
    let rest = select(vec!["", "/{id}", "/{id}/run", "/{proxy+}"]);
    btree_map("[a-z0-9._~-]{1,12}", (methods, rest, target(), option::of(throttle())), 1..8).prop_map(|routes| {
        let route = |(path, (method, rest, mut route, throttle)): (String, (&str, &str, Value, Option<Value>))| {
            route["route"] = json!(format!("{method} /{path}{rest}"));
            if let Some(throttle) = throttle {
                route["throttle"] = throttle;
            }
            route
        };
        routes.into_iter().map(route).collect()
    })
}

fn cors() -> impl Strategy<Value = Value> {
    let origins = vec(domain().prop_map(|host| format!("https://{host}")), 1..4);
    let headers = || option::of(vec("[a-z][a-z0-9-]{0,20}", 0..4));
    let methods = option::of(vec(select(vec!["*", "GET", "POST", "DELETE"]), 0..3));
    (origins, headers(), headers(), methods, any::<bool>(), option::of(0..=86_400)).prop_map(
        |(origins, allow, expose, methods, credentials, age)| {
            object([
                ("allowOrigins", Some(json!(origins))),
                ("allowHeaders", allow.map(Value::from)),
                ("exposeHeaders", expose.map(Value::from)),
                ("allowMethods", methods.map(Value::from)),
                ("allowCredentials", Some(json!(credentials))),
                ("maxAge", age.map(Value::from)),
            ])
        },
    )
}

fn access_log() -> impl Strategy<Value = Value> {
    select(RETENTION_DAYS.to_vec()).prop_map(|days| json!({"retentionDays": days}))
}

/// Routes of a WebSocket API: what messages name, and who may connect.
fn messages() -> impl Strategy<Value = Value> {
    let function = "arn:aws:lambda:us-east-1:123456789012:function:may-connect";
    let access = select(vec![json!("NONE"), json!("IAM"), json!({"lambda": {"function": function}})]);
    let header = select(vec!["acme", "$context.connectionId", "$request.body.model", "$stageVariables.tenant"]);
    let headers = option::of(btree_map("q-[a-z0-9]{1,9}", header, 1..4));
    let to_url = (domain(), headers).prop_map(|(host, headers)| {
        object([("url", Some(json!(format!("https://{host}/")))), ("headers", headers.map(|headers| json!(headers)))])
    });
    let to_function = Just(json!({"lambda": "arn:aws:lambda:us-east-1:123456789012:function:f"}));
    let target = prop_oneof![to_url, to_function].boxed();
    let keys = prop_oneof![
        "[A-Za-z0-9._:/-]{1,20}",
        select(vec!["$connect", "$disconnect", "$default"]).prop_map(str::to_owned)
    ];
    (btree_map(keys, (target, option::of(throttle())), 1..8), option::of(access)).prop_map(|(routes, access)| {
        let route = |(key, (mut route, throttle)): (String, (Value, Option<Value>))| {
            if let Some(throttle) = throttle {
                route["throttle"] = throttle;
            }
            if let Some(access) = access.clone().filter(|_| key == "$connect") {
                route["authorizer"] = access;
            }
            route["route"] = json!(key);
            route
        };
        routes.into_iter().map(route).collect()
    })
}

/// The fields of an API besides its host name: of an HTTP API, a WebSocket API, or one that exists.
fn api() -> impl Strategy<Value = Value> {
    let limits = || (option::of(throttle()), option::of(access_log()), option::of(select(vec!["open", "closed"])));
    let http = (routes(), authorizer(), option::of(cors()), limits(), option::of(Just(json!("HTTP")))).prop_map(
        |(routes, authorizer, cors, (throttle, log, default_endpoint), protocol)| {
            object([
                ("protocol", protocol),
                ("routes", Some(routes)),
                ("authorizer", authorizer),
                ("cors", cors),
                ("throttle", throttle),
                ("accessLog", log),
                ("defaultEndpoint", default_endpoint.map(Value::from)),
            ])
        },
    );
    let expression = option::of("[$]request[.]body([.][a-z][A-Za-z0-9_-]{0,8}){1,3}");
    let websocket =
        (messages(), expression, limits()).prop_map(|(routes, expression, (throttle, log, default_endpoint))| {
            object([
                ("protocol", Some(json!("WEBSOCKET"))),
                ("routeSelectionExpression", expression.map(Value::from)),
                ("routes", Some(routes)),
                ("throttle", throttle),
                ("accessLog", log),
                ("defaultEndpoint", default_endpoint.map(Value::from)),
            ])
        });
    let existing = ("[a-z0-9]{10}", prop_oneof![Just("$default".to_owned()), "[A-Za-z0-9_-]{1,128}"])
        .prop_map(|(id, stage)| json!({"existing": {"apiId": id, "stage": stage}}));
    prop_oneof![2 => http, 2 => websocket, 1 => existing]
}

/// Values of one type of record, each in the form in which it is kept.
fn record_values() -> impl Strategy<Value = (&'static str, Value)> {
    let address = || any::<[u8; 4]>().prop_map(|bytes| std::net::Ipv4Addr::from(bytes).to_string());
    let long_address = any::<[u8; 16]>().prop_map(|bytes| std::net::Ipv6Addr::from(bytes).to_string());
    let text = ".{1,200}".prop_filter("text in quotes", |text| !text.starts_with('"'));
    let number = any::<u16>;
    let set = |values: BTreeSet<String>| json!(values);
    prop_oneof![
        btree_set(address(), 1..5).prop_map(move |values| ("A", set(values))),
        btree_set(long_address, 1..5).prop_map(move |values| ("AAAA", set(values))),
        domain().prop_map(|target| ("CNAME", json!([target]))),
        (number(), domain()).prop_map(|(first, host)| ("MX", json!([format!("{first} {host}")]))),
        (number(), number(), number(), domain())
            .prop_map(|(one, two, three, host)| ("SRV", json!([format!("{one} {two} {three} {host}")]))),
        "[a-z]{1,9}\\.com".prop_map(|issuer| ("CAA", json!([format!("0 issue \"{issuer}\"")]))),
        btree_set(text, 1..3).prop_map(move |values| ("TXT", set(values))),
    ]
}

/// Records at names of their own, which are on no certificate.
fn records(domain: &str) -> impl Strategy<Value = Value> + use<> {
    let domain = domain.to_owned();
    let one = (record_values(), option::of(1_u32..=604_800));
    btree_map("_[a-z0-9-]{0,12}[a-z0-9]", one, 0..6).prop_map(move |records| {
        let record = |(label, ((kind, values), ttl)): (String, ((&str, Value), Option<u32>))| {
            object([
                ("name", Some(json!(format!("{label}.{domain}")))),
                ("type", Some(json!(kind))),
                ("values", Some(values)),
                ("ttl", ttl.map(Value::from)),
            ])
        };
        records.into_iter().map(record).collect()
    })
}

/// How ACM checks the names, as far as the whole certificate goes: by DNS, or by mails to mailboxes of the domain.
fn validation() -> impl Strategy<Value = Option<(bool, Option<bool>)>> {
    option::of((any::<bool>(), option::of(any::<bool>())))
}

/// A request that must be accepted, with any of its fields left out that may be.
fn request() -> impl Strategy<Value = Value> {
    let hostname = (option::of(option::of(label())), option::of(btree_set(label(), 0..4)));
    let keys = select(vec!["RSA_2048", "EC_prime256v1", "EC_secp384r1"]);
    let certificate = option::of((btree_set(label(), 0..7), keys, validation()));
    let tags = option::of(btree_map("[b-m][A-Za-z0-9 ä+=._:/@-]{0,20}", "[A-Za-z0-9 ä+=._:/@-]{0,20}", 0..=8));
    let parts = (
        option::of(registration()),
        certificate,
        api(),
        tags,
        option::of(any::<bool>()),
        option::of(select(vec!["report", "correct"])),
        option::of(select(vec!["route53", "external"])),
    );
    let domain_and_records = domain().prop_flat_map(|domain| {
        let records = option::of(records(&domain));
        (Just(domain), records)
    });
    (domain_and_records, hostname, parts).prop_map(
        |(
            (domain, records),
            (hostname, further),
            (registration, certificate, mut api, tags, dry_run, name_servers, dns),
        )| {
            // Nothing is bought, corrected or written where the customer's own DNS answers.
            let here = dns != Some("external");
            let (registration, name_servers) = (registration.filter(|_| here), name_servers.filter(|_| here));
            let records = records.filter(|_| here);
            let hostname =
                hostname.map(|label| label.map_or_else(|| domain.clone(), |label| format!("{label}.{domain}")));
            let main = hostname.clone().unwrap_or_else(|| format!("api.{domain}"));
            let further = further.map(|labels| {
                let names = labels.iter().map(|label| format!("{label}.{domain}")).filter(|name| *name != main);
                names.collect::<Vec<_>>()
            });
            let further = further.filter(|names| !names.is_empty());
            let certificate = certificate.map(|(labels, key, validation)| {
                let names = labels.iter().map(|label| format!("{label}.{domain}"));
                let all = std::iter::once(format!("*.{domain}")).chain(names).collect::<Vec<_>>();
                object([
                    ("alternativeNames", Some(json!(all))),
                    ("keyAlgorithm", Some(json!(key))),
                    ("validation", validation.map(|_| json!("EMAIL"))),
                    ("validationDomain", validation.filter(|(named, _)| *named).map(|_| json!(domain))),
                    ("resendEmail", validation.and_then(|(_, again)| again).map(Value::from)),
                ])
            });
            if let Some(hostname) = hostname {
                api["hostname"] = json!(hostname);
            }
            if let Some(further) = further {
                api["alternativeHostnames"] = json!(further);
            }
            object([
                ("domainName", Some(json!(domain))),
                ("registration", registration),
                ("dns", dns.map(Value::from)),
                ("nameServers", name_servers.map(Value::from)),
                ("certificate", certificate),
                ("api", Some(api)),
                ("records", records.filter(|records| *records != json!([]))),
                ("tags", tags.map(|tags| json!(tags))),
                ("dryRun", dry_run.map(Value::from)),
                ("version", dry_run.map(|_| json!(1))),
            ])
        },
    )
}

fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let present = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}

/// Every place in a document, as JSON pointers, the whole first.
fn places(value: &Value) -> Vec<String> {
    let below = |name: &str, value: &Value| {
        let name = name.replace('~', "~0").replace('/', "~1");
        places(value).into_iter().map(move |place| format!("/{name}{place}")).collect::<Vec<_>>()
    };
    let mut all = vec![String::new()];
    match value {
        Value::Object(members) => all.extend(members.iter().flat_map(|(name, member)| below(name, member))),
        Value::Array(items) => all.extend(items.iter().enumerate().flat_map(|(at, item)| below(&at.to_string(), item))),
        _ => {}
    }
    all
}

/// Whether everything in `given` stands in `read`, whatever was added.
fn stands_in(given: &Value, read: &Value) -> bool {
    match (given, read) {
        (Value::Object(given), Value::Object(read)) => {
            given.iter().all(|(name, value)| read.get(name).is_some_and(|read| stands_in(value, read)))
        }
        (Value::Array(given), Value::Array(read)) => {
            given.len() == read.len() && given.iter().zip(read).all(|(given, read)| stands_in(given, read))
        }
        (Value::Number(given), Value::Number(read)) => given.as_f64() == read.as_f64(),
        _ => given == read,
    }
}

/// An accepted request is read again as the same; a refused one names a field and a remedy, at no length.
fn settled(result: Result<Request, StepError>) {
    match result {
        Ok(request) => {
            let printed = serde_json::to_value(&request).unwrap();
            assert_eq!(Request::parse(&printed), Ok(request.clone()));
            assert_eq!(serde_json::from_str::<Request>(&printed.to_string()).unwrap(), request);
        }
        Err(error) => {
            assert_eq!(error.class, Class::InvalidRequest);
            assert!(error.reason.split_once(": ").is_some_and(|(field, _)| !field.is_empty()), "{error}");
            assert!(error.reason.chars().count() <= MAX_INVALID_REASON && !error.remedy.is_empty(), "{error}");
        }
    }
}

/// What is accepted is printed as something that is read as the same and printed as the same.
fn printed_as_read<T>(text: &str) -> bool
where
    T: FromStr<Err = String> + Clone + Debug + PartialEq + Into<String>,
{
    let Ok(read) = text.parse::<T>() else { return false };
    let printed: String = read.clone().into();
    assert_eq!(printed.parse::<T>(), Ok(read), "{text:?}");
    true
}

proptest! {
    #[test]
    fn a_name_is_read_as_it_was_printed_whatever_it_was(text in text()) {
        printed_as_read::<DomainName>(&text);
        printed_as_read::<Hostname>(&text);
        printed_as_read::<HostedZoneRef>(&text);
        printed_as_read::<CertificateName>(&text);
        printed_as_read::<RouteKey>(&text);
        printed_as_read::<LambdaArn>(&text);
    }

    #[test]
    fn a_name_for_sale_is_accepted_unchanged_in_any_case(name in domain(), below in label()) {
        prop_assert_eq!(name.parse::<DomainName>().map(String::from), Ok(name.clone()));
        prop_assert_eq!(name.to_uppercase().parse::<DomainName>().map(String::from), Ok(name.clone()));
        let host = format!("{below}.{name}");
        prop_assert_eq!(host.parse::<Hostname>().map(String::from), Ok(host.clone()));
        let inside = host.parse::<DomainName>().map_err(TestCaseError::fail)?;
        prop_assert!(inside.registrable() == name && !inside.is_registrable());
        prop_assert!(inside.enclosing().eq([host.as_str(), name.as_str()]));
        let wildcard = printed_as_read::<CertificateName>(&format!("*.{host}"));
        prop_assert!(wildcard);
    }

    #[test]
    fn a_valid_request_survives_and_normalising_twice_is_normalising_once(document in request()) {
        let read = Request::read(&document.to_string());
        let request = read.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let printed = serde_json::to_value(&request).unwrap();
        prop_assert!(stands_in(&document, &printed), "{} became {}", document, printed);
        let again = Request::read(&printed.to_string()).unwrap();
        prop_assert_eq!(&again, &request);
        prop_assert_eq!(serde_json::to_value(&again).unwrap(), printed);
        prop_assert_eq!(again.fingerprint(), request.fingerprint());
    }

    #[test]
    fn a_valid_request_with_anything_in_one_place_is_accepted_or_refused(
        mut document in request(),
        place in any::<Index>(),
        anything in json_value(),
    ) {
        let places = places(&document);
        *document.pointer_mut(place.get::<String>(&places)).unwrap() = anything;
        settled(Request::parse(&document));
    }

    #[test]
    fn any_json_is_accepted_or_refused(document in json_value()) {
        settled(Request::parse(&document));
    }

    #[test]
    fn any_text_is_accepted_or_refused(text in any::<String>()) {
        settled(Request::read(&text));
    }
}
