//! Certificates: those of the domain, and those of the whole account that may need its validation records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_account::types::RegionOptStatus;
use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, CertificateSummary, Filters, KeyAlgorithm};
use nameplate::StepError;
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of};
use nameplate::resource::certificate::ValidationRecord;
use nameplate::resource::certificate::{Needs, Proven, is_closed};
use nameplate::resource::tags;
use tokio::task::JoinSet;

use crate::step::{Clients, Settings};

/// Certificates on one page: the most that ACM gives.
const PAGE_SIZE: i32 = 1000;
/// Where the certificates of CloudFront's distributions are.
const CLOUDFRONT: &str = "us-east-1";

/// A certificate that is, or was said to be, ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    pub(crate) arn: String,
    pub(crate) ours: bool,
    /// What uses it, by ARN.
    pub(crate) users: Vec<String>,
    pub(crate) records: Vec<ValidationRecord>,
}

impl Certificate {
    /// Why it stays; `foreign` are custom domains that are not ours, by the certificate that they use.
    pub(crate) fn stays_because(&self, account: &str, foreign: &BTreeMap<String, String>) -> Option<String> {
        if !self.ours {
            return Some("it does not carry the tags of this stack".to_owned());
        }
        if let Some(name) = foreign.get(&self.arn) {
            return Some(format!("the custom domain {name}, which is not Nameplate's, uses it"));
        }
        // API Gateway's own use is told by a load balancer in AWS's account (AWS-FACTS 3.4.2).
        let user = self.users.iter().find(|arn| arn.split(':').nth(4) == Some(account))?;
        Some(format!("{user} in this account uses it"))
    }

    pub(crate) fn goes(&self, account: &str, foreign: &BTreeMap<String, String>) -> bool {
        self.stays_because(account, foreign).is_none()
    }
}

/// The certificates of the domain that are ours by tag, and the recorded ones, even if they are not.
pub(crate) async fn of_the_domain(
    clients: &Clients,
    settings: &Settings,
    domain: &str,
    recorded: &BTreeSet<&String>,
) -> Result<Vec<Certificate>, StepError> {
    let main = |summary: &CertificateSummary| summary.domain_name().map(dns_form).as_deref() == Some(domain);
    let mut arns: BTreeSet<String> = recorded.iter().map(|arn| (*arn).clone()).collect();
    arns.extend(list(&clients.acm, &[], &main).await?);
    let mut found = Vec::new();
    for arn in arns {
        let Some(detail) = describe(&clients.acm, &arn).await? else { continue };
        let tagged = clients.acm.list_tags_for_certificate().certificate_arn(&arn).send().await;
        let present = match tagged {
            Ok(answer) => answer.tags.unwrap_or_default(),
            Err(error) if code_of(&error) == Some("ResourceNotFoundException") => continue,
            Err(error) => return Err(classify("acm:ListTagsForCertificate", &error)),
        };
        let pairs = present.iter().map(|tag| (tag.key(), tag.value().unwrap_or_default()));
        let ours = tags::ours(pairs, domain, &settings.stack);
        if ours || recorded.contains(&arn) {
            found.push(Certificate { ours, users: detail.in_use_by().to_vec(), records: records(&detail), arn });
        }
    }
    Ok(found)
}

/// The regions that the account uses, the stack's and CloudFront's among them. One that is switched off is left out:
/// nobody can look there.
pub(crate) async fn regions(clients: &Clients, own: &str) -> Result<Vec<String>, StepError> {
    let mut regions = BTreeSet::from([own.to_owned(), CLOUDFRONT.to_owned()]);
    let mut next = None;
    loop {
        let page = clients
            .account
            .list_regions()
            .region_opt_status_contains(RegionOptStatus::Enabled)
            .region_opt_status_contains(RegionOptStatus::EnabledByDefault)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| classify("account:ListRegions", &error))?;
        regions.extend(page.regions().iter().filter_map(|region| region.region_name().map(str::to_owned)));
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(regions.into_iter().collect());
        }
    }
}

