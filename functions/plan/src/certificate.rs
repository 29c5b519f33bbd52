//! The certificate of the request, by the choice that `request-cert` makes as well when its turn comes. Read-only.
//! It must not know how one is requested.

use std::collections::BTreeMap;

use nameplate::StepError;
use nameplate::contract::Known;
use nameplate::resource::certificate::{self, Certificate, Choice, Wanted, candidates, choose};

use crate::picture::Picture;

/// The one of earlier runs if it fits, or one of ours that does, with its tags; else the one of earlier runs, which would
/// be replaced.
///
/// # Errors
/// As `classify` has it.
pub(crate) async fn find(
    picture: &Picture<'_>,
    known: &Known,
    wanted: &Wanted<'_>,
) -> Result<Option<Certificate>, StepError> {
    let recorded = match &known.certificate_arn {
        Some(arn) => picture.certificate(arn).await?.filter(Certificate::is_usable),
        None => None,
    };
    if let Some(standing) = recorded.as_ref().filter(|standing| certificate::fits(standing, wanted)) {
        return Ok(Some(Certificate { tags: Some(tags(picture, &standing.arn).await?), ..standing.clone() }));
    }
    let mut listed = candidates(observe::acm::usable_certificates(&picture.clients.acm).await?, wanted);
    listed.retain(|one| recorded.as_ref().is_none_or(|recorded| recorded.arn != one.arn));
    loop {
        match choose(&listed, wanted) {
            Choice::Take(index) => return Ok(Some(listed.swap_remove(index))),
            Choice::Request => return Ok(recorded),
            Choice::AskTags(index) => listed[index].tags = Some(tags(picture, &listed[index].arn).await?),
            Choice::AskValidation(index) => match picture.certificate(&listed[index].arn).await? {
                Some(described) => {
                    let tags = listed[index].tags.take();
                    listed[index] = Certificate { tags, ..described };
                }
                // It has gone meanwhile.
                None => drop(listed.remove(index)),
            },
        }
    }
}

async fn tags(picture: &Picture<'_>, arn: &str) -> Result<BTreeMap<String, String>, StepError> {
    Ok(observe::acm::certificate_tags(&picture.clients.acm, arn).await?.unwrap_or_default())
}
