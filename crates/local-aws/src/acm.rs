//! ACM on the wire, over MiniStack's.
//!
//! Owns the operations; the certificates are in `certificate.rs`. MiniStack keeps ARN and tags and checks the caller.
//! It calls a certificate ISSUED at once; that word is never passed on. No mail is sent: the control API clicks a link.
//! Must not know what moves a certificate on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::answer::{self, Answer, replace_body};
use crate::certificate::{Certificate, Status, base, region_of};
use crate::certificate_request::{method, requested_names, validation_domains};
use crate::domain_name::plain;
use crate::emulator::EmulatorError;
use crate::local::Local;
use crate::sigv4;

/// Answers a call of the service.
pub(crate) async fn handle(local: &Arc<Local>, action: &str, request: Request<Bytes>) -> Answer {
    let input: Value = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
    let arn = input["CertificateArn"].as_str().unwrap_or_default().to_owned();
    match action {
        "RequestCertificate" => request_certificate(local, &input, request).await,
        "DescribeCertificate" => {
            let mut answer = local.forward(request).await;
            if answer.status().is_success() {
                adopt(local, &arn).await;
                let users = users(local, Some(&arn)).await.unwrap_or_default();
                if let Some(shape) = describe(local, &arn, &users) {
                    replace_body(&mut answer, json!({ "Certificate": shape }).to_string());
                }
            }
            answer
        }
        "ListCertificates" => list_certificates(local, &input, request).await,
        "ResendValidationEmail" => {
            adopt(local, &arn).await;
            match local.certificates.cannot_resend(&arn, &input) {
                Some((code, message)) => {
                    let refusal = answer::json11_error(code, &message, None);
                    local.refuse(&request, refusal).await
                }
                None => local.forward(request).await,
            }
        }
        "GetCertificate" => {
            let answer = local.forward(request).await;
            if answer.status().is_success() && !local.certificates.is_issued(&arn).unwrap_or(true) {
                let message = format!("The certificate {arn} has not been issued.");
                return answer::json11_error("RequestInProgressException", &message, None);
            }
            answer
        }
        "DeleteCertificate" => {
            if users(local, Some(&arn)).await.is_ok_and(|users| users.contains_key(&arn)) {
                let message = format!("Certificate {arn} in account {} is in use.", local.account_id);
                let refusal = answer::json11_error("ResourceInUseException", &message, None);
                return local.refuse(&request, refusal).await;
            }
            let answer = local.forward(request).await;
            if answer.status().is_success() {
                local.certificates.remove(&arn);
            }
            answer
        }
        _ => local.forward(request).await,
    }
}

async fn request_certificate(local: &Arc<Local>, input: &Value, request: Request<Bytes>) -> Answer {
    let checked = requested_names(input).and_then(|names| Ok((validation_domains(input, &names)?, names)));
    let (validation_domains, names) = match checked {
        Ok(checked) => checked,
        Err((code, message)) => return local.refuse(&request, answer::json11_error(code, &message, None)).await,
    };
    let token = input["IdempotencyToken"].as_str().map(str::to_owned);
    // One at a time, so that two with the same token are one certificate.
    let _turn = local.certificate_requests.lock().await;
    let mut answer = local.forward(request).await;
    if !answer.status().is_success() {
        return answer;
    }
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let Some(arn) = body["CertificateArn"].as_str() else { return answer };
    let now = local.clock.now();
    if let Some(earlier) = local.certificates.by_token(token.as_deref(), &names, region_of(arn), now) {
        // MiniStack knows no tokens and has made another one.
        let twin = json!({ "CertificateArn": arn });
        let emulator = local.emulator.in_region(region_of(arn).unwrap_or(&local.region));
        let _gone = emulator.json("acm", "CertificateManager.DeleteCertificate", &twin).await;
        replace_body(&mut answer, json!({ "CertificateArn": earlier }).to_string());
        return answer;
    }
    let certificate = Certificate {
        arn: arn.to_owned(),
        names,
        method: method(input).to_owned(),
        validation_domains,
        key_algorithm: input["KeyAlgorithm"].as_str().unwrap_or("RSA_2048").to_owned(),
        options: input["Options"].clone(),
        token,
        requested: now,
        records_at: Instant::now() + Duration::from_millis(local.settings().delays.certificate_records),
        status: Status::Pending,
        seen: Vec::new(),
        clicked: Vec::new(),
        complete_since: None,
    };
    local.certificates.insert(certificate);
    local.wake_certificates();
    answer
}

