//! Which records of a zone are ours, and what has to change so that a zone holds the wanted ones.
//!
//! Records carry no tags, so the domain item says which of them are ours: the attribute
//! [`RECORDS`](crate::table::domain::RECORDS) lists each as it was written, or was about to be. A record in the zone
//! is ours only while it is exactly one of those; what anybody has changed since is theirs. What was written to a zone
//! that is not in use any more stays on the list, so that a retirement finds it there.
//! It must not know how Route 53 or the table is asked: whoever creates or removes records compares here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::aliases;
use crate::contract::ValidationRecord;
use crate::domain::dns_form;
use crate::error::StepError;
use crate::request::{ExactRecord, RecordSet, RecordType};
use crate::retire::Thing;

/// How long after it was claimed a record can still appear in the zone, in seconds: a write of an execution that
/// was stopped ends with its Lambda's 60 seconds, and this is far beyond.
pub const LATE_SECS: i64 = 900;
/// Elements of one change batch (AWS-FACTS 2.2.3).
pub const MAX_BATCH_ELEMENTS: usize = 1_000;
/// Characters of all values of one change batch (AWS-FACTS 2.2.3).
pub const MAX_BATCH_CHARACTERS: usize = 32_000;
/// Records that a refusal names one by one.
const MAX_NAMED: usize = 10;

/// A record of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owned {
    /// As it was written, or was about to be.
    pub record: RecordSet,
    /// When it was claimed, in seconds since 1970.
    pub since: i64,
    /// Id of the hosted zone that it was written to, without `/hostedzone/`. None, in a list that does not say it yet:
    /// whichever is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

impl Owned {
    /// Whether it was written to that zone, as far as the list says it.
    pub fn is_in(&self, zone: &str) -> bool {
        self.zone.as_deref().is_none_or(|id| id == zone)
    }
}

/// The records of ours from the domain item's attribute. What cannot be read is nobody's, so nothing is removed.
pub fn owned(attribute: Option<&str>) -> Vec<Owned> {
    attribute.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

/// A record set as it stands in the zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    name: String,
    kind: String,
    ttl: Option<i64>,
    values: Vec<String>,
    simple: bool,
    alias: Option<String>,
}

impl Standing {
    /// A record set as Route 53 lists it. `simple` is false for an alias and for one with a routing policy or a
    /// health check, which is never ours.
    pub fn new(name: &str, kind: &str, ttl: Option<i64>, values: Vec<String>, simple: bool) -> Self {
        // Route 53 lists `*` as an octal number.
        let name = dns_form(name).replace("\\052", "*");
        Self { name, kind: kind.to_owned(), ttl, values, simple, alias: None }
    }

    /// The same, with the target of an alias.
    pub fn alias_of(self, target: Option<&str>) -> Self {
        Self { alias: target.map(dns_form), ..self }
    }

    /// Lower case, without the trailing dot.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type, as Route 53 spells it.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Whether it is a simple record with this one value, a host name.
    pub fn leads_to(&self, target: &str) -> bool {
        self.simple && matches!(self.values.as_slice(), [value] if dns_form(value) == dns_form(target))
    }

    /// Name and type, for people.
    pub fn subject(&self) -> String {
        format!("{} {}", self.name, self.kind)
    }

    /// Whether it is exactly that record.
    pub fn is(&self, record: &RecordSet) -> bool {
        self.simple && self.at(record) && record.is(self.ttl, &self.values)
    }

    /// As it stands, if it is a simple record of a type that Nameplate writes.
    fn exact(&self) -> Option<ExactRecord> {
        let kind = RecordType::ALL.into_iter().find(|kind| kind.as_str() == self.kind)?;
        let ttl = self.ttl.filter(|_| self.simple)?;
        Some(ExactRecord { name: self.name.clone(), kind, ttl, values: self.values.clone() })
    }

    fn at(&self, record: &RecordSet) -> bool {
        self.name == record.name.as_str() && self.kind == record.kind.as_str()
    }
}

