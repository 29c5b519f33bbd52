//! The registrant's contact, as it lies in Secrets Manager.
//! Nothing here can print it: no `Debug` of a value, no `Serialize`, and errors name a field but never
//! its content. It must not know the SDK; `register` copies the fields into the API's own type.

use std::fmt;

use serde_json::{Map, Value};

/// A checked contact. One contact stands for registrant, administrator and technician.
pub struct Contact {
    /// `FirstName`.
    pub first_name: String,
    /// `LastName`.
    pub last_name: String,
    /// `ContactType`: `PERSON`, `COMPANY`, `ASSOCIATION`, `PUBLIC_BODY` or `RESELLER`.
    pub contact_type: String,
    /// `OrganizationName`; present for every type but `PERSON`.
    pub organization_name: Option<String>,
    /// `AddressLine1`.
    pub address_line_1: String,
    /// `AddressLine2`.
    pub address_line_2: Option<String>,
    /// `City`.
    pub city: String,
    /// `State`.
    pub state: Option<String>,
    /// `CountryCode`.
    pub country_code: String,
    /// `ZipCode`.
    pub zip_code: Option<String>,
    /// `PhoneNumber`, as `+<country code>.<number>`.
    pub phone_number: String,
    /// `Fax`, in the same form.
    pub fax: Option<String>,
    /// `Email`.
    pub email: String,
    /// `ExtraParams`: what some top-level domains ask for, by name.
    pub extra_params: Vec<(String, String)>,
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contact(not shown)")
    }
}

/// Why a secret is no contact: the field, and what it should be. Never what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactProblem {
    /// The field, for example `phoneNumber`; `secret` for the document as a whole.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// Kinds of contacts (AWS-FACTS 1.3).
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
    /// The first field that AWS would refuse, late and after money was at stake (AWS-FACTS 1.3).
    pub fn parse(secret: &str) -> Result<Self, ContactProblem> {
        let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(secret) else {
            return Err(problem("secret", "it is no JSON object"));
        };
        if fields.keys().any(|key| !FIELDS.contains(&key.as_str())) {
            return Err(problem(
                "secret",
                &format!("it holds a field that is not known; known are {}", FIELDS.join(", ")),
            ));
        }
        let contact_type = optional(&fields, "contactType", 255)?.unwrap_or_else(|| "PERSON".to_owned());
        if !CONTACT_TYPES.contains(&contact_type.as_str()) {
            return Err(problem("contactType", &format!("it must be one of {}", CONTACT_TYPES.join(", "))));
        }
        let organization_name = optional(&fields, "organizationName", 255)?;
        if contact_type != "PERSON" && organization_name.is_none() {
            return Err(problem("organizationName", "it is needed for every contactType but PERSON"));
        }
        let country_code = required(&fields, "countryCode", 2)?;
        if !COUNTRY_CODES.split(' ').any(|code| code == country_code) {
            return Err(problem("countryCode", "it must be a two-letter country code in capitals, such as US or DE"));
        }
        let phone_number = required(&fields, "phoneNumber", 30)?;
        check_phone("phoneNumber", &phone_number)?;
        let fax = optional(&fields, "fax", 30)?;
        if let Some(fax) = &fax {
            check_phone("fax", fax)?;
        }
        let email = required(&fields, "email", 254)?;
        let plausible = email
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'));
        if !plausible || email.contains(char::is_whitespace) {
            return Err(problem("email", "it must be an e-mail address that you read: AWS sends a confirmation there"));
        }
        Ok(Self {
            first_name: required(&fields, "firstName", 255)?,
            last_name: required(&fields, "lastName", 255)?,
            contact_type,
            organization_name,
            address_line_1: required(&fields, "addressLine1", 255)?,
            address_line_2: optional(&fields, "addressLine2", 255)?,
            city: required(&fields, "city", 255)?,
            state: optional(&fields, "state", 255)?,
            country_code,
            zip_code: optional(&fields, "zipCode", 255)?,
            phone_number,
            fax,
            email,
            extra_params: extra_params(&fields)?,
        })
    }
}

fn problem(field: &'static str, text: &str) -> ContactProblem {
    ContactProblem { field, problem: text.to_owned() }
}

fn optional(fields: &Map<String, Value>, name: &'static str, longest: usize) -> Result<Option<String>, ContactProblem> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) if text.chars().count() > longest => {
            Err(problem(name, &format!("it is longer than {longest} characters")))
        }
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(problem(name, "it must be a string")),
    }
}

fn required(fields: &Map<String, Value>, name: &'static str, longest: usize) -> Result<String, ContactProblem> {
    optional(fields, name, longest)?.ok_or_else(|| problem(name, "it is missing or empty"))
}

