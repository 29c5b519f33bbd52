//! Everything that runs leave behind where somebody could read it, as text to be searched: the executions'
//! history and description, all logs, events, the table, the record of calls. It must not know what is
//! looked for, nor what may be there.

use std::fmt;
use std::path::{Path, PathBuf};

use http::Method;
use nameplate::function::runtime::environment;
use serde_json::{Value, json};

use crate::World;

/// Where text was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Every event of an execution's history.
    History,
    /// What DescribeExecution answers: input, output, error and cause.
    Description,
    /// Every stream of every log group.
    Logs,
    /// What the emulator itself wrote: it runs the functions and prints what they print.
    EmulatorLog,
    /// Events on the bus.
    Events,
    /// Every item of the table.
    Table,
    /// The local AWS's record of calls.
    Record,
    /// The secret, where the text belongs.
    Secret,
}

impl Place {
    /// Every place in which nothing secret may be.
    pub const OPEN: [Place; 7] = [
        Place::History,
        Place::Description,
        Place::Logs,
        Place::EmulatorLog,
        Place::Events,
        Place::Table,
        Place::Record,
    ];
}

/// One text that was left somewhere, in its bare form.
struct Trace {
    place: Place,
    name: String,
    bare: String,
}

/// Texts, and the one search that is put to all of them.
#[derive(Default)]
pub struct Traces(Vec<Trace>);

/// A place where a word was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind of place.
    pub place: Place,
    /// Which one: an ARN, a log stream, a key.
    pub name: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.place, self.name)
    }
}

impl Traces {
    /// Adds a text.
    pub fn add(&mut self, place: Place, name: impl Into<String>, text: &str) {
        self.0.push(Trace { place, name: name.into(), bare: bare(text) });
    }

    /// Where `word` stands, in any case, and with anything but letters and digits left out on both sides: a
    /// number that was grouped anew is the same number.
    #[must_use]
    pub fn holding(&self, word: &str) -> Vec<Finding> {
        let plain = bare(word);
        assert!(plain.len() > 5, "`{word}` could stand anywhere by chance");
        let found = self.0.iter().filter(|trace| trace.bare.contains(&plain));
        found.map(|trace| Finding { place: trace.place, name: trace.name.clone() }).collect()
    }

    /// The places in which `word` stands, each once, in order.
    #[must_use]
    pub fn places_of(&self, word: &str) -> Vec<Place> {
        let mut places: Vec<Place> = self.holding(word).into_iter().map(|finding| finding.place).collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}

fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl World {
    /// What these executions have left, together with all that has been logged, stored and recorded so far.
    /// Events are the caller's to add: they must be caught while they pass.
    pub async fn traces(&self, executions: &[&str]) -> Traces {
        let mut traces = Traces::default();
        for arn in executions {
            for (number, event) in self.history(arn).await.iter().enumerate() {
                traces.add(Place::History, format!("{arn} event {}", number + 1), &event.to_string());
            }
            let description =
                self.json("states", "AWSStepFunctions.DescribeExecution", &json!({"executionArn": arn})).await;
            traces.add(Place::Description, *arn, &description.to_string());
        }
        for item in self.items().await {
            traces.add(Place::Table, item["id"]["S"].to_string(), &item.to_string());
        }
        let record = self.control(Method::GET, "/_local/calls", None).await;
        for call in record["calls"].as_array().expect("calls") {
            traces.add(Place::Record, format!("call {}", call["seq"]), &call.to_string());
        }
        self.logs(&mut traces).await;
        let file = emulator_log();
        let log = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        traces.add(Place::EmulatorLog, file.display().to_string(), &String::from_utf8_lossy(&log));
        traces
    }

    /// Every event of an execution's history, with its data.
    pub async fn history(&self, arn: &str) -> Vec<Value> {
        let input = json!({"executionArn": arn, "maxResults": 1000, "includeExecutionData": true});
        self.pages("states", "AWSStepFunctions.GetExecutionHistory", input, "events", "nextToken", "nextToken").await
    }

    /// Every item of the table, as it is now.
    pub async fn items(&self) -> Vec<Value> {
        let input = json!({"TableName": self.table(), "ConsistentRead": true});
        let (service, target) = ("dynamodb", "DynamoDB_20120810.Scan");
        self.pages(service, target, input, "Items", "LastEvaluatedKey", "ExclusiveStartKey").await
    }

    async fn logs(&self, traces: &mut Traces) {
        let call = |operation: &str| format!("Logs_20140328.{operation}");
        let token = "nextToken";
        let groups = self.pages("logs", &call("DescribeLogGroups"), json!({}), "logGroups", token, token).await;
        for group in groups {
            let input = json!({"logGroupName": group["logGroupName"]});
            let streams = self.pages("logs", &call("DescribeLogStreams"), input, "logStreams", token, token).await;
            for stream in streams {
                let input = json!({
                    "logGroupName": group["logGroupName"], "logStreamName": stream["logStreamName"], "startFromHead": true
                });
                let lines = self.pages("logs", &call("GetLogEvents"), input, "events", "nextForwardToken", token).await;
                let text: Vec<&str> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
                let name = format!("{} {}", group["logGroupName"], stream["logStreamName"]);
                traces.add(Place::Logs, name, &text.join("\n"));
            }
        }
    }

    /// All of a list that comes in pages: `next` in an answer is the `from` of the question that follows. The
    /// end is an answer without it, or with the same one again.
    async fn pages(&self, service: &str, target: &str, input: Value, list: &str, next: &str, from: &str) -> Vec<Value> {
        let mut input = input;
        let mut all = Vec::new();
        loop {
            let mut answer = self.json(service, target, &input).await;
            let Value::Array(mut page) = answer[list].take() else { panic!("{target} gave no {list}") };
            all.append(&mut page);
            let token = answer[next].take();
            if token.is_null() || token == input[from] {
                return all;
            }
            input[from] = token;
        }
    }
}

/// Where `cargo xtask` has the local AWS write: beside the file of variables, if that is named, or in this
/// checkout.
fn emulator_log() -> PathBuf {
    let folder = match environment("NAMEPLATE_ENV_FILE").as_deref().map(Path::new).and_then(Path::parent) {
        Some(folder) => folder.to_owned(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/local-aws"),
    };
    folder.join("ministack.log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_however_it_is_written() {
        let mut traces = Traces::default();
        traces.add(Place::Logs, "a", "nothing");
        traces.add(Place::Table, "b", r#"{"phone": "+1 (206) 555-0187"}"#);
        traces.add(Place::Logs, "c", "the MARKED-street");
        assert_eq!(traces.places_of("+1.2065550187"), [Place::Table]);
        assert_eq!(traces.holding("Marked Street"), [Finding { place: Place::Logs, name: "c".into() }]);
        assert!(traces.holding("another word").is_empty());
    }
}