/// Which zone is looked at, and at which names of it other records of this run stand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// Id of the hosted zone, without `/hostedzone/`.
    pub zone: &'a str,
    /// Host names of the API. A record of ours that stands there goes in the change that writes the alias records, and
    /// not here, so that the name answers all the while.
    pub hosts: &'a [String],
    /// Host names that go after the records are written: their alias records are still in the way.
    pub dropped: &'a [String],
}

impl Scope<'_> {
    /// Whether alias records of the API come in the place of the record.
    pub fn yields(&self, record: &RecordSet) -> bool {
        let address = matches!(record.kind, RecordType::A | RecordType::Aaaa | RecordType::Cname);
        address && self.hosts.iter().any(|host| host == record.name.as_str())
    }

    /// Whether it is an alias record of a host name that goes later.
    fn leaves(&self, one: &Standing) -> bool {
        let leads_here = one.alias.as_deref().is_some_and(aliases::is_custom_domain);
        leads_here && self.dropped.contains(&one.name)
    }
}

/// One change of a zone. With both sides the record is replaced, and only if it is still what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What goes, exactly as it stands.
    pub delete: Option<ExactRecord>,
    /// What comes.
    pub create: Option<ExactRecord>,
}

impl Change {
    fn elements(&self) -> usize {
        self.sides().map(|side| side.values.len()).sum()
    }

    fn characters(&self) -> usize {
        self.sides().map(ExactRecord::characters).sum()
    }

    fn sides(&self) -> impl Iterator<Item = &ExactRecord> {
        self.delete.iter().chain(&self.create)
    }

    /// The name and type that it is about, for people.
    pub fn subject(&self) -> String {
        self.sides().next().map(|side| format!("{} {}", side.name, side.kind)).unwrap_or_default()
    }
}

/// What has to happen to a zone and to the list of what is ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// What changes in the zone.
    pub changes: Vec<Change>,
    /// What must be on the list before the zone is changed: what is ours, and what is about to be.
    pub claimed: Vec<Owned>,
    /// What is on the list afterwards.
    pub kept: Vec<Owned>,
    /// Records of ours that are not wanted any more and that somebody has changed since, as name and type.
    pub left: Vec<String>,
    /// Records of ours that stand at a host name of the API, and go when its alias records come.
    pub yielding: Vec<RecordSet>,
    /// Wanted records that stand already and are somebody else's.
    pub same: Vec<RecordSet>,
    /// Wanted records that cannot be written.
    pub conflicts: Vec<Conflict>,
}

/// A wanted record in whose way others stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Name and type of the record.
    pub subject: String,
    /// What is in its way, to follow the subject.
    pub problem: String,
    /// Whether what is in its way is Nameplate's own, and goes in this run, but later.
    own: bool,
    /// What has to go for it, if whoever asks may take it over; nothing where it may not.
    taking: Option<(RecordSet, Vec<ExactRecord>)>,
}

impl Decision {
    /// Takes over what stands in the way of wanted records, as far as a simple record can be taken over, and what stands
    /// as wanted already. Says which.
    pub fn adopt(&mut self, zone: &str, now: i64) -> Vec<Thing> {
        let claim = |record: &RecordSet| Owned { record: record.clone(), since: now, zone: Some(zone.to_owned()) };
        let (taken, left) = std::mem::take(&mut self.conflicts).into_iter().partition(|one| one.taking.is_some());
        self.conflicts = left;
        let mut things = Vec::new();
        for Conflict { subject, problem, taking, .. } in taken {
            let Some((record, goes)) = taking else { continue };
            let create = record.exact();
            let (same, others): (Vec<_>, Vec<_>) = goes.into_iter().partition(|one| one.kind == create.kind);
            let gone = others.into_iter().map(|one| Change { delete: Some(one), create: None });
            self.changes.extend(gone.filter(|change| !self.changes.contains(change)).collect::<Vec<_>>());
            self.changes.push(Change { delete: same.into_iter().next(), create: Some(create) });
            self.claimed.push(claim(&record));
            self.kept.push(claim(&record));
            things.push(Thing::new("record", subject, problem));
        }
        for record in std::mem::take(&mut self.same) {
            self.claimed.push(claim(&record));
            self.kept.push(claim(&record));
            let subject = format!("{} {}", record.name, record.kind);
            things.push(Thing::new("record", subject, "somebody else wrote it, just as it is wanted"));
        }
        self.claimed = sorted(std::mem::take(&mut self.claimed).into_iter());
        self.kept = sorted(std::mem::take(&mut self.kept).into_iter());
        things
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.subject, self.problem)
    }
}

