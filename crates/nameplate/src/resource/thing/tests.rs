//! Validation records that are told as things, and read out of them again.

use super::*;

#[test]
fn a_validation_record_can_be_read_out_of_what_is_said_of_it() {
    let record = ValidationRecord { name: "_x.example.com".to_owned(), value: "_y.acm-validations.aws".to_owned() };
    assert_eq!(Thing::validation(&record, "because").validation_record(), Some(record));
    assert_eq!(Thing::new("record", "www.example.com CNAME a.example.net", "").validation_record(), None);
}
