//! What answers show.

use super::*;

#[test]
fn a_websocket_api_has_an_endpoint_of_its_own_scheme() {
    let shown = |protocol: &str| {
        let mut api = json!({ "protocolType": protocol, "apiEndpoint": "http://a1.execute-api.localhost:4566" });
        show_scheme(&mut api);
        api["apiEndpoint"].clone()
    };
    assert_eq!(shown("WEBSOCKET"), "ws://a1.execute-api.localhost:4566");
    assert_eq!(shown("HTTP"), "http://a1.execute-api.localhost:4566");
}

#[test]
fn lists_come_in_pages() {
    let all = || json!({ "items": (0..160).collect::<Vec<_>>() });
    let page = |query: &str| {
        let mut body = all();
        paginate(&mut body, query);
        (body["items"].as_array().unwrap().len(), body["nextToken"].as_str().map(str::to_owned))
    };
    assert_eq!(page(""), (100, Some("100".to_owned())));
    assert_eq!(page("nextToken=100"), (60, None));
    assert_eq!(page("maxResults=160"), (160, None));
    assert_eq!(page("maxResults=7&nextToken=14"), (7, Some("21".to_owned())));
}
