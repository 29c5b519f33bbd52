//! Further records wanted against those of a zone.

use super::*;
use serde_json::json;

const NOW: i64 = 1_000_000;
const ZONE: &str = "Z1";

/// In one zone, without host names.
fn decide(
    wanted: &[RecordSet],
    owned: &[Owned],
    standing: &[Standing],
    validation: &[ValidationRecord],
    now: i64,
) -> Decision {
    super::decide(&Scope { zone: ZONE, ..Scope::default() }, wanted, owned, standing, validation, now)
}

fn set(name: &str, kind: &str, values: &[&str]) -> RecordSet {
    serde_json::from_value(json!({"name": name, "type": kind, "ttl": 300, "values": values})).expect("a record")
}

fn ours(record: &RecordSet) -> Owned {
    claim(record, 1)
}

fn claim(record: &RecordSet, since: i64) -> Owned {
    Owned { record: record.clone(), since, zone: Some(ZONE.to_owned()) }
}

fn stands(record: &RecordSet) -> Standing {
    let exact = record.exact();
    Standing::new(&format!("{}.", exact.name), exact.kind.as_str(), Some(exact.ttl), exact.values, true)
}

fn changes(wanted: &[RecordSet], owned: &[Owned], standing: &[Standing]) -> Vec<(String, bool, bool)> {
    let decision = decide(wanted, owned, standing, &[], NOW);
    assert_eq!(decision.conflicts, []);
    decision.changes.iter().map(|one| (one.subject(), one.delete.is_some(), one.create.is_some())).collect()
}

fn www(address: &str) -> RecordSet {
    set("www.example.com", "A", &[address])
}

#[test]
fn what_is_missing_is_made_and_claimed_first() {
    let wanted = [www("192.0.2.1")];
    let decision = decide(&wanted, &[], &[], &[], NOW);
    assert_eq!(decision.changes, [Change { delete: None, create: Some(wanted[0].exact()) }]);
    assert_eq!(decision.claimed, [claim(&wanted[0], NOW)]);
    assert_eq!(decision.kept, decision.claimed);
}

#[test]
fn what_stands_as_wanted_is_left_whoever_wrote_it_and_stays_whose_it_was() {
    let wanted = [www("192.0.2.1")];
    let mine = decide(&wanted, &[ours(&wanted[0])], &[stands(&wanted[0])], &[], NOW);
    assert_eq!((mine.changes.len(), mine.kept), (0, vec![ours(&wanted[0])]));
    let theirs = decide(&wanted, &[], &[stands(&wanted[0])], &[], NOW);
    assert_eq!(theirs, Decision { same: wanted.to_vec(), ..Decision::default() });
}

#[test]
fn what_is_ours_is_replaced_or_removed_only_as_it_was_written() {
    let (old, new) = (www("192.0.2.1"), www("192.0.2.2"));
    let decision = decide(std::slice::from_ref(&new), &[ours(&old)], &[stands(&old)], &[], NOW);
    assert_eq!(decision.changes, [Change { delete: Some(old.exact()), create: Some(new.exact()) }]);
    assert_eq!(decision.claimed, [ours(&old), claim(&new, NOW)], "both, until it is done");
    assert_eq!(decision.kept, [claim(&new, NOW)]);
    assert_eq!(changes(&[], &[ours(&old)], &[stands(&old)]), [("www.example.com A".to_owned(), true, false)]);
    // A run that was stopped after either of the two.
    let both = decision.claimed;
    assert_eq!(changes(std::slice::from_ref(&new), &both, &[stands(&old)]).len(), 1);
    assert_eq!(changes(std::slice::from_ref(&new), &both, &[stands(&new)]), []);
    assert_eq!(changes(&[], &both, &[stands(&new)]).len(), 1);
}

#[test]
fn what_goes_is_named_in_the_words_of_the_zone() {
    let record = set("mail.example.com", "MX", &["10 a.example.com"]);
    let standing = Standing::new("Mail.Example.com.", "MX", Some(300), vec!["10 A.example.com.".to_owned()], true);
    let decision = decide(&[], &[ours(&record)], &[standing], &[], NOW);
    assert_eq!(
        decision.changes[0].delete.as_ref().map(|old| old.values.clone()),
        Some(vec!["10 A.example.com.".to_owned()])
    );
    let wildcard = set("*.example.com", "A", &["192.0.2.1"]);
    let standing = Standing::new("\\052.example.com.", "A", Some(300), vec!["192.0.2.1".to_owned()], true);
    assert_eq!(changes(&[], &[ours(&wildcard)], &[standing]).len(), 1);
}

