//! Route 53: hosted zones and their records.

mod zone;

pub use zone::*;

/// What Route 53 says of a hosted zone that is not there.
const NO_SUCH_ZONE: &str = "NoSuchHostedZone";
