//! The access log: its group, and the stage's settings.

use super::*;
use aws_sdk_apigatewayv2::operation::delete_access_log_settings::DeleteAccessLogSettingsOutput;
use aws_sdk_cloudwatchlogs::Client as Logs;
use aws_sdk_cloudwatchlogs::operation::create_log_group::CreateLogGroupOutput;
use aws_sdk_cloudwatchlogs::operation::describe_log_groups::DescribeLogGroupsOutput;
use aws_sdk_cloudwatchlogs::operation::list_tags_for_resource::ListTagsForResourceOutput;
use aws_sdk_cloudwatchlogs::operation::put_retention_policy::PutRetentionPolicyOutput;
use aws_sdk_cloudwatchlogs::operation::tag_resource::TagResourceOutput as LogGroupTagged;
use aws_sdk_cloudwatchlogs::operation::untag_resource::UntagResourceOutput;
use aws_sdk_cloudwatchlogs::types::LogGroup;
use nameplate::resource::api::log_format;

const GROUP: &str = "/aws/vendedlogs/nameplate/nameplate/example.com";
const ARN: &str = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/nameplate/nameplate/example.com";

fn groups(groups: Vec<(&'static str, Option<i32>)>) -> Rule {
    mock!(Logs::describe_log_groups).match_requests(|call| call.log_group_name_prefix() == Some(GROUP)).then_output(
        move || {
            let group = |(name, days): &(&str, Option<i32>)| {
                let arn = format!("arn:aws:logs:us-east-1:123456789012:log-group:{name}:*");
                LogGroup::builder().log_group_name(*name).arn(arn).set_retention_in_days(*days).build()
            };
            DescribeLogGroupsOutput::builder().set_log_groups(Some(groups.iter().map(group).collect())).build()
        },
    )
}

fn group_tags(tags: HashMap<String, String>) -> Rule {
    mock!(Logs::list_tags_for_resource)
        .match_requests(|call| call.resource_arn() == Some(ARN))
        .then_output(move || ListTagsForResourceOutput::builder().set_tags(Some(tags.clone())).build())
}

fn kept_for(days: i32) -> Rule {
    mock!(Logs::put_retention_policy)
        .match_requests(move |call| call.log_group_name() == Some(GROUP) && call.retention_in_days() == Some(days))
        .then_output(|| PutRetentionPolicyOutput::builder().build())
}

fn logging(format: &'static str) -> Rule {
    stage(move |stage| {
        let arn = format!("{ARN}:*");
        stage.access_log_settings = Some(AccessLogSettings::builder().destination_arn(arn).format(format).build());
    })
}

/// The API as it is, with one route, and a stage.
fn live(stage: &Rule) -> [Rule; 4] {
    let integrations = integrations(&[("i1", "https://backend.example.net/")]);
    [api(|_| {}), routes(&[("r1", "GET /", "i1")]), integrations, stage.clone()]
}

async fn with(log: Value, stage: &Rule, more: &[&Rule], logs: &[&Rule]) -> Result<CreateApiOutput, StepError> {
    let live = live(stage);
    let gateway: Vec<&Rule> = live.iter().chain(more.iter().copied()).collect();
    step_with_logs(&gateway, &[], logs, known(request(one_route(), json!({"accessLog": log})))).await
}

#[tokio::test]
async fn a_log_group_is_made_with_our_tags_and_the_stage_writes_to_it() {
    let made = mock!(Logs::create_log_group)
        .match_requests(|call| call.log_group_name() == Some(GROUP) && call.tags() == Some(&our_tags()))
        .then_output(|| CreateLogGroupOutput::builder().build());
    let update = mock!(Gateway::update_stage)
        .match_requests(|call| {
            call.default_route_settings().is_none()
                && call.access_log_settings().is_some_and(|log| {
                    log.destination_arn() == Some(ARN) && log.format() == Some(log_format(Protocol::Http))
                })
        })
        .then_output(|| UpdateStageOutput::builder().build());
    // A name that only begins as ours is another one.
    let logs = [&groups(vec![(concat_group(), None)]), &made, &kept_for(30)];
    with(json!({"retentionDays": 30}), &stage(|_| {}), &[&update], &logs).await.expect("logged");
    assert_eq!((logs.map(Rule::num_calls), update.num_calls()), ([1; 3], 1));
}

fn concat_group() -> &'static str {
    "/aws/vendedlogs/nameplate/nameplate/example.com.au"
}