#[test]
fn what_somebody_has_changed_is_theirs() {
    let (old, theirs, new) = (www("192.0.2.1"), www("192.0.2.9"), www("192.0.2.2"));
    let decision = decide(&[], &[ours(&old)], &[stands(&theirs)], &[], NOW);
    assert_eq!((decision.changes.len(), decision.kept.len()), (0, 0));
    assert_eq!(decision.left, ["www.example.com A"]);
    let refused = decide(&[new], &[ours(&old)], &[stands(&theirs)], &[], NOW);
    assert_eq!(refused.changes, []);
    let error = refuse_conflicts(&refused).expect_err("not ours");
    assert!(error.reason.contains("www.example.com A exists"), "{error}");
}

#[test]
fn aliases_and_records_with_a_routing_policy_are_never_ours() {
    let record = www("192.0.2.1");
    let exact = record.exact();
    let other = Standing::new(&exact.name, "A", Some(300), exact.values, false);
    assert_eq!(decide(&[], &[ours(&record)], std::slice::from_ref(&other), &[], NOW).changes, []);
    assert_eq!(
        decide(std::slice::from_ref(&record), &[ours(&record)], std::slice::from_ref(&other), &[], NOW).conflicts.len(),
        1
    );
    let weighted = [other.clone(), other];
    assert!(decide(&[record], &[], &weighted, &[], NOW).conflicts[0].problem.contains("routing policy"));
}

#[test]
fn a_cname_stands_alone_unless_what_is_beside_it_goes() {
    let (address, other) = (www("192.0.2.1"), set("www.example.com", "CNAME", &["b.example.net"]));
    for (wanted, there) in [(&address, &other), (&other, &address)] {
        let decision = decide(std::slice::from_ref(wanted), &[], &[stands(there)], &[], NOW);
        assert_eq!((decision.conflicts.len(), decision.changes.len()), (1, 0), "{wanted:?}");
        let switch = decide(std::slice::from_ref(wanted), &[ours(there)], &[stands(there)], &[], NOW);
        assert_eq!((switch.conflicts.len(), switch.changes.len()), (0, 2), "{wanted:?}");
        let batches = batches(switch.changes);
        assert_eq!(batches.len(), 1);
        assert!(batches[0][0].create.is_none(), "what goes, goes first: {batches:?}");
    }
    let text = set("www.example.com", "TXT", &["x"]);
    assert_eq!(decide(&[address], &[], &[stands(&text)], &[], NOW).conflicts, []);
}

#[test]
fn what_is_in_the_way_is_taken_over_as_far_as_it_is_simple() {
    let (theirs, wanted) = (www("192.0.2.9"), www("192.0.2.1"));
    let mut decision = decide(std::slice::from_ref(&wanted), &[], &[stands(&theirs)], &[], NOW);
    assert_eq!(decision.adopt(ZONE, NOW), [Thing::new("record", "www.example.com A", "exists with other content")]);
    assert_eq!(decision.changes, [Change { delete: Some(theirs.exact()), create: Some(wanted.exact()) }]);
    let records = |list: &[Owned]| list.iter().map(|one| one.record.clone()).collect::<Vec<_>>();
    assert_eq!((records(&decision.claimed), records(&decision.kept)), (vec![wanted.clone()], vec![wanted.clone()]));
    assert_eq!(decision.conflicts, []);
    // Once it has been done it is ours, and nothing is left to take.
    let mut again = decide(std::slice::from_ref(&wanted), &decision.kept, &[stands(&wanted)], &[], NOW);
    assert_eq!((again.adopt(ZONE, NOW).len(), again.changes.len()), (0, 0));

    let (cname, aaaa) =
        (set("www.example.com", "CNAME", &["b.example.net"]), set("www.example.com", "AAAA", &["2001:db8::1"]));
    let mut both = decide(&[wanted.clone(), aaaa], &[], &[stands(&cname)], &[], NOW);
    assert_eq!((both.adopt(ZONE, NOW).len(), both.changes.len()), (2, 3), "the CNAME goes once: {both:?}");
    assert_eq!(batches(both.changes).len(), 1, "at once");

    let alias = Standing::new("www.example.com", "A", None, vec![], false);
    let mut refused = decide(&[wanted], &[], &[alias], &[], NOW);
    assert_eq!((refused.adopt(ZONE, NOW).len(), refused.conflicts.len(), refused.changes.len()), (0, 1, 0));
}

