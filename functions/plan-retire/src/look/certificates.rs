//! Certificates: those of the domain, and the regions in which others may need its validation records.

use std::collections::{BTreeMap, BTreeSet};

use nameplate::StepError;
use nameplate::resource::certificate::Certificate;

use crate::step::{Clients, Settings};

/// Where the certificates of CloudFront's distributions are.
const CLOUDFRONT: &str = "us-east-1";

/// Why a certificate stays; `foreign` are custom domains that are not ours, by the certificate that they use.
pub(crate) fn stays_because(
    certificate: &Certificate,
    is_ours: bool,
    account: &str,
    foreign: &BTreeMap<String, String>,
) -> Option<String> {
    if !is_ours {
        return Some("it does not carry the tags of this stack".to_owned());
    }
    if let Some(name) = foreign.get(&certificate.arn) {
        return Some(format!("the custom domain {name}, which is not Nameplate's, uses it"));
    }
    certificate.user_in_account(account).map(|user| format!("{user} in this account uses it"))
}

/// The certificates of the domain that are ours by tag, and the recorded ones, even if they are not.
pub(crate) async fn of_the_domain(
    clients: &Clients,
    settings: &Settings,
    domain: &str,
    recorded: &BTreeSet<&String>,
) -> Result<Vec<Certificate>, StepError> {
    let listed = observe::acm::certificates(&clients.acm, &[]).await?;
    let mut arns: BTreeSet<String> = recorded.iter().map(|arn| (*arn).clone()).collect();
    arns.extend(listed.into_iter().filter(|one| one.domain == domain).map(|one| one.arn));
    let mut found = Vec::new();
    for arn in arns {
        let Some(standing) = observe::acm::certificate(&clients.acm, &arn).await? else { continue };
        let Some(present) = observe::acm::certificate_tags(&clients.acm, &arn).await? else { continue };
        let standing = Certificate { tags: Some(present), ..standing };
        if recorded.contains(&arn) || standing.is_ours(domain, &settings.stack) {
            found.push(standing);
        }
    }
    Ok(found)
}

/// The regions that the account uses, the stack's and CloudFront's among them.
pub(crate) async fn regions(clients: &Clients, own: &str) -> Result<Vec<String>, StepError> {
    let mut regions = BTreeSet::from([own.to_owned(), CLOUDFRONT.to_owned()]);
    regions.extend(observe::account::regions(&clients.account).await?);
    Ok(regions.into_iter().collect())
}
