//! `cargo xtask definition`: the definitions of the state machines, as they are deployed, from the YAML that people
//! write. It must not know any state.

use anyhow::{Context, Result, bail};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde::ser::{Error, Serialize, Serializer};

use crate::generated::{self, Args};
use crate::paths::Paths;

/// Each source, and what is made of it.
const DEFINITIONS: [(&str, &str); 2] = [
    ("statemachine/provision.asl.yaml", "statemachine/provision.asl.json"),
    ("statemachine/retire.asl.yaml", "statemachine/retire.asl.json"),
];

/// Writes the definitions, or checks that what is there was made of these sources.
///
/// # Errors
/// When a source cannot be read, or a definition is stale and only checked.
pub(crate) fn run(args: &Args, paths: &Paths) -> Result<()> {
    let made = |source: &str| -> Result<String> {
        let text = std::fs::read_to_string(paths.at(source)).with_context(|| format!("cannot read {source}"))?;
        json(&text).with_context(|| source.to_owned())
    };
    let definitions =
        DEFINITIONS.iter().map(|(source, target)| Ok((*target, made(source)?))).collect::<Result<Vec<_>>>()?;
    generated::settle(args, paths, "cargo xtask definition", &definitions)
}

/// What stands below `definition` in a YAML document: aliases written out, keys in their order.
fn json(text: &str) -> Result<String> {
    let documents = Yaml::load_from_str(text)?;
    let [document] = &documents[..] else { bail!("it holds {} YAML documents, not one", documents.len()) };
    let definition = document.as_mapping_get("definition").context("it has no key `definition`")?;
    Ok(format!("{}\n", serde_json::to_string_pretty(&Json(definition))?))
}

/// A YAML node that is written as JSON.
struct Json<'a>(&'a Yaml<'a>);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Yaml::Value(Scalar::Null) => serializer.serialize_unit(),
            Yaml::Value(Scalar::Boolean(boolean)) => serializer.serialize_bool(*boolean),
            Yaml::Value(Scalar::Integer(integer)) => serializer.serialize_i64(*integer),
            Yaml::Value(Scalar::FloatingPoint(number)) => serializer.serialize_f64(number.into_inner()),
            Yaml::Value(Scalar::String(text)) => serializer.serialize_str(text),
            Yaml::Sequence(items) => serializer.collect_seq(items.iter().map(Json)),
            Yaml::Mapping(fields) => {
                let fields: Vec<(&str, Json<'_>)> = fields
                    .iter()
                    .map(|(name, value)| Ok((key(name)?, Json(value))))
                    .collect::<Result<_, S::Error>>()?;
                serializer.collect_map(fields)
            }
            other => Err(S::Error::custom(format!("{other:?} cannot be written as JSON"))),
        }
    }
}

/// The name of a field. The loader resolves aliases, but not the merge key, which would stay as a field.
fn key<'a, E: Error>(name: &'a Yaml<'_>) -> Result<&'a str, E> {
    match name.as_str() {
        Some("<<") => Err(E::custom("merge keys (<<) are not resolved: name each field, its value can be an alias")),
        Some(name) => Ok(name),
        None => Err(E::custom(format!("{name:?} is no name of a field: put it in quotes"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_written_out_and_keys_stay_in_their_order() {
        let text = r#"
            shared:
              - &retry [{MaxAttempts: 2, BackoffRate: 1.5}]
            definition:
              # Not handed on.
              Z: {Retry: *retry, ":a": "{% 'x' & $y %}"}
              A: >-
                {% $a
                & $b %}
              M: [true, null, [], {}]
              Retry: *retry
        "#;
        let wanted = r#"{
  "Z": {
    "Retry": [
      {
        "MaxAttempts": 2,
        "BackoffRate": 1.5
      }
    ],
    ":a": "{% 'x' & $y %}"
  },
  "A": "{% $a & $b %}",
  "M": [
    true,
    null,
    [],
    {}
  ],
  "Retry": [
    {
      "MaxAttempts": 2,
      "BackoffRate": 1.5
    }
  ]
}
"#;
        assert_eq!(json(text).unwrap(), wanted);
    }

    #[test]
    fn what_json_cannot_say_is_refused() {
        for (text, wanted) in [
            ("shared: []", "no key `definition`"),
            ("definition: {}\n---\ndefinition: {}", "2 YAML documents"),
            ("definition: {A: 1, A: 2}", "duplicated key"),
            ("definition: *nobody", "unknown anchor"),
            ("a: &a {B: 1}\ndefinition: {<<: *a}", "merge keys"),
            ("definition: {1: a}", "put it in quotes"),
            ("definition: !Sub [x]", "cannot be written"),
        ] {
            let error = format!("{:#}", json(text).unwrap_err());
            assert!(error.contains(wanted), "{text:?}: {error}");
        }
    }
}