#[test]
fn what_others_wrote_as_it_is_wanted_becomes_ours_only_by_adoption_and_once() {
    let wanted = [www("192.0.2.1")];
    let mut decision = decide(&wanted, &[], &[stands(&wanted[0])], &[], NOW);
    assert_eq!((decision.same.as_slice(), decision.kept.as_slice()), (&wanted[..], &[][..]));
    let told = decision.adopt(ZONE, NOW);
    assert_eq!(told, [Thing::new("record", "www.example.com A", "somebody else wrote it, just as it is wanted")]);
    assert_eq!((&decision.claimed, decision.changes.len()), (&vec![claim(&wanted[0], NOW)], 0));
    assert_eq!(decision.kept, decision.claimed);
    let mut again = decide(&wanted, &decision.kept, &[stands(&wanted[0])], &[], NOW);
    assert_eq!((again.adopt(ZONE, NOW), &again.claimed, &again.kept), (vec![], &decision.kept, &decision.kept));
    // It goes like any other once it is not wanted, and is waited for as long.
    assert_eq!(changes(&[], &decision.kept, &[stands(&wanted[0])]), [("www.example.com A".to_owned(), true, false)]);
    let late = |now| decide(&[], &decision.kept, &[], &[], now).kept.len();
    assert_eq!((late(NOW + LATE_SECS - 1), late(NOW + LATE_SECS)), (1, 0));
}

/// With these host names of the API, and those that go in the same run.
fn decide_with(
    hosts: &[&str],
    dropped: &[&str],
    wanted: &[RecordSet],
    owned: &[Owned],
    there: &[Standing],
) -> Decision {
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let scope = Scope { zone: ZONE, hosts: &names(hosts), dropped: &names(dropped) };
    super::decide(&scope, wanted, owned, there, &[], NOW)
}

fn alias(name: &str) -> Standing {
    Standing::new(name, "A", None, vec![], false).alias_of(Some("D-1.execute-api.us-east-1.amazonaws.com."))
}

#[test]
fn a_record_at_a_host_name_is_left_to_the_alias_and_stays_ours_until_it_is_gone() {
    let (address, cname) = (www("192.0.2.1"), set("www.example.com", "CNAME", &["b.example.net"]));
    let here = ["www.example.com"];
    for record in [&address, &cname] {
        let decision = decide_with(&here, &[], &[], &[ours(record)], &[stands(record)]);
        assert_eq!((decision.changes.as_slice(), decision.yielding.as_slice()), (&[][..], &[record.clone()][..]));
        assert_eq!((decision.claimed, decision.kept), (vec![ours(record)], vec![ours(record)]));
        // The alias has come in its place: it is forgotten, and nobody has changed anything.
        let after = decide_with(&here, &[], &[], &[ours(record)], &[alias("www.example.com")]);
        assert_eq!((after.kept.as_slice(), after.left.len(), after.changes.len()), (&[][..], 0, 0));
        // A run with other wishes after one that was stopped before the alias came.
        let undone = decide_with(&[], &here, &[], &[ours(record)], &[stands(record)]);
        assert_eq!((undone.changes.len(), undone.kept.as_slice()), (1, &[][..]));
    }
    let text = set("www.example.com", "TXT", &["x"]);
    let removed = decide_with(&here, &[], &[], &[ours(&text)], &[stands(&text)]);
    assert_eq!(removed.changes.len(), 1, "what stands beside an alias is no host name's business");
    let beside = decide_with(&here, &[], std::slice::from_ref(&text), &[ours(&cname)], &[stands(&cname)]);
    let refusal = refuse_conflicts(&beside).expect_err("the CNAME goes later");
    assert_eq!(refusal.code, "OwnRecordInTheWay");
    assert!(refusal.reason.contains("www.example.com TXT") && refusal.reason.contains("Nameplate wrote"), "{refusal}");
}

