//! When a deployment holds what is wanted, and when it does not.

use super::*;
use crate::resource::api::{Authorizer, Integration, Route, Stage, Target};

fn request(expression: &str) -> Request {
    let api = json!({"protocol": "WEBSOCKET", "routeSelectionExpression": expression,
            "routes": [{"route": "ask", "url": "https://a.example/"}]});
    Request::parse(&json!({"domainName": "example.com", "api": api})).expect("valid")
}

fn route(id: &str, key: &str, integration: &str, authorization: &str) -> Route {
    Route {
        id: id.into(),
        key: key.into(),
        integration_id: Some(integration.into()),
        authorization: Some(authorization.into()),
        authorizer_id: Some("au".into()),
        ..Route::default()
    }
}

fn integration(id: &str, url: &str) -> Integration {
    Integration { id: id.into(), target: Target { uri: url.into(), ..Target::default() } }
}

fn standing() -> Standing {
    Standing {
        routes: vec![route("r1", "$connect", "i1", "CUSTOM"), route("r2", "ask", "i2", "NONE")],
        integrations: vec![integration("i1", "https://a.example/"), integration("i2", "https://b.example/")],
        authorizers: vec![Authorizer { id: "au".into(), name: "one".into(), ..Authorizer::default() }],
        ..Standing::default()
    }
}

fn mark_of(change: impl Fn(&mut Standing)) -> String {
    let mut standing = standing();
    change(&mut standing);
    deployment_mark(&standing, &request("$request.body.action"), false)
}

#[test]
fn a_deployment_is_told_by_all_that_it_holds_in_any_order() {
    let mark = mark_of(|_| {});
    assert!(mark.len() <= 1_024, "API Gateway takes it as a description");
    let closed = deployment_mark(&standing(), &request("$request.body.action"), true);
    assert_ne!(closed, mark);
    assert_eq!([closed_mark(&mark), closed_mark(&closed)], [closed.clone(), closed.clone()]);
    assert!(closed.len() <= 1_024);

    let turned = mark_of(|it| {
        it.routes.reverse();
        it.integrations.push(integration("i3", "https://c.example/"));
        it.integrations.reverse();
    });
    assert_eq!(turned, mark);
    assert_eq!(mark_of(|it| it.routes[1].authorizer_id = None), mark, "nobody is asked");

    let changed: [fn(&mut Standing); 8] = [
        |it| drop(it.routes.pop()),
        |it| it.routes[1].key = "run".into(),
        |it| it.routes[1].id = "r3".into(),
        |it| it.routes[1].integration_id = Some("i1".into()),
        |it| it.routes[0].authorization = Some("NONE".into()),
        |it| it.routes[0].authorization = Some("AWS_IAM".into()),
        |it| it.integrations[1].target.uri = "https://c.example/".into(),
        |it| it.authorizers[0].name = "two".into(),
    ];
    for (number, change) in changed.into_iter().enumerate() {
        assert_ne!(mark_of(change), mark, "{number}");
    }
    assert_ne!(deployment_mark(&standing(), &request("$request.body.kind"), false), mark);
}

#[test]
fn the_deployment_of_the_stage_comes_first_and_one_that_failed_never() {
    let one = |id: &str, mark: &str, status: Option<&str>| Deployment {
        id: id.into(),
        mark: mark.into(),
        status: status.map(str::to_owned),
    };
    let all =
        [one("d0", "m", Some("FAILED")), one("d1", "m", Some("DEPLOYED")), one("d2", "m", None), one("d3", "n", None)];
    let id = |on_stage| fitting(&all, "m", on_stage).map(|one| one.id.as_str());
    assert_eq!([id(None), id(Some("d2")), id(Some("d0")), id(Some("d3"))], ["d1", "d2", "d1", "d1"].map(Some));
    assert_eq!(fitting(&all, "o", Some("d1")), None);
}

#[test]
fn a_stage_that_is_on_another_deployment_is_yet_to_be_put_on_one() {
    let wanted = request("$request.body.action");
    let mut there = standing();
    there.deployments = vec![Deployment { id: "d1".into(), mark: mark_of(|_| {}), status: None }];
    let mut deployed = |on: Option<&str>| {
        there.stage = Some(Stage { deployment_id: on.map(str::to_owned), ..Stage::default() });
        deployment_differences(Some(&there), &wanted).is_empty()
    };
    assert_eq!([deployed(Some("d1")), deployed(Some("d2")), deployed(None)], [true, false, false]);
    assert_eq!(deployment_differences(None, &wanted).len(), 1);
}

#[test]
fn what_api_gateway_answers_about_a_deployment_has_its_own_meaning() {
    let busy = deployment_refusal(Some("TooManyRequestsException"), "a1").expect("a turn to wait for");
    assert_eq!((busy.class, busy.reason.contains("a1")), (crate::Class::NotReady, true));
    assert_eq!(deployment_refusal(Some("ConflictException"), "a1"), None);
    assert_eq!(check_deployment("a1", Some("PENDING"), None), Ok(()));
    let failed = check_deployment("a1", Some(FAILED), Some("no integration")).expect_err("failed");
    assert!(failed.reason.contains("no integration"), "{failed}");
}
