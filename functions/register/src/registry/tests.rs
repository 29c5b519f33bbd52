//! What the registry answers, in our words.

use super::*;
use aws_smithy_runtime_api::client::result::ConnectorError;
use nameplate::Class;

#[test]
fn no_answer_to_a_sale_says_nothing_about_the_money() {
    for error in [
        SdkError::timeout_error("no answer"),
        SdkError::dispatch_failure(ConnectorError::io("cut".into())),
        SdkError::dispatch_failure(ConnectorError::timeout("no connection".into())),
    ] {
        match judge("example.com", Err(error)) {
            Answer::Unclear(failure) => assert_eq!(failure.class, Class::Retryable),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_operation_id_is_an_accepted_sale() {
    let answer = RegisterDomainOutput::builder().operation_id("op-1").build();
    assert_eq!(judge("example.com", Ok(answer)), Answer::Accepted("op-1".into()));
    let empty = RegisterDomainOutput::builder().operation_id("").build();
    assert!(matches!(judge("example.com", Ok(empty)), Answer::Unclear(_)));
}