/// Compares what is wanted, what is ours and what stands. `validation` are the records that prove the certificate's
/// names: never changed or removed here.
///
/// A wanted record that somebody else has written with the very same content is left as it is and becomes ours only by
/// [`Decision::adopt`]. With nothing wanted the changes are what has to go when the domain is retired.
pub fn decide(
    scope: &Scope<'_>,
    wanted: &[RecordSet],
    owned: &[Owned],
    standing: &[Standing],
    validation: &[ValidationRecord],
    now: i64,
) -> Decision {
    let mut by_name: BTreeMap<&str, Vec<&Standing>> = BTreeMap::new();
    for one in standing {
        by_name.entry(&one.name).or_default().push(one);
    }
    let at_name = |record: &RecordSet| by_name.get(record.name.as_str()).map(Vec::as_slice).unwrap_or_default();
    let at = |record: &RecordSet| at_name(record).iter().copied().filter(|one| one.at(record)).collect::<Vec<_>>();
    let (here, elsewhere): (Vec<&Owned>, Vec<&Owned>) = owned.iter().partition(|one| one.is_in(scope.zone));
    let owned = here;
    let claim = |record: &RecordSet, since| Owned { record: record.clone(), since, zone: Some(scope.zone.to_owned()) };
    let ours = |one: &Standing| owned.iter().copied().find(|owned| one.is(&owned.record));
    // What comes in the place of the one, or goes with the other, does so after the records are written.
    let stays_for_now =
        |one: &Standing| scope.leaves(one) || ours(one).is_some_and(|owned| scope.yields(&owned.record));
    let places: BTreeSet<_> = wanted.iter().map(place).collect();
    let proves = |record: &RecordSet| {
        validation.iter().find(|proof| proof.name.trim_end_matches('.').eq_ignore_ascii_case(record.name.as_str()))
    };

    let mut decision = Decision::default();
    let mut kept = BTreeMap::new();
    let mut claimed = Vec::new();
    for record in wanted {
        let conflicts = &mut decision.conflicts;
        let mut conflict = |problem: String, own: bool, goes: Option<Vec<ExactRecord>>| {
            let taking = goes.map(|goes| (record.clone(), goes));
            conflicts.push(Conflict { subject: format!("{} {}", record.name, record.kind), problem, own, taking });
        };
        if let Some(proof) = proves(record) {
            let same =
                record.kind == RecordType::Cname && record.values.iter().all(|value| *value == dns_form(&proof.value));
            if !same {
                conflict("stands in the way of the record that proves the name to ACM".to_owned(), false, None);
            }
            continue;
        }
        let here = at(record);
        // What is ours and not wanted goes in the same change.
        let goes = |one: &Standing| {
            ours(one).is_some_and(|owned| !places.contains(&place(&owned.record)) && !scope.yields(&owned.record))
        };
        let excluding: Vec<&Standing> = excluded_by(record, at_name(record)).filter(|one| !goes(one)).collect();
        if let Some(own) = excluding.iter().find(|one| stays_for_now(one)) {
            conflict(
                format!("cannot stand beside the {} at that name, which {}", own.kind, later(own, scope)),
                true,
                None,
            );
            continue;
        }
        if let Some(other) = excluding.first() {
            let exact = excluding.iter().map(|one| one.exact()).collect();
            conflict(format!("cannot stand beside the record of type {} at that name", other.kind), false, exact);
            continue;
        }
        let delete = match here.as_slice() {
            [] => None,
            [one] if one.is(record) => {
                match ours(one) {
                    Some(owned) => drop(kept.insert(owned.record.clone(), claim(&owned.record, owned.since))),
                    None => decision.same.push(record.clone()),
                }
                continue;
            }
            [one] if scope.leaves(one) => {
                conflict(format!("has to wait: what stands there {}", later(one, scope)), true, None);
                continue;
            }
            [one] => match ours(one) {
                Some(old) => Some(as_it_stands(one, &old.record)),
                None => {
                    conflict("exists with other content".to_owned(), false, one.exact().map(|exact| vec![exact]));
                    continue;
                }
            },
            _ => {
                conflict("exists with a routing policy".to_owned(), false, None);
                continue;
            }
        };
        // Also one that was ours before: from now on a write of it can arrive.
        claimed.push(claim(record, now));
        kept.insert(record.clone(), claim(record, now));
        decision.changes.push(Change { delete, create: Some(record.exact()) });
    }

    let mut removed = BTreeSet::new();
    for one in &owned {
        let (record, here) = (&one.record, at(&one.record));
        let standing = here.iter().find(|standing| standing.is(record));
        match standing {
            Some(_) if places.contains(&place(record)) || proves(record).is_some() => {}
            Some(_) if scope.yields(record) => {
                let before = kept.insert(record.clone(), claim(record, one.since));
                decision.yielding.extend(before.is_none().then(|| record.clone()));
            }
            Some(standing) if removed.insert(place(record)) => {
                let delete = Some(as_it_stands(standing, record));
                decision.changes.push(Change { delete, create: None });
            }
            Some(_) => {}
            // A write that was on its way when its execution was stopped can still arrive.
            None if now - one.since < LATE_SECS => {
                kept.entry(record.clone()).or_insert_with(|| (*one).clone());
            }
            None => {}
        }
        // The alias records of the API have come in its place.
        let replaced = scope.yields(record) || here.iter().any(|one| scope.leaves(one));
        let theirs = !here.is_empty() && !replaced && here.iter().all(|one| ours(one).is_none());
        let subject = format!("{} {}", record.name, record.kind);
        if theirs && !places.contains(&place(record)) && !decision.left.contains(&subject) {
            decision.left.push(subject);
        }
    }
    let before = owned.into_iter().filter(|owned| claimed.iter().all(|claim| claim.record != owned.record));
    let before = before.chain(elsewhere.iter().copied()).cloned();
    decision.claimed = sorted(before.chain(claimed.iter().cloned()));
    decision.kept = sorted(kept.into_values().chain(elsewhere.into_iter().cloned()));
    decision
}

