//! Further records of a request: written, changed and removed, and nobody else's touched, whatever happens on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::{Backend, World, request};
use http::Method;
use serde_json::{Value, json};

const LOOK_EVERY: Duration = Duration::from_millis(50);

fn record(name: &str, kind: &str, values: &[&str]) -> Value {
    json!({"name": name, "type": kind, "values": values})
}

fn wish(domain: &str, backend: &Backend, records: Value) -> Value {
    let mut request = request(domain, &backend.url("/models"));
    request["records"] = records;
    request
}

/// All values of the records that stand in a zone, by name and type, without those that every live name has.
async fn further(world: &World, zone: &str) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut query = String::new();
    loop {
        let xml =
            world.route53(Method::GET, &format!("/2013-04-01/hostedzone/{zone}/rrset{query}"), String::new()).await;
        let text = |xml: &str, name: &str| {
            let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_default();
            rest.split_once(&format!("</{name}>")).unwrap_or_default().0.replace("&quot;", "\"").replace("&amp;", "&")
        };
        for set in xml.split("<ResourceRecordSet>").skip(1) {
            let set = set.split("</ResourceRecordSet>").next().unwrap_or_default();
            let (name, kind) = (text(set, "Name"), text(set, "Type"));
            let values: Vec<String> = set.split("<ResourceRecord>").skip(1).map(|value| text(value, "Value")).collect();
            let everywhere = kind == "NS" || kind == "SOA" || set.contains("<AliasTarget>");
            if !everywhere && !values[0].contains("acm-validations") {
                found.insert(format!("{} {kind}", name.trim_end_matches('.')), values);
            }
        }
        if text(&xml, "IsTruncated") != "true" {
            return found;
        }
        query = format!("?name={}&type={}", text(&xml, "NextRecordName"), text(&xml, "NextRecordType"));
    }
}

/// Puts a record into a zone as somebody else does.
async fn put(world: &World, zone: &str, name: &str, kind: &str, value: &str) {
    let body = format!(
        "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>\
         <Change><Action>UPSERT</Action><ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type><TTL>300</TTL><ResourceRecords>\
         <ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change>\
         </Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
    );
    world.route53(Method::POST, &format!("/2013-04-01/hostedzone/{zone}/rrset"), body).await;
}

/// The records that the domain item says are ours, by name and type.
async fn owned(world: &World, domain: &str) -> Vec<String> {
    let item = world.item(domain).await;
    let list: Value = serde_json::from_str(item["records"]["S"].as_str().unwrap_or("[]")).expect("JSON");
    let words = |one: &Value| {
        let text = |field: &str| one["record"][field].as_str().unwrap_or_default().to_owned();
        format!("{} {}", text("name"), text("type"))
    };
    let mut names: Vec<String> = list.as_array().into_iter().flatten().map(words).collect();
    names.sort();
    names
}

fn zone_of(result: &Value) -> String {
    result["hostedZoneId"].as_str().expect("a zone").to_owned()
}

