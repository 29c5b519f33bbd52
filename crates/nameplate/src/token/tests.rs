//! Tokens are stable and fit.

use super::*;

#[test]
fn a_token_is_stable_and_fits_every_api() {
    let one = token("incarnation-1", "request-cert");
    assert_eq!(one, token("incarnation-1", "request-cert"));
    assert_eq!(one.len(), TOKEN_LENGTH);
    assert!(one.bytes().all(|b| b.is_ascii_alphanumeric()));
    assert_ne!(one, token("incarnation-2", "request-cert"));
    assert_ne!(token("a", "bc"), token("ab", "c"));
}
