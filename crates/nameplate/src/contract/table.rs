//! Names in the DynamoDB table: keys, attributes, states. The state machine uses the same names; a
//! contract test holds the two together. It must not know the DynamoDB client.

/// Partition key attribute of every item.
pub const KEY: &str = "id";

/// The error code by which DynamoDB says that a write's condition was not met.
pub const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

/// Attributes of a domain item.
pub mod domain {
    /// ARN of the execution that first claimed the domain: what caller references and tokens are hashed from.
    pub const INCARNATION: &str = "incarnation";
    /// ARN of the execution that works on the domain now. Absent: nobody does.
    pub const HELD_BY: &str = "heldBy";
    /// `PROVISIONING`, `LIVE`, `RETIRING`, `RETIRED` or `FAILED`.
    pub const STATUS: &str = "status";
    /// The normalised request, as JSON text.
    pub const REQUEST: &str = "request";
    /// Fingerprint of the request that the last finished run satisfied.
    pub const FINGERPRINT: &str = "fingerprint";
    /// The result of the last finished run, as JSON text.
    pub const RESULT: &str = "result";
    /// What is known of the resources, as JSON text of [`crate::contract::Known`].
    pub const KNOWN: &str = "known";
    /// Why the last run failed, as JSON text.
    pub const LAST_FAILURE: &str = "lastFailure";
    /// Seconds since 1970 at which a purchase was decided on. Written before RegisterDomain is called.
    pub const PURCHASE_INTENT: &str = "purchaseIntent";
    /// Id of the RegisterDomain operation, once AWS has said it.
    pub const PURCHASE_OPERATION: &str = "purchaseOperation";
    /// The price that was accepted, as JSON text of [`crate::request::Money`].
    pub const PURCHASE_PRICE: &str = "purchasePrice";
    /// ARN of the execution whose purchase AWS gave up on: it does not buy again, a new one may.
    pub const PURCHASE_FAILED_IN: &str = "purchaseFailedIn";
    /// ARN of the certificate that was last awaited, written before its watch is put: so that the watch of an
    /// execution that was stopped can be found. Together with [`PURCHASE_OPERATION`] it names all watches of the domain.
    pub const AWAITED_CERTIFICATE: &str = "awaitedCertificate";
    /// Which records of the zone are ours, as JSON text of [`crate::resource::record::Owned`]. Written by the steps that write and
    /// remove records, before the zone is changed and after it; an attribute of its own, so that no run that ends
    /// in between writes over it.
    pub const RECORDS: &str = "records";
    /// That a change of the name servers at the registry is, or was, about to be sent; as JSON text of what
    /// `correct-delegation` keeps of it. Written before UpdateDomainNameservers is called.
    pub const DELEGATION_INTENT: &str = "delegationIntent";
    /// What a person has to take out of a DNS of his own, as JSON text of [`crate::resource::thing::Thing`]s. Recorded when a
    /// retirement begins: its values cannot be found once custom domain and certificate are gone.
    pub const BY_HAND: &str = "byHand";
    /// The incarnation that a retirement has ended: zones that it made are known by it. It goes with the retirement.
    pub const ENDED: &str = "ended";
    /// `LIVE`: the last run finished.
    pub const LIVE: &str = "LIVE";
    /// `FAILED`: the last run failed, was stopped or ran out of time.
    pub const FAILED: &str = "FAILED";
    /// `RETIRED`: everything that was ours is gone, but for what the result says.
    pub const RETIRED: &str = "RETIRED";
}

/// Attributes of a watch item.
pub mod watch {
    /// Task token of the execution that sleeps on the watch.
    pub const TOKEN: &str = "token";
    /// ARN of that execution. It comes and goes with [`TOKEN`].
    pub const HELD_BY: &str = "heldBy";
    /// Present once the awaited thing has happened.
    pub const RESOLVED: &str = "resolved";
    /// `registration` while a registration is awaited; the sparse index [`OPEN_INDEX`] lists these.
    pub const OPEN: &str = "open";
    /// Domain that the watch is for.
    pub const DOMAIN: &str = "domain";
    /// Seconds since 1970 when the watch was made.
    pub const CREATED: &str = "created";
    /// Seconds since 1970 after which DynamoDB may delete the watch.
    pub const EXPIRES: &str = "expires";
    /// Index over [`OPEN`].
    pub const OPEN_INDEX: &str = "open-watches";
    /// Value of [`OPEN`] for registrations.
    pub const REGISTRATION: &str = "registration";
    /// How long a watch is kept: longer than any deadline of the state machine, in seconds (8 days).
    pub const KEEP_SECS: i64 = 8 * 24 * 3600;
}

/// Key of the item of a domain.
pub fn domain_key(domain: &str) -> String {
    format!("domain#{domain}")
}

/// Key of the watch on `id`: an operation id or a certificate ARN.
pub fn watch_key(id: &str) -> String {
    format!("watch#{id}")
}
