//! Walks the path of a name on a local AWS of its own and says what it saw: registration, delegation, certificate,
//! event, custom domain, request. Every wait is for a condition.
//!
//! ```text
//! cargo run -p local-aws --example check -- <python of an environment that has ministack>
//! ```

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use http::Method;
use local_aws::{AwsClient, LocalAws, Options};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

type Failure = Box<dyn std::error::Error>;

const NAME: &str = "check-example.com";
const DOMAINS: &str = "Route53Domains_v20140515";
const ACM: &str = "CertificateManager";
const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let python: PathBuf =
        std::env::args_os().nth(1).ok_or("name the python of an environment that has ministack")?.into();
    let work = tempfile::tempdir()?;
    let aws = LocalAws::start(Options::new(python, work.path())).await?;
    let client = AwsClient::new(&aws.endpoint(), aws.region(), aws.admin_credentials().clone())?;
    let outcome = walk(&client).await;
    aws.stop().await;
    outcome
}

async fn walk(client: &AwsClient) -> Result<(), Failure> {
    let zone = register(client).await?;
    let certificate = certify(client, &zone).await?;
    publish(client, &zone, &certificate).await?;

    let calls = client.control(Method::GET, "/_local/calls", None).await?;
    let calls = calls["calls"].as_array().cloned().unwrap_or_default();
    expect(
        "every call is on record, by its caller",
        calls.iter().all(|call| call["caller"] == "admin" || call["caller"] == "-"),
    )?;
    expect("every call has come to its end", calls.iter().all(|call| call["status"].is_u64()))
}

/// Buys the name; gives the zone that the registrar made.
async fn register(client: &AwsClient) -> Result<String, Failure> {
    let domains = async |operation: &str, input: Value| {
        client.json("route53domains", &format!("{DOMAINS}.{operation}"), &input).await
    };
    let contact = json!({
        "FirstName": "Ada", "LastName": "Example", "ContactType": "PERSON", "AddressLine1": "1 Example Street",
        "City": "Exampleton", "State": "WA", "CountryCode": "US", "ZipCode": "00000",
        "PhoneNumber": "+1.2065550100", "Email": "ada@example.com",
    });
    let order = json!({
        "DomainName": NAME, "DurationInYears": 1,
        "AdminContact": contact, "RegistrantContact": contact, "TechContact": contact,
    });
    let available = domains("CheckDomainAvailability", json!({ "DomainName": NAME })).await?;
    expect("a fresh name is available", available["Availability"] == "AVAILABLE")?;
    let operation = domains("RegisterDomain", order.clone()).await?["OperationId"].clone();
    expect("a name is ordered once", domains("RegisterDomain", order).await.is_err())?;
    until("the registration ends", async || {
        let detail = domains("GetOperationDetail", json!({ "OperationId": operation })).await?;
        Ok((detail["Status"] == "SUCCESSFUL").then_some(()))
    })
    .await?;
    let charges = client.control(Method::GET, "/_local/charges", None).await?;
    expect("there is one charge", charges["charges"].as_array().is_some_and(|charges| charges.len() == 1))?;

    let zones = client.rest_xml("route53", Method::GET, "/2013-04-01/hostedzonesbyname", String::new()).await?;
    let zone = between(&zones, "<Id>/hostedzone/", "</Id>")?;
    let live =
        client.rest_xml("route53", Method::GET, &format!("/2013-04-01/hostedzone/{zone}"), String::new()).await?;
    let detail = domains("GetDomainDetail", json!({ "DomainName": NAME })).await?;
    let delegated = detail["Nameservers"].as_array().cloned().unwrap_or_default();
    let is_live = |server: &Value| server["Name"].as_str().is_some_and(|name| live.contains(&format!(">{name}<")));
    expect("the registry delegates to the registrar's zone", delegated.len() == 4 && delegated.iter().all(is_live))?;
    Ok(zone)
}

/// Gets a certificate for the name and its wildcard, and the event about it.
async fn certify(client: &AwsClient, zone: &str) -> Result<String, Failure> {
    let acm = async |operation: &str, input: Value| client.json("acm", &format!("{ACM}.{operation}"), &input).await;
    let request = json!({
        "DomainName": NAME, "SubjectAlternativeNames": [format!("*.{NAME}")], "ValidationMethod": "DNS",
        "IdempotencyToken": "check",
    });
    let arn = acm("RequestCertificate", request.clone()).await?["CertificateArn"].clone();
    expect("a token is one certificate", acm("RequestCertificate", request).await?["CertificateArn"] == arn)?;
    let describe = async || acm("DescribeCertificate", json!({ "CertificateArn": arn })).await;
    let record = until("the validation record shows", async || {
        let options = describe().await?["Certificate"]["DomainValidationOptions"].clone();
        let record = options[0]["ResourceRecord"].clone();
        Ok((!record.is_null() && record == options[1]["ResourceRecord"]).then_some(record))
    })
    .await?;
    let taken = refused_domain_name(client, &arn).await;
    expect("API Gateway does not take a certificate that is not issued", taken)?;

    let queue =
        client.json("sqs", "AmazonSQS.CreateQueue", &json!({ "QueueName": "check" })).await?["QueueUrl"].clone();
    let rule = json!({ "Name": "check", "EventPattern": json!({
        "source": ["aws.acm"], "detail-type": ["ACM Certificate Available"], "detail": { "Action": ["ISSUANCE"] },
    }).to_string() });
    client.json("events", "AWSEvents.PutRule", &rule).await?;
    let target =
        json!({ "Rule": "check", "Targets": [{ "Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:check" }] });
    client.json("events", "AWSEvents.PutTargets", &target).await?;

    let (name, value) = (record["Name"].as_str().unwrap_or_default(), record["Value"].as_str().unwrap_or_default());
    let values = format!(
        "<TTL>300</TTL><ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords>"
    );
    change(client, zone, name, "CNAME", &values).await?;
    let event = until("ACM's event arrives", async || {
        let received = client.json("sqs", "AmazonSQS.ReceiveMessage", &json!({ "QueueUrl": queue })).await?;
        Ok(received["Messages"][0]["Body"].as_str().and_then(|body| serde_json::from_str::<Value>(body).ok()))
    })
    .await?;
    expect("the event names the certificate", event["resources"] == json!([arn]))?;
    expect("the certificate is issued", describe().await?["Certificate"]["Status"] == "ISSUED")?;
    Ok(arn.as_str().unwrap_or_default().to_owned())
}