/// Who needs which of the records, beside the certificates that go. All regions are asked at once.
pub(crate) async fn needs(
    clients: &Clients,
    regions: &[String],
    records: &BTreeSet<ValidationRecord>,
    going: BTreeSet<String>,
) -> Result<Needs, StepError> {
    let (proven, going) = (Arc::new(Proven::by(records)), Arc::new(going));
    let mut looks = JoinSet::new();
    for region in regions {
        let (acm, region) = ((clients.acm_in)(region), region.clone());
        let (proven, going) = (Arc::clone(&proven), Arc::clone(&going));
        looks.spawn(async move { needs_in(&acm, &region, &proven, &going).await });
    }
    let mut needs = Needs::default();
    while let Some(look) = looks.join_next().await {
        let look = look.map_err(|_| {
            StepError::failed("Defect", "a look at certificates broke off", "report this as a defect of Nameplate")
        })?;
        needs.extend(look?);
    }
    Ok(needs)
}

async fn needs_in(
    acm: &aws_sdk_acm::Client,
    region: &str,
    proven: &Proven,
    going: &BTreeSet<String>,
) -> Result<Needs, StepError> {
    let alive = [CertificateStatus::PendingValidation, CertificateStatus::Issued, CertificateStatus::Inactive];
    let may_need = |summary: &CertificateSummary| {
        let listed = summary.subject_alternative_name_summaries().iter().map(String::as_str);
        let has_more = summary.has_additional_subject_alternative_names() == Some(true);
        proven.may_be_needed_by(summary.domain_name().into_iter().chain(listed), has_more)
    };
    let look = async {
        let mut needs = Needs::default();
        for arn in list(acm, &alive, &may_need).await?.iter().filter(|arn| !going.contains(*arn)) {
            for record in describe(acm, arn).await?.iter().flat_map(records) {
                needs.add(&record.name, arn);
            }
        }
        Ok(needs)
    };
    match look.await {
        Err(StepError { code, .. }) if is_closed(&code) => {
            let mut needs = Needs::default();
            needs.add_unseen(region);
            Ok(needs)
        }
        look => look,
    }
}

/// ARNs of the listed certificates that `wanted` takes; no status means each.
async fn list(
    acm: &aws_sdk_acm::Client,
    statuses: &[CertificateStatus],
    wanted: &(dyn Fn(&CertificateSummary) -> bool + Sync),
) -> Result<Vec<String>, StepError> {
    // Without key types ACM hides most of them (AWS-FACTS 3.2.11).
    let key_types = KeyAlgorithm::values().iter().map(|key| KeyAlgorithm::from(*key)).collect();
    let filters = Filters::builder().set_key_types(Some(key_types)).build();
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let page = acm
            .list_certificates()
            .set_certificate_statuses((!statuses.is_empty()).then(|| statuses.to_vec()))
            .includes(filters.clone())
            .max_items(PAGE_SIZE)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| classify("acm:ListCertificates", &error))?;
        let taken = page.certificate_summary_list().iter().filter(|summary| wanted(summary));
        found.extend(taken.filter_map(|summary| summary.certificate_arn().map(str::to_owned)));
        next = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if next.is_none() {
            return Ok(found);
        }
    }
}

async fn describe(acm: &aws_sdk_acm::Client, arn: &str) -> Result<Option<CertificateDetail>, StepError> {
    match acm.describe_certificate().certificate_arn(arn).send().await {
        Ok(answer) => Ok(answer.certificate),
        Err(error) if code_of(&error) == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(classify("acm:DescribeCertificate", &error)),
    }
}

fn records(detail: &CertificateDetail) -> Vec<ValidationRecord> {
    let records = detail.domain_validation_options().iter().filter_map(|option| option.resource_record());
    let mut records: Vec<ValidationRecord> = records
        .map(|record| ValidationRecord { name: dns_form(record.name()), value: dns_form(record.value()) })
        .collect();
    records.sort();
    records.dedup();
    records
}
