//! ACM asks about the certificate of a name by e-mail, and the execution that waits is stopped: the next one has the
//! mails sent again, and somebody clicks the link in each.

use e2e::Ended;
use http::Method;
use serde_json::{Value, json};

use super::{Later, Play, Scenario, of, pause};
use crate::case::Site;
use crate::oracle::{self, Live};

const MAIL_SERVER: &str = "10 mail.example.net";

pub(super) struct Asked;

fn by_email(play: &Play) -> Value {
    let mut request = play.without_purchase(&play.domain);
    request["certificate"] = json!({"validation": "EMAIL"});
    request["records"] = json!([{"name": play.domain, "type": "MX", "values": [MAIL_SERVER]}]);
    request
}

/// Waits until an execution sleeps whose ARN has this part.
async fn asleep(play: &Play, execution: &str) {
    loop {
        let held_by = play.world.item(&play.domain).await["heldBy"]["S"].clone();
        let holds = held_by.as_str().is_some_and(|arn| arn.contains(execution));
        if holds && play.world.watches(&play.domain).await.iter().any(|watch| !watch["token"].is_null()) {
            return;
        }
        pause().await;
    }
}

impl Scenario for Asked {
    fn name(&self) -> &'static str {
        "asked"
    }

    fn prepare<'a>(&'a self, play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async {
            play.own().await;
            let (world, name) = (&play.world, format!("before-{}", play.name));
            let first = world.start_named(world.machine(), &name, &by_email(play)).await;
            asleep(play, &name).await;
            world.json("states", "AWSStepFunctions.StopExecution", &json!({"executionArn": first})).await;
            while !world.item(&play.domain).await["heldBy"].is_null() {
                pause().await;
            }
            Ok(Value::Null)
        })
    }

    fn request(&self, play: &Play, _before: &Value) -> Value {
        let mut request = by_email(play);
        request["certificate"]["resendEmail"] = json!(true);
        request
    }

    fn meanwhile<'a>(&'a self, play: &'a Play) -> Later<'a, ()> {
        Box::pin(async {
            // Who answers the first mails leaves none to send again.
            asleep(play, &format!(":{}-", play.name)).await;
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
            let expected = Live { records: vec![mail], ..Live::owned(&play.domain) };
            let mut deviations = oracle::live(&play.world, &ended.output, &expected).await;
            // Nothing in the world shows a mail.
            let calls = play.world.calls(&format!("execution=:{}-", play.name)).await;
            let sent_again = calls.iter().filter(|call| call.action == "ResendValidationEmail").count();
            if sent_again < 2 {
                deviations.push(format!("{sent_again} mails were sent again, must be one for each of two names"));
            }
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
