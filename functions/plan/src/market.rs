//! The registration: whether it is here, else whether it can be bought, for how much and with which contact.
//! It must not know what is done once the name is registered.

use nameplate::contract::result::PriceReport;
use nameplate::contract::{Quote, RegistrationPlan};
use nameplate::error::{classify, code_of};
use nameplate::function::runtime::now;
use nameplate::request::Registration;
use nameplate::resource::registration::{self, RegisteredDomain, Wanted};
use nameplate::secret::SecretString;
use nameplate::{Request, StepError};

use crate::context::Clients;
use crate::item::Item;
use crate::picture::Picture;

/// What was found about the registration.
pub(crate) struct Found {
    pub(crate) plan: RegistrationPlan,
    /// Present when the name is to be bought now.
    pub(crate) quote: Option<Quote>,
    /// Present when the name is registered in this account.
    pub(crate) detail: Option<RegisteredDomain>,
}

pub(crate) async fn find_registration(clients: &Clients, request: &Request, item: &Item) -> Result<Found, StepError> {
    let domain = request.domain_name.as_str();
    if !request.domain_name.is_registrable() {
        // What is registered is a name above it, which is not this request's business.
        return Ok(Found { plan: RegistrationPlan::NotManaged, quote: None, detail: None });
    }
    // A name that is to be bought is asked for at the registry first: while it is available it cannot be ours.
    if request.registration.is_some() && !item.purchase_begun && !item.live {
        let availability = observe::route53domains::availability(&clients.domains, domain).await?;
        let Err(refusal) = registration::check_availability(domain, availability.as_deref()) else {
            let quote = quote(clients, request).await?;
            return Ok(Found { plan: RegistrationPlan::Register, quote: Some(quote), detail: None });
        };
        // It may be taken by this very account.
        let detail = observe::route53domains::registered_domain(&clients.domains, domain).await?.ok_or(refusal)?;
        return Ok(Found { plan: RegistrationPlan::Registered, quote: None, detail: Some(detail) });
    }
    let detail = observe::route53domains::registered_domain(&clients.domains, domain).await?;
    let plan = match (&detail, item.purchase_begun) {
        (Some(_), _) => RegistrationPlan::Registered,
        (None, true) => RegistrationPlan::Register,
        (None, false) => RegistrationPlan::NotManaged,
    };
    Ok(Found { plan, quote: None, detail })
}

pub(crate) fn not_for_sale(request: &Request) -> StepError {
    StepError::invalid(
        "registration",
        format!("{} would have to be bought, and the field is missing", request.domain_name),
        "add `registration` with `maxPrice`",
    )
}

/// The registry's price for one year of registration and of renewal.
async fn quote(clients: &Clients, request: &Request) -> Result<Quote, StepError> {
    let (registration, renewal) = observe::route53domains::prices(&clients.domains, &request.domain_name).await?;
    Ok(Quote { registration, renewal, read_at: now() })
}

/// Refuses to set the renewal of a name that is another stack's or not of this account.
///
/// # Errors
/// `Refused`; else as `classify` has it.
pub(crate) async fn check_renewal(picture: &Picture<'_>, item: &Item, found: &Found) -> Result<(), StepError> {
    let request = picture.request;
    if found.plan == RegistrationPlan::NotManaged {
        return registration::check_renewal_elsewhere(request);
    }
    let wanted = Wanted { auto_renew: registration::wanted_renewal(request), tagging: None };
    let differs = |standing: &RegisteredDomain| !registration::differences(Some(standing), &wanted).is_empty();
    if item.purchase_begun || !found.detail.as_ref().is_some_and(differs) {
        return Ok(());
    }
    registration::check_renewal(request, &picture.registration_tags().await?, &picture.settings.stack)
}

pub(crate) async fn check_contact(clients: &Clients, registration: &Registration) -> Result<(), StepError> {
    let name = &registration.contact_secret;
    let answer = clients.secrets.get_secret_value().secret_id(name).send().await.map_err(|error| {
        registration::secret_error(name, code_of(&error))
            .unwrap_or_else(|| classify("secretsmanager:GetSecretValue", &error))
    })?;
    registration::contact(name, answer.secret_string.map(SecretString::from)).map(drop)
}

pub(crate) fn price_report(registration: &Registration, quote: &Quote) -> PriceReport {
    PriceReport {
        first_year: quote.registration.clone(),
        total: quote.total(registration.years),
        years: registration.years,
        renewal: quote.renewal.clone(),
        auto_renew: registration.auto_renew.unwrap_or(registration::RENEWS_BY_DEFAULT),
    }
}
