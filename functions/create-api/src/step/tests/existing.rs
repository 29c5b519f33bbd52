//! An API that exists already, and one of another kind than the request wants.

use super::*;
use aws_sdk_apigatewayv2::operation::get_api::GetApiOutput;

fn existing(protocol: ProtocolType, tags: HashMap<String, String>) -> Rule {
    mock!(Gateway::get_api).match_requests(|call| call.api_id() == Some("e1")).then_output(move || {
        GetApiOutput::builder()
            .api_id("e1")
            .api_endpoint("https://e1.execute-api.us-east-1.amazonaws.com")
            .protocol_type(protocol.clone())
            .set_tags(Some(tags.clone()))
            .build()
    })
}

fn wanted(stage: &str) -> Request {
    let api = json!({"existing": {"apiId": "e1", "stage": stage}});
    Request::parse(&json!({"domainName": "example.com", "api": api})).expect("valid")
}

/// A mock panics on a call that no rule expects: nothing is written here.
#[tokio::test]
async fn an_existing_api_is_looked_at_and_ours_is_replaced() {
    for (kind, protocol, stage, endpoint) in [
        (ProtocolType::Http, Protocol::Http, "$default", "https://e1.execute-api.us-east-1.amazonaws.com"),
        (ProtocolType::Websocket, Protocol::WebSocket, "beta", "https://e1.execute-api.us-east-1.amazonaws.com/beta"),
    ] {
        let ours = mock!(Gateway::get_apis).then_output(|| {
            let foreign = listed("e1", 0, foreign_tags());
            GetApisOutput::builder().items(foreign).items(listed("a1", 1, our_tags())).build()
        });
        let existing = existing(kind, foreign_tags());
        let output = step(&[&ours, &existing], &[], known(wanted(stage))).await.expect("used");
        assert_eq!((output.api_id.as_str(), output.stage.as_str(), output.protocol), ("e1", stage, protocol));
        assert_eq!((output.default_endpoint.as_deref(), output.replaced), (Some(endpoint), vec!["a1".to_owned()]));
    }
}

#[tokio::test]
async fn an_existing_api_that_is_gone_or_our_own_is_not_used() {
    let gone = mock!(Gateway::get_api).then_http_response(|| refusal(404, "NotFoundException"));
    let error = step(&[&no_apis(), &gone], &[], unknown(wanted("live"))).await.expect_err("gone");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "ApiNotFound"));
    let own = existing(ProtocolType::Http, our_tags());
    let error = step(&[&no_apis(), &own], &[], unknown(wanted("live"))).await.expect_err("ours");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "ApiIsOurs"));
    assert!(error.remedy.contains("routes"), "{error}");
}

#[tokio::test]
async fn an_api_of_another_kind_is_left_for_a_new_one() {
    let other = api(|api| api.protocol_type = Some(ProtocolType::Websocket));
    let create = mock!(Gateway::create_api)
        .match_requests(|call| call.protocol_type() == Some(&ProtocolType::Http))
        .then_output(|| ApiCreated::builder().api_id("a2").api_endpoint(ENDPOINT).build());
    let (integration, route, stage) = (integration_created(), route_created(), stage_created());
    let rules = [&other, &create, &integration, &route, &stage];
    let output = step(&rules, &[], known(request(one_route(), json!({})))).await.expect("made");
    assert_eq!((output.api_id.as_str(), output.replaced), ("a2", vec!["a1".to_owned()]));
    assert_eq!(rules.map(Rule::num_calls), [1; 5]);
}

#[tokio::test]
async fn the_recorded_api_is_used_although_an_older_one_of_its_kind_is_ours_too() {
    let both = mock!(Gateway::get_apis).then_output(|| {
        GetApisOutput::builder().items(listed("a0", 0, our_tags())).items(listed("a1", 1, our_tags())).build()
    });
    let (routes, stage) = (routes(&[("r1", "GET /", "i1")]), stage(|_| {}));
    let integrations = integrations(&[("i1", "https://backend.example.net/")]);
    let rules = [&both, &routes, &integrations, &stage];
    let output = step(&rules, &[], known(request(one_route(), json!({})))).await.expect("used");
    assert_eq!((output.api_id.as_str(), output.replaced), ("a1", vec!["a0".to_owned()]));
}

#[tokio::test]
async fn a_recorded_api_that_no_list_shows_is_used_if_it_is_ours() {
    let hidden = |tags: fn() -> HashMap<String, String>| {
        mock!(Gateway::get_api).match_requests(|call| call.api_id() == Some("a1")).then_output(move || {
            GetApiOutput::builder()
                .api_id("a1")
                .api_endpoint(ENDPOINT)
                .name("example.com")
                .protocol_type(ProtocolType::Http)
                .set_tags(Some(tags()))
                .build()
        })
    };
    let (routes, stage, ours) = (routes(&[("r1", "GET /", "i1")]), stage(|_| {}), hidden(our_tags));
    let integrations = integrations(&[("i1", "https://backend.example.net/")]);
    let wanted = || known(request(one_route(), json!({})));
    let output = step(&[&no_apis(), &ours, &routes, &integrations, &stage], &[], wanted()).await.expect("used");
    assert_eq!(output.api_id, "a1");
    let error = step(&[&no_apis(), &hidden(foreign_tags)], &[], wanted()).await.expect_err("not ours");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "ApiNotOurs"));
}
