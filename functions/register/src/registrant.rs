//! The registrant: from the secret to the contact that RegisterDomain takes.
//! Errors name the secret and the field, never what the secret holds. It must not know money.

use aws_sdk_route53domains::types::{ContactDetail, ContactType, CountryCode, ExtraParam, ExtraParamName};
use aws_sdk_secretsmanager::Client;
use nameplate::StepError;
use nameplate::contact::Contact;
use nameplate::error::{classify, code_of};
use nameplate::purchase;
use nameplate::secret::{ExposeSecret, SecretString};

/// Reads the contact out of the secret `name`.
///
/// # Errors
/// `InvalidRequest` when the secret is missing, cannot be read or holds no valid contact.
pub(crate) async fn read(client: &Client, name: &str) -> Result<ContactDetail, StepError> {
    let answer = client.get_secret_value().secret_id(name).send().await.map_err(|error| {
        purchase::secret_error(name, code_of(&error))
            .unwrap_or_else(|| classify("secretsmanager:GetSecretValue", &error))
    })?;
    let contact = purchase::contact(name, answer.secret_string.map(SecretString::from))?;
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
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn contact_in(document: &Value) -> Contact {
        Contact::parse(&document.to_string().into()).unwrap_or_else(|problem| panic!("{problem:?}"))
    }

    #[test]
    fn every_field_of_the_contact_reaches_its_own_field_at_aws() {
        let contact = json!({
            "firstName": "Ada", "lastName": "Example", "contactType": "COMPANY", "organizationName": "Example Ltd",
            "addressLine1": "1 Example Street", "addressLine2": "Floor 2", "city": "Seattle", "state": "WA",
            "countryCode": "US", "zipCode": "98101", "phoneNumber": "+1.2065550100", "fax": "+1.2065550101",
            "email": "ada@example.com", "extraParams": [{"name": "VAT_NUMBER", "value": "XX1"}]
        });
        let expected = ContactDetail::builder()
            .first_name("Ada")
            .last_name("Example")
            .contact_type(ContactType::Company)
            .organization_name("Example Ltd")
            .address_line1("1 Example Street")
            .address_line2("Floor 2")
            .city("Seattle")
            .state("WA")
            .country_code(CountryCode::Us)
            .zip_code("98101")
            .phone_number("+1.2065550100")
            .fax("+1.2065550101")
            .email("ada@example.com")
            .extra_params(ExtraParam::builder().name(ExtraParamName::VatNumber).value("XX1").build().expect("built"))
            .build();
        let detail = detail(&contact_in(&contact));
        assert!(detail == expected);
        let shown = format!("{detail:?}");
        for value in ["Ada", "1 Example Street", "Seattle", "98101", "2065550100", "ada@example.com", "XX1"] {
            assert!(!shown.contains(value), "the SDK shows {value}");
        }
    }

    #[test]
    fn fields_that_the_contact_lacks_are_not_sent() {
        let contact = json!({
            "firstName": "Ada", "lastName": "Example", "addressLine1": "1 Example Street", "city": "Seattle",
            "countryCode": "US", "phoneNumber": "+1.2065550100", "email": "ada@example.com"
        });
        let detail = detail(&contact_in(&contact));
        assert!(detail.state.is_none() && detail.fax.is_none() && detail.extra_params.is_none());
        assert!(detail.contact_type == Some(ContactType::Person));
    }
}