/// What becomes of a record of ours that is in the way and does not go at once.
fn later(one: &Standing, scope: &Scope<'_>) -> &'static str {
    match scope.leaves(one) {
        true => {
            "leads to the API, and goes only after the records are written, since the request takes that host name off"
        }
        false => {
            "Nameplate wrote, and replaces only after the records are written, since the request makes it a host name"
        }
    }
}

/// What makes a record the only one of its kind in a zone.
fn place(record: &RecordSet) -> (String, RecordType) {
    (record.name.as_str().to_owned(), record.kind)
}

fn sorted(owned: impl Iterator<Item = Owned>) -> Vec<Owned> {
    let mut all: Vec<Owned> = owned.collect();
    all.sort();
    all.dedup();
    all
}

/// Other records at the name that cannot stand beside this one: a CNAME stands alone.
fn excluded_by<'a>(record: &RecordSet, here: &[&'a Standing]) -> impl Iterator<Item = &'a Standing> {
    let (alone, kind) = (RecordType::Cname.as_str(), record.kind);
    here.iter()
        .copied()
        .filter(move |one| one.kind != kind.as_str() && (kind == RecordType::Cname || one.kind == alone))
}

fn as_it_stands(standing: &Standing, record: &RecordSet) -> ExactRecord {
    ExactRecord { values: standing.values.clone(), ..record.exact() }
}

/// The refusal of wanted records that cannot be written, if there are any.
///
/// # Errors
/// `Refused`, naming the records.
pub fn refuse_conflicts(decision: &Decision) -> Result<(), StepError> {
    let (own, foreign): (Vec<&Conflict>, Vec<&Conflict>) = decision.conflicts.iter().partition(|one| one.own);
    if !foreign.is_empty() {
        return Err(StepError::refused(
            "RecordNotOurs",
            format!(
                "records that Nameplate did not write, or that were changed since, are in the way: {}",
                named(&foreign)
            ),
            "remove them from the zone, take the records out of the request, or write `\"adopt\": true` to have simple records replaced; then start the execution again",
        ));
    }
    if !own.is_empty() {
        return Err(StepError::refused(
            "OwnRecordInTheWay",
            format!("records of the request cannot be written while Nameplate's own stand there: {}", named(&own)),
            "start the execution without these records first; ask for them in the request after that",
        ));
    }
    Ok(())
}

