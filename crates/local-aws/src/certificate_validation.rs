//! What moves certificates on: their validation records, clicks and CAA records, and time. Sources: AWS-FACTS 3 (ACM)
//! and 2.4 (CAA). Must not know who waits for a certificate.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::certificate::{Certificate, Status, VALIDATION_SECS, base, validation_record};
use crate::dns::Look;
use crate::domain_name::plain;
use crate::emulator::EmulatorError;
use crate::events;
use crate::local::Local;
use crate::lock::lock;

/// Changes come in bursts.
const SETTLE: Duration = Duration::from_millis(50);
/// Zones can also change behind our back, by CloudFormation in MiniStack.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Moves certificates on, for as long as the server runs.
pub(crate) async fn watch(local: Arc<Local>) {
    loop {
        // Before the look, so that a change during it is not missed.
        let changed = local.certificates_changed.notified();
        let next = match advance(&local).await {
            Ok(next) => next,
            // MiniStack is busy or going away; the server notices the latter itself.
            Err(_) => Some(LOOK_AGAIN),
        };
        match next {
            Some(wait) => tokio::select! { () = changed => {}, () = sleep(wait) => {} },
            None => changed.await,
        }
        sleep(SETTLE).await;
    }
}

/// One look at all pending certificates. Gives the time until the next is worth it; `None` when none is pending.
async fn advance(local: &Arc<Local>) -> Result<Option<Duration>, EmulatorError> {
    let pending = local.certificates.pending();
    if pending.is_empty() {
        return Ok(None);
    }
    let mut look = Look::new(&local.emulator).await?;
    let issue_delay = Duration::from_millis(local.settings().delays.certificate_issue);
    let mut next = LOOK_AGAIN;
    for certificate in pending {
        if local.clock.now() - certificate.requested > VALIDATION_SECS {
            local.certificates.change(&certificate.arn, |certificate| certificate.status = Status::TimedOut);
            continue;
        }
        let by_dns = certificate.method == "DNS";
        let seen = if by_dns { records_in_place(local, &mut look, &certificate).await? } else { Vec::new() };
        let complete = if by_dns {
            certificate.names.iter().all(|name| seen.iter().any(|seen| seen == base(name)))
        } else {
            // One mail for each name, the wildcard's and the apex's too, although they go to the same mailboxes
            // (AWS-FACTS 3.2.7).
            certificate.names.iter().all(|name| certificate.clicked.contains(name))
        };
        let now = Instant::now();
        let since = complete.then(|| certificate.complete_since.unwrap_or(now));
        local
            .certificates
            .change(&certificate.arn, |certificate| (certificate.seen, certificate.complete_since) = (seen, since));
        let Some(since) = since else { continue };
        let left = (since + issue_delay).saturating_duration_since(now);
        if !left.is_zero() {
            next = next.min(left);
            continue;
        }
        if let Some(refusing) = refused_by_caa(local, &mut look, &certificate).await? {
            debug_assert!(certificate.names.contains(&refusing));
            local.certificates.change(&certificate.arn, |certificate| certificate.status = Status::Failed("CAA_ERROR"));
            continue;
        }
        issue(local, &certificate);
    }
    Ok(Some(next))
}

fn issue(local: &Arc<Local>, certificate: &Certificate) {
    let at = local.clock.now();
    local.certificates.change(&certificate.arn, |certificate| certificate.status = Status::Issued(at));
    let registry = lock(&local.registry);
    if certificate.names.iter().any(|name| registry.suppresses_events(name)) {
        return;
    }
    drop(registry);
    let event = certificate.issued_event(at);
    let sender = Arc::clone(local);
    // Best effort, as on AWS (AWS-FACTS 3.3.1).
    local.spawn(async move {
        let _lost = events::deliver(&sender, &event).await;
    });
}

/// The base names whose validation record stands in the live zone.
async fn records_in_place(
    local: &Local,
    look: &mut Look<'_>,
    certificate: &Certificate,
) -> Result<Vec<String>, EmulatorError> {
    let mut seen: Vec<String> = Vec::new();
    for name in &certificate.names {
        let base = base(name);
        if seen.iter().any(|seen| seen == base) {
            continue;
        }
        let (owner, target) = validation_record(&local.account_id, name);
        let found = look.find(&local.registry, &plain(&owner), "CNAME", &mut Vec::new()).await?;
        if let Ok(Some(record)) = found
            && record.values.iter().any(|value| plain(value) == plain(&target))
        {
            seen.push(base.to_owned());
        }
    }
    Ok(seen)
}

/// The first name that CAA forbids Amazon to certify. The closest CAA records at or above the name decide.
async fn refused_by_caa(
    local: &Local,
    look: &mut Look<'_>,
    certificate: &Certificate,
) -> Result<Option<String>, EmulatorError> {
    for name in &certificate.names {
        let mut at = base(name);
        loop {
            let found = look.find(&local.registry, at, "CAA", &mut Vec::new()).await?;
            if let Ok(Some(record)) = &found
                && record.kind == "CAA"
            {
                if !caa_allows(&record.values, name.starts_with("*.")) {
                    return Ok(Some(name.clone()));
                }
                break;
            }
            match at.split_once('.') {
                // Above the registered name there is nothing of ours to read.
                Some((_, parent)) if found.is_ok() => at = parent,
                _ => break,
            }
        }
    }
    Ok(None)
}

/// Whether CAA records let Amazon issue (AWS-FACTS 2.4.1).
fn caa_allows(values: &[String], wildcard: bool) -> bool {
    const AMAZON: [&str; 4] = ["amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"];
    let of = |tag: &str| -> Vec<String> {
        values
            .iter()
            .filter_map(|value| {
                let mut parts = value.splitn(3, ' ');
                let (_flags, found, issuer) = (parts.next()?, parts.next()?, parts.next()?);
                let issuer = issuer.trim().trim_matches('"').split(';').next().unwrap_or_default().trim();
                found.eq_ignore_ascii_case(tag).then(|| issuer.to_ascii_lowercase())
            })
            .collect()
    };
    let (issue, issue_wild) = (of("issue"), of("issuewild"));
    let deciding = if wildcard && !issue_wild.is_empty() { issue_wild } else { issue };
    deciding.is_empty() || deciding.iter().any(|issuer| AMAZON.contains(&issuer.as_str()))
}

#[cfg(test)]
mod tests;
