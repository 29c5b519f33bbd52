//! What is read of the environment.

use super::*;
use crate::Class;
use crate::contract::PlanInput;

#[test]
fn a_missing_variable_is_named() {
    assert_eq!(required(&|_| Some("x".into()), "TABLE"), Ok("x".into()));
    for lookup in [None, Some(String::new())] {
        let error = required(&move |_| lookup.clone(), "TABLE").expect_err("missing");
        assert!(error.contains("TABLE"));
    }
}

#[tokio::test]
async fn bad_input_and_panics_carry_our_own_names() {
    let ok = answer(&|n: u32| async move { Ok::<_, StepError>(n + 1) }, "1").await;
    assert_eq!(ok, Ok(2));
    let bad = answer(&|n: u32| async move { Ok::<_, StepError>(n) }, "\"MARK\"").await.expect_err("bad input");
    assert_eq!((bad.class, bad.code.as_str()), (Class::Failed, "BadStepInput"));
    assert!(!bad.reason.contains("MARK"));
    let panic = answer::<u32, u32, _, _>(&|_| async { std::panic::panic_any("MARK") }, "1").await.expect_err("a panic");
    assert_eq!((panic.class, panic.code.as_str()), (Class::Failed, "Panic"));
}

#[tokio::test]
async fn whatever_a_request_is_plan_gets_it_to_refuse_it() {
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    for request in [deep.as_str(), "1e999", r#""\ud800""#, "null"] {
        let event = format!(r#"{{"request": {request}}}"#);
        let step = |input: PlanInput| async move { Ok::<_, StepError>(input.request.get().to_owned()) };
        assert_eq!(answer(&step, &event).await.as_deref(), Ok(request));
    }
    let echoed = format!(r#"{{"{}": 1}}"#, "x".repeat(100_000));
    let error = answer(&|_: PlanInput| async { Ok::<_, StepError>(()) }, &echoed).await.expect_err("bad input");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "BadStepInput"));
    assert!(error.reason.len() < 500, "{}", error.reason);
}

#[test]
fn the_log_names_the_domain_where_there_is_one_and_never_at_length() {
    assert_eq!(domain_of(r#"{"apiId": "a", "request": {"dryRun": [], "domainName": "example.com"}}"#), "example.com");
    for none in ["{}", "[[[", r#"{"request": {"domainName": 7}}"#, r#"{"request": [1]}"#] {
        assert_eq!(domain_of(none), "-");
    }
    let long = format!(r#"{{"request": {{"domainName": "{}"}}}}"#, "x".repeat(100_000));
    assert_eq!(domain_of(&long).chars().count(), MAX_LOGGED_NAME);
}
