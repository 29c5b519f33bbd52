//! What an expression reads: variables and paths below them. It is no JSONata parser; it knows names,
//! quoted texts and local bindings, and nothing of the state machine.

use std::collections::BTreeSet;

/// A variable, and the path that is read below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    /// Without the `$`.
    pub(crate) variable: String,
    pub(crate) path: Vec<String>,
}

/// The expression inside `{% … %}`.
pub(crate) fn expression(text: &str) -> Option<&str> {
    text.strip_prefix("{%").and_then(|rest| rest.strip_suffix("%}")).map(str::trim)
}

/// The one reference that an expression consists of, as in `{% $plan.itemKey %}`.
pub(crate) fn single_reference(text: &str) -> Option<Reference> {
    let expression = expression(text)?;
    let reference = references(text).pop_first()?;
    let path: String = reference.path.iter().map(|name| format!(".{name}")).collect();
    (format!("${}{path}", reference.variable) == expression).then_some(reference)
}

/// What an expression reads; functions and names that it binds itself are left out.
pub(crate) fn references(text: &str) -> BTreeSet<Reference> {
    let Some(expression) = expression(text) else { return BTreeSet::new() };
    let expression = without_quoted(expression);
    let mut found = BTreeSet::new();
    let mut bound = BTreeSet::new();
    let mut rest = expression.as_str();
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        let variable = take_name(&mut rest);
        if variable.is_empty() || rest.trim_start().starts_with('(') {
            continue;
        }
        if rest.trim_start().starts_with(":=") {
            bound.insert(variable);
            continue;
        }
        let mut path = Vec::new();
        while let Some(mut below) = rest.strip_prefix('.') {
            let name = take_name(&mut below);
            if name.is_empty() || below.starts_with('(') {
                break;
            }
            path.push(name);
            rest = below;
        }
        found.insert(Reference { variable, path });
    }
    found.retain(|reference| !bound.contains(&reference.variable));
    found
}

/// The keys of the object constructors in an expression, as in `{'apiId': $apiId}`.
pub(crate) fn object_keys(text: &str) -> BTreeSet<String> {
    let pieces: Vec<&str> = text.split('\'').collect();
    let quoted = pieces.iter().zip(pieces.iter().skip(1)).skip(1).step_by(2);
    quoted.filter(|(_, after)| after.trim_start().starts_with(':')).map(|(key, _)| (*key).to_owned()).collect()
}

fn take_name(rest: &mut &str) -> String {
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    *rest = after;
    name.to_owned()
}

fn without_quoted(expression: &str) -> String {
    expression.split('\'').step_by(2).collect::<Vec<_>>().join("''")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str) -> Reference {
        let mut parts = text.split('.').map(str::to_owned);
        Reference { variable: parts.next().expect("a variable"), path: parts.collect() }
    }

    #[test]
    fn variables_and_paths_are_found_and_nothing_else() {
        let text = "{% ( $o := $states.errorOutput; '$no' & $string($plan.request) & $o.Error & $x = 'it' ) %}";
        let wanted = ["plan.request", "states.errorOutput", "x"].map(reference);
        assert_eq!(references(text), BTreeSet::from(wanted));
        assert_eq!(references("$plan"), BTreeSet::new());
    }

    #[test]
    fn a_single_reference_is_told_from_an_expression_about_one() {
        assert_eq!(single_reference("{% $plan.itemKey %}"), Some(reference("plan.itemKey")));
        assert_eq!(single_reference("{% $plan.quote != null %}"), None);
        assert_eq!(single_reference("{% [$records] %}"), None);
    }

    #[test]
    fn keys_of_constructed_objects_are_found() {
        let text = "{% $string({'apiId': $apiId, 'note': 'a: b', 'last' : $x}) %}";
        assert_eq!(object_keys(text), ["apiId", "last", "note"].map(str::to_owned).into());
    }
}
