//! Custom domain, record and zone of a name are others'; the request says to take them over, and the result says so.

use e2e::Ended;
use http::Method;
use serde_json::{Value, json};

use super::{Later, Play, Scenario, of, pause};
use crate::case::Site;
use crate::oracle::{self, Live};

pub(super) struct Adopted;

fn host(play: &Play) -> String {
    format!("api.{}", play.domain)
}

/// A certificate for the host name that somebody asked for by hand and proved in the zone: its ARN, and its proof.
async fn certified(play: &Play, zone: &str) -> (String, String) {
    let world = &play.world;
    let ask = json!({"DomainName": host(play), "ValidationMethod": "DNS"});
    let arn = world.json("acm", "CertificateManager.RequestCertificate", &ask).await["CertificateArn"].clone();
    let mut proven = None;
    loop {
        let ask = json!({"CertificateArn": arn});
        let answer = world.json("acm", "CertificateManager.DescribeCertificate", &ask).await;
        let record = &answer["Certificate"]["DomainValidationOptions"][0]["ResourceRecord"];
        match (proven, record["Name"].as_str(), record["Value"].as_str()) {
            (Some(proof), ..) if answer["Certificate"]["Status"] == "ISSUED" => {
                return (arn.as_str().unwrap_or_default().to_owned(), proof);
            }
            (None, Some(name), Some(value)) => {
                world.put_record(zone, name, "CNAME", value).await;
                proven = Some(format!("{name} CNAME {value}"));
            }
            (as_before, ..) => proven = as_before,
        }
        pause().await;
    }
}

impl Scenario for Adopted {
    fn name(&self) -> &'static str {
        "adopted"
    }

    fn prepare<'a>(&'a self, play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async {
            play.own().await;
            let zones = play.world.zones(&play.domain).await;
            let zone = zones.first().ok_or("the registrar has made no zone")?;
            play.world.tag_zone(zone, "nameplate:stack", "another").await;
            play.world.put_record(zone, &host(play), "A", "192.0.2.1").await;
            let (certificate, proof) = certified(play, zone).await;
            let custom_domain = json!({"domainName": host(play), "domainNameConfigurations": [{"certificateArn": certificate,
                "endpointType": "REGIONAL", "securityPolicy": "TLS_1_2", "ipAddressType": "dualstack"}]});
            play.world.rest("apigateway", Method::POST, "/v2/domainnames", Some(&custom_domain)).await;
            Ok(json!({"zone": zone, "certificate": certificate, "proof": proof}))
        })
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        let mut request = play.without_purchase(&play.domain);
        request["adopt"] = json!(true);
        request
    }

    fn disturbs(&self, site: &Site) -> bool {
        let looks_for_others = site.caller == "Plan" && ["apigateway", "route53"].contains(&site.service.as_str());
        looks_for_others || of(site, &["CreateZone", "AttachDomain"])
    }

    fn judge<'a>(&'a self, play: &'a Play, before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async {
            let proof = before["proof"].as_str().unwrap_or_default().to_owned();
            let expected = Live { records: vec![proof], ..Live::owned(&play.domain) };
            let mut deviations = oracle::live(&play.world, &ended.output, &expected).await;
            let things = ended.output["adopted"].as_array().into_iter().flatten();
            let taken: Value = things.map(|thing| json!([thing["resource"], thing["name"]])).collect();
            let wanted = json!([
                ["custom domain", host(play)],
                ["hosted zone", before["zone"]],
                ["record", format!("{} A", host(play))],
            ]);
            if taken != wanted {
                deviations.push(format!("said to be taken over: {taken}, must be {wanted}"));
            }
            let ask = json!({"CertificateArn": before["certificate"]});
            let theirs = play.world.json("acm", "CertificateManager.DescribeCertificate", &ask).await;
            if theirs["Certificate"]["Status"] != "ISSUED" {
                deviations.push(format!("somebody else's certificate is not as it was: {theirs}"));
            }
            deviations
        })
    }
}