#[tokio::test]
async fn all_types_come_with_the_name_change_with_the_request_and_go_with_it() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "seven-types.com";
    let at = |label: &str| format!("{label}.{domain}");
    // A registrant whose address AWS knows already: nothing is left to do for a person.
    world.registry(domain, json!({"state": "available", "reachability": "DONE"})).await;
    let long = "k".repeat(300);
    let first = json!([
        record(&at("www"), "A", &["192.0.2.1", "192.0.2.2"]),
        record(&at("www"), "AAAA", &["2001:DB8::1"]),
        record(&at("docs"), "CNAME", &["Docs.Hosting.example."]),
        record(domain, "MX", &["10 mx1.mail.example", "20 mx2.mail.example"]),
        record(domain, "TXT", &["v=spf1 -all", &long, "say \"ü\""]),
        record(domain, "CAA", &["0 issue \"amazon.com\"", "0 issuewild \"amazonaws.com\""]),
        record(&at("_sip._tcp"), "SRV", &["1 10 5060 sip.example.net"]),
        record(&at("*.apps"), "A", &["192.0.2.3"]),
    ]);

    let result = world.run(&wish(domain, &backend, first.clone())).await.live();

    let zone = zone_of(&result);
    let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let expected = BTreeMap::from([
        (format!("www.{domain} A"), texts(&["192.0.2.1", "192.0.2.2"])),
        (format!("www.{domain} AAAA"), texts(&["2001:db8::1"])),
        (format!("docs.{domain} CNAME"), texts(&["docs.hosting.example"])),
        (format!("{domain} MX"), texts(&["10 mx1.mail.example", "20 mx2.mail.example"])),
        (
            format!("{domain} TXT"),
            vec![
                "\"v=spf1 -all\"".to_owned(),
                format!("\"{}\" \"{}\"", "k".repeat(255), "k".repeat(45)),
                r#""say \"\303\274\"""#.to_owned(),
            ],
        ),
        (format!("{domain} CAA"), texts(&["0 issue \"amazon.com\"", "0 issuewild \"amazonaws.com\""])),
        (format!("_sip._tcp.{domain} SRV"), texts(&["1 10 5060 sip.example.net"])),
        (format!("*.apps.{domain} A"), texts(&["192.0.2.3"])),
    ]);
    assert_eq!(further(&world, &zone).await, expected);
    assert_eq!(owned(&world, domain).await.len(), 8);
    assert_eq!(result["actions"], json!([]));

    // The same again: the same, and no write.
    let before = world.calls_so_far().await;
    let again = world.run(&wish(domain, &backend, first)).await.live();
    let calls = world.calls_after(before).await;
    assert_eq!(again, result);
    let reads =
        |call: &e2e::Call| ["Get", "List", "Describe", "Check"].iter().any(|verb| call.action.starts_with(verb));
    let of_ours: Vec<_> = calls.iter().filter(|call| call.resource.contains(domain) || call.resource == zone).collect();
    assert!(!of_ours.is_empty() && of_ours.iter().all(|call| reads(call)), "{of_ours:#?}");

    // Somebody else's records, and one of ours that somebody changes.
    put(&world, &zone, &at("theirs"), "A", "192.0.2.77").await;
    put(&world, &zone, &at("same"), "A", "192.0.2.78").await;
    world.remove_record(&zone, &at("docs"), "CNAME").await;
    put(&world, &zone, &at("docs"), "CNAME", "elsewhere.example").await;
    let second = json!([
        record(&at("www"), "A", &["192.0.2.9"]),
        record(domain, "CAA", &["0 issue \"amazon.com\"", "0 issuewild \"amazonaws.com\""]),
        record(&at("same"), "A", &["192.0.2.78"]),
    ]);
    let result = world.run(&wish(domain, &backend, second)).await.live();
    let left = further(&world, &zone).await;
    let expected = BTreeMap::from([
        (format!("www.{domain} A"), texts(&["192.0.2.9"])),
        (format!("{domain} CAA"), texts(&["0 issue \"amazon.com\"", "0 issuewild \"amazonaws.com\""])),
        (format!("theirs.{domain} A"), texts(&["192.0.2.77"])),
        (format!("same.{domain} A"), texts(&["192.0.2.78"])),
        (format!("docs.{domain} CNAME"), texts(&["elsewhere.example"])),
    ]);
    assert_eq!(left, expected);
    let actions = result["actions"].to_string();
    assert!(actions.contains(&format!("docs.{domain} CNAME")) && !actions.contains("theirs"), "{actions}");

    // Without records: ours go, the others stay.
    let _ = world.run(&request(domain, &backend.url("/models"))).await.live();
    let left: Vec<String> = further(&world, &zone).await.into_keys().collect();
    assert_eq!(left, [format!("docs.{domain} CNAME"), format!("same.{domain} A"), format!("theirs.{domain} A")]);
}

#[tokio::test]
async fn a_record_of_somebody_else_is_refused_by_name_and_not_touched() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "records-conflict.com";
    world.registry(domain, json!({"state": "owned"})).await;
    let zone = zone_of(&world.run(&request(domain, &backend.url("/models"))).await.live());
    put(&world, &zone, &format!("www.{domain}"), "A", "192.0.2.77").await;
    let before = further(&world, &zone).await;

    let wanted = json!([
        record(&format!("new.{domain}"), "A", &["192.0.2.1"]),
        record(&format!("www.{domain}"), "A", &["192.0.2.1"]),
    ]);
    let ended = world.run(&wish(domain, &backend, wanted)).await;

    let reason = ended.refused("Nameplate.Refused");
    assert!(reason.contains(&format!("www.{domain} A")), "{reason}");
    assert_eq!(further(&world, &zone).await, before);
    assert_eq!(owned(&world, domain).await, Vec::<String>::new());
}

