//! Whose a record at a host name of the API is. Records carry no tags, so what it points to says it.
//! Pure: it must not know the SDK; functions turn SDK answers into the plain type here.

/// What the target of every alias of a custom domain has in its name.
const GATEWAY_NAME: &str = ".execute-api.";

/// Whether the target of an alias is a custom domain, in whatever region.
pub fn is_custom_domain(target: &str) -> bool {
    target.contains(GATEWAY_NAME)
}

/// Whether the target of an alias is a custom domain in that region. One of another region is never this stack's.
pub fn is_custom_domain_in(region: &str, target: &str) -> bool {
    target.contains(&format!("{GATEWAY_NAME}{region}."))
}

/// An A, AAAA or CNAME record at a host name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRecord {
    /// The type.
    pub kind: String,
    /// Name of the target, where the record is an alias, in lower case and without the final dot.
    pub alias: Option<String>,
    /// Whether it has a routing policy, so that there can be several of it.
    pub routed: bool,
}

/// Whose a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Ours.
    Ours,
    /// Somebody else's; one record of its own, which can be taken over.
    Theirs,
    /// Somebody else's, and one of several that a routing policy chooses from: never taken over.
    Routed,
}

impl HostRecord {
    /// Whose it is. `target` is what our custom domain of the name answers under. `earlier`: an earlier run wrote the
    /// alias records of the name and this one leads into our region, so that an alias of a custom domain that is gone is
    /// ours too: the names of custom domains are drawn anew each time one is made.
    pub fn whose(&self, target: Option<&str>, earlier: bool) -> Whose {
        if self.routed {
            return Whose::Routed;
        }
        let alias = self.alias.as_deref().filter(|_| matches!(self.kind.as_str(), "A" | "AAAA"));
        match alias {
            Some(alias) if Some(alias) == target || (earlier && is_custom_domain(alias)) => Whose::Ours,
            _ => Whose::Theirs,
        }
    }
}

#[cfg(test)]
mod tests;
