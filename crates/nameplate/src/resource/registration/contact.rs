//! The registrant's contact, as it lies in Secrets Manager.
//! Nothing can print it: it has no `Debug`, `Display` or `Serialize`, its fields are secrets, and errors name
//! a field but never its content. It must not know the SDK; `register` copies the fields into the API's own type.

use serde_json::{Map, Value};

use crate::secret::{ExposeSecret, SecretString};

/// A checked contact. One contact stands for registrant, administrator and technician.
pub struct Contact {
    /// `FirstName`.
    pub first_name: SecretString,
    /// `LastName`.
    pub last_name: SecretString,
    /// `ContactType`: `PERSON`, `COMPANY`, `ASSOCIATION`, `PUBLIC_BODY` or `RESELLER`.
    pub contact_type: &'static str,
    /// `OrganizationName`; present for every type but `PERSON`.
    pub organization_name: Option<SecretString>,
    /// `AddressLine1`.
    pub address_line_1: SecretString,
    /// `AddressLine2`.
    pub address_line_2: Option<SecretString>,
    /// `City`.
    pub city: SecretString,
    /// `State`.
    pub state: Option<SecretString>,
    /// `CountryCode`.
    pub country_code: SecretString,
    /// `ZipCode`.
    pub zip_code: Option<SecretString>,
    /// `PhoneNumber`, as `+<country code>.<number>`.
    pub phone_number: SecretString,
    /// `Fax`, in the same form.
    pub fax: Option<SecretString>,
    /// `Email`.
    pub email: SecretString,
    /// `ExtraParams`: what some top-level domains ask for, by name.
    pub extra_params: Vec<(String, SecretString)>,
}

/// Why a secret is no contact: the field, and what it should be. Never what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactProblem {
    /// The field, for example `phoneNumber`; `secret` for the document as a whole.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// Kinds of contacts (AWS-FACTS 1.3.1).
const CONTACT_TYPES: [&str; 5] = ["PERSON", "COMPANY", "ASSOCIATION", "PUBLIC_BODY", "RESELLER"];

/// Every field that a contact may hold.
const FIELDS: [&str; 14] = [
    "firstName",
    "lastName",
    "contactType",
    "organizationName",
    "addressLine1",
    "addressLine2",
    "city",
    "state",
    "countryCode",
    "zipCode",
    "phoneNumber",
    "fax",
    "email",
    "extraParams",
];

impl Contact {
    /// Reads the text of the secret: a JSON object with the fields of Route 53 Domains' `ContactDetail`,
    /// their first letter in lower case.
    ///
    /// # Errors
    /// The first field that AWS would refuse, late and after money was at stake (AWS-FACTS 1.3.2).
    pub fn parse(secret: &SecretString) -> Result<Self, ContactProblem> {
        let Ok(Value::Object(mut fields)) = serde_json::from_str::<Value>(secret.expose_secret()) else {
            return Err(problem("secret", "it is no JSON object"));
        };
        if fields.keys().any(|key| !FIELDS.contains(&key.as_str())) {
            return Err(problem(
                "secret",
                &format!("it holds a field that is not known; known are {}", FIELDS.join(", ")),
            ));
        }
        let contact_type = match optional(&mut fields, "contactType", 255)? {
            None => "PERSON",
            Some(given) => CONTACT_TYPES
                .into_iter()
                .find(|known| *known == given.expose_secret())
                .ok_or_else(|| problem("contactType", &format!("it must be one of {}", CONTACT_TYPES.join(", "))))?,
        };
        let organization_name = optional(&mut fields, "organizationName", 255)?;
        if contact_type != "PERSON" && organization_name.is_none() {
            return Err(problem("organizationName", "it is needed for every contactType but PERSON"));
        }
        let country_code = required(&mut fields, "countryCode", 2)?;
        if !COUNTRY_CODES.split(' ').any(|code| code == country_code.expose_secret()) {
            return Err(problem("countryCode", "it must be a two-letter country code in capitals, such as US or DE"));
        }
        let phone_number = required(&mut fields, "phoneNumber", 30)?;
        check_phone("phoneNumber", &phone_number)?;
        let fax = optional(&mut fields, "fax", 30)?;
        if let Some(fax) = &fax {
            check_phone("fax", fax)?;
        }
        let email = required(&mut fields, "email", 254)?;
        if !is_plausible(email.expose_secret()) {
            return Err(problem("email", "it must be an e-mail address that you read: AWS sends a confirmation there"));
        }
        Ok(Self {
            first_name: required(&mut fields, "firstName", 255)?,
            last_name: required(&mut fields, "lastName", 255)?,
            contact_type,
            organization_name,
            address_line_1: required(&mut fields, "addressLine1", 255)?,
            address_line_2: optional(&mut fields, "addressLine2", 255)?,
            city: required(&mut fields, "city", 255)?,
            state: optional(&mut fields, "state", 255)?,
            country_code,
            zip_code: optional(&mut fields, "zipCode", 255)?,
            phone_number,
            fax,
            email,
            extra_params: extra_params(&mut fields)?,
        })
    }
}

