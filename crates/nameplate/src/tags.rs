//! The tags that mark what Nameplate made, and how ownership is read from them.
//! It must not know how a service spells its tags.

use std::collections::BTreeMap;

use crate::request::Request;

/// The domain that a resource was made for.
pub const DOMAIN: &str = "nameplate:domain";
/// The stack that made it, as `NAME.REGION`: two stacks in one account never touch each other's resources, and zones and
/// registrations belong to no region.
pub const STACK: &str = "nameplate:stack";
/// On an API, whether what functions permit it is as its routes need it: [`CHANGING`] from before the first statement
/// is added or has to go until after the last, so that a run that was cut off is seen by the next one.
pub const PERMISSIONS: &str = "nameplate:permissions";
/// Statements may be left over, whichever.
pub const CHANGING: &str = "changing";
/// None is.
pub const SETTLED: &str = "settled";
/// The comment on a hosted zone that Nameplate made: one that it found has another.
pub const ZONE_COMMENT: &str = "Made by Nameplate";
/// Prefixes of tag keys that a request may not use, in lower case.
pub const RESERVED_PREFIXES: [&str; 2] = ["aws:", "nameplate:"];

/// All tags for what is made for `request` by `stack`.
pub fn wanted(request: &Request, stack: &str) -> BTreeMap<String, String> {
    let mut tags = request.tags.clone();
    tags.insert(DOMAIN.to_owned(), request.domain_name.as_str().to_owned());
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

#[cfg(test)]
mod tests;
