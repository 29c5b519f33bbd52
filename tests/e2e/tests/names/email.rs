//! Names that ACM asks about by e-mail: the tests click the links. It must not know how the words are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// A request for a certificate that ACM asks about by e-mail.
fn by_email(mut request: Value) -> Value {
    request["certificate"] = json!({"validation": "EMAIL"});
    request
}

/// The only pending certificate of a domain.
async fn pending(world: &World, domain: &str) -> Value {
    let mut certificates = world.certificates(domain).await;
    certificates.retain(|certificate| certificate["Status"] == "PENDING_VALIDATION");
    assert_eq!(certificates.len(), 1, "{certificates:#?}");
    certificates.remove(0)
}

fn arn(certificate: &Value) -> &str {
    certificate["CertificateArn"].as_str().expect("an ARN")
}

/// Waits until an execution sleeps, and clicks for both names of the domain's certificate.
async fn click_all(world: &World, execution: &str, domain: &str) -> String {
    asleep(world, execution).await;
    let certificate = pending(world, domain).await;
    world.click_for(&certificate, &[domain, &format!("*.{domain}")]).await;
    arn(&certificate).to_owned()
}

/// An option of the AWS CLI command in an action.
fn option(action: &str, name: &str) -> String {
    let (_, rest) = action.split_once(&format!("--{name} ")).unwrap_or_else(|| panic!("no {name} in {action}"));
    rest.split(' ').next().unwrap_or_default().trim_matches('\'').to_owned()
}

/// How often mails about a certificate were sent again by the functions.
async fn resent(world: &World, after: u64, certificate: &str) -> usize {
    let calls = world.calls_after(after).await;
    calls.iter().filter(|call| call.action == "ResendValidationEmail" && call.resource == certificate).count()
}

/// RFC 3339 as seconds since 1970.
fn seconds(text: &str) -> f64 {
    let time: jiff::Timestamp = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    time.as_duration().as_secs_f64()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().expect("text").to_owned()).collect()
}

#[tokio::test]
async fn a_name_goes_live_once_somebody_has_clicked_for_each_name_and_is_retired_without_records() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "by-email.com";
    world.registry(domain, json!({"state": "owned"})).await;
    let events = Events::about(&world, domain).await;
    let request = by_email(without_purchase(domain, &backend));

    // The first answer is lost after it took effect: there must be one certificate all the same.
    let fault = json!({"fault": "cutAfter", "action": "RequestCertificate", "resource": domain});
    world.control(Method::POST, "/_local/faults", Some(&fault)).await;
    let before = world.calls_so_far().await;
    let execution = world.start(world.machine(), &request).await;
    let told = events.take_up_to("Action Required").await;
    let [told] = &Events::of_type(&told, "Action Required")[..] else { panic!("{told:?}") };
    asleep(&world, &execution).await;
    let certificate = pending(&world, domain).await;
    let actions = texts(&told["actions"]);
    let requested = certificate["CreatedAt"].as_f64().expect("a time");
    assert_eq!(actions.len(), 2, "one for each name: {actions:#?}");
    for (action, name) in actions.iter().zip([domain, "*.by-email.com"]) {
        assert!(action.contains(&format!("the mail about {name} that")), "{action}");
        for mailbox in texts(&certificate["DomainValidationOptions"][0]["ValidationEmails"]) {
            assert!(action.contains(&mailbox), "{action} does not name {mailbox}");
        }
        let until = seconds(action.split_once(" until ").expect("a time").1.split(',').next().expect("a time"));
        assert!((until - requested - 72.0 * 3600.0).abs() <= 1.0, "{action}: requested at {requested}");
        // The command does what it says, with the values that stand there.
        let again = json!({
            "CertificateArn": option(action, "certificate-arn"), "Domain": option(action, "domain"),
            "ValidationDomain": option(action, "validation-domain"),
        });
        assert_eq!((&again["CertificateArn"], &again["Domain"]), (&certificate["CertificateArn"], &json!(name)));
        world.json("acm", "CertificateManager.ResendValidationEmail", &again).await;
        assert_eq!(option(action, "region"), "us-east-1");
    }

    world.click_for(&certificate, &[domain]).await;
    let half = pending(&world, domain).await;
    let statuses: Vec<&Value> = half["DomainValidationOptions"]
        .as_array()
        .expect("names")
        .iter()
        .map(|option| &option["ValidationStatus"])
        .collect();
    assert_eq!(statuses, ["SUCCESS", "PENDING_VALIDATION"], "the wildcard has a mail of its own");
    world.click_for(&certificate, &["*.by-email.com"]).await;
    let result = world.ended(&execution).await.live();

    assert_eq!(result["actions"], json!([]), "nobody has to click any more");
    assert_eq!(result["certificateArn"], certificate["CertificateArn"]);
    let validation = &result["certificateValidation"];
    assert_eq!(validation["method"], "EMAIL");
    assert_eq!(validation["mails"][1]["name"], "*.by-email.com");
    assert_eq!(validation["mails"][1]["mailboxes"], certificate["DomainValidationOptions"][1]["ValidationEmails"]);
    let ends = world.certificates(domain).await[0]["NotAfter"].as_f64().expect("a time");
    assert!((seconds(validation["until"].as_str().expect("a time")) - ends).abs() <= 1.0, "{validation}");
    let zone = result["hostedZoneId"].as_str().expect("a zone");
    let records = world.records(zone).await;
    assert!(records.len() == 2 && records.iter().all(|record| !record.contains(" CNAME ")), "{records:?}");
    let states = world.states(&execution).await;
    assert!(!states.iter().any(|state| state == "WriteValidationRecords"), "{states:?}");
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);
    let published = events.take_up_to("Domain Live").await;
    assert!(Events::of_type(&published, "Action Required").is_empty(), "told twice: {published:?}");
    again(&world, &request, &result).await;
    world.forget_fingerprint(domain).await;
    again(&world, &request, &result).await;
    assert_eq!(resent(&world, before, arn(&certificate)).await, 0, "nobody asked for it");

    let retired = world.retire(domain, &json!({})).await.live();
    let removed = retired["removed"].to_string();
    assert!(removed.contains(arn(&certificate)) && !removed.contains("validation record"), "{removed}");
    assert!(world.certificates(domain).await.is_empty() && world.records(zone).await.is_empty());
}

