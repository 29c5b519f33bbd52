//! What CAA allows.

use super::*;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn caa_allows_amazon_or_not() {
    let allows = |values: &[&str], wildcard| caa_allows(&names(values), wildcard);
    assert!(allows(&[], false));
    assert!(allows(&["0 issue \"amazon.com\""], false));
    assert!(allows(&["0 issue \"amazon.com\""], true));
    assert!(allows(&["0 issue \"letsencrypt.org\"", "0 issue \"awstrust.com; x=y\""], false));
    assert!(!allows(&["0 issue \"letsencrypt.org\""], false));
    assert!(!allows(&["0 issue \";\""], false));
    assert!(!allows(&["0 issue \"amazon.com\"", "0 issuewild \";\""], true));
    assert!(allows(&["0 issue \"amazon.com\"", "0 issuewild \";\""], false));
    assert!(allows(&["0 issuewild \"letsencrypt.org\""], false));
    assert!(allows(&["0 iodef \"mailto:a@example.com\""], false));
}
