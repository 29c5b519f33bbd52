//! Names within names.

use super::*;

#[test]
fn a_name_is_within_itself_and_its_parents_only() {
    assert!(is_within("a.b.c", "b.c") && is_within("b.c", "b.c"));
    assert!(!is_within("ab.c", "b.c") && !is_within("c", "b.c"));
}
