//! The tags that mark what Nameplate made, and how ownership is read from them.
//! It must not know how a service spells its tags.

use std::collections::BTreeMap;

use crate::domain::DomainName;
use crate::resource::difference::{Attribute, Difference, Differences};

/// The domain that a resource was made for.
pub const DOMAIN: &str = "nameplate:domain";
/// The stack that made it, as `NAME.REGION`: two stacks in one account never touch each other's resources, and zones and
/// registrations belong to no region.
pub const STACK: &str = "nameplate:stack";
/// The comment on a hosted zone that Nameplate made: one that it found has another.
pub const ZONE_COMMENT: &str = "Made by Nameplate";

/// All tags for what is made for `domain` by `stack`: the `further` ones of the request, and those that mark it as ours.
pub fn wanted(further: &BTreeMap<String, String>, domain: &DomainName, stack: &str) -> BTreeMap<String, String> {
    let mut tags = further.clone();
    tags.insert(DOMAIN.to_owned(), domain.as_str().to_owned());
    tags.insert(STACK.to_owned(), stack.to_owned());
    tags
}

/// Whether the tags on a resource say that `stack` made it for `domain`.
pub fn ours<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>, domain: &str, stack: &str) -> bool {
    let (mut domain_matches, mut stack_matches) = (false, false);
    for (key, value) in tags {
        domain_matches |= key == DOMAIN && value == domain;
        stack_matches |= key == STACK && value == stack;
    }
    domain_matches && stack_matches
}

/// The same for all tags of a resource.
pub fn are_ours(present: &BTreeMap<String, String>, domain: &str, stack: &str) -> bool {
    ours(present.iter().map(|(key, value)| (key.as_str(), value.as_str())), domain, stack)
}

/// The other stack that uses a resource with these tags, if one does.
pub fn other_stack<'a>(present: &'a BTreeMap<String, String>, stack: &str) -> Option<&'a str> {
    present.get(STACK).map(String::as_str).filter(|other| *other != stack)
}

/// Why what carries the tag of another stack is left alone.
pub fn used_by(other_stack: &str) -> String {
    format!("its tag {STACK} says that the stack {other_stack} uses it")
}

/// The wanted tags that a resource lacks or carries with another value.
pub fn missing<'a>(
    wanted: &'a BTreeMap<String, String>,
    present: &BTreeMap<String, String>,
) -> BTreeMap<&'a str, &'a str> {
    wanted
        .iter()
        .filter(|(key, value)| present.get(*key) != Some(value))
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}

/// Those of the `former` tags that a resource still carries.
pub fn stale(former: &[String], present: &BTreeMap<String, String>) -> Vec<String> {
    former.iter().filter(|key| present.contains_key(*key)).cloned().collect()
}

/// The tags of a request, for what is made for it.
#[derive(Clone, Debug)]
pub struct Tagging {
    wanted: BTreeMap<String, String>,
    former: Vec<String>,
    domain: String,
    stack: String,
}

impl Tagging {
    /// The `further` tags of a request about `domain`, and the keys of the `former` ones that it does not name any more.
    pub fn new(further: &BTreeMap<String, String>, domain: &DomainName, stack: &str, former: &[String]) -> Self {
        Self {
            wanted: wanted(further, domain, stack),
            former: former.iter().filter(|key| !further.contains_key(*key)).cloned().collect(),
            domain: domain.as_str().to_owned(),
            stack: stack.to_owned(),
        }
    }

    /// All tags that are wanted.
    pub fn wanted(&self) -> &BTreeMap<String, String> {
        &self.wanted
    }

    /// Whether a run writes the tag of that key, or takes it off.
    pub fn concerns(&self, key: &str) -> bool {
        self.wanted.contains_key(key) || self.former.iter().any(|former| former == key)
    }

    /// Whether these tags say that the stack made it for the domain.
    pub fn are_ours(&self, present: &BTreeMap<String, String>) -> bool {
        are_ours(present, &self.domain, &self.stack)
    }
}

/// Notes each wanted tag that is missing or has another value, and each former one that still stands. What others set
/// is no difference.
pub fn compare<A: Attribute>(
    differences: &mut Differences<A>,
    attribute: A,
    present: &BTreeMap<String, String>,
    tagging: &Tagging,
) {
    for (key, value) in &tagging.wanted {
        differences.compare_one(attribute, key, &present.get(key), &Some(value));
    }
    for key in &tagging.former {
        differences.compare_one(attribute, key, &present.get(key), &None);
    }
}

/// The tags to set, and the keys of those to take off, among differences.
pub fn to_write<A: Attribute>(differences: &[Difference<A>], attribute: A) -> (BTreeMap<String, String>, Vec<String>) {
    let (mut set, mut take_off) = (BTreeMap::new(), Vec::new());
    for difference in differences.iter().filter(|difference| difference.attribute == attribute) {
        let key = difference.key.clone().unwrap_or_default();
        match difference.after.as_str() {
            Some(value) => drop(set.insert(key, value.to_owned())),
            None => take_off.push(key),
        }
    }
    (set, take_off)
}

#[cfg(test)]
mod tests;
