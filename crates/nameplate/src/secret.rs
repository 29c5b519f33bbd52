//! Secrets: text that no log line, error or document can show by accident.
//!
//! The registrant's contact, the text of the secret that it comes from, and task tokens are kept as
//! [`SecretString`]. It has no `Display` and no `Serialize`, its `Debug` says `[REDACTED]`, it is wiped from
//! memory when it is dropped, and its content is had by [`ExposeSecret::expose_secret`] alone, a word to
//! search for. It must not know what a secret is for.

pub use secrecy::{ExposeSecret, SecretString};

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};

    use serde::{Serialize, de::DeserializeOwned};
    use static_assertions::{assert_impl_all, assert_not_impl_any};

    use super::*;
    use crate::contact::Contact;

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
}
