//! Domain names: the form in which they are compared, and which lies in which. Must not know who has one.

/// Lower case, no final dot, `\052` as `*`: the form in which names are compared.
pub(crate) fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase().replace("\\052", "*")
}

/// Whether `name` is `parent` or below it.
pub(crate) fn is_within(name: &str, parent: &str) -> bool {
    name == parent || name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests;
