//! Stages wanted against those that stand.

use serde_json::{Value, json};

use super::*;
use crate::Request;
use crate::resource::tags::Tagging;

fn differences(standing: Option<&Stage>, api: Value) -> Vec<(StageAttribute, Value, Value)> {
    let request = Request::parse(&json!({"domainName": "example.com", "api": api})).expect("valid");
    let tagging = Tagging::new(&request.tags, &request.domain_name, "nameplate", &[]);
    let wanted = Wanted { request: &request, stack: "nameplate", tagging: &tagging };
    let found = stage_differences(standing, &wanted).into_iter();
    let found = found.filter(|one| one.attribute != StageAttribute::Tag);
    found.map(|one| (one.attribute, one.before, one.after)).collect()
}

fn api(throttle: Value, of_route: Value) -> Value {
    json!({"routes": [{"route": "GET /", "url": "https://a.example/", "throttle": of_route}], "throttle": throttle})
}

fn limited(rate: Option<f64>, burst: Option<i32>) -> Stage {
    Stage { name: STAGE.into(), auto_deploy: true, limits: Limits { rate, burst }, ..Stage::default() }
}

#[test]
fn each_limit_counts_by_itself_and_those_of_the_account_limit_nothing() {
    use StageAttribute::{Burst, Rate};
    let five = || json!({"rate": 5, "burst": 6});
    let none = || Value::Null;
    for (wanted, rate, burst, found) in [
        (none(), None, None, vec![]),
        (none(), Some(10_000.0), Some(5_000), vec![]),
        (none(), Some(5.0), Some(6), vec![(Rate, json!(5.0), none()), (Burst, json!(6), none())]),
        (none(), Some(10_000.0), Some(6), vec![(Burst, json!(6), none())]),
        (none(), None, Some(6), vec![(Burst, json!(6), none())]),
        (five(), Some(5.0), Some(6), vec![]),
        (five(), Some(5.0), Some(7), vec![(Burst, json!(7), json!(6))]),
        (five(), Some(10_000.0), Some(6), vec![(Rate, json!(10_000.0), json!(5.0))]),
        (five(), None, None, vec![(Rate, none(), json!(5.0)), (Burst, none(), json!(6))]),
        (json!({"rate": 10_000, "burst": 5_000}), Some(10_000.0), Some(5_000), vec![]),
    ] {
        assert_eq!(
            differences(Some(&limited(rate, burst)), api(wanted.clone(), none())),
            found,
            "{wanted} {rate:?} {burst:?}"
        );
    }
}

#[test]
fn the_limits_of_a_route_come_and_go_and_half_of_them_is_unlike_both() {
    use StageAttribute::{RouteBurst, RouteRate};
    let of_route = |rate, burst| {
        let limits = BTreeMap::from([("GET /".to_owned(), Limits { rate, burst })]);
        Stage { route_limits: limits, ..limited(None, None) }
    };
    let two = || api(Value::Null, json!({"rate": 5, "burst": 2}));
    assert_eq!(differences(Some(&of_route(Some(5.0), Some(2))), two()), []);
    assert_eq!(differences(Some(&of_route(Some(5.0), None)), two()), [(RouteBurst, json!(null), json!(2))]);
    let gone = differences(Some(&of_route(Some(5.0), None)), api(Value::Null, Value::Null));
    assert_eq!(gone, [(RouteRate, json!(5.0), json!(null))]);
    // Settings without limits are somebody else's affair.
    assert_eq!(differences(Some(&of_route(None, None)), api(Value::Null, Value::Null)), []);
}

#[test]
fn only_the_stage_of_an_http_api_deploys_by_itself() {
    let socket = json!({"protocol": "WEBSOCKET", "routes": [{"route": "ask", "url": "https://a.example/"}]});
    let deploying = Stage { name: WEBSOCKET_STAGE.into(), ..limited(None, None) };
    let found = differences(Some(&deploying), socket.clone());
    assert_eq!(found, [(StageAttribute::AutoDeploy, json!(true), json!(false))]);
    assert_eq!(differences(None, socket), [(StageAttribute::Name, json!(null), json!("live"))]);
}
