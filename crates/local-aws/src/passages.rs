//! Headers of backends' answers, which MiniStack drops: what a request leaves on its way for its answer. Must not know
//! what they mean.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderMap;

use crate::lock::lock;

/// Headers by passage.
#[derive(Default)]
pub(crate) struct Passages {
    next: AtomicU64,
    headers: Mutex<HashMap<u64, HeaderMap>>,
}

impl Passages {
    /// Begins a passage and gives its number.
    pub(crate) fn begin(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Leaves a backend's headers for the end of a passage.
    pub(crate) fn leave(&self, passage: u64, headers: HeaderMap) {
        lock(&self.headers).insert(passage, headers);
    }

    /// Ends a passage and gives the headers that were left in it.
    pub(crate) fn end(&self, passage: u64) -> Option<HeaderMap> {
        lock(&self.headers).remove(&passage)
    }
}