#[tokio::test]
async fn caa_that_shuts_out_amazon_is_refused_before_anything() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "records-caa.com";
    let wanted = json!([record(domain, "CAA", &["0 issue \"amazon.com\"", "0 issuewild \"letsencrypt.org\""])]);

    let ended = world.run(&wish(domain, &backend, wanted)).await;

    let reason = ended.refused("Nameplate.InvalidRequest");
    assert!(reason.contains("records[0]") && reason.contains(&format!("*.{domain}")), "{reason}");
    assert_eq!((world.charges(domain).await.len(), world.apis(domain).await.len()), (0, 0));
}

#[tokio::test]
async fn more_than_one_batch_holds_goes_in_several() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "rr-many.com";
    let addresses = |n: usize| [1, 2, 3].map(|last| format!("10.{}.{}.{last}", n / 200, n % 200));
    let short: Vec<Value> =
        (0..400).map(|n| json!({"name": format!("n{n}.{domain}"), "type": "A", "values": addresses(n)})).collect();
    let before = world.calls_so_far().await;

    let zone = zone_of(&world.run(&wish(domain, &backend, json!(short))).await.live());

    assert_eq!(further(&world, &zone).await.len(), 400, "with 1,200 values");
    assert_eq!(batches(&world, before, &zone).await, 2);

    // 33,000 characters of text in place of the addresses: what comes needs two batches, and what goes two more.
    let text = "t".repeat(1_300);
    let long: Vec<Value> = (0..26).map(|n| record(&format!("t{n}.{domain}"), "TXT", &[&text])).collect();
    let before = world.calls_so_far().await;
    let _ = world.run(&wish(domain, &backend, json!(long))).await.live();
    let names: Vec<String> = further(&world, &zone).await.into_keys().collect();
    assert!(names.len() == 26 && names.iter().all(|name| name.ends_with(" TXT")), "{names:?}");
    assert_eq!(batches(&world, before, &zone).await, 3, "what goes fills up the batch of what comes");
}

/// How often further records of a zone were changed since.
async fn batches(world: &World, after: u64, zone: &str) -> usize {
    let calls = world.calls_after(after).await;
    let of_ours = |call: &&e2e::Call| call.caller.contains("WriteRecords") && call.action == "ChangeResourceRecordSets";
    calls.iter().filter(of_ours).filter(|call| call.resource.contains(zone)).count()
}

/// Starts a run that is stopped after so many calls of one function, and waits until its claim is given back. Whether the
/// function makes so many.
async fn is_stopped_after(world: &World, call: u32, caller: &str, execution: &str, request: &Value) -> bool {
    let fault = json!({"fault": "stopExecution", "caller": caller, "from": call, "execution": format!(":{execution}")});
    let fault = world.control(Method::POST, "/_local/faults", Some(&fault)).await;
    let arn = world.start_named(world.machine(), execution, request).await;
    let ended = world.ended(&arn).await;
    world.control(Method::DELETE, &format!("/_local/faults/{}", fault["id"]), None).await;
    if ended.status == "SUCCEEDED" {
        return false;
    }
    assert_eq!(ended.status, "ABORTED", "{ended:?}");
    let domain = request["domainName"].as_str().expect("a name");
    while world.item(domain).await["heldBy"]["S"] == arn {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    true
}

#[tokio::test]
async fn a_run_stopped_after_any_call_leaves_records_that_the_next_one_sets_right() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let at = |domain: &str, label: &str| format!("{label}.{domain}");
    let mut stops = 0;
    for call in 1.. {
        let domain = format!("records-stop-{call}.com");
        world.registry(&domain, json!({"state": "owned"})).await;
        let first = json!([
            record(&at(&domain, "changes"), "A", &["192.0.2.1"]),
            record(&at(&domain, "goes"), "A", &["192.0.2.1"]),
        ]);
        let zone = zone_of(&world.run(&wish(&domain, &backend, first)).await.live());
        let second = json!([
            record(&at(&domain, "changes"), "A", &["192.0.2.2"]),
            record(&at(&domain, "comes"), "A", &["192.0.2.2"]),
        ]);
        let (execution, second) = (format!("records-stop-{call}"), wish(&domain, &backend, second));
        if !is_stopped_after(&world, call, "WriteRecordsFunction", &execution, &second).await {
            break;
        }
        stops += 1;

        // What the stopped run was to write is not wanted by the next one.
        let third = json!([record(&at(&domain, "changes"), "A", &["192.0.2.3"])]);
        let _ = world.run(&wish(&domain, &backend, third.clone())).await.live();
        let expected = BTreeMap::from([(format!("changes.{domain} A"), vec!["192.0.2.3".to_owned()])]);
        assert_eq!(further(&world, &zone).await, expected, "stopped after call {call}");
        let result = world.run(&wish(&domain, &backend, third)).await.live();
        assert_eq!(result["actions"], json!([]));
        assert_eq!(further(&world, &zone).await, expected, "stopped after call {call}");
    }
    assert_eq!(stops, 5, "list read, zone read, claim, change, list");
}

