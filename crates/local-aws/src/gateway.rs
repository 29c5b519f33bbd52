//! What is kept about APIs beside MiniStack. Owns the rates of the control plane; must not know any call.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

use serde_json::Value;

use crate::lock::lock;

/// AWS-FACTS 4.5.1: all management calls together.
const CALLS_PER_SEC: f64 = 10.0;
const CALL_BURST: f64 = 40.0;
/// AWS-FACTS 4.5.2: create, update and delete of a domain name, each.
const DOMAIN_NAME_INTERVAL_SECS: f64 = 30.0;
/// AWS-FACTS 4.5.3.
const DEPLOYMENT_INTERVAL_SECS: f64 = 5.0;

/// What is kept about APIs beside MiniStack.
#[derive(Default)]
pub(crate) struct Gateway {
    /// The HTTP integrations, by (API, integration): where they go in truth.
    integrations: Mutex<BTreeMap<(String, String), Integration>>,
    /// By path, the APIs and stages whose tags have been changed since they were made.
    retagged: Mutex<BTreeMap<String, Retagged>>,
    /// Ids of deployments that were made while their API's default endpoint was closed.
    closed: Mutex<HashSet<String>>,
    rates: Mutex<Rates>,
}

/// Tags that have been changed.
#[derive(Default)]
struct Retagged {
    changes: u64,
    /// As they are after the last change, once somebody has asked: a list of APIs would ask about each.
    tags: Option<Value>,
}

/// Where an HTTP integration goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Integration {
    pub(crate) uri: String,
    /// `ANY` takes the request's.
    pub(crate) method: String,
    /// The request's path replaces the URI's: a mapping of `overwrite:path`.
    pub(crate) path_is_mapped: bool,
}

impl Gateway {
    /// Whether a call at `now` is within the rates.
    pub(crate) fn takes(&self, action: &str, now: f64) -> bool {
        lock(&self.rates).take(action, now)
    }

    pub(crate) fn integration(&self, api: &str, integration: &str) -> Option<Integration> {
        lock(&self.integrations).get(&(api.to_owned(), integration.to_owned())).cloned()
    }

    pub(crate) fn set_integration(&self, api: &str, id: &str, integration: Integration) {
        lock(&self.integrations).insert((api.to_owned(), id.to_owned()), integration);
    }

    /// The API is gone.
    pub(crate) fn forget(&self, api: &str) {
        lock(&self.integrations).retain(|(of, _), _| *of != api);
    }

    /// The deployment was made while its API's default endpoint was closed.
    pub(crate) fn close(&self, deployment: &str) {
        lock(&self.closed).insert(deployment.to_owned());
    }

    pub(crate) fn is_closed(&self, deployment: &str) -> bool {
        lock(&self.closed).contains(deployment)
    }

    /// The tags of what has this path have been changed.
    pub(crate) fn retag(&self, path: &str) {
        let mut retagged = lock(&self.retagged);
        let changes = retagged.get(path).map_or(1, |before| before.changes + 1);
        retagged.insert(path.to_owned(), Retagged { changes, tags: None });
    }

    /// How often the tags have been changed, and what they are, as far as that is known; nothing where they never were.
    pub(crate) fn retagged(&self, path: &str) -> Option<(u64, Option<Value>)> {
        lock(&self.retagged).get(path).map(|of_it| (of_it.changes, of_it.tags.clone()))
    }

    /// Remembers the tags as they are after so many changes; what was changed meanwhile is read anew.
    pub(crate) fn remember_tags(&self, path: &str, changes: u64, tags: Value) {
        if let Some(of_it) = lock(&self.retagged).get_mut(path).filter(|of_it| of_it.changes == changes) {
            of_it.tags = Some(tags);
        }
    }
}

/// The recent past, in AWS time.
#[derive(Default)]
struct Rates {
    tokens: Option<(f64, f64)>,
    /// Of operations with a rate of their own, when the last call was let through.
    last: BTreeMap<String, f64>,
}

impl Rates {
    /// Whether a call at `now` is within the rates.
    fn take(&mut self, action: &str, now: f64) -> bool {
        let (level, at) = self.tokens.unwrap_or((CALL_BURST, now));
        let level = (level + (now - at).max(0.0) * CALLS_PER_SEC).min(CALL_BURST);
        if level < 1.0 {
            self.tokens = Some((level, now));
            return false;
        }
        self.tokens = Some((level - 1.0, now));
        let interval = match action {
            "CreateDomainName" | "UpdateDomainName" | "DeleteDomainName" => DOMAIN_NAME_INTERVAL_SECS,
            "CreateDeployment" => DEPLOYMENT_INTERVAL_SECS,
            _ => return true,
        };
        if self.last.get(action).is_some_and(|last| now - last < interval) {
            return false;
        }
        self.last.insert(action.to_owned(), now);
        true
    }
}

#[cfg(test)]
mod tests;
