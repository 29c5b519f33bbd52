//! What the table says of a purchase.

use super::*;

#[test]
fn an_item_without_a_purchase_has_none() {
    assert_eq!(purchase_of(&HashMap::new()), Ok(Purchase::default()));
}

#[test]
fn a_purchase_is_read_whole() {
    let item = HashMap::from([
        ("heldBy".to_owned(), text("arn:1")),
        ("purchaseIntent".to_owned(), number(1_800_000_000)),
        ("purchaseOperation".to_owned(), text("op-1")),
        ("purchasePrice".to_owned(), text(r#"{"amount":15.0,"currency":"USD"}"#)),
        ("purchaseFailedIn".to_owned(), text("arn:0")),
    ]);
    let expected = Purchase {
        held_by: Some("arn:1".into()),
        intent: Some(1_800_000_000),
        operation: Some("op-1".into()),
        price: Some(Money { amount: 15.0, currency: "USD".into() }),
        failed_in: Some("arn:0".into()),
    };
    assert_eq!(purchase_of(&item), Ok(expected));
}

#[test]
fn an_intent_that_cannot_be_read_is_not_taken_for_none() {
    for value in [text("1800000000"), number(1).clone(), AttributeValue::N("soon".into())] {
        let readable = value == number(1);
        let item = HashMap::from([("purchaseIntent".to_owned(), value)]);
        assert_eq!(purchase_of(&item).is_ok(), readable);
    }
}
