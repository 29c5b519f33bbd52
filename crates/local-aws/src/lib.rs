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
mod apis;
mod certificate;
mod certificate_request;
mod certificate_use;
mod certificate_validation;
mod client;
mod clock;
mod contact;
mod control;
mod dataplane;
mod dns;
mod domain_name;
mod domains;
mod emulator;
mod events;
mod faults;
mod gateway;
mod hosted_zone;
mod identity;
mod local;
mod lock;
mod ministack;
mod net;
mod options;
mod origin;
mod passages;
mod permission;
mod prices;
mod process;
mod proxy;
mod record;
mod record_set;
mod registry;
mod resolver;
mod route;
mod route53;
mod service_event;
mod sigv4;
mod start_error;
mod websocket;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

pub use client::{AwsClient, CallError};
pub use options::{Delays, Options, Settings};
pub use sigv4::KeyPair;
pub use start_error::StartError;

use crate::local::Local;
use crate::lock::lock;
use crate::ministack::MiniStack;

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
            certificates: certificate::Certificates::default(),
            certificates_changed: Notify::new(),
            certificate_use: certificate_use::CertificateUse::default(),
            certificate_requests: tokio::sync::Mutex::default(),
            zone_creation: tokio::sync::Mutex::default(),
            signed_zones: Mutex::default(),
            gateway: gateway::Gateway::default(),
            passages: passages::Passages::default(),
            settings: Mutex::new(Arc::new(options.settings)),
            tasks: Mutex::default(),
        });

        let mut tasks = JoinSet::new();
        let (stop, stopping) = watch::channel(false);
        let (report, ended) = watch::channel(None);
        tasks.spawn(keep(ministack, stopping, report));
        tasks.spawn(certificate_validation::watch(Arc::clone(&local)));
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