/// All record sets of a zone at a name, as `type value`.
async fn at(world: &World, zone: &str, name: &str) -> Vec<String> {
    let prefix = format!("{name}. ");
    world.records(zone).await.iter().filter_map(|record| record.strip_prefix(&prefix)).map(str::to_owned).collect()
}

/// A name of this account that is live with these further records; its zone.
async fn live_with(world: &World, backend: &Backend, domain: &str, records: &Value) -> String {
    world.registry(domain, json!({"state": "owned"})).await;
    zone_of(&world.run(&wish(domain, backend, records.clone())).await.live())
}

fn with_hosts(domain: &str, backend: &Backend, labels: &[&str]) -> Value {
    let mut request = request(domain, &backend.url("/models"));
    let hosts: Vec<String> = labels.iter().map(|label| format!("{label}.{domain}")).collect();
    request["api"]["alternativeHostnames"] = json!(hosts);
    request
}

#[tokio::test]
async fn a_record_that_becomes_a_host_name_goes_as_the_alias_comes_and_back_takes_two_requests() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "record-to-host.com";
    let (www, docs) = (format!("www.{domain}"), format!("docs.{domain}"));
    let records = json!([record(&www, "A", &["192.0.2.1"]), record(&docs, "CNAME", &["docs.hosting.example"])]);
    let zone = live_with(&world, &backend, domain, &records).await;
    let changed = with_hosts(domain, &backend, &["www", "docs"]);
    let mut dry = changed.clone();
    dry["dryRun"] = json!(true);
    let shown = world.run(&dry).await.live()["report"]["lines"].to_string();
    assert!(shown.contains(&format!("- record {www} A (the host name's alias")), "{shown}");

    let before = world.calls_so_far().await;
    let live = world.run(&changed).await.live();

    assert_eq!((&live["adopted"], &live["actions"]), (&json!([]), &json!([])));
    assert_eq!(batches(&world, before, &zone).await, 0, "it is one change that takes the one and makes the other");
    for host in [&www, &docs] {
        assert_eq!(world.get(host, "/v1/models").await.0, 200);
        let kinds: Vec<String> = at(&world, &zone, host).await.iter().map(|one| one[..2].trim().to_owned()).collect();
        assert_eq!(kinds, ["A", "AA"], "{host}");
    }
    let before = world.calls_so_far().await;
    assert_eq!(world.run(&changed).await.live(), live);
    let calls = world.calls_after(before).await;
    assert!(!calls.iter().any(|call| call.action.starts_with("Change") && call.resource.contains(&zone)), "{calls:#?}");

    let back = world.run(&wish(domain, &backend, records.clone())).await;
    let reason = back.refused("Nameplate.Refused");
    assert_eq!(back.cause["code"], "OwnRecordInTheWay");
    assert!(reason.contains(&format!("{www} A")) && reason.contains(&format!("{docs} CNAME")), "{reason}");
    assert_eq!(world.get(&www, "/v1/models").await.0, 200, "refused before anything is taken away");
    let live = world.run(&request(domain, &backend.url("/models"))).await.live();
    assert_eq!((&live["actions"], at(&world, &zone, &www).await), (&json!([]), vec![]));
    let live = world.run(&wish(domain, &backend, records)).await.live();
    assert_eq!(live["actions"], json!([]));
    assert_eq!(at(&world, &zone, &www).await, ["A 192.0.2.1"]);
    assert_eq!(owned(&world, domain).await, [format!("{docs} CNAME"), format!("{www} A")]);
}