#[test]
fn a_record_in_the_place_of_a_host_name_that_goes_has_to_wait_and_is_not_called_somebody_elses() {
    let gone = ["www.example.com"];
    for wanted in [www("192.0.2.1"), set("www.example.com", "CNAME", &["b.example.net"])] {
        let mut decision = decide_with(&[], &gone, std::slice::from_ref(&wanted), &[], &[alias("www.example.com")]);
        assert_eq!(decision.adopt(ZONE, NOW), []);
        let refusal = refuse_conflicts(&decision).expect_err("the alias goes later");
        assert_eq!((refusal.code.as_str(), decision.changes.len()), ("OwnRecordInTheWay", 0));
        assert!(refusal.reason.contains("takes that host name off"), "{refusal}");
    }
    let elsewhere = Standing::new("www.example.com", "A", None, vec![], false).alias_of(Some("lb.example.net"));
    let theirs = decide_with(&[], &gone, &[www("192.0.2.1")], &[], &[elsewhere]);
    assert_eq!(refuse_conflicts(&theirs).expect_err("theirs").code, "RecordNotOurs");
    // What is somebody else's is told first.
    let other = set("a.example.com", "A", &["192.0.2.1"]);
    let both = decide_with(
        &[],
        &gone,
        &[www("192.0.2.1"), other.clone()],
        &[],
        &[alias("www.example.com"), stands(&set("a.example.com", "A", &["192.0.2.9"]))],
    );
    let refusal = refuse_conflicts(&both).expect_err("both");
    assert!(refusal.code == "RecordNotOurs" && !refusal.reason.contains("www"), "{refusal}");
}

#[test]
fn what_was_written_to_another_zone_stays_on_the_list_and_is_judged_only_there() {
    let (old, new) = (www("192.0.2.1"), www("192.0.2.2"));
    let elsewhere = Owned { zone: Some("Z0".to_owned()), ..ours(&old) };
    let decision = decide(std::slice::from_ref(&new), std::slice::from_ref(&elsewhere), &[], &[], NOW);
    assert_eq!(decision.claimed, [elsewhere.clone(), claim(&new, NOW)]);
    assert_eq!((decision.kept.clone(), decision.changes.len()), (decision.claimed, 1));
    let far = NOW + 10 * LATE_SECS;
    let later = decide(std::slice::from_ref(&new), &decision.kept, &[stands(&new)], &[], far);
    assert_eq!((later.kept, later.changes.len()), (decision.kept.clone(), 0));
    // The same content in this zone is not ours by that.
    assert_eq!(
        decide(std::slice::from_ref(&old), std::slice::from_ref(&elsewhere), &[stands(&old)], &[], NOW).same,
        std::slice::from_ref(&old)
    );
    let there = Scope { zone: "Z0", ..Scope::default() };
    let gone = super::decide(&there, &[], &decision.kept, &[stands(&old)], &[], far);
    assert_eq!((gone.changes.len(), gone.kept), (1, vec![claim(&new, NOW)]));
    // A list that does not say it yet is of the zone that is looked at, and says it from then on.
    let unsaid = Owned { zone: None, ..ours(&old) };
    let said = decide(std::slice::from_ref(&old), std::slice::from_ref(&unsaid), &[stands(&old)], &[], NOW);
    assert_eq!((said.claimed, said.kept), (vec![unsaid], vec![ours(&old)]));
}

#[test]
fn the_certificates_records_are_not_written_over_and_not_removed() {
    let proof = ValidationRecord { name: "_a.example.com".to_owned(), value: "_b.acm-validations.aws".to_owned() };
    let same = set("_a.example.com", "CNAME", &["_b.acm-validations.aws"]);
    let other = set("_a.example.com", "CNAME", &["elsewhere.example.net"]);
    let decide = |wanted: &[RecordSet], owned: &[Owned], standing: &[Standing]| {
        decide(wanted, owned, standing, std::slice::from_ref(&proof), NOW)
    };
    assert_eq!(decide(std::slice::from_ref(&other), &[], &[]).conflicts.len(), 1);
    assert_eq!(decide(std::slice::from_ref(&same), &[], &[stands(&same)]), Decision::default());
    let removed = decide(&[], &[ours(&same)], &[stands(&same)]);
    assert_eq!((removed.changes.len(), removed.kept.len()), (0, 0));
}

