//! A name whose DNS is the customer's own: a person sets there what the run says.

use e2e::Ended;
use serde_json::{Value, json};

use super::{Later, Play, Scenario, announces, of, pause};
use crate::case::Site;
use crate::oracle::{self, Live};

pub(super) struct External;

async fn set(play: &Play, records: &[Value]) {
    let state = json!({"state": "elsewhere", "nameServers": ["ns-1.own-dns.example"], "ownDns": records});
    play.world.registry(&play.domain, state).await;
}

/// The proof that the certificate asks for.
async fn proof(play: &Play) -> Value {
    loop {
        let certificates = play.world.certificates(&play.domain).await;
        let record =
            certificates.first().map(|certificate| &certificate["DomainValidationOptions"][0]["ResourceRecord"]);
        if let Some(record) = record.filter(|record| record["Value"].is_string()) {
            return json!({"name": record["Name"], "type": "CNAME", "value": record["Value"]});
        }
        pause().await;
    }
}

impl Scenario for External {
    fn name(&self) -> &'static str {
        "external"
    }

    fn prepare<'a>(&'a self, play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async {
            set(play, &[]).await;
            Ok(Value::Null)
        })
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        let mut request = play.without_purchase(&play.domain);
        request["dns"] = json!("external");
        request
    }

    fn meanwhile<'a>(&'a self, play: &'a Play) -> Later<'a, ()> {
        Box::pin(async {
            let proof = proof(play).await;
            set(play, std::slice::from_ref(&proof)).await;
            let host = format!("api.{}", play.domain);
            let target = loop {
                let custom_domain = play.world.custom_domain(&host).await;
                match custom_domain["domainNameConfigurations"][0]["apiGatewayDomainName"].as_str() {
                    Some(target) => break target.to_owned(),
                    None => pause().await,
                }
            };
            set(play, &[proof, json!({"name": host, "type": "CNAME", "value": target})]).await;
        })
    }

    fn disturbs(&self, site: &Site) -> bool {
        of(site, &["RequestCert", "AttachDomain"]) || announces(site)
    }

    fn judge<'a>(&'a self, play: &'a Play, _before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async {
            let expected = Live {
                zone: None,
                registered: "elsewhere",
                charges: vec![],
                tagged: false,
                ..Live::bought(&play.domain)
            };
            let mut deviations = oracle::live(&play.world, &ended.output, &expected).await;
            // The values that were said are those that stand.
            let actions = ended.output["actions"].as_array().cloned().unwrap_or_default();
            let proof = proof(play).await;
            let plain = |value: &Value| value.as_str().unwrap_or_default().trim_end_matches('.').to_owned();
            let wanted = format!("{} CNAME {}", plain(&proof["name"]), plain(&proof["value"]));
            let host = format!("api.{}", play.domain);
            let custom_domain = play.world.custom_domain(&host).await;
            let target = plain(&custom_domain["domainNameConfigurations"][0]["apiGatewayDomainName"]);
            let points = |action: &Value| [&host, &target].iter().all(|name| plain(action).contains(name.as_str()));
            if actions.len() != 2 || !plain(&actions[0]).ends_with(&wanted) || !points(&actions[1]) {
                deviations.push(format!("what is to be done: {actions:?}, must be {wanted}, and {host} to {target}"));
            }
            deviations
        })
    }
}
