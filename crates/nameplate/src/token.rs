//! Caller references and idempotency tokens: hashes of the incarnation and the step, so that every retry
//! of one intent says the same token and every new intent another one. Never the clock, never random.

use sha2::{Digest, Sha256};

/// Characters in a token. ACM takes 1 to 32 of `\w` (AWS-FACTS 3.1.4), the tightest limit of all APIs used.
pub const TOKEN_LENGTH: usize = 32;

/// The token of `step` in the incarnation: `TOKEN_LENGTH` lower-case hexadecimal digits.
pub fn token(incarnation: &str, step: &str) -> String {
    hex(&[incarnation, step])[..TOKEN_LENGTH].to_owned()
}

/// The caller reference of the zone that `create-zone` makes in the incarnation; `gone` is the zone of an earlier run
/// that is gone: Route 53 may never take its reference again (AWS-FACTS 2.1.2).
pub fn zone_reference(incarnation: &str, gone: Option<&str>) -> String {
    match gone {
        None => token(incarnation, "create-zone"),
        Some(gone) => token(incarnation, &format!("create-zone after {gone}")),
    }
}

/// SHA-256 over the parts, each ended by a zero byte so that no two lists of parts run together.
pub fn hex(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
