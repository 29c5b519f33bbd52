//! AWS Signature Version 4: reading who signed a request, signing our own, checking one.
//!
//! Owns the `Authorization` header and its query-string form. Must not know what a key may do.

use std::borrow::Cow;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http::{HeaderMap, Request, Uri};

/// A key pair, with a session token for temporary credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
    /// The session token of temporary credentials.
    pub session_token: Option<String>,
}

/// What a signature says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) access_key_id: String,
    pub(crate) region: String,
    pub(crate) service: String,
    pub(crate) signed_headers: Vec<String>,
    pub(crate) signature: String,
    /// Signed in the query string, not in a header.
    pub(crate) presigned: bool,
}

/// Why a request could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("cannot sign: {0}")]
pub(crate) struct SignError(String);

/// The scope of a signed request; `None` for an unsigned one.
pub(crate) fn scope(uri: &Uri, headers: &HeaderMap) -> Option<Scope> {
    let (credential, signed_headers, signature, presigned) = match headers.get("authorization") {
        Some(value) => {
            let fields = value.to_str().ok()?.strip_prefix("AWS4-HMAC-SHA256")?;
            let field = |name: &str| {
                fields.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
            };
            (field("Credential")?, field("SignedHeaders")?, field("Signature")?, false)
        }
        None => {
            let query: Vec<(Cow<'_, str>, Cow<'_, str>)> = form_urlencoded::parse(uri.query()?.as_bytes()).collect();
            let field =
                |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone().into_owned());
            (field("X-Amz-Credential")?, field("X-Amz-SignedHeaders")?, field("X-Amz-Signature")?, true)
        }
    };
    let mut parts = credential.split('/');
    let access_key_id = parts.next()?.to_owned();
    let (_date, region, service) = (parts.next()?, parts.next()?.to_owned(), parts.next()?.to_owned());
    (parts.next() == Some("aws4_request")).then(|| Scope {
        access_key_id,
        region,
        service,
        signed_headers: signed_headers.split(';').map(str::to_owned).collect(),
        signature,
        presigned,
    })
}

/// Signs `request` in place. It must already carry its `Host`.
pub(crate) fn sign_request(
    request: &mut Request<Bytes>,
    keys: &KeyPair,
    region: &str,
    service: &str,
) -> Result<(), SignError> {
    let (name, value) = ("host", request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or_default());
    let mut signable = vec![(name, value)];
    for name in ["content-type", "x-amz-target", "x-amz-invocation-type"] {
        if let Some(value) = request.headers().get(name).and_then(|value| value.to_str().ok()) {
            signable.push((name, value));
        }
    }
    let (instructions, _) = instructions(
        request.method().as_str(),
        request.uri(),
        &signable,
        request.body(),
        keys,
        region,
        service,
        SystemTime::now(),
    )?;
    instructions.apply_to_request_http1x(request);
    Ok(())
}

/// Whether `keys` made the signature of `request`, which was sent with `scope`.
///
/// Presigned requests are not judged: the services that use this do not take them.
pub(crate) fn verify(request: &Request<Bytes>, scope: &Scope, keys: &KeyPair) -> bool {
    let headers = request.headers();
    let Some(date) = headers.get("x-amz-date").and_then(|date| date.to_str().ok()).and_then(parse_date) else {
        return false;
    };
    let token = headers.get("x-amz-security-token").and_then(|token| token.to_str().ok());
    if scope.presigned || token != keys.session_token.as_deref() {
        return false;
    }
    // The signer adds these two by itself.
    let signable: Vec<(&str, &str)> = scope
        .signed_headers
        .iter()
        .filter(|name| !matches!(name.as_str(), "x-amz-date" | "x-amz-security-token"))
        .filter_map(|name| Some((name.as_str(), headers.get(name)?.to_str().ok()?)))
        .collect();
    instructions(
        request.method().as_str(),
        request.uri(),
        &signable,
        request.body(),
        keys,
        &scope.region,
        &scope.service,
        date,
    )
    .is_ok_and(|(_, signature)| signature == scope.signature)
}

