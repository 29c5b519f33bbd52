//! Where ACM asks by e-mail. It must not know how the words are made.

use nameplate::Class;
use std::time::Duration;

use aws_sdk_acm::operation::resend_validation_email::ResendValidationEmailOutput;
use aws_sdk_acm::types::{DomainStatus, DomainValidationOption};
use tokio::time::Instant;

use super::*;

/// A run that wants its names validated by e-mail, at the mailboxes of `asked`.
fn by_email(fresh: bool, certificate_arn: Option<&str>, asked: &str) -> RequestCertInput {
    let mut input = input(fresh, certificate_arn);
    input.request.certificate.validation = Validation::Email;
    input.request.certificate.validation_domain = Some(asked.parse().expect("a name"));
    input
}

/// The mail about one name: `shown` says whether ACM says to whom it went.
fn mail(name: &str, status: DomainStatus, shown: bool) -> DomainValidation {
    let mailboxes = shown.then(|| vec!["admin@example.com".to_owned()]);
    DomainValidation::builder()
        .domain_name(name)
        .validation_method(ValidationMethod::Email)
        .validation_domain("example.com")
        .validation_status(status)
        .set_validation_emails(mailboxes)
        .build()
        .expect("complete")
}

/// A certificate about which ACM asks by e-mail; the names in `answered` are validated.
fn asking(arn: &str, status: Status, answered: &[&str]) -> CertificateDetail {
    let state =
        |name: &str| if answered.contains(&name) { DomainStatus::Success } else { DomainStatus::PendingValidation };
    let mut detail = detail(arn, status);
    detail.domain_validation_options = Some(NAMES.iter().map(|name| mail(name, state(name), true)).collect());
    detail
}

/// Takes a request for a certificate about which ACM is to ask at the mailboxes of `asked`.
fn requests_by_email(input: &RequestCertInput, asked: &'static str) -> Rule {
    let token = token_of(input, None);
    mock!(Acm::request_certificate)
        .match_requests(move |request| {
            let options = request.domain_validation_options();
            request.validation_method() == Some(&ValidationMethod::Email)
                && options.iter().map(DomainValidationOption::domain_name).eq(NAMES)
                && options.iter().all(|option| option.validation_domain() == asked)
                && request.idempotency_token() == Some(&token)
        })
        .then_output(|| RequestCertificateOutput::builder().certificate_arn(NEW).build())
}

#[tokio::test]
async fn a_certificate_is_requested_with_the_mailboxes_of_each_name_and_awaited_without_records() {
    for asked in ["example.com", "mail.example.com"] {
        let input = by_email(true, None, asked);
        let (request, put) = (requests_by_email(&input, asked), puts(NEW));
        let mut pending = asking(NEW, Status::PendingValidation, &[]);
        for option in pending.domain_validation_options.iter_mut().flatten() {
            option.validation_domain = Some(asked.to_owned());
        }
        let describe = describes(pending);
        let output = go(&[&request, &describe], &[&put], input).await.expect("requested");
        assert_eq!((output.certificate_arn.as_str(), output.status), (NEW, CertificateStatus::Pending));
        assert_eq!(output.watch_key.as_deref(), Some(format!("watch#{NEW}").as_str()));
        assert!(output.validation_records.is_empty() && !output.emails_resent);
        let asked_about = output.certificate_validation.expect("who is asked");
        let names: Vec<&str> = asked_about.mails.iter().map(|mail| mail.name.as_str()).collect();
        assert_eq!(names, NAMES);
        assert!(asked_about.mails.iter().all(|mail| mail.mailboxes[0] == format!("admin@{asked}")));
        assert_eq!((request.num_calls(), describe.num_calls(), put.num_calls()), (1, 1, 1));
    }
}

#[tokio::test]
async fn the_words_stay_the_same_while_names_are_answered_and_go_once_the_certificate_is_issued() {
    let mut seen = Vec::new();
    let mut until = Vec::new();
    for (status, answered) in
        [(Status::PendingValidation, &[][..]), (Status::PendingValidation, &["example.com"]), (Status::Issued, &NAMES)]
    {
        let mut detail = asking(OLD, status, answered);
        detail.not_after = Some(DateTime::from_secs(NOW + 198 * 24 * 3600));
        let rules = [&describes(detail)];
        let output =
            go(&rules, &[&stands(OLD, false)], by_email(false, Some(OLD), "example.com")).await.expect("found");
        seen.push(output.actions);
        until.push(output.certificate_validation.expect("who is asked").until);
    }
    assert_eq!((seen[0].len(), &seen[1], seen[2].len()), (NAMES.len(), &seen[0], 0), "{seen:#?}");
    // 72 hours after the request, and the end of the certificate.
    assert_eq!(until, ["2027-01-18T07:59:30Z", "2027-01-18T07:59:30Z", "2027-08-01T08:00:00Z"]);
}

