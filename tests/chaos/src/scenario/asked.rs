//! A name is bought, and ACM asks about its certificate by e-mail: somebody clicks the link in each mail.

use e2e::{Ended, request};
use http::Method;
use serde_json::{Value, json};

use super::{Later, Play, Scenario, of, pause};
use crate::case::Site;
use crate::oracle::{self, Live};

const MAIL_SERVER: &str = "10 mail.example.net";

pub(super) struct Asked;

impl Scenario for Asked {
    fn name(&self) -> &'static str {
        "asked"
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        let mut request = request(&play.domain, &play.url("/models"));
        request["certificate"] = json!({"validation": "EMAIL"});
        request["records"] = json!([{"name": play.domain, "type": "MX", "values": [MAIL_SERVER]}]);
        request
    }

    fn meanwhile<'a>(&'a self, play: &'a Play) -> Later<'a, ()> {
        Box::pin(async {
            loop {
                let mut certificates = play.world.certificates(&play.domain).await;
                let asked_about = certificates.len();
                certificates.retain(|certificate| certificate["Status"] == "PENDING_VALIDATION");
                if asked_about > 0 && certificates.is_empty() {
                    return;
                }
                for certificate in certificates {
                    let id = certificate["CertificateArn"].as_str().and_then(|arn| arn.rsplit('/').next());
                    let path = format!("/_local/certificates/{}/clicks", id.unwrap_or_default());
                    for name in certificate["SubjectAlternativeNames"].as_array().into_iter().flatten() {
                        // A mail that is not there yet is clicked the next time.
                        let click = json!({"name": name});
                        let _refused = play.world.client().control(Method::POST, &path, Some(&click)).await;
                    }
                }
                pause().await;
            }
        })
    }

    /// Later turns of the loop are those of any name.
    fn disturbs(&self, site: &Site) -> bool {
        of(site, &["RequestCert"]) && site.nth == 1
    }

    fn judge<'a>(&'a self, play: &'a Play, _before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>> {
        Box::pin(async {
            let mail = format!("{}. MX {MAIL_SERVER}", play.domain);
            let expected = Live { records: vec![mail], ..Live::bought(&play.domain) };
            let mut deviations = oracle::live(&play.world, &ended.output, &expected).await;
            let certificates = play.world.certificates(&play.domain).await;
            let methods: Vec<_> = certificates
                .iter()
                .flat_map(|certificate| certificate["DomainValidationOptions"].as_array().into_iter().flatten())
                .map(|option| &option["ValidationMethod"])
                .collect();
            if methods.is_empty() || methods.iter().any(|method| **method != "EMAIL") {
                deviations.push(format!("the certificate's names were proven by {methods:?}"));
            }
            deviations
        })
    }
}
