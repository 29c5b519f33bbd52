//! Cross-origin rules wanted against those that stand.

use super::*;

fn wanted() -> Cors {
    Cors {
        allow_origins: vec!["https://b.example.com".into(), "https://A.example.com".into()],
        allow_methods: vec!["GET".into()],
        allow_headers: vec!["X-One".into()],
        ..Cors::default()
    }
}

#[test]
fn order_and_letter_case_and_an_age_of_none_make_no_difference() {
    let given = Cors {
        allow_origins: vec!["https://a.example.com".into(), "https://b.example.com".into()],
        allow_methods: vec!["get".into()],
        allow_headers: vec!["x-one".into()],
        max_age: Some(0),
        ..Cors::default()
    };
    assert_eq!(cors_differences(Some(&given), Some(&wanted())), []);
    assert_eq!(cors_differences(None, None), []);
}

#[test]
fn rules_come_and_go_as_a_whole() {
    let attributes = |standing: Option<&Cors>, wanted: Option<&Cors>| {
        cors_differences(standing, wanted).into_iter().map(|one| one.attribute).collect::<Vec<_>>()
    };
    let all_but_age = &CorsAttribute::VARIANTS[..5];
    assert_eq!(attributes(None, Some(&wanted())), all_but_age);
    assert_eq!(attributes(Some(&wanted()), None), all_but_age);
    let aged = Cors { max_age: Some(60), ..wanted() };
    assert_eq!(attributes(Some(&wanted()), Some(&aged)), [CorsAttribute::MaxAge]);
}