/// `+<country code>.<number>`: the dot is mandatory (AWS-FACTS 1.3).
fn check_phone(field: &'static str, text: &str) -> Result<(), ContactProblem> {
    let fine = text.strip_prefix('+').and_then(|rest| rest.split_once('.')).is_some_and(|(country, number)| {
        (1..=3).contains(&country.len())
            && country.bytes().all(|b| b.is_ascii_digit())
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
    });
    if fine {
        return Ok(());
    }
    Err(problem(field, "it must look like +<country code>.<number> with the dot, such as +1.2065550100"))
}

fn extra_params(fields: &Map<String, Value>) -> Result<Vec<(String, String)>, ContactProblem> {
    let form = "it must be a list of objects with the strings `name` and `value`";
    let Some(value) = fields.get("extraParams") else { return Ok(Vec::new()) };
    let list = value.as_array().ok_or_else(|| problem("extraParams", form))?;
    list.iter()
        .map(|entry| match (entry["name"].as_str(), entry["value"].as_str()) {
            (Some(name), Some(value)) if value.chars().count() <= 2048 => Ok((name.to_owned(), value.to_owned())),
            _ => Err(problem("extraParams", form)),
        })
        .collect()
}

/// The `CountryCode` enumeration of Route 53 Domains (AWS-FACTS 1.3).
const COUNTRY_CODES: &str = "AC AD AE AF AG AI AL AM AN AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR \
    BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE \
    EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN \
    HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK \
    LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF \
    NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD \
    SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TP TR TT TV TW \
    TZ UA UG US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ada() -> Value {
        json!({
            "firstName": "Ada", "lastName": "Example", "addressLine1": "1 Example Street", "city": "Seattle",
            "state": "WA", "countryCode": "US", "zipCode": "98101", "phoneNumber": "+1.2065550100",
            "email": "ada@example.com"
        })
    }

    fn problem_of(change: impl FnOnce(&mut Value)) -> ContactProblem {
        let mut contact = ada();
        change(&mut contact);
        Contact::parse(&contact.to_string()).expect_err("a problem")
    }

    #[test]
    fn a_person_needs_no_organisation() {
        let contact = Contact::parse(&ada().to_string()).expect("valid");
        assert_eq!(contact.contact_type, "PERSON");
        assert_eq!(contact.phone_number, "+1.2065550100");
    }

    #[test]
    fn what_aws_would_refuse_late_is_refused_here() {
        assert_eq!(Contact::parse("Ada Example").expect_err("a problem").field, "secret");
        assert_eq!(problem_of(|c| c["phoneNumber"] = json!("+12065550100")).field, "phoneNumber");
        assert_eq!(problem_of(|c| c["phoneNumber"] = json!("206.5550100")).field, "phoneNumber");
        assert_eq!(problem_of(|c| c["fax"] = json!("12")).field, "fax");
        assert_eq!(problem_of(|c| c["contactType"] = json!("COMPANY")).field, "organizationName");
        assert_eq!(problem_of(|c| c["contactType"] = json!("ROBOT")).field, "contactType");
        assert_eq!(problem_of(|c| c["countryCode"] = json!("us")).field, "countryCode");
        assert_eq!(problem_of(|c| c["countryCode"] = json!("QQ")).field, "countryCode");
        assert_eq!(problem_of(|c| c["email"] = json!("ada")).field, "email");
        assert_eq!(problem_of(|c| c["city"] = json!(7)).field, "city");
        assert_eq!(problem_of(|c| c["lastName"] = json!(" ")).field, "lastName");
        assert_eq!(problem_of(|c| c["nickName"] = json!("Ada")).field, "secret");
        assert_eq!(problem_of(|c| c["extraParams"] = json!({"name": "VAT_NUMBER"})).field, "extraParams");
    }

    #[test]
    fn nothing_that_the_secret_holds_can_be_printed() {
        let marked = ada().to_string().replace("Ada", "MARK-1").replace("ada@", "MARK-2@");
        let contact = Contact::parse(&marked).expect("valid");
        assert!(!format!("{contact:?}").contains("MARK"));
        for broken in [
            "\"MARK\"",
            "{\"MARK\": 1}",
            "{\"firstName\": \"MARK\"}",
            "{\"phoneNumber\": \"MARK\", \"countryCode\": \"US\"}",
            "MARK",
        ] {
            let problem = Contact::parse(broken).expect_err("a problem");
            assert!(!format!("{problem:?}").contains("MARK"), "{problem:?}");
        }
    }
}
