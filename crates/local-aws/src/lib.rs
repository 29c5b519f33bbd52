//! A local AWS: MiniStack, and before it a small server that adds what MiniStack does not have.
//!
//! Everything goes through one port of 127.0.0.1. A signed request is routed by the service named in its signature,
//! an unsigned one by its `Host` (an API's client). Nothing is ever sent anywhere but to this machine.
//!
//! ```text
#![doc = include_str!("help.txt")]
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod access_log;
mod account;
mod acm;
mod action;
mod answer;
mod apigateway;
mod client;
mod clock;
mod control;
mod dataplane;
mod dns;
mod domains;
mod emulator;
mod events;
mod faults;
mod identity;
mod ministack;
mod net;
mod options;
mod origin;
mod permission;
mod prices;
mod process;
mod proxy;
mod record;
mod registry;
mod resolver;
mod route53;
mod sigv4;
mod websocket;

use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::Request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

pub use client::{AwsClient, CallError};
pub use options::{Delays, Options, Settings};
pub use sigv4::KeyPair;

use crate::answer::Answer;
use crate::ministack::MiniStack;

/// Asks MiniStack only whether a request is allowed; see `conditions.py`.
const ASK_ONLY: &str = "x-local-aws-authorize";

/// Why the local AWS did not start, or has ended.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port cannot be listened on.
    #[error("cannot listen on 127.0.0.1:{0}: {1}; choose another port, or 0 for a free one")]
    Port(u16, std::io::Error),
    /// Not an address of this machine.
    #[error("{0}")]
    Address(String),
    /// The work folder cannot be used.
    #[error("cannot use the work folder {0}: {1}")]
    WorkDir(PathBuf, std::io::Error),
    /// The python cannot be run.
    #[error("cannot run {0}: {1}; it must be the python of an environment that has ministack")]
    Python(PathBuf, std::io::Error),
    /// MiniStack ended.
    #[error("MiniStack has ended ({status}); the end of its log:\n{log_tail}")]
    MiniStackEnded {
        /// How.
        status: String,
        /// The end of its log.
        log_tail: String,
    },
    /// MiniStack did not get ready.
    #[error("MiniStack was not ready after {seconds} s; the end of its log:\n{log_tail}")]
    NotReady {
        /// How long we waited.
        seconds: u64,
        /// The end of its log.
        log_tail: String,
    },
}

/// Locks; a panic elsewhere while it was held does not matter to the state kept here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All that the parts of the server share.
struct Local {
    endpoint: SocketAddr,
    region: String,
    account_id: String,
    client: net::Client,
    emulator: emulator::Emulator,
    identity: identity::Identity,
    clock: clock::Clock,
    record: record::Record,
    origins: origin::Origins,
    faults: faults::Faults,
    /// The process group of the Lambdas.
    lambdas: rustix::process::Pid,
    registry: Mutex<registry::Registry>,
    certificates: acm::Certificates,
    certificates_changed: Notify,
    lingering: Mutex<Vec<acm::Lingering>>,
    certificate_requests: tokio::sync::Mutex<()>,
    zone_creation: tokio::sync::Mutex<()>,
    /// Ids of the hosted zones that sign their answers.
    signed_zones: Mutex<BTreeSet<String>>,
    gateway: apigateway::Gateway,
    passages: dataplane::Passages,
    settings: Mutex<Arc<Settings>>,
    tasks: Mutex<JoinSet<()>>,
}

impl Local {
    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&lock(&self.settings))
    }

    fn set_settings(&self, settings: Settings) {
        self.clock.set_speed(settings.clock_speed);
        *lock(&self.settings) = Arc::new(settings);
    }

    /// Something has changed that may let a certificate be issued.
    fn wake_certificates(&self) {
        self.certificates_changed.notify_one();
    }

    /// Runs something beside the request that asked for it; it ends with the server at the latest.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// A refusal of ours, for a caller whom IAM lets make the request; else IAM's.
    async fn refuse(&self, request: &Request<Bytes>, refusal: Answer) -> Answer {
        let mut question = request.clone();
        question.headers_mut().insert(ASK_ONLY, http::HeaderValue::from_static("1"));
        let answer = self.forward(question).await;
        if answer.headers().contains_key(ASK_ONLY) { refusal } else { answer }
    }

    /// MiniStack's answer to a caller's request.
    async fn forward(&self, request: Request<Bytes>) -> Answer {
        match self.emulator.forward(request).await {
            Ok(answer) => answer,
            Err(error) => proxy::no_answer(&error),
        }
    }
}

/// A running local AWS. Dropping it ends everything it started.
pub struct LocalAws {
    endpoint: SocketAddr,
    admin: KeyPair,
    local: Arc<Local>,
    tasks: JoinSet<()>,
    /// Why MiniStack ended, once it has.
    ended: watch::Receiver<Option<Arc<StartError>>>,
    stop: watch::Sender<bool>,
}