#[tokio::test]
async fn mails_are_sent_again_once_in_a_run_that_finds_the_certificate_of_an_earlier_one() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "by-email-again.com";
    world.registry(domain, json!({"state": "owned"})).await;
    let mut request = by_email(without_purchase(domain, &backend));
    request["certificate"]["resendEmail"] = json!(true);
    let before = world.calls_so_far().await;
    let first = world.start(world.machine(), &request).await;
    asleep(&world, &first).await;
    let certificate = pending(&world, domain).await;
    assert_eq!(resent(&world, before, arn(&certificate)).await, 0, "its mails have just been sent");
    world.json("states", "AWSStepFunctions.StopExecution", &json!({"executionArn": first})).await;
    until(async || Some(world.item(domain).await).filter(|item| item["heldBy"].is_null())).await;

    // One answer is lost after the mail was sent: that one is sent twice.
    let fault = json!({"fault": "cutAfter", "action": "ResendValidationEmail", "resource": arn(&certificate)});
    world.control(Method::POST, "/_local/faults", Some(&fault)).await;
    let second = world.start(world.machine(), &request).await;
    asleep(&world, &second).await;
    assert_eq!(resent(&world, before, arn(&certificate)).await, 3);
    let turns = async |execution: &str| {
        world.states(execution).await.into_iter().filter(|state| state == "RequestCert").count()
    };
    let so_far = turns(&second).await;
    let forged = json!({"source": "aws.acm", "detailType": "ACM Certificate Available",
        "resources": [arn(&certificate)], "detail": {"Action": "ISSUANCE"}});
    world.control(Method::POST, "/_local/events", Some(&forged)).await;
    until(async || (turns(&second).await > so_far).then_some(())).await;
    assert_eq!(click_all(&world, &second, domain).await, arn(&certificate), "the certificate of the first run");
    let result = world.ended(&second).await.live();
    assert_eq!(resent(&world, before, arn(&certificate)).await, 3, "not in a later turn");
    again(&world, &request, &result).await;
    request["certificate"].as_object_mut().expect("an object").remove("resendEmail");
    again(&world, &request, &result).await;
}

