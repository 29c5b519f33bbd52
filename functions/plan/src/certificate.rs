//! The certificate of the request, by the choice that `request-cert` makes as well when its turn comes. Read-only.
//! It must not know how one is requested.

use nameplate::StepError;
use nameplate::contract::Known;
use nameplate::resource::certificate::{self, Certificate, Choice, Wanted, candidates, choose};

use crate::step::Clients;

/// The certificate of earlier runs; with its tags where it is used further.
///
/// # Errors
/// As `classify` has it.
pub(crate) async fn recorded(
    clients: &Clients,
    known: &Known,
    wanted: &Wanted<'_>,
) -> Result<Option<Certificate>, StepError> {
    let Some(arn) = &known.certificate_arn else { return Ok(None) };
    let mut found = observe::acm::certificate(&clients.acm, arn).await?.filter(Certificate::is_usable);
    if let Some(standing) = found.as_mut().filter(|standing| certificate::fits(standing, wanted)) {
        standing.tags = Some(observe::acm::certificate_tags(&clients.acm, arn).await?.unwrap_or_default());
    }
    Ok(found)
}

/// The recorded one if it fits, or one of ours that does; else the recorded one, which would be replaced.
///
/// # Errors
/// As `classify` has it.
pub(crate) async fn find(
    clients: &Clients,
    recorded: Option<Certificate>,
    wanted: &Wanted<'_>,
) -> Result<Option<Certificate>, StepError> {
    if recorded.as_ref().is_some_and(|recorded| certificate::fits(recorded, wanted)) {
        return Ok(recorded);
    }
    let mut listed = candidates(observe::acm::usable_certificates(&clients.acm).await?, wanted);
    listed.retain(|one| recorded.as_ref().is_none_or(|recorded| recorded.arn != one.arn));
    loop {
        match choose(&listed, wanted) {
            Choice::Take(index) => return Ok(Some(listed.swap_remove(index))),
            Choice::Request => return Ok(recorded),
            Choice::AskTags(index) => {
                let present = observe::acm::certificate_tags(&clients.acm, &listed[index].arn).await?;
                listed[index].tags = Some(present.unwrap_or_default());
            }
            Choice::AskValidation(index) => match observe::acm::certificate(&clients.acm, &listed[index].arn).await? {
                Some(described) => {
                    let tags = listed[index].tags.take();
                    listed[index] = Certificate { tags, ..described };
                }
                None => drop(listed.remove(index)),
            },
        }
    }
}
