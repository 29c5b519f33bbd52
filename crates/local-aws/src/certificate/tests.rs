//! Certificates from request to issue, as they are shown.

use std::time::Duration;

use super::*;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn apex_and_wildcard_share_one_record_and_accounts_do_not() {
    let apex = validation_record("000000000000", "a.com");
    assert_eq!(apex, validation_record("000000000000", "*.a.com"));
    assert_ne!(apex, validation_record("111111111111", "a.com"));
    assert_ne!(apex, validation_record("000000000000", "b.com"));
    let (name, value) = apex;
    assert!(name.starts_with('_') && name.ends_with(".a.com.") && name.len() == 1 + 32 + ".a.com.".len());
    assert!(value.starts_with('_') && value.ends_with(".acm-validations.aws."));
}

#[test]
fn a_wildcard_covers_one_label() {
    let certificate = names(&["a.com", "*.a.com"]);
    for (host, expected) in [
        ("a.com", true),
        ("API.a.com", true),
        ("v1.api.a.com", false),
        ("xa.com", false),
        (".a.com", false),
        ("com", false),
    ] {
        assert_eq!(covers(&certificate, host), expected, "{host}");
    }
    assert!(!covers(&names(&["*.a.com"]), "a.com"));
}

fn certificate() -> Certificate {
    Certificate {
        arn: "arn:c".to_owned(),
        names: names(&["a.com", "*.a.com", "b.com"]),
        method: "DNS".to_owned(),
        validation_domains: names(&["a.com", "a.com", "b.com"]),
        key_algorithm: "RSA_2048".to_owned(),
        options: Value::Null,
        token: None,
        requested: 1_000.0,
        records_at: Instant::now(),
        status: Status::Pending,
        seen: names(&["a.com"]),
        clicked: Vec::new(),
        complete_since: None,
    }
}

#[test]
fn a_pending_certificate_shows_records_late_and_no_dates() {
    let early = certificate().shape("000000000000", false, vec![]);
    assert_eq!(early["Status"], "PENDING_VALIDATION");
    assert!(early["DomainValidationOptions"][0]["ResourceRecord"].is_null());
    let later = certificate().shape("000000000000", true, vec![]);
    let options = later["DomainValidationOptions"].as_array().unwrap();
    assert_eq!(options[0]["ResourceRecord"], options[1]["ResourceRecord"]);
    assert_ne!(options[0]["ResourceRecord"], options[2]["ResourceRecord"]);
    let statuses: Vec<&str> = options.iter().map(|option| option["ValidationStatus"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["SUCCESS", "SUCCESS", "PENDING_VALIDATION"]);
    assert!(later["NotAfter"].is_null() && later["IssuedAt"].is_null() && later["FailureReason"].is_null());
}

fn by_mail() -> Certificate {
    Certificate { method: "EMAIL".to_owned(), seen: Vec::new(), ..certificate() }
}

#[test]
fn a_certificate_by_mail_shows_its_mailboxes_late_and_no_record() {
    let early = by_mail().shape("000000000000", false, vec![]);
    assert!(early["DomainValidationOptions"][0]["ValidationEmails"].is_null());
    let later = by_mail().shape("000000000000", true, vec![]);
    for option in later["DomainValidationOptions"].as_array().unwrap() {
        assert!(option["ResourceRecord"].is_null() && option["ValidationStatus"] == "PENDING_VALIDATION", "{option}");
        let domain = option["ValidationDomain"].as_str().unwrap();
        assert_eq!(option["ValidationEmails"][0], format!("admin@{domain}"));
        assert_eq!(option["ValidationEmails"].as_array().map(Vec::len), Some(5));
    }
    let by_dns = certificate().shape("000000000000", true, vec![]);
    assert!(by_dns["DomainValidationOptions"][0]["ValidationEmails"].is_null());
}

#[test]
fn each_name_needs_a_click_of_its_own_in_time() {
    let mut certificate = by_mail();
    assert_eq!(certificate.click("*.a.com", 1_000.0), Ok(()));
    assert_eq!(certificate.click("*.a.com", 1_000.0), Ok(()), "twice is once");
    assert_eq!(certificate.clicked, ["*.a.com"]);
    let shape = certificate.shape("000000000000", true, vec![]);
    let options = shape["DomainValidationOptions"].as_array().unwrap();
    let statuses: Vec<&str> = options.iter().map(|option| option["ValidationStatus"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["PENDING_VALIDATION", "SUCCESS", "PENDING_VALIDATION"]);
    assert!(certificate.click("c.com", 1_000.0).is_err(), "no name of it");
    assert!(certificate.click("a.com", 1_001.0 + VALIDATION_SECS).is_err(), "too late");
    certificate.records_at = Instant::now() + Duration::from_secs(60);
    assert!(certificate.click("a.com", 1_000.0).is_err(), "no mail yet");
    let mut issued = Certificate { status: Status::Issued(2_000.0), ..by_mail() };
    assert!(issued.click("a.com", 2_001.0).is_err());
    let mut by_dns = Certificate { method: "DNS".to_owned(), ..by_mail() };
    assert!(by_dns.click("a.com", 1_000.0).is_err());
}

#[test]
fn mails_are_sent_again_only_while_they_are_waited_for() {
    let code = |certificate: Certificate, name: &str, domain: &str| {
        let certificates = Certificates(Mutex::new(BTreeMap::from([("arn:c".to_owned(), certificate)])));
        let input = json!({ "Domain": name, "ValidationDomain": domain });
        certificates.cannot_resend("arn:c", &input).map(|(code, _)| code)
    };
    assert_eq!(code(by_mail(), "*.a.com", "a.com"), None);
    assert_eq!(code(by_mail(), "c.com", "c.com"), Some("InvalidDomainValidationOptionsException"));
    assert_eq!(code(by_mail(), "a.com", "x.a.com"), Some("InvalidDomainValidationOptionsException"));
    assert_eq!(code(certificate(), "a.com", "a.com"), Some("InvalidStateException"), "validated by DNS");
    let timed_out = Certificate { status: Status::TimedOut, ..by_mail() };
    assert_eq!(code(timed_out, "a.com", "a.com"), Some("InvalidStateException"));
}

#[test]
fn an_issued_or_failed_certificate_says_so() {
    let issued = Certificate { status: Status::Issued(2_000.0), ..certificate() };
    let shape = issued.shape("000000000000", true, vec!["arn:lb".to_owned()]);
    assert_eq!(
        (shape["Status"].as_str(), shape["NotAfter"].as_f64()),
        (Some("ISSUED"), Some(2_000.0 + 198.0 * 86_400.0))
    );
    assert_eq!(shape["DomainValidationOptions"][2]["ValidationStatus"], "SUCCESS");
    assert_eq!(shape["RenewalEligibility"], "ELIGIBLE");
    let failed = Certificate { status: Status::Failed("CAA_ERROR"), ..certificate() };
    assert_eq!(failed.shape("000000000000", true, vec![])["FailureReason"], "CAA_ERROR");
    let event = issued.issued_event(2_000.0);
    assert_eq!((event.resources, event.detail["Action"].as_str()), (vec!["arn:c".to_owned()], Some("ISSUANCE")));
}