#[tokio::test]
async fn a_certificate_that_is_gone_is_requested_anew_and_whoever_waits_is_told_the_new_words() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "by-email-anew.com";
    world.registry(domain, json!({"state": "owned"})).await;
    let events = Events::about(&world, domain).await;
    let execution = world.start(world.machine(), &by_email(without_purchase(domain, &backend))).await;
    let first = events.take_up_to("Action Required").await;
    asleep(&world, &execution).await;
    let gone = pending(&world, domain).await;
    world.json("acm", "CertificateManager.DeleteCertificate", &json!({"CertificateArn": arn(&gone)})).await;
    let forged = json!({"source": "aws.acm", "detailType": "ACM Certificate Available",
        "resources": [arn(&gone)], "detail": {"Action": "ISSUANCE"}});
    world.control(Method::POST, "/_local/events", Some(&forged)).await;
    let second = events.take_up_to("Action Required").await;
    let words = |events: &[Value]| texts(&Events::of_type(events, "Action Required")[0]["actions"]);
    assert_ne!(option(&words(&first)[0], "certificate-arn"), option(&words(&second)[0], "certificate-arn"));
    assert_eq!(click_all(&world, &execution, domain).await, option(&words(&second)[0], "certificate-arn"));
    assert_eq!(world.ended(&execution).await.live()["actions"], json!([]));
}

#[tokio::test]
async fn in_the_customers_own_dns_no_proof_is_asked_for_only_clicks_and_the_target() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "by-email-own-dns.com";
    let elsewhere =
        |records: &[Value]| json!({"state": "elsewhere", "nameServers": ["ns-1.own-dns.example"], "ownDns": records});
    world.registry(domain, elsewhere(&[])).await;
    let events = Events::about(&world, domain).await;
    let mut request = by_email(without_purchase(domain, &backend));
    request["dns"] = json!("external");

    let execution = world.start(world.machine(), &request).await;
    let told = events.take_up_to("Action Required").await;
    let told = texts(&Events::of_type(&told, "Action Required")[0]["actions"]);
    assert!(told.len() == 2 && told.iter().all(|action| action.starts_with("Click the link")), "{told:#?}");
    click_all(&world, &execution, domain).await;
    let result = world.ended(&execution).await.live();
    let [target] = &texts(&result["actions"])[..] else { panic!("{result}") };
    world.registry(domain, elsewhere(&[record(target)])).await;
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);
    assert!(world.zones(domain).await.is_empty());
    again(&world, &request, &result).await;
}

#[tokio::test]
async fn a_name_in_a_zone_or_held_elsewhere_is_asked_about_at_the_name_that_is_sold_or_where_the_request_says() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    world.registry("mail-zone.com", json!({"state": "owned"})).await;
    for (domain, asked, named) in [
        ("acme.mail-zone.com", "mail-zone.com", None),
        ("b.eu.mail-zone.com", "eu.mail-zone.com", Some("eu.mail-zone.com")),
    ] {
        let mut request = by_email(without_purchase(domain, &backend));
        if let Some(named) = named {
            request["certificate"]["validationDomain"] = json!(named);
        }
        let events = Events::about(&world, domain).await;
        let execution = world.start(world.machine(), &request).await;
        click_all(&world, &execution, domain).await;
        let result = world.ended(&execution).await.live();
        assert_eq!(result["actions"], json!([]));
        let told = events.take_up_to("Action Required").await;
        let told = texts(&Events::of_type(&told, "Action Required")[0]["actions"]);
        assert_eq!(told.len(), 2);
        for action in told {
            assert!(action.contains(&format!("webmaster@{asked}:")), "{action}");
            assert_eq!(option(&action, "validation-domain"), asked);
        }
        assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);
        again(&world, &request, &result).await;
    }

    // The name servers are not set yet: ACM does not care where it asks by e-mail, and one event tells all.
    let domain = "by-email-elsewhere.com";
    world.registry(domain, json!({"state": "elsewhere", "nameServers": ["ns-1.registrar.example"]})).await;
    let events = Events::about(&world, domain).await;
    let request = by_email(without_purchase(domain, &backend));
    let execution = world.start(world.machine(), &request).await;
    click_all(&world, &execution, domain).await;
    let result = world.ended(&execution).await.live();
    let told = events.take_up_to("Domain Live").await;
    let [told] = &Events::of_type(&told, "Action Required")[..] else { panic!("{told:?}") };
    let (servers, mails): (Vec<String>, Vec<String>) =
        texts(&told["actions"]).into_iter().partition(|action| !action.starts_with("Click the link"));
    assert_eq!((servers.len(), mails.len()), (1, 2));
    // The certificate proves nothing about the servers: what is still to be done stays until the DNS names them.
    assert_eq!(texts(&result["actions"]), servers);
    again(&world, &request, &result).await;
    let wanted = world.name_servers(result["hostedZoneId"].as_str().expect("a zone")).await;
    world.registry(domain, json!({"state": "elsewhere", "nameServers": wanted})).await;
    let result = world.run(&request).await.live();
    assert_eq!(result["actions"], json!([]));
    again(&world, &request, &result).await;
}