fn problem(field: &'static str, text: &str) -> ContactProblem {
    ContactProblem { field, problem: text.to_owned() }
}

/// Takes a field out of the document.
fn optional(
    fields: &mut Map<String, Value>,
    name: &'static str,
    longest: usize,
) -> Result<Option<SecretString>, ContactProblem> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) if text.chars().count() > longest => {
            Err(problem(name, &format!("it is longer than {longest} characters")))
        }
        Some(Value::String(text)) => Ok(Some(text.into())),
        Some(_) => Err(problem(name, "it must be a string")),
    }
}

fn required(
    fields: &mut Map<String, Value>,
    name: &'static str,
    longest: usize,
) -> Result<SecretString, ContactProblem> {
    optional(fields, name, longest)?.ok_or_else(|| problem(name, "it is missing or empty"))
}

/// `+<country code>.<number>`: the dot is mandatory (AWS-FACTS 1.3.3).
fn check_phone(field: &'static str, number: &SecretString) -> Result<(), ContactProblem> {
    let fine = number.expose_secret().strip_prefix('+').and_then(|rest| rest.split_once('.')).is_some_and(
        |(country, number)| {
            (1..=3).contains(&country.len())
                && country.bytes().all(|b| b.is_ascii_digit())
                && !number.is_empty()
                && number.bytes().all(|b| b.is_ascii_digit())
        },
    );
    if fine {
        return Ok(());
    }
    Err(problem(field, "it must look like +<country code>.<number> with the dot, such as +1.2065550100"))
}

fn is_plausible(email: &str) -> bool {
    let parts = email.split_once('@');
    parts.is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'))
        && !email.contains(char::is_whitespace)
}

fn extra_params(fields: &mut Map<String, Value>) -> Result<Vec<(String, SecretString)>, ContactProblem> {
    let malformed = || {
        problem(
            "extraParams",
            "it must be a list of objects with the strings `name` and `value` of at most 2048 characters",
        )
    };
    let list = match fields.remove("extraParams") {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(malformed()),
    };
    list.into_iter()
        .map(|mut entry| {
            let mut taken = |field| entry.get_mut(field).map(Value::take);
            match (taken("name"), taken("value")) {
                (Some(Value::String(name)), Some(Value::String(value))) if value.chars().count() <= 2048 => {
                    Ok((name, value.into()))
                }
                _ => Err(malformed()),
            }
        })
        .collect()
}

/// The `CountryCode` enumeration of Route 53 Domains (AWS-FACTS 1.3.1).
const COUNTRY_CODES: &str = "AC AD AE AF AG AI AL AM AN AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR \
    BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE \
    EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN \
    HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK \
    LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF \
    NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD \
    SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TP TR TT TV TW \
    TZ UA UG US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

#[cfg(test)]
mod tests;
