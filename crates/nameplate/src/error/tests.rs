//! Which class an error of AWS has.

use super::*;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use std::time::Duration;

fn answer(status: u16, code: &str) -> SdkError<ErrorMetadata, HttpResponse> {
    let status = StatusCode::try_from(status).expect("a status");
    let metadata = ErrorMetadata::builder().code(code).message("because").build();
    SdkError::service_error(metadata, HttpResponse::new(status, SdkBody::empty()))
}

#[test]
fn throttling_and_server_errors_are_retryable_a_limit_of_running_operations_is_a_wait_and_the_rest_is_final() {
    for (status, code, class) in [
        (400, "Throttling", Class::Retryable),
        (400, "PriorRequestNotComplete", Class::Retryable),
        (429, "Whatever", Class::Retryable),
        (503, "Whatever", Class::Retryable),
        (400, "AccessDeniedException", Class::Failed),
        (400, "LimitExceededException", Class::Failed),
        (400, "OperationLimitExceeded", Class::NotReady),
    ] {
        let error = classify("acm:RequestCertificate", &answer(status, code));
        assert_eq!(error.class, class, "{status} {code}");
        assert!(error.reason.contains("acm:RequestCertificate") && error.reason.contains(code), "{}", error.reason);
    }
}

#[test]
fn an_answer_that_was_cut_is_retryable_whatever_its_status() {
    for status in [200, 400, 403, 500] {
        let raw = HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::empty());
        let error = classify("acm:RequestCertificate", &SdkError::<ErrorMetadata, _>::response_error("cut", raw));
        assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "UnreadableAnswer"), "{status}");
        assert!(error.reason.contains("acm:RequestCertificate"), "{}", error.reason);
    }
}

#[test]
fn what_was_not_delivered_is_retryable_unless_it_can_never_be_sent() {
    let unreadable = || CredentialsError::invalid_configuration("MARK");
    for (failure, class, code) in [
        (ConnectorError::io("cut".into()), Class::Retryable, "ConnectionLost"),
        (ConnectorError::timeout("slow".into()), Class::Retryable, "ConnectionLost"),
        (ConnectorError::other("odd".into(), None), Class::Retryable, "ConnectionLost"),
        (ConnectorError::user("MARK".into()), Class::Failed, "NotSent"),
        (credentials(CredentialsError::not_loaded("MARK")), Class::Failed, "NoCredentials"),
        (credentials(unreadable()), Class::Failed, "NoCredentials"),
        (ConnectorError::other(Box::new(Wrapped(unreadable())), None), Class::Failed, "NoCredentials"),
        (credentials(CredentialsError::provider_error("MARK")), Class::Retryable, "NoCredentials"),
        (credentials(CredentialsError::provider_timed_out(Duration::ZERO)), Class::Retryable, "NoCredentials"),
    ] {
        let error = classify("acm:RequestCertificate", &SdkError::<ErrorMetadata, _>::dispatch_failure(failure));
        assert_eq!((error.class, error.code.as_str()), (class, code));
        assert!(error.reason.contains("acm:RequestCertificate") && !error.reason.contains("MARK"), "{error}");
    }
    let unbuilt = classify("acm:RequestCertificate", &SdkError::<ErrorMetadata, _>::construction_failure("MARK"));
    assert_eq!((unbuilt.class, unbuilt.code.as_str()), (Class::Failed, "NotSent"));
    let late = classify("acm:RequestCertificate", &SdkError::<ErrorMetadata, _>::timeout_error("slow"));
    assert_eq!((late.class, late.code.as_str()), (Class::Retryable, "Timeout"));
}

fn credentials(error: CredentialsError) -> ConnectorError {
    ConnectorError::other(error.into(), None)
}

#[derive(Debug)]
struct Wrapped(CredentialsError);

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrapped")
    }
}

impl Error for Wrapped {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn a_long_text_keeps_its_beginning_and_its_end() {
    assert_eq!(shortened("äöü", 3), "äöü");
    assert_eq!(shortened(&format!("head{}tail", "ä".repeat(1_000)), 13), "head […] tail");
    assert_eq!(shortened("ääääää", 5), " […] ");
}

#[test]
fn a_refusal_of_a_request_is_short_whatever_was_sent() {
    let long = "ä".repeat(100_000);
    let error = StepError::invalid(&long, format!("{long} is too long"), "shorten it");
    assert_eq!(error.reason.chars().count(), MAX_INVALID_REASON);
    assert!(error.reason.ends_with("is too long"), "{}", error.reason);
    let error = StepError::invalid(&long, "it is empty", "fill it");
    assert!(error.reason.ends_with("ä: it is empty"), "{}", error.reason);
}

#[test]
fn both_forms_of_a_refused_batch_are_read() {
    let refusal = |body: &str| {
        let status = StatusCode::try_from(400).expect("a status");
        let raw = HttpResponse::new(status, SdkBody::from(body.to_owned()));
        SdkError::service_error(ErrorMetadata::builder().build(), raw)
    };
    let own = refusal("<InvalidChangeBatch><Messages><Message>it exists</Message></Messages></InvalidChangeBatch>");
    assert_eq!(invalid_change_batch(&own).as_deref(), Some("it exists"));
    let usual = refusal(
        "<ErrorResponse><Error><Code>InvalidChangeBatch</Code><Message>it exists</Message></Error></ErrorResponse>",
    );
    assert_eq!(invalid_change_batch(&usual).as_deref(), Some("it exists"));
    let other =
        refusal("<ErrorResponse><Error><Code>NoSuchHostedZone</Code><Message>no</Message></Error></ErrorResponse>");
    assert_eq!(invalid_change_batch(&other), None);
}

#[test]
fn the_wire_form_carries_class_code_reason_and_remedy() {
    let diagnostic = Diagnostic::from(StepError::refused("PriceOverCap", "20 USD is over 15 USD", "raise maxPrice"));
    assert_eq!(diagnostic.error_type, "Nameplate.Refused");
    let message: serde_json::Value = serde_json::from_str(&diagnostic.error_message).expect("JSON");
    assert_eq!(
        message,
        serde_json::json!({"code": "PriceOverCap", "reason": "20 USD is over 15 USD", "remedy": "raise maxPrice"})
    );
}
