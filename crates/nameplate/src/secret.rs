//! Secrets: text that no log line, error or document can show by accident.
//!
//! The registrant's contact, the text of the secret that it comes from, and task tokens are kept as
//! [`SecretString`]. It has no `Display` and no `Serialize`, its `Debug` says `[REDACTED]`, it is wiped from
//! memory when it is dropped, and its content is had by [`ExposeSecret::expose_secret`] alone, a word to
//! search for. It must not know what a secret is for.

pub use secrecy::{ExposeSecret, SecretString};

#[cfg(test)]
mod tests;