#[tokio::test]
async fn a_live_name_answers_while_its_certificate_is_validated_otherwise_and_back() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let (domain, host) = ("by-turns.com", "api.by-turns.com");
    world.registry(domain, json!({"state": "owned"})).await;
    let by_dns = without_purchase(domain, &backend);
    let by_email = by_email(by_dns.clone());
    let first = world.run(&by_dns).await.live();
    assert_eq!(first["certificateValidation"], Value::Null);

    let over = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn({
        let (world, over) = (world.clone(), Arc::clone(&over));
        async move {
            let mut answers = Vec::new();
            while !over.load(Ordering::Relaxed) {
                answers.push(world.get(host, "/v1/models").await.0);
                tokio::time::sleep(LOOK_EVERY).await;
            }
            answers
        }
    });

    let mut dry = by_email.clone();
    dry["dryRun"] = json!(true);
    let lines = texts(&world.run(&dry).await.live()["report"]["lines"]);
    assert!(lines.contains(&"    ~ validation: \"DNS\" -> \"EMAIL\"".to_owned()), "{lines:#?}");
    let execution = world.start(world.machine(), &by_email).await;
    let mail = click_all(&world, &execution, domain).await;
    let second = world.ended(&execution).await.live();
    assert_eq!(second["certificateArn"], json!(mail));
    assert_ne!(first["certificateArn"], second["certificateArn"]);
    let attached = async || world.custom_domain(host).await["domainNameConfigurations"][0]["certificateArn"].clone();
    assert_eq!(attached().await, json!(mail));
    again(&world, &by_email, &second).await;

    let arns = async || -> Vec<Value> {
        world.certificates(domain).await.iter().map(|found| found["CertificateArn"].clone()).collect()
    };
    assert_eq!(arns().await, [second["certificateArn"].clone()], "the one that was asked for by DNS is gone");

    let third = world.run(&by_dns).await.live();
    assert_eq!(attached().await, third["certificateArn"]);
    assert_eq!(arns().await, [third["certificateArn"].clone()], "so is the one that was asked for by e-mail");
    again(&world, &by_dns, &third).await;
    over.store(true, Ordering::Relaxed);
    let answers = asking.await.expect("answers");
    assert!(answers.len() > 20 && answers.iter().all(|status| *status == 200), "{answers:?}");
}

#[tokio::test]
async fn a_name_that_is_only_bought_now_needs_mail_servers_in_the_request() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "by-email-bought.com";
    let mut request = by_email(request(domain, &backend.url("/models")));
    let refused = world.run(&request).await;
    let reason = refused.refused("Nameplate.Refused");
    assert!(reason.contains(&format!("admin@{domain}")), "{reason}");
    assert_eq!(refused.cause["code"], "NoMailboxes");
    assert!(world.charges(domain).await.is_empty() && world.apis(domain).await.is_empty());

    request["records"] = json!([{"name": domain, "type": "MX", "values": ["10 mail.example.net"]}]);
    let execution = world.start(world.machine(), &request).await;
    click_all(&world, &execution, domain).await;
    let result = world.ended(&execution).await.live();
    assert_eq!(world.charges(domain).await.len(), 1);
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);
    again(&world, &request, &result).await;
}
