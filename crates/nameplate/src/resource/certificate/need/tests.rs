//! Which certificates need which validation records.

use super::*;

fn record(name: &str) -> ValidationRecord {
    ValidationRecord { name: name.to_owned(), value: "_y.acm-validations.aws".to_owned() }
}

#[test]
fn a_record_is_needed_by_its_name_and_the_wildcard_below_it_and_by_no_other() {
    let proven = Proven::by(&[record("_x.Example.com."), record("_z.www.example.org")]);
    let listed = |names: &[&str], has_more_names| Certificate {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        has_more_names,
        ..Certificate::default()
    };
    for names in [&["example.com"][..], &["*.example.com"], &["a.example.net", "www.example.org"]] {
        assert!(proven.may_be_needed_by(&listed(names, false)), "{names:?}");
    }
    for names in [&["www.example.com"][..], &["example.org"], &["notexample.com"], &[]] {
        assert!(!proven.may_be_needed_by(&listed(names, false)), "{names:?}");
    }
    assert!(proven.may_be_needed_by(&listed(&[], true)), "ListCertificates does not show all names");
}

#[test]
fn a_record_stays_for_a_certificate_and_for_a_region_that_nobody_may_look_into() {
    let mut needs = Needs::default();
    needs.add("_x.example.com.", "arn:1");
    assert!(needs.why_stays(&record("_X.example.com")).is_some_and(|why| why.contains("arn:1")));
    assert_eq!(needs.why_stays(&record("_z.example.com")), None);
    needs.extend(Needs::unseen("eu-west-1"));
    assert!(needs.why_stays(&record("_z.example.com")).is_some_and(|why| why.contains("eu-west-1")));
    assert!(needs.why_stays(&record("_x.example.com")).is_some_and(|why| why.contains("arn:1")));
}
