//! The registries' side of the world: which names are taken, by whom, and which servers they are delegated to.
//!
//! Owns domains, operations and the ledger of charges. Pure state: the time is an argument, nothing is sent. Must
//! not know the wire, nor what stands in a zone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::record_set::RecordSet;

/// How a name stands, as `PUT /_local/domains/{name}` says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum State {
    /// Nobody has it.
    #[default]
    Available,
    /// Somebody has it, and it is not delegated to anywhere that we can see.
    Unavailable,
    /// To be had at a premium price only, which AWS does not sell.
    Premium,
    /// Forbidden.
    Restricted,
    /// Held back by the registry.
    Reserved,
    /// Held back for a certain registrant.
    AvailableReserved,
    /// Can be ordered in advance only.
    AvailablePreorder,
    /// The registry gave no answer.
    DontKnow,
    /// The registry has not answered yet.
    Pending,
    /// Not a name that the registry takes.
    InvalidNameForTld,
    /// A registration of it is under way in this account.
    #[serde(skip_deserializing)]
    Registering,
    /// Registered in this account.
    Owned,
    /// Registered at another registrar.
    Elsewhere,
}

impl State {
    /// The answer of CheckDomainAvailability (AWS-FACTS 1.2.3).
    pub(crate) fn availability(self) -> &'static str {
        match self {
            Self::Available => "AVAILABLE",
            Self::Premium => "UNAVAILABLE_PREMIUM",
            Self::Restricted => "UNAVAILABLE_RESTRICTED",
            Self::Reserved => "RESERVED",
            Self::AvailableReserved => "AVAILABLE_RESERVED",
            Self::AvailablePreorder => "AVAILABLE_PREORDER",
            Self::DontKnow => "DONT_KNOW",
            Self::Pending => "PENDING",
            Self::InvalidNameForTld => "INVALID_NAME_FOR_TLD",
            Self::Unavailable | Self::Registering | Self::Owned | Self::Elsewhere => "UNAVAILABLE",
        }
    }
}

/// How a registration of a name shall end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Outcome {
    /// The status that the operation ends with.
    #[serde(default)]
    pub(crate) outcome: Ending,
    /// Instead of the general delay, in real milliseconds.
    pub(crate) delay_ms: Option<u64>,
    /// The operation's message.
    pub(crate) message: Option<String>,
    /// What the operation waits for meanwhile: a `StatusFlag`, AWS-FACTS 1.2.5.
    pub(crate) status_flag: Option<String>,
}

/// The terminal statuses of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Ending {
    #[default]
    Successful,
    Failed,
    Error,
}

/// Whether the registrant has confirmed the e-mail address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Reachability {
    #[default]
    Pending,
    Done,
    Expired,
}

/// One name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Domain {
    pub(crate) state: State,
    /// Lower case, without a final dot.
    pub(crate) name_servers: Vec<String>,
    pub(crate) outcome: Outcome,
    pub(crate) reachability: Reachability,
    /// What a registration is charged per year, where it differs from the price list.
    pub(crate) price_per_year: Option<f64>,
    /// What servers that are not Route 53's answer for the name and what is below it.
    pub(crate) own_dns: Vec<RecordSet>,
    /// No event is sent about certificates of this name.
    pub(crate) suppress_events: bool,
    pub(crate) auto_renew: bool,
    pub(crate) transfer_lock: bool,
    pub(crate) created: f64,
    pub(crate) updated: f64,
    pub(crate) expires: f64,
    pub(crate) tags: BTreeMap<String, String>,
    /// The contacts and privacy flags of RegisterDomain, by its field names. Personal data: never listed or logged.
    pub(crate) contacts: Map<String, Value>,
}

/// A thing that a registry takes its time for.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) domain: String,
    pub(crate) kind: &'static str,
    pub(crate) status: &'static str,
    pub(crate) message: Option<String>,
    pub(crate) status_flag: Option<String>,
    pub(crate) submitted: f64,
    pub(crate) updated: f64,
}

