//! The registrant: from the secret to the contact that RegisterDomain takes.
//! Errors name the secret and the field, never what the secret holds. It must not know money.

use aws_sdk_route53domains::types::{ContactDetail, ContactType, CountryCode, ExtraParam, ExtraParamName};
use aws_sdk_secretsmanager::Client;
use nameplate::StepError;
use nameplate::error::{classify, code_of};
use nameplate::resource::registration;
use nameplate::resource::registration::contact::Contact;
use nameplate::secret::{ExposeSecret, SecretString};

/// Reads the contact out of the secret `name`.
///
/// # Errors
/// `InvalidRequest` when the secret is missing, cannot be read or holds no valid contact.
pub(crate) async fn read(client: &Client, name: &str) -> Result<ContactDetail, StepError> {
    let answer = client.get_secret_value().secret_id(name).send().await.map_err(|error| {
        registration::secret_error(name, code_of(&error))
            .unwrap_or_else(|| classify("secretsmanager:GetSecretValue", &error))
    })?;
    let contact = registration::contact(name, answer.secret_string.map(SecretString::from))?;
    Ok(detail(&contact))
}

/// From here on the SDK holds the contact; the `Debug` of its type shows nothing of it.
fn detail(contact: &Contact) -> ContactDetail {
    let text = |secret: &SecretString| secret.expose_secret().to_owned();
    let maybe = |secret: &Option<SecretString>| secret.as_ref().map(text);
    let extra_params = contact.extra_params.iter().map(|(name, value)| {
        ExtraParam::builder()
            .name(ExtraParamName::from(name.as_str()))
            .value(text(value))
            .build()
            .expect("name and value are set")
    });
    ContactDetail::builder()
        .first_name(text(&contact.first_name))
        .last_name(text(&contact.last_name))
        .contact_type(ContactType::from(contact.contact_type))
        .set_organization_name(maybe(&contact.organization_name))
        .address_line1(text(&contact.address_line_1))
        .set_address_line2(maybe(&contact.address_line_2))
        .city(text(&contact.city))
        .set_state(maybe(&contact.state))
        .country_code(CountryCode::from(contact.country_code.expose_secret()))
        .set_zip_code(maybe(&contact.zip_code))
        .phone_number(text(&contact.phone_number))
        .set_fax(maybe(&contact.fax))
        .email(text(&contact.email))
        .set_extra_params(Some(extra_params.collect::<Vec<_>>()).filter(|params| !params.is_empty()))
        .build()
}

#[cfg(test)]
mod tests;
