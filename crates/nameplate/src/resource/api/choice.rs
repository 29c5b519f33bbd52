//! Which of several APIs that carry our tags is the one to go on with.

use super::Api;
use crate::error::StepError;
use crate::request::Protocol;
use crate::resource::tags::{DOMAIN, STACK, Tagging};

/// Our APIs for a domain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// The one that the request goes on with.
    pub used: Option<Api>,
    /// Ids of the others, in whose place it comes.
    pub replaced: Vec<String>,
}

/// Of all APIs that are ours the recorded one, if it is of the wanted kind, else the oldest that is: of what kind an API
/// is cannot be changed. Where none is wanted, since an existing API comes in their place, all are replaced.
///
/// # Errors
/// `Refused` where the recorded one is somebody else's.
pub fn choose(
    apis: Vec<Api>,
    tagging: &Tagging,
    recorded: Option<&str>,
    wanted: Option<Protocol>,
) -> Result<Choice, StepError> {
    if let Some(foreign) = apis.iter().find(|api| recorded == Some(&api.id) && !tagging.are_ours(&api.tags)) {
        return Err(not_ours(&foreign.id, tagging));
    }
    let mut ours: Vec<Api> = apis.into_iter().filter(|api| tagging.are_ours(&api.tags)).collect();
    ours.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    let fits = |api: &&Api| wanted.is_some() && api.protocol == wanted;
    let used = ours.iter().filter(fits).find(|api| recorded == Some(&api.id)).or(ours.iter().find(fits)).cloned();
    let others = ours.into_iter().map(|api| api.id).filter(|id| used.as_ref().is_none_or(|used| used.id != *id));
    Ok(Choice { replaced: others.collect(), used })
}

/// An API on record that carries other tags.
pub fn not_ours(id: &str, tagging: &Tagging) -> StepError {
    let wanted = |key: &str| tagging.wanted().get(key).cloned().unwrap_or_default();
    StepError::refused(
        "ApiNotOurs",
        format!(
            "the API {id} does not carry the tags `{DOMAIN}` = `{}` and `{STACK}` = `{}`",
            wanted(DOMAIN),
            wanted(STACK)
        ),
        "put the tags back, or name the API in `api.existing`; then start the execution again",
    )
}

/// Refuses to put one of our own in the place of what a request describes.
///
/// # Errors
/// `Refused`, with what to write instead.
pub fn check_existing(existing: &Api, tagging: &Tagging) -> Result<(), StepError> {
    if !tagging.are_ours(&existing.tags) {
        return Ok(());
    }
    let domain = tagging.wanted().get(DOMAIN).cloned().unwrap_or_default();
    Err(StepError::refused(
        "ApiIsOurs",
        format!("the API {} was made by this stack for {domain}", existing.id),
        "leave `api.existing` out and describe the API by `routes`",
    ))
}

#[cfg(test)]
mod tests;
