//! The probe against servers of this machine: one that speaks TLS, and one that does not.

use super::*;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A certificate for `localhost`, from 2020 to 2120, signed by its own key; in hexadecimal digits, as DER.
const CERTIFICATE: &str = "\
    3082016d30820113a00302010202100af1b2c3d4e5f60718293a4b5c6d7e8f300a06082a8648ce3d040302301431123010060355\
    04030c096c6f63616c686f73743020170d3230303130313030303030305a180f32313230303130313030303030305a3014311230\
    1006035504030c096c6f63616c686f73743059301306072a8648ce3d020106082a8648ce3d03010703420004e04473068f90a2fc\
    d3b8dbbf2bdd54a1d504e7882d5db73fd0352dad8d80f4802e6687efa57fcc833c512ae3b9c57152389405656a5926282951f3a8\
    6868c6c6a345304330140603551d11040d300b82096c6f63616c686f7374300c0603551d130101ff04023000301d0603551d0e04\
    1604147b45fd28e9698d83282e409c48f72b63db7b6daf300a06082a8648ce3d0403020348003045022100ed844f6d1756284cda\
    1123846ec716551061852993d32652ad3afaee01e53c30022046c73ad2f6f5c27e88e186983e872a1c1029d35021b837ee71a635\
    6381f01ebb";
/// Its key, which opens nothing else.
const KEY: &str = "\
    308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b02010104206565ba56ad7d3da0f8197e2f8b4f1fc2\
    a36a741297c0c3e278f718e640d04b32a14403420004e04473068f90a2fcd3b8dbbf2bdd54a1d504e7882d5db73fd0352dad8d80\
    f4802e6687efa57fcc833c512ae3b9c57152389405656a5926282951f3a86868c6c6";
/// Its serial number, as ACM writes one.
const SERIAL: &str = "0a:f1:b2:c3:d4:e5:f6:07:18:29:3a:4b:5c:6d:7e:8f";

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("digits")).collect()
}

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from(bytes(CERTIFICATE))
}

/// Reads one request, answers it, and gives back its head.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, headers: &str) -> String {
    let mut head = vec![0; 4096];
    let length = stream.read(&mut head).await.expect("a request");
    let answer = format!("HTTP/1.1 404 Not Found\r\nApigw-Requestid: a\r\n{headers}content-length: 0\r\n\r\n");
    // A client that ended the handshake needs no answer.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.flush().await;
    String::from_utf8_lossy(&head[..length]).into_owned()
}

/// Answers one request without TLS.
async fn server(headers: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let head = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        answer(stream, headers).await
    });
    (address, head)
}

/// Answers one request with TLS, as `localhost`; nothing where the client ends the handshake.
async fn tls_server() -> (String, tokio::task::JoinHandle<Option<String>>) {
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate()], PrivateKeyDer::try_from(bytes(KEY)).expect("a key"))
        .expect("a certificate with its key");
    // The host name can mean either address.
    let listener = TcpListener::bind("localhost:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let head = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await.ok()?;
        Some(answer(stream, "").await)
    });
    (format!("localhost:{port}"), head)
}

#[tokio::test]
async fn a_name_is_asked_at_the_sdks_endpoint_by_its_host_and_a_header_stands_for_its_certificate() {
    let (address, head) = server("x-local-aws-certificate: 0A:f1\r\n").await;
    let answer = Probe::new(&|_| Some(format!("http://{address}/"))).ask("api.example.com").await.expect("an answer");
    assert_eq!((answer.status(), answer.has("apigw-requestid"), answer.has("server")), (404, true, false));
    assert!(answer.presents("0a:f1") && answer.presents("AF1") && !answer.presents("a:f") && !answer.presents(""));
    let head = head.await.expect("a request").to_ascii_lowercase();
    assert!(head.starts_with("get / http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nhost: api.example.com\r\n") && head.contains("user-agent: nameplate"), "{head}");
}

#[tokio::test]
async fn an_answer_over_tls_says_whose_certificate_was_presented() {
    let (host, head) = tls_server().await;
    let mut roots = RootCertStore::empty();
    roots.add(certificate()).expect("a root");
    let answer = Probe::trusting(roots).ask(&host).await.expect("an answer");
    assert_eq!((answer.status(), answer.has("apigw-requestid")), (404, true));
    assert!(answer.presents(SERIAL) && !answer.presents(&SERIAL.replace("8f", "80")));
    let head = head.await.expect("no panic").expect("a request");
    assert!(head.to_ascii_lowercase().contains(&format!("\r\nhost: {host}\r\n")), "{head}");
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_no_answer_whatever_a_header_says() {
    let (host, head) = tls_server().await;
    let said = Probe::new(&|_| None).ask(&host).await.expect_err("nobody knows its issuer");
    assert!(said.contains("certificate"), "{said}");
    assert_eq!(head.await.expect("no panic"), None, "nothing was asked");
    // Where TLS is spoken no header stands for the certificate.
    let answer = Answer::new(200, HeaderMap::from_iter([(SERIAL_WITHOUT_TLS, "0af1".parse().expect("text"))]), None);
    assert!(!answer.presents("0af1"));
}

#[tokio::test]
async fn without_that_endpoint_a_name_is_asked_over_tls_and_nothing_else_is_an_answer() {
    for url in [None, Some(String::new())] {
        let (address, head) = server("").await;
        let said = Probe::new(&move |_| url.clone()).ask(&address).await.expect_err("no TLS there");
        // What came in is a TLS handshake (RFC 8446, 5.1), and what it got in return is none.
        assert!(head.await.expect("a request").starts_with('\u{16}'));
        assert!(said.to_ascii_lowercase().contains("invalid"), "{said}");
    }
}

#[tokio::test]
async fn who_does_not_answer_is_said_why() {
    // A label of this top-level domain never resolves (RFC 6761, 6.4).
    let said = Probe::new(&|_| None).ask("api.name.invalid").await.expect_err("no such name");
    assert!(!said.is_empty() && said.chars().count() <= MAX_REASON, "{said}");
    let said = Probe::new(&|_| None).ask("no name").await.expect_err("no name");
    assert!(said.contains("no name"), "{said}");
    let long = std::io::Error::other("x".repeat(1_000));
    assert_eq!(why(&long).chars().count(), MAX_REASON);
}
