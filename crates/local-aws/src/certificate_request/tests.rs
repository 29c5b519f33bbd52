//! What is refused of a request, and where its mails go.

use serde_json::json;

use super::*;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn requests_are_checked_as_acm_does() {
    let code = |input: Value| requested_names(&input).err().map(|(code, _)| code);
    let request = |more: Value| {
        let mut input = json!({ "DomainName": "a.com" });
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        input
    };
    let twice = request(json!({ "SubjectAlternativeNames": ["a.com", "*.A.com"] }));
    assert_eq!(requested_names(&twice).ok(), Some(names(&["a.com", "*.a.com"])));
    let uuid = "11111111-2222-3333-4444-555555555555";
    assert_eq!(code(request(json!({ "IdempotencyToken": uuid }))), Some("ValidationException"));
    assert_eq!(code(request(json!({ "IdempotencyToken": "a".repeat(33) }))), Some("ValidationException"));
    assert_eq!(code(request(json!({ "IdempotencyToken": "a_B9" }))), None);
    assert_eq!(code(request(json!({ "DomainName": "a.*.com" }))), Some("ValidationException"));
    assert_eq!(
        code(request(json!({ "DomainName": format!("{}.{}.com", "a".repeat(40), "b".repeat(40)) }))),
        Some("InvalidDomainValidationOptionsException")
    );
    let many: Vec<String> = (0..10).map(|index| format!("n{index}.a.com")).collect();
    assert_eq!(code(request(json!({ "SubjectAlternativeNames": many }))), Some("LimitExceededException"));
    assert_eq!(code(request(json!({ "KeyAlgorithm": "RSA_4096" }))), Some("InvalidParameterException"));
}

#[test]
fn mails_go_to_the_name_or_above_it() {
    let request = |method: &str, options: Value| {
        let input = json!({ "ValidationMethod": method, "DomainValidationOptions": options });
        validation_domains(&input, &names(&["x.a.com", "*.x.a.com", "www.x.a.com"]))
    };
    let option = |name: &str, domain: &str| json!([{ "DomainName": name, "ValidationDomain": domain }]);
    assert_eq!(request("EMAIL", Value::Null), Ok(names(&["x.a.com", "x.a.com", "x.a.com"])));
    assert_eq!(request("EMAIL", option("*.x.a.com", "A.com")), Ok(names(&["x.a.com", "a.com", "x.a.com"])));
    for (name, domain) in
        [("x.a.com", "y.x.a.com"), ("x.a.com", "b.com"), ("x.a.com", "com"), ("y.a.com", "a.com"), ("x.a.com", "")]
    {
        let refused = request("EMAIL", option(name, domain)).map_err(|(code, _)| code);
        assert_eq!(refused, Err("InvalidDomainValidationOptionsException"), "{name} {domain}");
    }
    assert!(request("DNS", option("x.a.com", "b.com")).is_ok());
}
