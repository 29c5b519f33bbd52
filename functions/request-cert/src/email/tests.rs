//! Who is asked by e-mail, and how it is said.

use super::*;

#[test]
fn an_action_says_who_gets_a_mail_about_which_name_from_whom_until_when_and_how_to_have_it_sent_again() {
    let names = ["example.com", "*.example.com"].map(str::to_owned);
    let question = Question {
        arn: "arn:aws:acm:eu-central-1:123456789012:certificate/c",
        names: &names,
        domain: "example.com",
        requested: 1_800_000_000,
    };
    let [apex, wildcard] = &question.actions()[..] else { panic!("one for each name") };
    assert_eq!(
        apex,
        "Click the link in the mail about example.com that ACM sends from no-reply@certificates.amazon.com to \
             admin@example.com, administrator@example.com, hostmaster@example.com, postmaster@example.com, \
             webmaster@example.com: once, in one of these mailboxes, until 2027-01-18T08:00:00Z, or no certificate is \
             issued; and once for each renewal, about every six months, when ACM asks again. Each name needs a click of \
             its own. To have the mail sent again: aws acm resend-validation-email --region eu-central-1 \
             --certificate-arn arn:aws:acm:eu-central-1:123456789012:certificate/c --domain example.com \
             --validation-domain example.com"
    );
    assert!(wildcard.contains("mail about *.example.com that"), "{wildcard}");
    assert!(wildcard.ends_with("--domain '*.example.com' --validation-domain example.com"), "{wildcard}");
}

#[test]
fn a_time_that_nobody_knows_breaks_nothing() {
    let question = Question { arn: "arn", names: &[], domain: "example.com", requested: i64::MAX };
    assert_eq!(question.validation(None).until, "an unknown time");
}