#[test]
fn a_claim_is_kept_while_its_write_may_still_arrive_and_then_forgotten() {
    let record = www("192.0.2.1");
    let claim = |since| claim(&record, since);
    let late = decide(&[], &[claim(NOW - LATE_SECS + 1)], &[], &[], NOW);
    assert_eq!(late.kept, [claim(NOW - LATE_SECS + 1)]);
    assert_eq!(decide(&[], &[claim(NOW - LATE_SECS)], &[], &[], NOW).kept, []);
}

#[test]
fn a_record_that_is_written_again_is_claimed_anew() {
    let record = www("192.0.2.1");
    let again = decide(std::slice::from_ref(&record), &[ours(&record)], &[], &[], NOW);
    let claim = claim(&record, NOW);
    assert_eq!((again.claimed, again.kept), (vec![claim.clone()], vec![claim]));
}

#[test]
fn a_list_that_cannot_be_read_owns_nothing() {
    let list = vec![ours(&www("192.0.2.1"))];
    assert_eq!(owned(Some(&serde_json::to_string(&list).expect("JSON"))), list);
    assert_eq!(owned(Some("{")), []);
    assert_eq!(owned(None), []);
}

fn create(record: &RecordSet) -> Change {
    Change { delete: None, create: Some(record.exact()) }
}

#[test]
fn batches_hold_a_thousand_elements_and_32_000_characters_at_most() {
    let many: Vec<Change> =
        (0..2_500).map(|n| create(&set(&format!("n{n}.example.com"), "A", &["192.0.2.1"]))).collect();
    let sizes: Vec<usize> = batches(many).iter().map(Vec::len).collect();
    assert_eq!(sizes, [1_000, 1_000, 500]);
    // 3,998 characters and two quotes each.
    let long = "x".repeat(255 * 15 + 110);
    let text = |n: usize| set(&format!("n{n}.example.com"), "TXT", &[&long]);
    let length = text(0).exact().characters();
    let fitting = MAX_BATCH_CHARACTERS / length;
    let texts: Vec<Change> = (0..2 * fitting + 1).map(|n| create(&text(n))).collect();
    assert_eq!(batches(texts).iter().map(Vec::len).collect::<Vec<_>>(), [fitting, fitting, 1]);
    // A replaced record counts with both its sides.
    let replaced: Vec<Change> = (0..600)
        .map(|n| Change {
            delete: Some(set(&format!("n{n}.example.com"), "A", &["192.0.2.1"]).exact()),
            create: Some(set(&format!("n{n}.example.com"), "A", &["192.0.2.2"]).exact()),
        })
        .collect();
    assert_eq!(batches(replaced).iter().map(Vec::len).collect::<Vec<_>>(), [500, 100]);
}

#[test]
fn what_is_pointed_to_comes_before_and_goes_after_what_points_to_it() {
    let (old, new) = (set("a.example.com", "A", &["192.0.2.1"]), set("b.example.com", "A", &["192.0.2.1"]));
    let mail = |host: &str| set("example.com", "MX", &[host]);
    let changes = vec![
        Change { delete: Some(old.exact()), create: None },
        Change { delete: Some(mail("10 a.example.com").exact()), create: Some(mail("10 b.example.com").exact()) },
        create(&new),
    ];
    let order: Vec<String> = batches(changes).into_iter().flatten().map(|one| one.subject()).collect();
    assert_eq!(order, ["b.example.com A", "example.com MX", "a.example.com A"]);
}

#[test]
fn a_name_with_more_than_a_batch_holds_loses_what_goes_first() {
    let values: Vec<String> = (0..400).map(|n| format!("192.0.{}.{}", n / 200, n % 200)).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let sixes: Vec<String> = (0..400).map(|n| format!("2001:db8::{n:x}")).collect();
    let sixes: Vec<&str> = sixes.iter().map(String::as_str).collect();
    let mails: Vec<String> = (0..400).map(|n| format!("{n} m{n}.example.net")).collect();
    let mails: Vec<&str> = mails.iter().map(String::as_str).collect();
    let gone = |kind: &str, values: &[&str]| Change {
        delete: Some(set("www.example.com", kind, values).exact()),
        create: None,
    };
    let changes = vec![
        create(&set("www.example.com", "CNAME", &["b.example.net"])),
        gone("A", &values),
        gone("AAAA", &sixes),
        gone("MX", &mails),
    ];
    let batches = batches(changes);
    assert_eq!(batches.len(), 2);
    assert!(batches.last().and_then(|batch| batch.last()).is_some_and(|last| last.create.is_some()), "{batches:?}");
}
