//! The account's own settings.

use aws_sdk_account::Client;
use aws_sdk_account::types::RegionOptStatus;
use nameplate::StepError;
use nameplate::error::classify;

/// The regions that the account uses. One that is switched off is left out: nobody can look there.
///
/// # Errors
/// As [`classify`] has it.
pub async fn regions(client: &Client) -> Result<Vec<String>, StepError> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let page = client
            .list_regions()
            .region_opt_status_contains(RegionOptStatus::Enabled)
            .region_opt_status_contains(RegionOptStatus::EnabledByDefault)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| classify("account:ListRegions", &error))?;
        found.extend(page.regions.unwrap_or_default().into_iter().filter_map(|region| region.region_name));
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}