fn named(conflicts: &[&Conflict]) -> String {
    let mut named = conflicts.iter().take(MAX_NAMED).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let more = conflicts.len().saturating_sub(MAX_NAMED);
    if more > 0 {
        named.push_str(&format!("; and {more} more"));
    }
    named
}

/// What a person has to know of the records that were left.
pub fn action(left: &str) -> String {
    format!(
        "The record {left} was written for an earlier request and changed by somebody since; it is not wanted any more \
         and was left as it is. Remove it from the hosted zone if nobody needs it."
    )
}

/// The changes in batches that Route 53 takes, in an order in which a stop between two of them leaves nothing that
/// was not there before or is not wanted: what is new first, then what changes, then what goes, so that a record that
/// points to another finds it. Where a CNAME comes or goes beside other types, the name changes at once.
pub fn batches(changes: Vec<Change>) -> Vec<Vec<Change>> {
    let is_cname = |change: &Change| change.sides().any(|side| side.kind == RecordType::Cname);
    let name = |change: &Change| change.sides().next().map(|side| side.name.clone()).unwrap_or_default();
    let switching: BTreeSet<String> = changes.iter().filter(|change| is_cname(change)).map(name).collect();
    let mut switches: BTreeMap<String, Vec<Change>> = BTreeMap::new();
    let (mut new, mut changed, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for change in changes {
        let name = name(&change);
        match (&change.delete, &change.create) {
            _ if switching.contains(&name) => switches.entry(name).or_default().push(change),
            (None, _) => new.push(vec![change]),
            (Some(_), Some(_)) => changed.push(vec![change]),
            (Some(_), None) => gone.push(vec![change]),
        }
    }
    for mut unit in switches.into_values() {
        unit.sort_by_key(|change| change.create.is_some());
        match unit.as_slice() {
            [Change { delete: None, .. }] => new.push(unit),
            [Change { create: None, .. }] => gone.push(unit),
            _ => changed.push(unit),
        }
    }
    let mut batches: Vec<Vec<Change>> = Vec::new();
    let (mut elements, mut characters) = (0, 0);
    let mut put = |part: Vec<Change>| {
        let more: (usize, usize) =
            part.iter().fold((0, 0), |(e, c), change| (e + change.elements(), c + change.characters()));
        let fits = elements + more.0 <= MAX_BATCH_ELEMENTS && characters + more.1 <= MAX_BATCH_CHARACTERS;
        match batches.last_mut().filter(|_| fits) {
            Some(last) => {
                (elements, characters) = (elements + more.0, characters + more.1);
                last.extend(part);
            }
            None => {
                (elements, characters) = more;
                batches.push(part);
            }
        }
    };
    for unit in new.into_iter().chain(changed).chain(gone) {
        let size = unit.iter().fold((0, 0), |(e, c), change| (e + change.elements(), c + change.characters()));
        if size.0 <= MAX_BATCH_ELEMENTS && size.1 <= MAX_BATCH_CHARACTERS {
            put(unit);
        } else {
            // A name with more than a batch can hold: what goes first, so that what comes may stand.
            unit.into_iter().for_each(|change| put(vec![change]));
        }
    }
    batches
}

#[cfg(test)]
mod tests {
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
            decide(std::slice::from_ref(&record), &[ours(&record)], std::slice::from_ref(&other), &[], NOW)
                .conflicts
                .len(),
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
        assert_eq!(
            changes(&[], &decision.kept, &[stands(&wanted[0])]),
            [("www.example.com A".to_owned(), true, false)]
        );
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
        assert!(
            refusal.reason.contains("www.example.com TXT") && refusal.reason.contains("Nameplate wrote"),
            "{refusal}"
        );
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
}