#[tokio::test]
async fn a_log_that_is_as_wanted_is_looked_at_and_left() {
    let logs = [&groups(vec![(GROUP, Some(30))]), &group_tags(our_tags())];
    let stage = logging(log_format(Protocol::Http));
    with(json!({"retentionDays": 30}), &stage, &[], &logs).await.expect("nothing to do");
    assert_eq!(logs.map(Rule::num_calls), [1; 2]);
}

#[tokio::test]
async fn retention_tags_and_format_are_put_right() {
    let mut stale = our_tags();
    stale.remove("team");
    let tagged = mock!(Logs::tag_resource)
        .match_requests(|call| {
            call.resource_arn() == Some(ARN)
                && call.tags() == Some(&HashMap::from([("team".to_owned(), "x".to_owned())]))
        })
        .then_output(|| LogGroupTagged::builder().build());
    let logs = [&groups(vec![(GROUP, Some(30))]), &group_tags(stale), &tagged, &kept_for(90)];
    let update = mock!(Gateway::update_stage)
        .match_requests(|call| call.access_log_settings().is_some())
        .then_output(|| UpdateStageOutput::builder().build());
    with(json!({"retentionDays": 90}), &logging("$context.requestId"), &[&update], &logs).await.expect("put right");
    assert_eq!((logs.map(Rule::num_calls), update.num_calls()), ([1; 4], 1));
}

#[tokio::test]
async fn tags_of_an_earlier_request_go_off_the_log_group_and_those_of_others_stay() {
    let mut present = our_tags();
    for key in ["gone", "theirs"] {
        present.insert(key.to_owned(), "1".to_owned());
    }
    let untagged = mock!(Logs::untag_resource)
        .match_requests(|call| call.resource_arn() == Some(ARN) && call.tag_keys() == ["gone"])
        .then_output(|| UntagResourceOutput::builder().build());
    let logs = [&groups(vec![(GROUP, Some(30))]), &group_tags(present), &untagged];
    let live = live(&logging(log_format(Protocol::Http)));
    let former_tags = vec!["gone".to_owned(), "absent".to_owned()];
    let wish = request(one_route(), json!({"accessLog": {"retentionDays": 30}}));
    let input = CreateApiInput { former_tags, ..known(wish) };
    step_with_logs(&live.iter().collect::<Vec<_>>(), &[], &logs, input).await.expect("put right");
    assert_eq!(logs.map(Rule::num_calls), [1; 3]);
}

#[tokio::test]
async fn a_log_that_is_wanted_no_more_ends_and_its_group_stays() {
    let removed = mock!(Gateway::delete_access_log_settings)
        .match_requests(|call| call.api_id() == Some("a1") && call.stage_name() == Some(STAGE))
        .then_output(|| DeleteAccessLogSettingsOutput::builder().build());
    let stage = logging(log_format(Protocol::Http));
    with(Value::Null, &stage, &[&removed], &[]).await.expect("ended");
    assert_eq!(removed.num_calls(), 1);
}

#[tokio::test]
async fn a_log_group_of_somebody_else_is_refused_and_one_just_made_is_looked_at_again() {
    let logs = [&groups(vec![(GROUP, None)]), &group_tags(foreign_tags())];
    let error = with(json!({"retentionDays": 30}), &stage(|_| {}), &[], &logs).await.expect_err("foreign");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "LogGroupNotOurs"));
    let taken = mock!(Logs::create_log_group).then_http_response(|| refusal(400, "ResourceAlreadyExistsException"));
    let logs = [&groups(vec![]), &taken];
    let error = with(json!({"retentionDays": 30}), &stage(|_| {}), &[], &logs).await.expect_err("just made");
    assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "ResourceAlreadyExistsException"));
}

#[tokio::test]
async fn what_the_account_lacks_for_a_log_is_said_with_the_way_to_it() {
    for (text, code, way) in [
        (
            "CloudWatch Logs role ARN must be set in account settings to enable logging",
            "NoCloudWatchRole",
            "update-account",
        ),
        ("Insufficient permissions to enable logging", "LoggingNotPermitted", "describe-resource-policies"),
        ("Invalid stage", "BadRequestException", ""),
    ] {
        let refused =
            mock!(Gateway::update_stage).then_http_response(move || refusal_saying(400, "BadRequestException", text));
        let logs = [&groups(vec![(GROUP, Some(30))]), &group_tags(our_tags())];
        let error = with(json!({"retentionDays": 30}), &stage(|_| {}), &[&refused], &logs).await.expect_err("refused");
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, code));
        assert!(error.remedy.contains(way), "{error}");
    }
}
