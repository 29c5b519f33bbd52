//! What a caller can choose: how the local AWS starts, and how it behaves while it runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How the local AWS starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// The python of an environment that has `ministack`.
    pub ministack_python: PathBuf,
    /// Where its log and its scratch files go. Made if it is missing; `tmp` in it is emptied.
    pub work_dir: PathBuf,
    /// The port of 127.0.0.1 to listen on; 0 takes a free one.
    pub port: u16,
    /// The region of everything; certificates may live in one more.
    pub region: String,
    /// The account, twelve digits.
    pub account_id: String,
    /// Factor on Step Functions' Wait states and Retry intervals; time-outs of tasks are not scaled.
    pub wait_scale: f64,
    /// What can be changed while it runs.
    pub settings: Settings,
}

impl Options {
    /// The defaults, for these two places.
    pub fn new(ministack_python: impl Into<PathBuf>, work_dir: impl Into<PathBuf>) -> Self {
        Self {
            ministack_python: ministack_python.into(),
            work_dir: work_dir.into(),
            port: 0,
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            wait_scale: 1.0,
            settings: Settings::default(),
        }
    }
}

/// What can be changed while the local AWS runs, by `PUT /_local/settings`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// How long things take.
    pub delays: Delays,
    /// API Gateway's control-plane rates (AWS-FACTS 4.5.1, 4.5.2): 10 calls a second, a burst of 40, and one call on
    /// domain names per 30 s of AWS time. Off by default, so that tests need not wait.
    pub rate_limits: bool,
    /// How many real milliseconds a minute of a `rate(…)` schedule takes.
    pub schedule_minute_ms: u64,
    /// How many seconds of AWS time pass in a real second.
    pub clock_speed: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { delays: Delays::default(), rate_limits: false, schedule_minute_ms: 2_000, clock_speed: 1.0 }
    }
}

/// How long things take, in real milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Delays {
    /// From RegisterDomain to the end of its operation.
    pub registration: u64,
    /// From UpdateDomainNameservers, or DeleteDomain, to the end of its operation.
    pub registry_change: u64,
    /// From RequestCertificate until DescribeCertificate shows the validation records.
    pub certificate_records: u64,
    /// From the moment that all validation records stand in the live zones until the certificate is issued.
    pub certificate_issue: u64,
    /// From the first look at a certificate whose custom domain is gone until ACM says that it is no longer in use. AWS
    /// does not say how long (AWS-FACTS 3.4.3).
    pub certificate_release: u64,
    /// Held back before an operation is carried out: `"route53:CreateHostedZone": 250`.
    pub operations: BTreeMap<String, u64>,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            registration: 3_000,
            registry_change: 500,
            certificate_records: 500,
            certificate_issue: 1_500,
            certificate_release: 2_000,
            operations: BTreeMap::new(),
        }
    }
}
