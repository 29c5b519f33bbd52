//! Reads what the tests compare: definition, template and folders. It must not know any rule.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).expect("tests/contract lies two folders deep").to_owned()
}

/// The text of a file, by its path from the repository's folder.
pub(crate) fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The state machines: the name of the definition's file, and the template's resource.
pub(crate) const MACHINES: [(&str, &str); 2] =
    [("provision", "ProvisionStateMachine"), ("retire", "RetireStateMachine")];

/// The definition of the state machine that puts a name live.
pub(crate) fn definition() -> Value {
    definition_of("provision")
}

/// The definition of one of the [`MACHINES`].
pub(crate) fn definition_of(machine: &str) -> Value {
    let path = format!("statemachine/{machine}.asl.json");
    json_without_doubles(&text(&path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All definitions, by the name of the machine.
pub(crate) fn definitions() -> BTreeMap<&'static str, Value> {
    MACHINES.iter().map(|(machine, _)| (*machine, definition_of(machine))).collect()
}

/// The template, its short forms written out: `!Ref X` is `{"Ref": "X"}`, `!Sub X` is `{"Fn::Sub": "X"}`.
pub(crate) fn template() -> Value {
    yaml("template.yaml")
}

/// A YAML file, aliases and the short forms of CloudFormation written out.
pub(crate) fn yaml(path: &str) -> Value {
    let text = text(path);
    let documents = Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(documents.len(), 1, "{path} is one document");
    plain(&documents[0])
}

/// Resources of one type, by logical name.
pub(crate) fn resources<'a>(template: &'a Value, kind: &str) -> BTreeMap<&'a str, &'a Value> {
    let all = template["Resources"].as_object().expect("Resources");
    all.iter().filter(|(_, resource)| resource["Type"] == kind).map(|(name, r)| (name.as_str(), r)).collect()
}

/// Names of the folders below `functions`: one for each Lambda function.
pub(crate) fn functions() -> Vec<String> {
    let entries = fs::read_dir(root().join("functions")).expect("the folder functions");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| entry.file_name().into_string().expect("an ASCII name"))
        .collect();
    names.sort();
    names
}

/// `create-zone` as `CreateZone`.
pub(crate) fn pascal(kebab: &str) -> String {
    let word = |word: &str| format!("{}{}", word[..1].to_ascii_uppercase(), &word[1..]);
    kebab.split('-').map(word).collect()
}

/// Every file below `folder` whose name ends so, build products left out.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                open.push(path);
            } else if path.is_file() && name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Every string inside a value, keys of objects left out.
pub(crate) fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// A string, or every string of a list: what IAM and CloudFormation allow for one another.
pub(crate) fn one_or_many(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
}

fn plain(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(boolean)) => (*boolean).into(),
        Yaml::Value(Scalar::Integer(integer)) => (*integer).into(),
        Yaml::Value(Scalar::FloatingPoint(number)) => number.into_inner().into(),
        Yaml::Value(Scalar::String(text)) => text.as_ref().into(),
        Yaml::Sequence(items) => items.iter().map(plain).collect(),
        Yaml::Mapping(fields) => {
            let key = |key: &Yaml<'_>| key.as_str().expect("keys are strings").to_owned();
            fields.iter().map(|(name, value)| (key(name), plain(value))).collect::<Map<_, _>>().into()
        }
        Yaml::Tagged(tag, inner) => {
            let name = match tag.suffix.as_str() {
                short @ ("Ref" | "Condition") => short.to_owned(),
                short => format!("Fn::{short}"),
            };
            Map::from_iter([(name, plain(inner))]).into()
        }
        other => panic!("no plain YAML: {other:?}"),
    }
}

/// Parses JSON and refuses an object that has one key twice: everybody else silently drops the first.
pub(crate) fn json_without_doubles(text: &str) -> Result<Value, serde_json::Error> {
    struct Single(Value);
    struct Any;
    impl<'de> Deserialize<'de> for Single {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(Any).map(Single)
        }
    }
    impl<'de> Visitor<'de> for Any {
        type Value = Value;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("JSON")
        }
        fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
            Ok(value.into())
        }
        fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
            Ok(value.into())
        }
        fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
            Ok(value.into())
        }
        fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
            Ok(value.into())
        }
        fn visit_str<E>(self, value: &str) -> Result<Value, E> {
            Ok(value.into())
        }
        fn visit_unit<E>(self) -> Result<Value, E> {
            Ok(Value::Null)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
            let mut list = Vec::new();
            while let Some(Single(item)) = items.next_element()? {
                list.push(item);
            }
            Ok(list.into())
        }
        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
            let mut map = Map::new();
            while let Some((key, Single(value))) = entries.next_entry::<String, Single>()? {
                if map.contains_key(&key) {
                    return Err(de::Error::custom(format!("`{key}` stands twice in one object")));
                }
                map.insert(key, value);
            }
            Ok(map.into())
        }
    }
    serde_json::from_str::<Single>(text).map(|single| single.0)
}

#[test]
fn one_key_twice_is_refused_and_everything_else_is_read_as_it_is() {
    let text = r#"{"a": [1, -2, 0.5, true, null, "x"], "b": {"a": {}}}"#;
    assert_eq!(json_without_doubles(text).expect("JSON"), serde_json::from_str::<Value>(text).expect("JSON"));
    let error = json_without_doubles(r#"{"a": {"b": 1, "b": 2}}"#).expect_err("a double").to_string();
    assert!(error.contains("`b` stands twice"), "{error}");
}

#[test]
fn the_templates_short_forms_are_written_out() {
    let template = template();
    let functions = resources(&template, "AWS::Serverless::Function");
    let policy = &functions["PlanFunction"]["Properties"]["Policies"][0]["Statement"][0]["Resource"];
    assert_eq!(policy["Fn::GetAtt"], "Table.Arn");
    assert_eq!(template["Outputs"]["TableName"]["Value"]["Ref"], "Table");
}

#[test]
fn every_definition_is_one_of_the_machines_and_a_resource_of_the_template() {
    let files: Vec<String> = files("statemachine", ".asl.json")
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.strip_suffix(".asl.json").map(str::to_owned))
        .collect();
    assert_eq!(files, MACHINES.map(|(machine, _)| machine));
    let template = template();
    let machines = resources(&template, "AWS::Serverless::StateMachine");
    let named: BTreeMap<&str, String> = machines
        .into_iter()
        .map(|(name, machine)| (name, machine["Properties"]["DefinitionUri"].as_str().unwrap_or_default().to_owned()))
        .collect();
    let wanted = MACHINES.iter().map(|(machine, name)| (*name, format!("statemachine/{machine}.asl.json"))).collect();
    assert_eq!(named, wanted);
}