impl LocalAws {
    /// Starts MiniStack and the server before it, and waits until both answer.
    ///
    /// # Errors
    /// When the port is taken, the work folder cannot be used, or MiniStack does not start; the last comes with the
    /// end of its log.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let port_error = |error| StartError::Port(options.port, error);
        let listener = TcpListener::bind(("127.0.0.1", options.port)).await.map_err(port_error)?;
        let endpoint = listener.local_addr().map_err(port_error)?;
        let questions = UdpSocket::bind(endpoint).await.map_err(port_error)?;
        let work = &options.work_dir;
        std::fs::create_dir_all(work).map_err(|error| StartError::WorkDir(work.clone(), error))?;
        let admin = KeyPair {
            access_key_id: "LOCALADMIN".to_owned(),
            secret_access_key: "local-admin-secret".to_owned(),
            session_token: None,
        };
        let client = net::Client::new();
        let ministack = MiniStack::start(&options, &admin, endpoint, &client).await?;
        let address = ministack.address();
        let local = Arc::new(Local {
            endpoint,
            emulator: emulator::Emulator::new(client.clone(), address, admin.clone(), options.region.clone()),
            client,
            identity: identity::Identity::new(admin.clone(), options.account_id.clone()),
            region: options.region,
            account_id: options.account_id,
            clock: clock::Clock::new(options.settings.clock_speed),
            record: record::Record::default(),
            origins: origin::Origins::default(),
            faults: faults::Faults::default(),
            lambdas: ministack.group(),
            registry: Mutex::default(),
            certificates: acm::Certificates::default(),
            certificates_changed: Notify::new(),
            lingering: Mutex::default(),
            certificate_requests: tokio::sync::Mutex::default(),
            zone_creation: tokio::sync::Mutex::default(),
            signed_zones: Mutex::default(),
            gateway: apigateway::Gateway::default(),
            passages: dataplane::Passages::default(),
            settings: Mutex::new(Arc::new(options.settings)),
            tasks: Mutex::default(),
        });

        let mut tasks = JoinSet::new();
        let (stop, stopping) = watch::channel(false);
        let (report, ended) = watch::channel(None);
        tasks.spawn(keep(ministack, stopping, report));
        tasks.spawn(acm::watch(Arc::clone(&local)));
        tasks.spawn(events::tick(Arc::clone(&local)));
        tasks.spawn(listen(Arc::clone(&local), listener));
        tasks.spawn(resolver::serve(Arc::clone(&local), questions));
        Ok(Self { endpoint, admin, local, tasks, ended, stop })
    }

    /// Where everything is: `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.endpoint)
    }

    /// The region of everything.
    pub fn region(&self) -> &str {
        &self.local.region
    }

    /// The credentials of the account's administrator.
    pub fn admin_credentials(&self) -> &KeyPair {
        &self.admin
    }

    /// Waits until MiniStack ends by itself, which it should not, and says why it did.
    pub async fn ended(&mut self) -> Arc<StartError> {
        match self.ended.wait_for(Option::is_some).await.map(|error| (*error).clone()) {
            Ok(Some(error)) => error,
            // The task that would tell is gone: we are being stopped.
            _ => std::future::pending().await,
        }
    }

    /// Ends everything that was started, MiniStack and its Lambdas included, and waits for it.
    pub async fn stop(mut self) {
        lock(&self.local.tasks).abort_all();
        self.stop.send_replace(true);
        // The receivers end when MiniStack has been waited for.
        let _gone = self.ended.wait_for(|_| false).await;
        self.tasks.shutdown().await;
    }
}

/// Serves connections until the task ends; the connections end with it.
async fn listen(local: Arc<Local>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // The caller went away, or we are out of file descriptors: then others must end first.
            tokio::task::yield_now().await;
            continue;
        };
        // An answer goes out at once; without it small ones wait for the other side's acknowledgement.
        let _slower = stream.set_nodelay(true);
        let local = Arc::clone(&local);
        connections.spawn(async move {
            let service = service_fn(move |request| proxy::serve(Arc::clone(&local), peer, request));
            // An error is a connection that was cut, by us or by the caller.
            let _cut = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Holds MiniStack until it ends or shall end.
async fn keep(
    mut ministack: MiniStack,
    mut stopping: watch::Receiver<bool>,
    report: watch::Sender<Option<Arc<StartError>>>,
) {
    let asked = tokio::select! {
        error = ministack.ended() => {
            report.send_replace(Some(Arc::new(error)));
            false
        }
        // Also when the sender is gone.
        _ = stopping.wait_for(|stop| *stop) => true,
    };
    if asked {
        ministack.stop().await;
    } else {
        // Its Lambdas may outlive it; and whoever waits for the end must find out first.
        drop(ministack);
        let _asked = stopping.wait_for(|stop| *stop).await;
    }
}