impl Operation {
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.status, "SUBMITTED" | "IN_PROGRESS")
    }
}

/// Money that was taken.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Charge {
    pub(crate) domain: String,
    pub(crate) operation_id: String,
    pub(crate) years: u64,
    pub(crate) amount: f64,
    pub(crate) currency: &'static str,
    /// Seconds since 1970 in AWS time.
    pub(crate) at: f64,
    /// The registration failed and the money went back.
    pub(crate) refunded: bool,
}

/// Where a name is delegated to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delegation {
    pub(crate) domain: String,
    pub(crate) name_servers: Vec<String>,
}

/// All names, operations and charges.
#[derive(Default)]
pub(crate) struct Registry {
    domains: BTreeMap<String, Domain>,
    operations: Vec<Operation>,
    charges: Vec<Charge>,
}

/// What a caller orders.
pub(crate) struct Order {
    pub(crate) domain: String,
    pub(crate) years: u64,
    pub(crate) auto_renew: bool,
    pub(crate) contacts: Map<String, Value>,
    /// By the price list.
    pub(crate) price_per_year: f64,
    pub(crate) currency: &'static str,
}

const YEAR_SECS: f64 = 365.25 * 24.0 * 3600.0;

impl Registry {
    pub(crate) fn domain(&self, name: &str) -> Option<&Domain> {
        self.domains.get(name)
    }

    pub(crate) fn domain_mut(&mut self, name: &str) -> &mut Domain {
        self.domains.entry(name.to_owned()).or_default()
    }

    /// A name that is registered in this account.
    pub(crate) fn owned(&self, name: &str) -> Option<&Domain> {
        self.domains.get(name).filter(|domain| domain.state == State::Owned)
    }

    pub(crate) fn owned_mut(&mut self, name: &str) -> Option<&mut Domain> {
        self.domains.get_mut(name).filter(|domain| domain.state == State::Owned)
    }

    pub(crate) fn all_owned(&self) -> impl Iterator<Item = (&String, &Domain)> {
        self.domains.iter().filter(|(_, domain)| domain.state == State::Owned)
    }

    pub(crate) fn state(&self, name: &str) -> State {
        self.domains.get(name).map(|domain| domain.state).unwrap_or_default()
    }

    /// The delegation that covers `name`: that of the registered name at or above it.
    pub(crate) fn delegation(&self, name: &str) -> Option<Delegation> {
        let mut rest = name;
        loop {
            if let Some(domain) = self.domains.get(rest)
                && matches!(domain.state, State::Owned | State::Elsewhere)
            {
                // An address that nobody confirmed takes the name out of DNS (AWS-FACTS 1.5.1).
                let held = domain.state == State::Owned && domain.reachability == Reachability::Expired;
                let name_servers = if held { Vec::new() } else { domain.name_servers.clone() };
                return Some(Delegation { domain: rest.to_owned(), name_servers });
            }
            rest = rest.split_once('.')?.1;
        }
    }

    /// The records of the registered name at or above `name` in a DNS of its own, if it has any.
    pub(crate) fn own_dns(&self, name: &str) -> Option<(String, Vec<RecordSet>)> {
        let apex = self.delegation(name)?.domain;
        let records = self.domains.get(&apex)?.own_dns.clone();
        (!records.is_empty()).then_some((apex, records))
    }

    /// Whether events about certificates of `name` are to be lost.
    pub(crate) fn suppresses_events(&self, name: &str) -> bool {
        let mut rest = name.strip_prefix("*.").unwrap_or(name);
        loop {
            if self.domains.get(rest).is_some_and(|domain| domain.suppress_events) {
                return true;
            }
            match rest.split_once('.') {
                Some((_, parent)) => rest = parent,
                None => return false,
            }
        }
    }