/// Certificates can also be made by CloudFormation within MiniStack; such a one begins its life when it is first seen.
async fn adopt(local: &Arc<Local>, arn: &str) {
    if local.certificates.contains(arn) {
        return;
    }
    let input = json!({ "CertificateArn": arn });
    let emulator = local.emulator.in_region(region_of(arn).unwrap_or(&local.region));
    let Ok(found) = emulator.json("acm", "CertificateManager.DescribeCertificate", &input).await else { return };
    let found = &found["Certificate"];
    if found["Type"] == "IMPORTED" {
        return;
    }
    let names = found["SubjectAlternativeNames"].as_array().into_iter().flatten();
    let names: Vec<String> = names.filter_map(|name| name.as_str().map(str::to_ascii_lowercase)).collect();
    let certificate = Certificate {
        arn: arn.to_owned(),
        validation_domains: names.iter().map(|name| base(name).to_owned()).collect(),
        names,
        method: found["DomainValidationOptions"][0]["ValidationMethod"].as_str().unwrap_or("DNS").to_owned(),
        key_algorithm: "RSA_2048".to_owned(),
        options: Value::Null,
        token: None,
        requested: local.clock.now(),
        records_at: Instant::now() + Duration::from_millis(local.settings().delays.certificate_records),
        status: Status::Pending,
        seen: Vec::new(),
        clicked: Vec::new(),
        complete_since: None,
    };
    local.certificates.adopt(certificate);
    local.wake_certificates();
}

/// Who uses which certificate; `asked` is the one that the caller wants to know about.
async fn users(local: &Local, asked: Option<&str>) -> Result<HashMap<String, Vec<String>>, EmulatorError> {
    let release = Duration::from_millis(local.settings().delays.certificate_release);
    local.certificate_use.users(&local.emulator, release, asked).await
}

fn describe(local: &Local, arn: &str, users: &HashMap<String, Vec<String>>) -> Option<Value> {
    local.certificates.describe(&local.region, &local.account_id, arn, users)
}

async fn list_certificates(local: &Arc<Local>, input: &Value, request: Request<Bytes>) -> Answer {
    let region = sigv4::scope(request.uri(), request.headers()).map(|scope| scope.region);
    // MiniStack checks the caller; its own statuses are not used, so its filters are not either.
    let mut answer = local.forward(request).await;
    if !answer.status().is_success() {
        return answer;
    }
    let emulator = local.emulator.in_region(region.as_deref().unwrap_or(&local.region));
    let listed = emulator.json("acm", "CertificateManager.ListCertificates", &json!({})).await.unwrap_or_default();
    let mut summaries = Vec::new();
    let users = users(local, None).await.unwrap_or_default();
    for summary in listed["CertificateSummaryList"].as_array().into_iter().flatten() {
        let arn = summary["CertificateArn"].as_str().unwrap_or_default();
        adopt(local, arn).await;
        let shape = describe(local, arn, &users);
        summaries.push(shape.map_or_else(|| summary.clone(), |shape| summarise(&shape)));
    }
    match select(summaries, input) {
        Ok(output) => replace_body(&mut answer, output.to_string()),
        Err(message) => return answer::json11_error("InvalidArgsException", &message, None),
    }
    answer
}