async fn refused_domain_name(client: &AwsClient, certificate: &Value) -> bool {
    create_domain_name(client, certificate).await.is_err()
}

async fn create_domain_name(client: &AwsClient, certificate: &Value) -> Result<Value, Failure> {
    let domain = json!({ "domainName": format!("api.{NAME}"), "domainNameConfigurations": [
        { "certificateArn": certificate, "endpointType": "REGIONAL", "securityPolicy": "TLS_1_2" },
    ] });
    Ok(client.rest_json("apigateway", Method::POST, "/v2/domainnames", Some(&domain)).await?)
}

/// Puts an API behind the name and asks it.
async fn publish(client: &AwsClient, zone: &str, certificate: &str) -> Result<(), Failure> {
    let gateway =
        async |target: &str, input: Value| client.rest_json("apigateway", Method::POST, target, Some(&input)).await;
    let backend = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/exact?a=1", backend.local_addr()?);
    let app = axum::Router::new().fallback(async |request: axum::extract::Request| request.uri().to_string());
    let server = tokio::spawn(async move { axum::serve(backend, app).await });

    let api = gateway("/v2/apis", json!({ "name": "check", "protocolType": "HTTP" })).await?;
    let api = api["apiId"].as_str().unwrap_or_default().to_owned();
    let mut keys = Vec::new();
    for (route, uri) in [("GET /v1/models", url.as_str()), ("GET /away", "https://models.internal.example/")] {
        let input = json!({
            "integrationType": "HTTP_PROXY", "integrationMethod": "ANY", "integrationUri": uri,
            "payloadFormatVersion": "1.0",
        });
        let integration = gateway(&format!("/v2/apis/{api}/integrations"), input).await?;
        expect("an integration shows its own URI", integration["integrationUri"] == uri)?;
        let target = format!("integrations/{}", integration["integrationId"].as_str().unwrap_or_default());
        gateway(&format!("/v2/apis/{api}/routes"), json!({ "routeKey": route, "target": target })).await?;
        keys.push(route);
    }
    gateway(&format!("/v2/apis/{api}/stages"), json!({ "stageName": "$default", "autoDeploy": true })).await?;
    let domain = create_domain_name(client, &json!(certificate)).await?;
    let mapping = json!({ "apiId": api, "stage": "$default" });
    gateway(&format!("/v2/domainnames/api.{NAME}/apimappings"), mapping).await?;

    let host = format!("api.{NAME}");
    let (status, body) = client.at_host(Method::GET, &host, "/v1/models", "").await?;
    expect("a name without an alias does not resolve", status == 502 && body.contains("does not resolve"))?;
    let configuration = &domain["domainNameConfigurations"][0];
    let alias = format!(
        "<AliasTarget><HostedZoneId>{}</HostedZoneId><DNSName>{}</DNSName>\
         <EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>",
        configuration["hostedZoneId"].as_str().unwrap_or_default(),
        configuration["apiGatewayDomainName"].as_str().unwrap_or_default()
    );
    change(client, zone, &host, "A", &alias).await?;
    let (status, body) = client.at_host(Method::GET, &host, "/v1/models?b=2", "").await?;
    expect("the backend answers at its exact URI", (status, body.as_str()) == (200, "/exact?a=1&b=2"))?;
    let (status, body) = client.at_host(Method::GET, &host, "/away", "").await?;
    expect("nothing is sent to another machine", status == 502 && body.contains("not on this machine"))?;
    server.abort();
    Ok(())
}

async fn change(client: &AwsClient, zone: &str, name: &str, kind: &str, what: &str) -> Result<(), Failure> {
    let body = format!(
        "<ChangeResourceRecordSetsRequest xmlns=\"{NAMESPACE}\"><ChangeBatch><Changes><Change><Action>UPSERT</Action>\
         <ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type>{what}</ResourceRecordSet></Change></Changes>\
         </ChangeBatch></ChangeResourceRecordSetsRequest>"
    );
    client.rest_xml("route53", Method::POST, &format!("/2013-04-01/hostedzone/{zone}/rrset"), body).await?;
    Ok(())
}

fn between(text: &str, before: &str, after: &str) -> Result<String, Failure> {
    let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    Ok(found.map(|(found, _)| found.to_owned()).ok_or_else(|| format!("no {before} in the answer"))?)
}

fn expect(what: &str, holds: bool) -> Result<(), Failure> {
    eprintln!("{} {what}", if holds { "ok  " } else { "FAIL" });
    if holds { Ok(()) } else { Err(format!("it does not hold that {what}").into()) }
}

async fn until<T, F>(what: &str, look: impl Fn() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<Option<T>, Failure>>,
{
    let found = timeout(Duration::from_secs(60), async {
        loop {
            if let Some(found) = look().await? {
                return Ok::<T, Failure>(found);
            }
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let found = found.map_err(|_| format!("in vain waited until {what}"))??;
    eprintln!("ok   {what}");
    Ok(found)
}
