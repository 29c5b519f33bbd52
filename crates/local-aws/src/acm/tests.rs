//! What a list shows.

use super::*;

#[test]
fn lists_hide_other_keys_unless_asked() {
    let list = vec![
        json!({ "CertificateArn": "rsa", "Status": "ISSUED", "KeyAlgorithm": "RSA_2048", "CreatedAt": 2.0 }),
        json!({ "CertificateArn": "ec", "Status": "ISSUED", "KeyAlgorithm": "EC_prime256v1", "CreatedAt": 1.0 }),
        json!({ "CertificateArn": "new", "Status": "PENDING_VALIDATION", "KeyAlgorithm": "RSA_2048", "CreatedAt": 3.0 }),
    ];
    let arns = |input: Value| -> Vec<String> {
        let output = select(list.clone(), &input).unwrap();
        let list = output["CertificateSummaryList"].as_array().unwrap();
        list.iter().map(|summary| summary["CertificateArn"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(arns(json!({})), ["rsa", "new"]);
    assert_eq!(arns(json!({ "Includes": { "keyTypes": ["EC_prime256v1"] } })), ["ec"]);
    assert_eq!(arns(json!({ "CertificateStatuses": ["ISSUED"] })), ["rsa"]);
    assert_eq!(arns(json!({ "SortBy": "CREATED_AT", "SortOrder": "DESCENDING" })), ["new", "rsa"]);
    assert_eq!(arns(json!({ "MaxItems": 1, "NextToken": "1" })), ["new"]);
}
