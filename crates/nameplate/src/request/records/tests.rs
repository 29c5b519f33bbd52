//! Records that are taken, in their exact form, and records that are refused.

use super::*;
use serde_json::{Value, json};

fn request(records: Value) -> Result<Request, StepError> {
    let mut document = json!({
        "domainName": "example.com",
        "api": {"routes": [{"route": "GET /", "url": "https://backend.example.net/"}]}
    });
    document["records"] = records;
    Request::parse(&document)
}

fn record(name: &str, kind: &str, values: &[&str]) -> Value {
    json!({"name": name, "type": kind, "values": values})
}

/// The values of the one record, in their one form.
fn values(kind: &str, values: &[&str]) -> Result<Vec<String>, String> {
    match request(json!([record("x.example.com", kind, values)])) {
        Ok(request) => Ok(request.records[0].values.clone()),
        Err(error) => Err(error.reason),
    }
}

#[test]
fn each_type_is_kept_in_one_form() {
    for (kind, typed, kept) in [
        ("A", "192.0.2.1", "192.0.2.1"),
        ("AAAA", "2001:DB8:0:0::1", "2001:db8::1"),
        ("CNAME", "Target._DomainKey.Example.NET.", "target._domainkey.example.net"),
        ("MX", "010  Mail.example.com.", "10 mail.example.com"),
        ("MX", "0 .", "0 ."),
        ("SRV", "1 10 5269 xmpp.example.com.", "1 10 5269 xmpp.example.com"),
        ("CAA", "0 ISSUE \"amazon.com\"", "0 issue \"amazon.com\""),
        ("CAA", "128 iodef \"mailto:a@example.com\"", "128 iodef \"mailto:a@example.com\""),
        ("TXT", "v=spf1 -all", "v=spf1 -all"),
        ("TXT", "a \"quoted\" \\ grüße\n", "a \"quoted\" \\ grüße\n"),
    ] {
        assert_eq!(values(kind, &[typed]), Ok(vec![kept.to_owned()]), "{kind} {typed}");
        assert_eq!(values(kind, &[kept]), Ok(vec![kept.to_owned()]), "{kind} {kept}");
    }
}