#[tokio::test]
async fn a_certificate_that_is_validated_by_records_says_nothing_of_mails() {
    let describe = describes(detail(OLD, Status::Issued));
    let output = go(&[&describe], &[], input(true, Some(OLD))).await.expect("issued");
    assert_eq!(output.certificate_validation, None);
}

#[tokio::test]
async fn whom_acm_writes_to_is_awaited_for_names_that_nobody_has_answered_for() {
    let mut hidden = asking(NEW, Status::PendingValidation, &[]);
    let shown = |name: &&str| *name == "example.com";
    let mails = NAMES.iter().map(|name| mail(name, DomainStatus::PendingValidation, shown(name))).collect();
    hidden.domain_validation_options = Some(mails);
    let mut nothing = hidden.clone();
    nothing.domain_validation_options = None;
    for (shown, named) in [(hidden, "example.com, a.api"), (nothing, "*.example.com, a.api")] {
        let input = by_email(true, None, "example.com");
        let (request, describe, put) = (requests_by_email(&input, "example.com"), describes(shown), puts(NEW));
        let error = go(&[&request, &describe], &[&put], input).await.expect_err("hidden");
        assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "ValidationMailNotShown"));
        assert!(error.reason.contains(named), "{error}");
    }
    let mut answered = asking(OLD, Status::PendingValidation, &["example.com"]);
    for option in answered.domain_validation_options.iter_mut().flatten() {
        if option.domain_name == "example.com" {
            option.validation_emails = None;
        }
    }
    let rules = [&describes(answered)];
    let output = go(&rules, &[&stands(OLD, false)], by_email(true, Some(OLD), "example.com")).await;
    assert_eq!(output.expect("pending").status, CertificateStatus::Pending);
}

#[tokio::test]
async fn a_certificate_that_is_validated_otherwise_does_not_fit_and_is_named_as_replaced() {
    let by_records = detail(OLD, Status::Issued);
    let by_mails = asking(OLD, Status::Issued, &NAMES);
    let mail = by_email(false, Some(OLD), "example.com");
    let elsewhere = by_email(false, Some(OLD), "mail.example.com");
    for (old, wish, new) in [
        (by_records, mail, asking(NEW, Status::PendingValidation, &[])),
        (by_mails.clone(), input(false, Some(OLD)), detail(NEW, Status::PendingValidation)),
        (by_mails, elsewhere, asking(NEW, Status::PendingValidation, &[])),
    ] {
        let known = describes(earlier(old));
        let list = lists(vec![summary(OLD, Status::Issued)]);
        let token = token_of(&wish, Some(OLD));
        let request = mock!(Acm::request_certificate)
            .match_requests(move |request| request.idempotency_token() == Some(&token))
            .then_output(|| RequestCertificateOutput::builder().certificate_arn(NEW).build());
        let rules = [&known, &list, &has_tags(OLD, OURS), &request, &describes(new)];
        let output = go(&rules, &[&puts(NEW)], wish).await.expect("requested");
        assert_eq!((output.certificate_arn.as_str(), &output.replaced), (NEW, &vec![OLD.to_owned()]));
        assert_eq!((known.num_calls(), request.num_calls()), (1, 1), "looked at once");
    }
}

#[tokio::test]
async fn of_two_certificates_with_the_same_names_the_one_is_taken_that_is_validated_as_wanted() {
    const BY_MAIL: &str = "arn:aws:acm:us-east-1:123456789012:certificate/mail";
    let list = lists(vec![summary(OLD, Status::Issued), summary(BY_MAIL, Status::Issued)]);
    let (ours, also_ours) = (has_tags(OLD, OURS), has_tags(BY_MAIL, OURS));
    let by_records = describes(earlier(detail(OLD, Status::Issued)));
    let by_mails = describes(earlier(asking(BY_MAIL, Status::Issued, &NAMES)));
    let rules = [&list, &ours, &also_ours, &by_records, &by_mails];
    for (wish, taken, other) in
        [(by_email(false, None, "example.com"), BY_MAIL, OLD), (input(false, None), OLD, BY_MAIL)]
    {
        let output = go(&rules, &[], wish).await.expect("found");
        assert_eq!((output.certificate_arn.as_str(), output.replaced), (taken, vec![other.to_owned()]));
    }
    assert_eq!(by_mails.num_calls(), 1, "the first that fits is enough");
}

#[test]
fn the_token_tells_how_a_certificate_is_validated() {
    let tokens: BTreeSet<String> =
        [input(true, None), by_email(true, None, "example.com"), by_email(true, None, "mail.example.com")]
            .iter()
            .map(|wish| token_of(wish, None))
            .collect();
    assert_eq!(tokens.len(), 3);
    let mut again = by_email(true, None, "example.com");
    again.request.certificate.resend_email = true;
    assert!(tokens.contains(&token_of(&again, None)), "to send mails again is no other certificate");
}

/// A run that wants the mails about [`OLD`] sent again.
fn again() -> RequestCertInput {
    let mut input = by_email(false, Some(OLD), "example.com");
    input.request.certificate.resend_email = true;
    input
}

