//! What names cost here.
//!
//! Owns the top-level domains that can be registered and their prices. The numbers are plausible, not AWS's: real
//! ones come from ListPrices at run time.

use serde_json::{Value, json};

/// The prices of one top-level domain, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Price {
    pub(crate) tld: &'static str,
    /// For each year of a registration.
    pub(crate) registration: f64,
    /// For each year of a renewal.
    pub(crate) renewal: f64,
}

/// The currency of all of them.
pub(crate) const CURRENCY: &str = "USD";

/// In the order in which ListPrices shows them.
pub(crate) const PRICES: [Price; 16] = [
    price("ai", 140.0, 140.0),
    price("app", 20.0, 20.0),
    price("biz", 19.0, 19.0),
    price("cloud", 25.0, 25.0),
    price("co.uk", 9.0, 9.0),
    price("com", 15.0, 15.0),
    price("de", 9.0, 9.0),
    price("dev", 17.0, 17.0),
    price("eu", 13.0, 13.0),
    price("info", 23.0, 26.0),
    price("io", 71.0, 71.0),
    price("me", 17.0, 17.0),
    price("net", 17.0, 17.0),
    price("org", 15.0, 15.0),
    price("uk", 9.0, 9.0),
    price("xyz", 14.0, 16.0),
];

const fn price(tld: &'static str, registration: f64, renewal: f64) -> Price {
    Price { tld, registration, renewal }
}

/// The price of a top-level domain, written without its leading dot.
pub(crate) fn of_tld(tld: &str) -> Option<Price> {
    PRICES.into_iter().find(|price| price.tld == tld)
}

/// The price of a name directly below one of the top-level domains.
pub(crate) fn of_name(name: &str) -> Option<Price> {
    of_tld(name.split_once('.')?.1)
}

impl Price {
    /// In the shape of ListPrices (AWS-FACTS 1.2.4).
    pub(crate) fn to_json(self) -> Value {
        let amount = |price: f64| json!({ "Price": price, "Currency": CURRENCY });
        json!({
            "Name": self.tld,
            "RegistrationPrice": amount(self.registration),
            "TransferPrice": amount(self.registration),
            "RenewalPrice": amount(self.renewal),
            "ChangeOwnershipPrice": amount(0.0),
            "RestorationPrice": amount(57.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_priced_by_all_that_follows_its_first_label() {
        assert_eq!(of_name("example.co.uk").map(|price| price.tld), Some("co.uk"));
        assert_eq!(of_name("example.uk").map(|price| price.tld), Some("uk"));
        assert_eq!(of_name("example.com").map(|price| price.registration), Some(15.0));
        assert_eq!(of_name("api.example.com"), None, "not a name below a top-level domain");
        assert_eq!(of_name("example.museum"), None);
        assert_eq!(of_name("com"), None);
    }

    #[test]
    fn the_table_is_in_the_order_of_its_pages() {
        assert!(PRICES.is_sorted_by(|one, other| one.tld < other.tld));
    }
}
