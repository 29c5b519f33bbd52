//! What a registration checks of a contact. Personal data: never repeated. Must not know whose it is.

use serde_json::Value;

/// Checks a contact as the service does: late, and the first flaw only (AWS-FACTS 1.3.2). Never repeats a value.
pub(crate) fn check(which: &str, contact: &Value) -> Result<(), String> {
    let text = |field: &str| contact[field].as_str().filter(|value| !value.is_empty());
    let flaw = |field: &str, flaw: &str| Err(format!("{which}.{field} {flaw}."));
    for field in ["FirstName", "LastName", "AddressLine1", "City", "CountryCode", "PhoneNumber", "Email", "ContactType"]
    {
        let Some(value) = text(field) else { return flaw(field, "is required") };
        let most = match field {
            "PhoneNumber" => 30,
            "Email" => 254,
            _ => 255,
        };
        if value.chars().count() > most {
            return flaw(field, "is too long");
        }
    }
    let kind = text("ContactType").unwrap_or_default();
    if !matches!(kind, "PERSON" | "COMPANY" | "ASSOCIATION" | "PUBLIC_BODY" | "RESELLER") {
        return flaw("ContactType", "is not one of the contact types");
    }
    if kind != "PERSON" && text("OrganizationName").is_none() {
        return flaw("OrganizationName", "is required for every contact type but PERSON");
    }
    if COUNTRY_CODES.binary_search(&text("CountryCode").unwrap_or_default()).is_err() {
        return flaw("CountryCode", "is not a country code");
    }
    for field in ["PhoneNumber", "Fax"] {
        if text(field).is_some_and(|number| !is_phone_number(number)) {
            return flaw(field, "must have the form +<country code>.<number>");
        }
    }
    if text("Email")
        .is_some_and(|email| email.split_once('@').is_none_or(|(user, host)| user.is_empty() || host.is_empty()))
    {
        return flaw("Email", "is not an e-mail address");
    }
    Ok(())
}

fn is_phone_number(number: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    number
        .strip_prefix('+')
        .and_then(|rest| rest.split_once('.'))
        .is_some_and(|(country, rest)| country.len() <= 3 && digits(country) && digits(rest))
}

/// `CountryCode` of the service model, in order.
#[rustfmt::skip]
const COUNTRY_CODES: [&str; 251] = [
    "AC", "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AN", "AO", "AQ", "AR", "AS", "AT", "AU", "AW", "AX", "AZ",
    "BA", "BB", "BD", "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR", "BS", "BT", "BV",
    "BW", "BY", "BZ", "CA", "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM", "CN", "CO", "CR", "CU", "CV",
    "CW", "CX", "CY", "CZ", "DE", "DJ", "DK", "DM", "DO", "DZ", "EC", "EE", "EG", "EH", "ER", "ES", "ET", "FI",
    "FJ", "FK", "FM", "FO", "FR", "GA", "GB", "GD", "GE", "GF", "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ",
    "GR", "GS", "GT", "GU", "GW", "GY", "HK", "HM", "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO",
    "IQ", "IR", "IS", "IT", "JE", "JM", "JO", "JP", "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY",
    "KZ", "LA", "LB", "LC", "LI", "LK", "LR", "LS", "LT", "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG",
    "MH", "MK", "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS", "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA",
    "NC", "NE", "NF", "NG", "NI", "NL", "NO", "NP", "NR", "NU", "NZ", "OM", "PA", "PE", "PF", "PG", "PH", "PK",
    "PL", "PM", "PN", "PR", "PS", "PT", "PW", "PY", "QA", "RE", "RO", "RS", "RU", "RW", "SA", "SB", "SC", "SD",
    "SE", "SG", "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS", "ST", "SV", "SX", "SY", "SZ", "TC",
    "TD", "TF", "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO", "TP", "TR", "TT", "TV", "TW", "TZ", "UA", "UG",
    "US", "UY", "UZ", "VA", "VC", "VE", "VG", "VI", "VN", "VU", "WF", "WS", "YE", "YT", "ZA", "ZM", "ZW",
];

#[cfg(test)]
mod tests;