    /// The open operation on a name.
    pub(crate) fn open_operation(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.domain == name && operation.is_open())
    }

    pub(crate) fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }

    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    pub(crate) fn charges(&self) -> &[Charge] {
        &self.charges
    }

    /// Enters an operation as SUBMITTED and gives its id.
    pub(crate) fn submit(&mut self, domain: &str, kind: &'static str, now: f64) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        self.operations.push(Operation {
            id: id.clone(),
            domain: domain.to_owned(),
            kind,
            status: "SUBMITTED",
            message: None,
            status_flag: None,
            submitted: now,
            updated: now,
        });
        id
    }

    /// Takes an order: one operation, one charge.
    pub(crate) fn begin_registration(&mut self, order: Order, now: f64) -> String {
        let id = self.submit(&order.domain, "REGISTER_DOMAIN", now);
        let domain = self.domain_mut(&order.domain);
        domain.state = State::Registering;
        domain.auto_renew = order.auto_renew;
        domain.contacts = order.contacts;
        domain.expires = now + YEAR_SECS * order.years as f64;
        let per_year = domain.price_per_year.unwrap_or(order.price_per_year);
        self.charges.push(Charge {
            domain: order.domain,
            operation_id: id.clone(),
            years: order.years,
            amount: per_year * order.years as f64,
            currency: order.currency,
            at: now,
            refunded: false,
        });
        id
    }

    /// The registry has taken the operation up.
    pub(crate) fn take_up(&mut self, id: &str, status_flag: Option<String>, now: f64) {
        if let Some(operation) = self.operations.iter_mut().find(|operation| operation.id == id) {
            (operation.status, operation.status_flag, operation.updated) = ("IN_PROGRESS", status_flag, now);
        }
    }

    /// Ends an operation.
    pub(crate) fn finish(&mut self, id: &str, ending: Ending, message: Option<String>, now: f64) {
        if let Some(operation) = self.operations.iter_mut().find(|operation| operation.id == id) {
            operation.status = match ending {
                Ending::Successful => "SUCCESSFUL",
                Ending::Failed => "FAILED",
                Ending::Error => "ERROR",
            };
            (operation.message, operation.status_flag, operation.updated) = (message, None, now);
        }
    }

    /// The name is ours now, delegated to `name_servers`.
    pub(crate) fn registered(&mut self, name: &str, name_servers: Vec<String>, now: f64) {
        let confirmed = self.has_confirmed_registrant(name);
        let domain = self.domain_mut(name);
        if confirmed {
            domain.reachability = Reachability::Done;
        }
        domain.state = State::Owned;
        domain.name_servers = name_servers;
        domain.transfer_lock = true;
        (domain.created, domain.updated) = (now, now);
        if domain.expires <= now {
            domain.expires = now + YEAR_SECS;
        }
    }

    /// Whether the registrant's address has been confirmed for another name: it is not asked again (AWS-FACTS 1.5.2).
    fn has_confirmed_registrant(&self, name: &str) -> bool {
        let address = |domain: &Domain| Some(domain.contacts.get("RegistrantContact")?["Email"].as_str()?.to_owned());
        let Some(ours) = self.domains.get(name).and_then(address) else { return false };
        self.all_owned()
            .any(|(_, other)| other.reachability == Reachability::Done && address(other).as_ref() == Some(&ours))
    }

    /// The registration came to nothing: the name is free, the money goes back.
    pub(crate) fn not_registered(&mut self, name: &str, operation_id: &str) {
        let domain = self.domain_mut(name);
        domain.state = State::Available;
        domain.contacts = Map::new();
        for charge in self.charges.iter_mut().filter(|charge| charge.operation_id == operation_id) {
            charge.refunded = true;
        }
    }

    /// The name is given up.
    pub(crate) fn deleted(&mut self, name: &str) {
        // Usually not registrable again for months (AWS-FACTS 1.7.2).
        self.domains.insert(name.to_owned(), Domain { state: State::Unavailable, ..Domain::default() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(domain: &str, years: u64) -> Order {
        Order {
            domain: domain.to_owned(),
            years,
            auto_renew: true,
            contacts: Map::new(),
            price_per_year: 15.0,
            currency: "USD",
        }
    }

    #[test]
    fn a_registration_is_charged_when_it_is_accepted() {
        let mut registry = Registry::default();
        let id = registry.begin_registration(order("a.com", 2), 100.0);
        assert_eq!(registry.state("a.com"), State::Registering);
        assert_eq!(registry.open_operation("a.com").map(|operation| operation.id.clone()), Some(id.clone()));
        assert_eq!(registry.charges().len(), 1);
        assert_eq!((registry.charges()[0].amount, registry.charges()[0].refunded), (30.0, false));
        assert!(registry.owned("a.com").is_none(), "not ours before the operation has ended");

        registry.registered("a.com", vec!["ns-1.example.net".to_owned()], 200.0);
        registry.finish(&id, Ending::Successful, None, 200.0);
        assert!(registry.open_operation("a.com").is_none());
        assert!((registry.owned("a.com").unwrap().expires - (100.0 + 2.0 * YEAR_SECS)).abs() < 1.0);
    }

    #[test]
    fn a_failed_registration_gives_name_and_money_back() {
        let mut registry = Registry::default();
        let id = registry.begin_registration(order("a.com", 1), 100.0);
        registry.not_registered("a.com", &id);
        registry.finish(&id, Ending::Failed, Some("no".to_owned()), 101.0);
        assert_eq!(registry.state("a.com").availability(), "AVAILABLE");
        assert!(registry.charges()[0].refunded);
        assert_eq!(registry.operation(&id).unwrap().status, "FAILED");
    }

    #[test]
    fn the_delegation_of_the_registered_name_covers_what_is_below_it() {
        let mut registry = Registry::default();
        registry.registered("a.co.uk", vec!["ns-1.example.net".to_owned()], 0.0);
        registry.domain_mut("b.com").state = State::Unavailable;
        let domain = |name: &str| registry.delegation(name).map(|delegation| delegation.domain);
        assert_eq!(domain("api.v1.a.co.uk").as_deref(), Some("a.co.uk"));
        assert_eq!(domain("a.co.uk").as_deref(), Some("a.co.uk"));
        assert_eq!(domain("xa.co.uk"), None);
        assert_eq!(domain("co.uk"), None);
        assert_eq!(domain("b.com"), None, "taken by somebody, delegated to nowhere");
    }

    #[test]
    fn an_unconfirmed_address_takes_the_name_down_and_a_confirmed_one_is_not_asked_again() {
        let mut registry = Registry::default();
        let contacts =
            |email: &str| Map::from_iter([("RegistrantContact".to_owned(), serde_json::json!({ "Email": email }))]);
        for (name, email) in [("a.com", "ada@example.com"), ("b.com", "ada@example.com"), ("c.com", "bob@example.com")]
        {
            registry.begin_registration(Order { contacts: contacts(email), ..order(name, 1) }, 0.0);
        }
        registry.registered("a.com", vec!["ns-1.example.net".to_owned()], 1.0);
        registry.domain_mut("a.com").reachability = Reachability::Done;
        registry.registered("b.com", Vec::new(), 2.0);
        registry.registered("c.com", vec!["ns-1.example.net".to_owned()], 3.0);
        assert_eq!(registry.owned("b.com").unwrap().reachability, Reachability::Done);
        assert_eq!(registry.owned("c.com").unwrap().reachability, Reachability::Pending);
        registry.domain_mut("c.com").reachability = Reachability::Expired;
        assert!(registry.delegation("api.c.com").unwrap().name_servers.is_empty());
        assert!(!registry.delegation("api.a.com").unwrap().name_servers.is_empty());
    }

    #[test]
    fn events_are_suppressed_for_a_name_and_what_is_below_it() {
        let mut registry = Registry::default();
        registry.domain_mut("a.com").suppress_events = true;
        assert!(registry.suppresses_events("a.com"));
        assert!(registry.suppresses_events("*.a.com"));
        assert!(registry.suppresses_events("x.y.a.com"));
        assert!(!registry.suppresses_events("ba.com"));
    }
}
