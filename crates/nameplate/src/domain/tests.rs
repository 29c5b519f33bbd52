//! Names that are taken and names that are refused.

use super::*;

fn domain(text: &str) -> Result<String, String> {
    text.parse::<DomainName>().map(String::from)
}

#[test]
fn names_are_compared_without_case_and_dot_and_servers_without_order() {
    assert_eq!(dns_form("API.Example.com."), "api.example.com");
    let servers = ["ns-2.example.net.", "NS-1.example.net", "ns-2.example.net"];
    assert_eq!(server_set(servers), ["ns-1.example.net", "ns-2.example.net"]);
}

#[test]
fn plain_names_survive_and_case_is_folded() {
    assert_eq!(domain("My-AI-Service.COM"), Ok("my-ai-service.com".into()));
    assert_eq!(domain("example.co.uk."), Ok("example.co.uk".into()));
    assert_eq!(domain("service.test"), Ok("service.test".into()));
    assert_eq!(domain("github.io"), Ok("github.io".into()));
}

#[test]
fn unicode_becomes_a_labels() {
    assert_eq!(domain("Bücher.example"), Ok("xn--bcher-kva.example".into()));
    assert_eq!(domain("xn--bcher-kva.example"), Ok("xn--bcher-kva.example".into()));
}

#[test]
fn each_kind_of_bad_name_is_refused_for_its_own_reason() {
    let cases = [
        ("", "empty"),
        ("..", "empty label"),
        ("a..com", "empty label"),
        (".example.com", "empty label"),
        ("my_service.com", "underscore"),
        ("-service.com", "hyphen"),
        ("service-.com", "hyphen"),
        ("192.0.2.1", "IP address"),
        ("2001:db8::1", "IP address"),
        ("[::1]", "IP address"),
        ("co.uk", "public suffix"),
        ("com", "single label"),
        ("https://example.com", "URL"),
        ("exa mple.com", "' '"),
        ("example.123", "number"),
    ];
    for (name, reason) in cases {
        let error = domain(name).expect_err(name);
        assert!(error.contains(reason), "{name:?}: {error}");
    }
    let long_label = format!("{}.com", "a".repeat(64));
    assert!(domain(&long_label).is_err_and(|e| e.contains("more than 63")));
    let long_name = format!("{}.com", vec!["a".repeat(60); 5].join("."));
    assert!(domain(&long_name).is_err_and(|e| e.contains("more than 253")));
}

#[test]
fn the_zones_that_a_name_can_lie_in_end_at_the_one_that_a_registrar_sells() -> Result<(), String> {
    let name: DomainName = "v1.acme.example.co.uk".parse()?;
    assert_eq!((name.registrable(), name.is_registrable()), ("example.co.uk", false));
    let enclosing: Vec<&str> = name.enclosing().collect();
    assert_eq!(enclosing, ["v1.acme.example.co.uk", "acme.example.co.uk", "example.co.uk"]);
    let sold: DomainName = "github.io".parse()?;
    assert!(sold.is_registrable() && sold.enclosing().eq(["github.io"]));
    Ok(())
}

#[test]
fn containment_is_by_whole_labels() -> Result<(), String> {
    let name: DomainName = "example.com".parse()?;
    assert!(name.contains("example.com") && name.contains("a.b.example.com"));
    assert!(!name.contains("badexample.com") && !name.contains("com"));
    Ok(())
}

#[test]
fn a_zone_is_named_by_its_id_or_by_its_name() {
    let zone = |text: &str| text.parse::<HostedZoneRef>();
    assert_eq!(zone("Z0123456789ABCDEFGHIJ").map(|zone| zone.id().is_some()), Ok(true));
    assert_eq!(zone("Example.COM.").map(|zone| zone.name() == Some("example.com")), Ok(true));
    for bad in ["", "Z", "z0123", "Z-1", "/hostedzone/Z0123", "example", "https://example.com"] {
        assert!(zone(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_wildcard_stands_for_exactly_one_label() -> Result<(), String> {
    let name: CertificateName = "*.Example.com".parse()?;
    assert!(name.covers("api.example.com"));
    assert!(!name.covers("a.api.example.com") && !name.covers("example.com"));
    assert_eq!(name.base(), "example.com");
    assert!("*.*.example.com".parse::<CertificateName>().is_err());
    let longest = format!("{}.{}.com", vec!["a".repeat(60); 4].join("."), "a".repeat(5));
    assert_eq!(longest.len(), 253);
    assert!(longest.parse::<CertificateName>().is_ok());
    assert!(format!("*.{longest}").parse::<CertificateName>().is_err_and(|e| e.contains("longer than 253")));
    Ok(())
}