/// A line of ListCertificates.
fn summarise(shape: &Value) -> Value {
    let names = shape["SubjectAlternativeNames"].clone();
    let mut summary = json!({
        "SubjectAlternativeNameSummaries": names,
        "HasAdditionalSubjectAlternativeNames": false,
        "InUse": shape["InUseBy"].as_array().is_some_and(|users| !users.is_empty()),
        "Exported": false,
    });
    for field in [
        "CertificateArn",
        "DomainName",
        "Status",
        "Type",
        "KeyAlgorithm",
        "RenewalEligibility",
        "CreatedAt",
        "IssuedAt",
        "NotBefore",
        "NotAfter",
    ] {
        if !shape[field].is_null() {
            summary[field] = shape[field].clone();
        }
    }
    summary
}

/// Filters, order and page of ListCertificates. Other keys than RSA_2048 show only when they are asked for
/// (AWS-FACTS 3.2.11).
fn select(mut summaries: Vec<Value>, input: &Value) -> Result<Value, String> {
    let keys: Vec<&str> = match input["Includes"]["keyTypes"].as_array() {
        Some(keys) => keys.iter().filter_map(Value::as_str).collect(),
        None => vec!["RSA_1024", "RSA_2048"],
    };
    summaries.retain(|summary| summary["KeyAlgorithm"].as_str().is_none_or(|key| keys.contains(&key)));
    if let Some(statuses) = input["CertificateStatuses"].as_array().filter(|statuses| !statuses.is_empty()) {
        summaries.retain(|summary| statuses.contains(&summary["Status"]));
    }
    if input["SortBy"] == "CREATED_AT" {
        let created = |summary: &Value| summary["CreatedAt"].as_f64().unwrap_or_default();
        summaries.sort_by(|one, other| created(one).total_cmp(&created(other)));
        if input["SortOrder"] == "DESCENDING" {
            summaries.reverse();
        }
    }
    let start = match input["NextToken"].as_str() {
        None => 0,
        Some(token) => token.parse::<usize>().map_err(|_| "The NextToken is not valid.".to_owned())?,
    };
    let count = input["MaxItems"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(1_000);
    let end = start.saturating_add(count);
    let more = end < summaries.len();
    let page: Vec<Value> = summaries.into_iter().take(end).skip(start).collect();
    let mut output = json!({ "CertificateSummaryList": page });
    if more {
        output["NextToken"] = json!(end.to_string());
    }
    Ok(output)
}

/// Why API Gateway does not take a certificate for a host (AWS-FACTS 4.4.1), if it does not.
pub(crate) async fn unusable(local: &Arc<Local>, arn: &str, host: &str) -> Option<String> {
    adopt(local, arn).await;
    if region_of(arn) == Some(&local.region)
        && let Some(serves) = local.certificates.serves(arn, host)
    {
        return serves.err();
    }
    let input = json!({ "CertificateArn": arn });
    match local.emulator.json("acm", "CertificateManager.DescribeCertificate", &input).await {
        // An imported one: MiniStack does not read its names.
        Ok(_) => None,
        Err(_) => Some(format!("The certificate {arn} does not exist in {}.", local.region)),
    }
}

/// Somebody clicks the link in the mail about a name. Why that cannot be, if it cannot.
pub(crate) async fn click(local: &Arc<Local>, id: &str, name: &str) -> Result<(), String> {
    let arn = format!("arn:aws:acm:{}:{}:certificate/{id}", local.region, local.account_id);
    adopt(local, &arn).await;
    let clicked = local.certificates.click(&arn, &plain(name), local.clock.now());
    local.wake_certificates();
    clicked
}

/// All certificates that MiniStack holds, adopted; for a caller that wants to see them.
pub(crate) async fn states(local: &Arc<Local>) -> Result<Value, EmulatorError> {
    let input = json!({});
    let listed = local.emulator.json("acm", "CertificateManager.ListCertificates", &input).await?;
    for summary in listed["CertificateSummaryList"].as_array().into_iter().flatten() {
        adopt(local, summary["CertificateArn"].as_str().unwrap_or_default()).await;
    }
    let users = users(local, None).await?;
    let shapes: Vec<Value> = local.certificates.arns().iter().filter_map(|arn| describe(local, arn, &users)).collect();
    Ok(json!({ "certificates": shapes }))
}

#[cfg(test)]
mod tests;
