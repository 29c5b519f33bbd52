//! Which records of a zone are ours, and what has to change so that a zone holds the wanted ones.
//!
//! Records carry no tags, so the domain item says which of them are ours: the attribute
//! [`RECORDS`](crate::contract::table::domain::RECORDS) lists each as it was written, or was about to be. A record in the zone
//! is ours only while it is exactly one of those; what anybody has changed since is theirs. What was written to a zone
//! that is not in use any more stays on the list, so that a retirement finds it there.
//! It must not know how Route 53 or the table is asked: whoever creates or removes records compares here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::dns_form;
use crate::error::StepError;
use crate::request::{ExactRecord, RecordSet, RecordType};
use crate::resource::alias;
use crate::resource::thing::Thing;
use crate::resource::validation_record::ValidationRecord;

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
        let leads_here = one.alias.as_deref().is_some_and(alias::is_custom_domain);
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
mod tests;
