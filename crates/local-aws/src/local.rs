//! All that the parts of the server share.
//!
//! Owns no rule of any service: the state is each module's own, and here it is held together. Must not know who answers
//! which call.

use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use rustix::process::Pid;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::answer::{self, Answer};
use crate::certificate::Certificates;
use crate::certificate_use::CertificateUse;
use crate::clock::Clock;
use crate::emulator::Emulator;
use crate::faults::Faults;
use crate::gateway::Gateway;
use crate::identity::Identity;
use crate::lock::lock;
use crate::net::Client;
use crate::options::Settings;
use crate::origin::Origins;
use crate::passages::Passages;
use crate::record::Record;
use crate::registry::Registry;

/// Asks MiniStack only whether a request is allowed; see `conditions.py`.
const ASK_ONLY: &str = "x-local-aws-authorize";

/// All that the parts of the server share.
pub(crate) struct Local {
    pub(crate) endpoint: SocketAddr,
    pub(crate) region: String,
    pub(crate) account_id: String,
    pub(crate) client: Client,
    pub(crate) emulator: Emulator,
    pub(crate) identity: Identity,
    pub(crate) clock: Clock,
    pub(crate) record: Record,
    pub(crate) origins: Origins,
    pub(crate) faults: Faults,
    /// The process group of the Lambdas.
    pub(crate) lambdas: Pid,
    pub(crate) registry: Mutex<Registry>,
    pub(crate) certificates: Certificates,
    pub(crate) certificates_changed: Notify,
    pub(crate) certificate_use: CertificateUse,
    pub(crate) certificate_requests: tokio::sync::Mutex<()>,
    pub(crate) zone_creation: tokio::sync::Mutex<()>,
    /// Ids of the hosted zones that sign their answers.
    pub(crate) signed_zones: Mutex<BTreeSet<String>>,
    pub(crate) gateway: Gateway,
    pub(crate) passages: Passages,
    pub(crate) settings: Mutex<Arc<Settings>>,
    pub(crate) tasks: Mutex<JoinSet<()>>,
}

impl Local {
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&lock(&self.settings))
    }

    pub(crate) fn set_settings(&self, settings: Settings) {
        self.clock.set_speed(settings.clock_speed);
        *lock(&self.settings) = Arc::new(settings);
    }

    /// Something has changed that may let a certificate be issued.
    pub(crate) fn wake_certificates(&self) {
        self.certificates_changed.notify_one();
    }

    /// Runs something beside the request that asked for it; it ends with the server at the latest.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// A refusal of ours, for a caller whom IAM lets make the request; else IAM's.
    pub(crate) async fn refuse(&self, request: &Request<Bytes>, refusal: Answer) -> Answer {
        let mut question = request.clone();
        question.headers_mut().insert(ASK_ONLY, http::HeaderValue::from_static("1"));
        let answer = self.forward(question).await;
        if answer.headers().contains_key(ASK_ONLY) { refusal } else { answer }
    }

    /// MiniStack's answer to a caller's request.
    pub(crate) async fn forward(&self, request: Request<Bytes>) -> Answer {
        match self.emulator.forward(request).await {
            Ok(answer) => answer,
            Err(error) => answer::no_answer(&error),
        }
    }
}
