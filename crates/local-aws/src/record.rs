//! The record of every call that came in.
//!
//! Owns the sequence numbers. Holds no bodies: they carry personal data.

use std::sync::Mutex;

use serde::Serialize;

use crate::lock::lock;

/// One call. `status` is empty while the call is under way.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Call {
    /// From 1, in the order of arrival.
    pub(crate) seq: u64,
    /// Seconds since 1970 in AWS time.
    pub(crate) at: f64,
    /// A Lambda function's name, `admin`, `user/<name>`, an unknown access key id, or `-` for an unsigned request.
    pub(crate) caller: String,
    pub(crate) service: String,
    pub(crate) action: String,
    /// What the call is about, where that is cheaply known: a name, a zone, an API, an ARN.
    pub(crate) resource: Option<String>,
    /// The ARN of the execution that the call is made for, where that is known.
    pub(crate) execution: Option<String>,
    /// The fault that was done to the call.
    pub(crate) fault: Option<&'static str>,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
}

impl Call {
    /// A call that has come in, and of which only that is known.
    pub(crate) fn arriving(at: f64, caller: String) -> Self {
        Self {
            seq: 0,
            at,
            caller,
            service: String::new(),
            action: String::new(),
            resource: None,
            execution: None,
            fault: None,
            status: None,
            error: None,
        }
    }
}

/// Which calls to list.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Filter {
    after: u64,
    caller: Option<String>,
    service: Option<String>,
    action: Option<String>,
    /// A part of the resource.
    resource: Option<String>,
    /// A part of the execution's ARN.
    execution: Option<String>,
}

impl Filter {
    fn takes(&self, call: &Call) -> bool {
        let within = |part: &Option<String>, is: Option<&str>| {
            part.as_deref().is_none_or(|part| is.is_some_and(|is| is.contains(part)))
        };
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        call.seq > self.after
            && same(&self.caller, &call.caller)
            && same(&self.service, &call.service)
            && same(&self.action, &call.action)
            && within(&self.resource, call.resource.as_deref())
            && within(&self.execution, call.execution.as_deref())
    }
}

/// All calls since the start.
#[derive(Default)]
pub(crate) struct Record(Mutex<Vec<Call>>);

impl Record {
    /// Enters a call that has just arrived and gives it its number.
    pub(crate) fn begin(&self, call: Call) -> u64 {
        let mut calls = lock(&self.0);
        let seq = calls.len() as u64 + 1;
        calls.push(Call { seq, ..call });
        seq
    }

    /// Enters how a call ended.
    pub(crate) fn end(&self, seq: u64, status: u16, error: Option<String>) {
        self.change(seq, |call| (call.status, call.error) = (Some(status), error));
    }

    /// Enters the fault that is done to a call.
    pub(crate) fn spoil(&self, seq: u64, fault: &'static str) {
        self.change(seq, |call| call.fault = Some(fault));
    }

    fn change(&self, seq: u64, change: impl FnOnce(&mut Call)) {
        let index = usize::try_from(seq).unwrap_or_default().wrapping_sub(1);
        if let Some(call) = lock(&self.0).get_mut(index) {
            change(call);
        }
    }

    pub(crate) fn list(&self, filter: &Filter) -> Vec<Call> {
        lock(&self.0).iter().filter(|call| filter.takes(call)).cloned().collect()
    }

    pub(crate) fn last(&self) -> u64 {
        lock(&self.0).len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(caller: &str, action: &str, resource: Option<&str>) -> Call {
        Call {
            seq: 0,
            at: 0.0,
            caller: caller.to_owned(),
            service: "acm".to_owned(),
            action: action.to_owned(),
            resource: resource.map(str::to_owned),
            execution: None,
            fault: None,
            status: None,
            error: None,
        }
    }

    #[test]
    fn calls_are_numbered_from_one_and_completed_in_place() {
        let record = Record::default();
        let first = record.begin(call("plan", "ListCertificates", None));
        let second = record.begin(call("register", "RequestCertificate", Some("a.example.com")));
        record.end(first, 400, Some("ThrottlingException".to_owned()));
        assert_eq!((first, second, record.last()), (1, 2, 2));
        let calls = record.list(&Filter::default());
        assert_eq!((calls[0].status, calls[0].error.as_deref()), (Some(400), Some("ThrottlingException")));
        assert_eq!(calls[1].status, None);
    }

    #[test]
    fn filters_narrow_the_list() {
        let record = Record::default();
        record.begin(call("plan", "ListCertificates", None));
        record.begin(call("plan", "RequestCertificate", Some("a.example.com")));
        record.begin(call("other", "RequestCertificate", Some("b.example.com")));
        let seqs = |filter: Filter| record.list(&filter).iter().map(|call| call.seq).collect::<Vec<_>>();
        assert_eq!(seqs(Filter { after: 1, ..Filter::default() }), [2, 3]);
        assert_eq!(seqs(Filter { caller: Some("plan".to_owned()), ..Filter::default() }), [1, 2]);
        assert_eq!(seqs(Filter { resource: Some("b.ex".to_owned()), ..Filter::default() }), [3]);
        assert_eq!(seqs(Filter { service: Some("route53".to_owned()), ..Filter::default() }), [] as [u64; 0]);
    }
}
