//! Answers in AWS's protocols, and the error code of one.
//!
//! Owns envelopes and headers. Must not know any service.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::net::SendError;

/// A whole answer.
pub(crate) type Answer = Response<Bytes>;

/// An answer with a JSON body.
pub(crate) fn json(status: StatusCode, content_type: &'static str, body: &Value) -> Answer {
    let mut answer = Response::new(Bytes::from(body.to_string()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    let id = uuid::Uuid::new_v4().to_string();
    answer.headers_mut().insert("x-amzn-requestid", HeaderValue::try_from(id).expect("a uuid is a header value"));
    answer
}

/// A success of a JSON 1.1 service.
pub(crate) fn json11(body: &Value) -> Answer {
    json(StatusCode::OK, "application/x-amz-json-1.1", body)
}

/// An error of a JSON 1.1 service; `more` goes into its body.
pub(crate) fn json11_error(code: &str, message: &str, more: Option<(&str, &str)>) -> Answer {
    let mut body = json!({ "__type": code, "message": message });
    if let Some((name, value)) = more {
        body[name] = json!(value);
    }
    json(StatusCode::BAD_REQUEST, "application/x-amz-json-1.1", &body)
}

/// The refusal of IAM, as JSON 1.1 services send it.
pub(crate) fn json11_denied(principal: &str, action: &str) -> Answer {
    let message = format!(
        "User: {principal} is not authorized to perform: {action} because no identity-based policy allows the \
         {action} action"
    );
    json(
        StatusCode::BAD_REQUEST,
        "application/x-amz-json-1.1",
        &json!({ "__type": "AccessDeniedException", "Message": message }),
    )
}

/// An error of a REST-JSON service such as API Gateway.
pub(crate) fn rest_json_error(status: StatusCode, code: &'static str, message: &str) -> Answer {
    let mut answer = json(status, "application/json", &json!({ "message": message }));
    answer.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(code));
    answer
}

/// An error of Route 53.
pub(crate) fn xml_error(status: StatusCode, code: &str, message: &str) -> Answer {
    let (message, id) = (quick_xml::escape::escape(message), uuid::Uuid::new_v4());
    let body = format!(
        "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Error>\
         <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>{id}</RequestId></ErrorResponse>"
    );
    xml(status, body)
}

/// An answer in XML.
pub(crate) fn xml(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    answer
}

/// The answer for a call that MiniStack did not answer.
pub(crate) fn no_answer(error: &SendError) -> Answer {
    json(
        StatusCode::BAD_GATEWAY,
        "application/json",
        &json!({ "__type": "InternalFailure", "message": format!("MiniStack does not answer: {error}") }),
    )
}

/// Puts another body into an answer.
pub(crate) fn replace_body(answer: &mut Answer, body: impl Into<Bytes>) {
    let body = body.into();
    answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    *answer.body_mut() = body;
}

/// The code of an error in any of AWS's protocols.
pub(crate) fn error_code(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let header = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let from_json = || {
        let body: Value = serde_json::from_slice(body).ok()?;
        ["__type", "code", "Code"].iter().find_map(|field| body.get(field)?.as_str().map(str::to_owned))
    };
    let from_xml = || {
        let text = std::str::from_utf8(body).ok()?;
        let (_, rest) = text.split_once("<Code>")?;
        rest.split_once("</Code>").map(|(code, _)| code.to_owned())
    };
    let code = header.or_else(from_json).or_else(from_xml)?;
    // `com.amazonaws.acm#ResourceNotFoundException:http://…` is the longest form there is.
    let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
    (!code.is_empty()).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(answer: &Answer) -> Option<String> {
        error_code(answer.headers(), answer.body())
    }

    #[test]
    fn every_protocol_shows_its_error_code() {
        assert_eq!(code_of(&json11_error("InvalidInput", "no", None)).as_deref(), Some("InvalidInput"));
        assert_eq!(
            code_of(&rest_json_error(StatusCode::CONFLICT, "ConflictException", "no")).as_deref(),
            Some("ConflictException")
        );
        assert_eq!(
            code_of(&xml_error(StatusCode::CONFLICT, "HostedZoneAlreadyExists", "a<b")).as_deref(),
            Some("HostedZoneAlreadyExists")
        );
        let headers = HeaderMap::new();
        let long = br#"{"__type":"com.amazonaws.acm#ResourceNotFoundException:http://internal/","message":"x"}"#;
        assert_eq!(error_code(&headers, long).as_deref(), Some("ResourceNotFoundException"));
        assert_eq!(error_code(&headers, b"<html>"), None);
    }

    #[test]
    fn messages_are_escaped_in_xml() {
        let answer = xml_error(StatusCode::BAD_REQUEST, "InvalidInput", "a < b & c");
        assert!(std::str::from_utf8(answer.body()).unwrap().contains("a &lt; b &amp; c"));
    }
}