#[tokio::test]
async fn a_run_that_is_stopped_while_a_record_becomes_a_host_name_leaves_nothing_that_the_next_one_does_not_know() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let mut stops = 0;
    for call in 1.. {
        let domain = format!("record-to-host-stop-{call}.com");
        let www = format!("www.{domain}");
        let zone = live_with(&world, &backend, &domain, &json!([record(&www, "A", &["192.0.2.1"])])).await;
        let (execution, hosted) = (format!("record-to-host-stop-{call}"), with_hosts(&domain, &backend, &["www"]));
        if !is_stopped_after(&world, call, "AttachDomainFunction", &execution, &hosted).await {
            break;
        }
        stops += 1;

        let live = world.run(&request(&domain, &backend.url("/models"))).await.live();
        assert_eq!(live["actions"], json!([]), "stopped after call {call}");
        assert_eq!(at(&world, &zone, &www).await, [""; 0], "stopped after call {call}");
        assert!(world.custom_domain(&www).await.is_null(), "stopped after call {call}");
    }
    assert!(stops > 3, "{stops}");
}

#[tokio::test]
async fn what_a_change_of_zones_leaves_is_said_stays_known_and_goes_with_the_name() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let (parent, domain) = ("zone-moves.com", "acme.eu.zone-moves.com");
    world.registry(parent, json!({"state": "owned"})).await;
    let old = world.zones(parent).await.remove(0);
    put(&world, &old, &format!("theirs.{parent}"), "A", "192.0.2.77").await;
    let (www, alt) = (format!("www.{domain}"), format!("alt.{domain}"));
    let mut first = with_hosts(domain, &backend, &["alt"]);
    first.as_object_mut().expect("an object").remove("registration");
    first["records"] = json!([record(&www, "A", &["192.0.2.1"])]);
    assert_eq!(zone_of(&world.run(&first).await.live()), old);
    let before = world.records(&old).await;

    world.make_zone("eu.zone-moves.com").await;
    let new = world.zones("eu.zone-moves.com").await.remove(0);
    let mut second = first.clone();
    second["hostedZone"] = json!("eu.zone-moves.com");
    second["records"] = json!([record(&www, "A", &["192.0.2.2"])]);
    let mut dry = second.clone();
    dry["dryRun"] = json!(true);
    let shown = world.run(&dry).await.live()["report"]["lines"].to_string();
    assert!(shown.contains(&format!("former hosted zone {old}")) && shown.contains(&format!("{www} A")), "{shown}");
    let live = world.run(&second).await.live();

    assert_eq!(zone_of(&live), new);
    let [said] = &live["actions"].as_array().expect("a list")[..] else { panic!("{}", live["actions"]) };
    let said = said.as_str().expect("text");
    for named in
        [old.clone(), format!("api.{domain} AAAA"), format!("{alt} A"), format!("{www} A"), " CNAME".to_owned()]
    {
        assert!(said.contains(&named), "{named}: {said}");
    }
    assert!(!said.contains("theirs"), "{said}");
    assert_eq!(world.records(&old).await, before, "whoever still asks the old zone gets an answer");
    assert_eq!(owned(&world, domain).await, [format!("{www} A"), format!("{www} A")], "one in each zone");
    assert_eq!(world.run(&second).await.live(), live, "the same again");

    // A host name that is taken off goes from both zones, since its custom domain goes.
    let mut third = second.clone();
    third["api"].as_object_mut().expect("an object").remove("alternativeHostnames");
    let live = world.run(&third).await.live();
    assert!(live["actions"][0].as_str().is_some_and(|said| said.contains(&old) && !said.contains(&alt)), "{live}");
    for zone in [&old, &new] {
        assert_eq!(at(&world, zone, &alt).await, [""; 0]);
    }
    assert_eq!(at(&world, &old, &www).await, ["A 192.0.2.1"]);

    let result = world.retire(domain, &json!({})).await.live();
    assert_eq!(world.records(&old).await, [format!("theirs.{parent}. A 192.0.2.77")], "{result}");
    assert_eq!(world.records(&new).await, [""; 0], "{result}");
}