#[test]
fn a_value_of_another_form_is_refused_by_its_place() {
    let long = "x".repeat(MAX_TEXT_CHARACTERS);
    for (kind, value, problem) in [
        ("A", "192.0.2.256", "no IPv4 address"),
        ("A", "2001:db8::1", "no IPv4 address"),
        ("A", "192.0.2.1 ", "no IPv4 address"),
        ("AAAA", "192.0.2.1", "no IPv6 address"),
        ("CNAME", "192.0.2.1", "IP address"),
        ("CNAME", "target", "single label"),
        ("CNAME", "*.example.net", "wildcard"),
        ("CNAME", "a..example.net", "empty label"),
        ("MX", "mail.example.com", "not of the form"),
        ("MX", "70000 mail.example.com", "not of the form"),
        ("MX", "+1 mail.example.com", "not of the form"),
        ("MX", "10 mail.example.com x", "not of the form"),
        ("SRV", "1 10 xmpp.example.com", "not of the form"),
        ("CAA", "0 issue amazon.com", "in quotes"),
        ("CAA", "0 issue \"a\"b\"", "printable ASCII"),
        ("CAA", "1 issue \"amazon.com\"", "flags"),
        ("CAA", "0 issuemail \"amazon.com\"", "tag"),
        ("CAA", "issue", "no flags"),
        ("TXT", "", "empty"),
        ("TXT", "\"v=spf1 -all\"", "stands in quotes"),
        ("TXT", &long, "more than 4000"),
    ] {
        let reason = values(kind, &[value]).expect_err(value);
        assert!(reason.starts_with("records[0].values[0]: ") && reason.contains(problem), "{kind} {value}: {reason}");
    }
    assert!(values("A", &[]).is_err_and(|reason| reason.contains("outside 1 to 400")));
    assert!(values("CNAME", &["a.example.net", "b.example.net"]).is_err_and(|reason| reason.contains("one value")));
    assert!(values("AAAA", &["::1", "0:0::1"]).is_err_and(|reason| reason.contains("there already")));
    let many: Vec<String> = (0..401).map(|n| format!("192.0.{}.{}", n / 200, n % 200)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(values("A", &many[..400]).is_ok());
    assert!(values("A", &many).is_err_and(|reason| reason.contains("401 values")));
    let texts: Vec<String> = (0..5).map(|n| format!("{n}{}", "x".repeat(3_500))).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert!(values("TXT", &texts[..4]).is_ok());
    assert!(values("TXT", &texts).is_err_and(|reason| reason.contains("more than 16000")));
}

#[test]
fn names_are_whole_names_inside_the_domain() {
    for (typed, kept) in [
        ("example.com", "example.com"),
        ("WWW.Example.com.", "www.example.com"),
        ("*.example.com", "*.example.com"),
        ("_sip._tcp.example.com", "_sip._tcp.example.com"),
        ("bücher.example.com", "xn--bcher-kva.example.com"),
    ] {
        let read = request(json!([record(typed, "TXT", &["x"])]));
        assert_eq!(read.map(|request| request.records[0].name.to_string()), Ok(kept.to_owned()), "{typed}");
    }
    for (name, problem) in [
        ("www", "single label"),
        ("@", "'@'"),
        ("", "empty"),
        ("www.example.org", "not in `example.com`"),
        ("badexample.com", "not in `example.com`"),
        ("a.*.example.com", "whole first label"),
        ("a*.example.com", "whole first label"),
        ("-a.example.com", "hyphen"),
        ("a b.example.com", "' '"),
        (&format!("{}.example.com", "a".repeat(64)), "more than 63"),
        (&format!("{}.example.com", vec!["a".repeat(60); 5].join(".")), "more than 253"),
        (&"a".repeat(10_000), "longer than 253"),
    ] {
        let reason = request(json!([record(name, "TXT", &["x"])])).expect_err(name).reason;
        assert!(reason.starts_with("records[0].name: ") && reason.contains(problem), "{name}: {reason}");
    }
}

#[test]
fn what_cannot_stand_in_the_zone_is_refused() {
    let ttl = |ttl: i64| json!([{"name": "www.example.com", "type": "A", "values": ["192.0.2.1"], "ttl": ttl}]);
    let caa = |name: &str| record(name, "CAA", &["0 issue \"amazon.com\""]);
    for (records, problem) in [
        (ttl(0), "outside 1 to 604800"),
        (ttl(604_801), "outside 1 to 604800"),
        (
            json!([record("a.example.com", "A", &["192.0.2.1"]), record("A.example.com", "A", &["192.0.2.2"])]),
            "already",
        ),
        (
            json!([record("a.example.com", "A", &["192.0.2.1"]), record("a.example.com", "CNAME", &["b.example.com"])]),
            "stands alone",
        ),
        (
            json!([record("a.example.com", "CNAME", &["b.example.com"]), record("a.example.com", "TXT", &["x"])]),
            "stands alone",
        ),
        (json!([record("example.com", "CNAME", &["b.example.net"])]), "domain itself"),
        (json!([record("api.example.com", "A", &["192.0.2.1"])]), "a host name of the API"),
        (json!([record("api.example.com", "CNAME", &["b.example.com"])]), "a host name of the API"),
        (json!([caa("*.example.com")]), "wildcard"),
        (json!([record("example.com", "NS", &["ns.example.net"])]), "unknown variant `NS`"),
        (json!([record("example.com", "SOA", &["x"])]), "unknown variant `SOA`"),
        (json!([{"name": "a.example.com", "type": "A", "value": "192.0.2.1"}]), "unknown field"),
        (json!([["a.example.com", "A", 300, ["192.0.2.1"]]]), "it is a list"),
    ] {
        let error = request(records.clone()).expect_err(problem);
        assert!(error.reason.starts_with("records[") && error.reason.contains(problem), "{records}: {error}");
    }
    assert!(request(ttl(604_800)).is_ok());
    assert!(request(json!([record("api.example.com", "TXT", &["x"]), caa("api.example.com")])).is_ok());
}

#[test]
fn caa_that_shuts_out_amazon_is_refused_for_the_names_that_it_decides_on() {
    // The certificate is for example.com and *.example.com.
    let at = |name: &str, values: &[&str]| request(json!([record(name, "CAA", values)]));
    for (name, values, tag) in [
        ("example.com", &["0 issue \"letsencrypt.org\""][..], "0 issue \"amazon.com\""),
        ("example.com", &["0 issue \";\""], "0 issue \"amazon.com\""),
        ("example.com", &["0 issue \"amazon.com\"", "0 issuewild \"letsencrypt.org\""], "0 issuewild \"amazon.com\""),
        ("example.com", &["0 issue \"notamazon.com\""], "0 issue \"amazon.com\""),
    ] {
        let error = at(name, values).expect_err(tag);
        assert!(error.reason.starts_with("records[0]: ") && error.remedy.contains(tag), "{values:?}: {error}");
    }
    for (name, values) in [
        ("example.com", &["0 issue \"letsencrypt.org\"", "0 issue \"Amazon.com\""][..]),
        ("example.com", &["0 issue \"amazonaws.com; account=1\""]),
        ("example.com", &["0 issue \"amazontrust.com\"", "0 issuewild \"awstrust.com\""]),
        ("example.com", &["0 iodef \"mailto:security@example.com\""]),
        // No name on the certificate lies at or below it.
        ("mail.example.com", &["0 issue \"letsencrypt.org\""]),
    ] {
        let read = at(name, values);
        assert!(read.is_ok(), "{name} {values:?}: {read:?}");
    }
}

#[test]
fn the_closest_caa_at_or_above_a_certified_name_decides() {
    let parse = |above: &str, at: &str| {
        let mut document = json!({
            "domainName": "example.com", "certificate": {"alternativeNames": ["api.v1.example.com"]},
            "api": {"hostname": "api.v1.example.com", "routes": [{"route": "GET /", "url": "https://b.example.net/"}]}
        });
        document["records"] = json!([
            record("example.com", "CAA", &["0 issue \"amazon.com\""]),
            record("v1.example.com", "CAA", &[above]),
            record("api.v1.example.com", "CAA", &[at]),
        ]);
        Request::parse(&document)
    };
    assert!(parse("0 issue \"letsencrypt.org\"", "0 issue \"amazon.com\"").is_ok());
    let error = parse("0 issue \"amazon.com\"", "0 issue \"letsencrypt.org\"").expect_err("shut out");
    assert!(error.reason.starts_with("records[2]: ") && error.reason.contains("api.v1.example.com"), "{error}");
}

#[test]
fn text_is_split_and_escaped_as_route_53_takes_it_and_read_again() {
    assert_eq!(quoted("a\"b\\c"), r#""a\"b\\c""#);
    assert_eq!(quoted("ü\n"), r#""\303\274\012""#);
    let long = "x".repeat(300);
    assert_eq!(quoted(&long), format!("\"{}\" \"{}\"", "x".repeat(255), "x".repeat(45)));
    // A character that lies across two strings is split in its bytes.
    let across = format!("{}ü", "x".repeat(254));
    assert!(quoted(&across).ends_with("x\\303\" \"\\274\""));
    for text in ["plain", "a\"b\\c", "ü\n", &long, &across, "\\101"] {
        assert_eq!(unquoted(&quoted(text)).as_deref(), Some(text.as_bytes()), "{text}");
    }
    assert_eq!(unquoted(r#""\101b" "c""#).as_deref(), Some(&b"Abc"[..]));
    for broken in ["plain", "\"open", "\"a\\", "\"a\" b"] {
        assert_eq!(unquoted(broken), None, "{broken}");
    }
}

#[test]
fn a_record_is_known_again_in_any_order_and_spelling_and_with_no_other_content() {
    let set = |kind: &str, values: &[&str]| {
        request(json!([record("x.example.com", kind, values)])).expect("valid").records.remove(0)
    };
    let found = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    let mail = set("MX", &["10 a.example.com", "20 b.example.com"]);
    assert!(mail.is(Some(300), &found(&["20 B.example.com.", "10 a.example.com."])));
    assert!(!mail.is(Some(60), &found(&["10 a.example.com", "20 b.example.com"])));
    assert!(!mail.is(None, &found(&["10 a.example.com", "20 b.example.com"])));
    assert!(!mail.is(Some(300), &found(&["10 a.example.com"])));
    assert!(!mail.is(Some(300), &found(&["10 a.example.com", "20 b.example.com", "30 c.example.com"])));
    let text = set("TXT", &["v=spf1 -all"]);
    assert!(text.is(Some(300), &found(&["\"v=spf1\" \" -all\""])));
    assert!(!text.is(Some(300), &found(&["v=spf1 -all"])));
}