#[expect(clippy::too_many_arguments, reason = "the parts of a signature, used twice, here only")]
fn instructions(
    method: &str,
    uri: &Uri,
    headers: &[(&str, &str)],
    body: &Bytes,
    keys: &KeyPair,
    region: &str,
    service: &str,
    time: SystemTime,
) -> Result<(aws_sigv4::http_request::SigningInstructions, String), SignError> {
    let wrap = |error: &dyn std::fmt::Display| SignError(error.to_string());
    let identity: Identity = Credentials::new(
        keys.access_key_id.clone(),
        keys.secret_access_key.clone(),
        keys.session_token.clone(),
        None,
        "local-aws",
    )
    .into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| wrap(&error))?
        .into();
    let host = headers.iter().find(|(name, _)| *name == "host").map_or("localhost", |(_, host)| *host);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let signable = SignableRequest::new(
        method,
        format!("http://{host}{target}"),
        headers.iter().copied(),
        SignableBody::Bytes(body),
    )
    .map_err(|error| wrap(&error))?;
    let output = sign(signable, &params).map_err(|error| wrap(&error))?;
    Ok(output.into_parts())
}

/// `20261122T191343Z` as a time.
fn parse_date(date: &str) -> Option<SystemTime> {
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(token: Option<&str>) -> KeyPair {
        KeyPair {
            access_key_id: "ASIALOCAL".to_owned(),
            secret_access_key: "secret".to_owned(),
            session_token: token.map(str::to_owned),
        }
    }

    fn signed(keys: &KeyPair) -> Request<Bytes> {
        let mut request = Request::post("/a%20b?x=1&y")
            .header("host", "127.0.0.1:4566")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "Route53Domains_v20140515.ListDomains")
            .body(Bytes::from_static(b"{}"))
            .unwrap();
        sign_request(&mut request, keys, "us-east-1", "route53domains").unwrap();
        request
    }

    #[test]
    fn what_we_sign_we_recognise() {
        for token in [None, Some("token")] {
            let keys = keys(token);
            let request = signed(&keys);
            let scope = scope(request.uri(), request.headers()).unwrap();
            assert_eq!((scope.service.as_str(), scope.region.as_str()), ("route53domains", "us-east-1"));
            assert_eq!(scope.access_key_id, "ASIALOCAL");
            assert!(verify(&request, &scope, &keys));
        }
    }

    #[test]
    fn a_changed_body_or_a_wrong_secret_or_token_is_noticed() {
        let keys = keys(Some("token"));
        let mut request = signed(&keys);
        let scope = scope(request.uri(), request.headers()).unwrap();
        assert!(!verify(&request, &scope, &KeyPair { secret_access_key: "other".to_owned(), ..keys.clone() }));
        assert!(!verify(&request, &scope, &KeyPair { session_token: None, ..keys.clone() }));
        *request.body_mut() = Bytes::from_static(b"{\"a\":1}");
        assert!(!verify(&request, &scope, &keys));
    }

    #[test]
    fn an_unsigned_or_foreign_request_has_no_scope() {
        let plain = Request::get("/").body(()).unwrap();
        assert_eq!(scope(plain.uri(), plain.headers()), None);
        let bearer = Request::get("/").header("authorization", "Bearer abc").body(()).unwrap();
        assert_eq!(scope(bearer.uri(), bearer.headers()), None);
    }

    #[test]
    fn a_presigned_request_has_its_scope_in_the_query() {
        let request = Request::get(
            "/bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20261122%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-SignedHeaders=host&X-Amz-Signature=ff",
        )
        .body(())
        .unwrap();
        let scope = scope(request.uri(), request.headers()).unwrap();
        assert_eq!((scope.access_key_id.as_str(), scope.service.as_str(), scope.presigned), ("AK", "s3", true));
    }
}
