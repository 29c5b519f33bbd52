//! A secret is never printed.

use std::fmt::{Debug, Display};

use serde::{Serialize, de::DeserializeOwned};
use static_assertions::{assert_impl_all, assert_not_impl_any};

use super::*;
use crate::resource::registration::contact::Contact;

// A contact has no text form at all; what it is made of has one without content.
assert_not_impl_any!(Contact: Debug, Display, Serialize, Clone);
assert_not_impl_any!(SecretString: Display, Serialize, DeserializeOwned, AsRef<str>, std::ops::Deref, Into<String>);
assert_impl_all!(SecretString: Debug, secrecy::zeroize::ZeroizeOnDrop);

#[test]
fn the_one_text_form_of_a_secret_shows_nothing_of_it() {
    let secret = SecretString::from("MARK");
    for shown in [format!("{secret:?}"), format!("{secret:#?}"), format!("{:?}", Some(&secret))] {
        assert!(!shown.contains("MARK") && shown.contains("REDACTED"), "{shown}");
    }
    assert_eq!(secret.expose_secret(), "MARK");
}