/// Takes mails to be sent again, and notes the names and when.
fn sends(sent: &Arc<Mutex<Vec<(String, Instant)>>>) -> Rule {
    let sent = Arc::clone(sent);
    mock!(Acm::resend_validation_email)
        .match_requests(|request| {
            request.certificate_arn() == Some(OLD) && request.validation_domain() == Some("example.com")
        })
        .then_compute_output(move |request| {
            let name = request.domain().expect("a name").to_owned();
            sent.lock().expect("a lock").push((name, Instant::now()));
            ResendValidationEmailOutput::builder().build()
        })
}

#[tokio::test(start_paused = true)]
async fn mails_of_an_earlier_run_are_sent_again_once_for_each_open_name_at_the_pace_that_acm_takes() {
    let sent = Arc::default();
    let pending = describes(earlier(asking(OLD, Status::PendingValidation, &["example.com"])));
    let output = go(&[&pending, &sends(&sent)], &[&stands(OLD, false)], again()).await.expect("pending");
    assert!(output.emails_resent);
    {
        let sent = sent.lock().expect("a lock");
        let names: Vec<&str> = sent.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["*.example.com", "a.api.example.com"]);
        assert!(sent[1].1 - sent[0].1 >= Duration::from_secs(1));
    }
    let later = RequestCertInput { emails_resent: output.emails_resent, ..again() };
    let output = go(&[&pending, &sends(&sent)], &[&stands(OLD, false)], later).await.expect("pending");
    assert!(output.emails_resent, "it stays said");
    assert_eq!(sent.lock().expect("a lock").len(), 2, "not in a later turn");
}

#[tokio::test]
async fn no_mail_is_sent_again_that_nobody_asked_for_or_that_has_just_been_sent_or_that_nobody_waits_for() {
    let sent = Arc::default();
    let pending = || asking(OLD, Status::PendingValidation, &[]);
    let by_dns = || RequestCertInput { request: input(false, None).request, ..again() };
    for (detail, wish) in [
        (earlier(pending()), by_email(false, Some(OLD), "example.com")),
        (pending(), again()),
        (earlier(asking(OLD, Status::Issued, &NAMES)), again()),
        (earlier(detail(OLD, Status::PendingValidation)), by_dns()),
    ] {
        let rules = [&describes(detail), &sends(&sent)];
        let output = go(&rules, &[&stands(OLD, false)], wish).await.expect("found");
        assert!(!output.emails_resent);
    }
    assert!(sent.lock().expect("a lock").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_acm_answers_to_a_mail_that_is_to_be_sent_again_has_its_class() {
    let pending = describes(earlier(asking(OLD, Status::PendingValidation, &[])));
    let refuses = |code: &'static str| mock!(Acm::resend_validation_email).then_http_response(move || refusal(code));
    let settled = refuses("InvalidStateException");
    let output = go(&[&pending, &settled], &[&stands(OLD, false)], again()).await.expect("pending");
    assert_eq!((output.emails_resent, settled.num_calls()), (true, NAMES.len()), "answered meanwhile");
    for (code, class) in [
        ("ThrottlingException", Class::Retryable),
        ("ResourceNotFoundException", Class::NotReady),
        ("InvalidDomainValidationOptionsException", Class::Failed),
        ("AccessDeniedException", Class::Failed),
    ] {
        let error = go(&[&pending, &refuses(code)], &[&stands(OLD, false)], again()).await.expect_err(code);
        assert_eq!(error.class, class, "{code}: {error}");
    }
}

#[tokio::test]
async fn a_wait_for_clicks_that_came_to_nothing_names_the_mailboxes_and_how_to_ask_again() {
    let timed_out = describes(asking(OLD, Status::ValidationTimedOut, &[]));
    let mut late = by_email(true, Some(OLD), "example.com");
    late.deadline = NOW;
    for (code, detail, wish) in [
        ("VALIDATION_TIMED_OUT", &timed_out, by_email(true, Some(OLD), "example.com")),
        ("CertificateDeadline", &describes(asking(OLD, Status::PendingValidation, &[])), late),
    ] {
        let error = go(&[detail], &[], wish).await.expect_err(code);
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, code));
        assert!(error.reason.contains("clicked") && error.remedy.contains("postmaster@example.com"), "{error}");
        assert!(error.remedy.contains("resendEmail") && !error.to_string().contains("hosted zone"), "{error}");
    }
    for (reason, word) in
        [(FailureReason::NoAvailableContacts, "validationDomain"), (FailureReason::DomainValidationDenied, "mailboxes")]
    {
        let mut failed = asking(OLD, Status::Failed, &[]);
        failed.failure_reason = Some(reason);
        let error = go(&[&describes(failed)], &[], by_email(true, Some(OLD), "example.com")).await.expect_err(word);
        assert!(error.remedy.contains(word), "{error}");
    }
}
