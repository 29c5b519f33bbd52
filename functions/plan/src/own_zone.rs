//! The hosted zone of a name that a registrar sells: the one to which the registry delegates; where no registry says it,
//! that of earlier runs, else the one with our tags, else the only one. Read-only. `create-zone` chooses by the same rules
//! when its turn comes, and makes a zone where there is none. It must not know what is written into the zone.

use nameplate::StepError;
use nameplate::request::NameServers;
use nameplate::resource::hosted_zone;
use nameplate::resource::hosted_zone::Served;
use nameplate::resource::tags;

use crate::look::{self, Detail};
use crate::picture::Picture;

/// A hosted zone into which the records go.
pub(crate) struct Zone {
    pub(crate) id: String,
    /// False: its name is registered in this account, and the registry names other servers.
    pub(crate) delegated: bool,
}

impl Zone {
    pub(crate) fn delegated(id: impl Into<String>) -> Self {
        Self { id: id.into(), delegated: true }
    }
}

/// Who is asked about what.
pub(crate) struct Looking<'a> {
    pub(crate) picture: &'a Picture<'a>,
    /// The zone of earlier runs.
    pub(crate) recorded: Option<&'a str>,
    /// Present when the name is registered in this account.
    pub(crate) registry: Option<&'a Detail>,
    /// Whether it was bought and no run has seen its zone yet: then the registrar's may still be on its way.
    pub(crate) just_bought: bool,
}

impl Looking<'_> {
    /// The zone; nothing where there is none yet.
    ///
    /// # Errors
    /// `Refused` when there are several and nothing says which one counts, and when the registry names servers of none of
    /// them, unless the request has that corrected and the registry has no DNSSEC keys.
    pub(crate) async fn zone(&self) -> Result<Option<Zone>, StepError> {
        let (clients, domain) = (self.picture.clients, self.picture.request.domain_name.as_str());
        let servers = self.registry.map(|registry| registry.name_servers.as_slice());
        let servers = servers.filter(|servers| !servers.is_empty());
        let recorded = match self.recorded {
            Some(id) => look::hosted_zone(clients, id).await?,
            None => None,
        };
        if let Some(zone) = &recorded
            && zone.usable
            && zone.name == domain
            && servers.is_none_or(|servers| zone.name_servers == servers)
        {
            return Ok(Some(Zone::delegated(zone.id.as_str())));
        }
        let ids = look::zones(clients, domain).await?;
        match servers {
            Some(servers) => self.served_by(servers, ids, recorded).await,
            None => Ok(self.chosen(&ids).await?.map(Zone::delegated)),
        }
    }

    /// Which of these zones answers at these servers; `recorded` has been read by now.
    async fn served_by(
        &self,
        servers: &[String],
        ids: Vec<String>,
        mut recorded: Option<look::Zone>,
    ) -> Result<Option<Zone>, StepError> {
        let domain = self.picture.request.domain_name.as_str();
        let mut all = Vec::new();
        for id in ids {
            let zone = match recorded.take_if(|zone| zone.id == id) {
                Some(zone) => Some(zone),
                None => look::hosted_zone(self.picture.clients, &id).await?,
            };
            let Some(zone) = zone else { continue };
            if zone.name_servers == servers {
                return Ok(Some(Zone::delegated(id)));
            }
            all.push(Served { id, name_servers: zone.name_servers });
        }
        if self.just_bought {
            return Ok(None);
        }
        let correct = self.picture.request.name_servers == NameServers::Correct;
        // A dry run tells of it, as long as there is no question which zone the request would be corrected to.
        if !correct && (!self.picture.request.dry_run || all.len() > 1) {
            return Err(hosted_zone::elsewhere(domain, servers, &all));
        }
        if correct && self.registry.is_some_and(|registry| registry.signed) {
            return Err(hosted_zone::signed(domain));
        }
        let ids: Vec<String> = all.into_iter().map(|zone| zone.id).collect();
        Ok(self.chosen(&ids).await?.map(|id| Zone { id, delegated: false }))
    }

    /// Which of these zones it is when no delegation says so.
    async fn chosen(&self, ids: &[String]) -> Result<Option<String>, StepError> {
        match ids {
            [only] if !self.just_bought => return Ok(Some(only.clone())),
            [_, _, ..] if !self.just_bought => {}
            _ => return Ok(None),
        }
        let mut ours = Vec::new();
        for id in ids {
            let present = self.picture.zone_tags(id).await?.unwrap_or_default();
            let pairs = present.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            if tags::ours(pairs, self.picture.request.domain_name.as_str(), &self.picture.settings.stack) {
                ours.push(id.clone());
            }
        }
        if let [id] = ours.as_slice() {
            return Ok(Some(id.clone()));
        }
        let all = ids.iter().map(String::as_str);
        Err(hosted_zone::ambiguous(self.picture.request.domain_name.as_str(), &self.picture.settings.stack, all))
    }
}
