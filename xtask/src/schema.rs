//! `cargo xtask schema`: the JSON Schemas and the README's field tables, as `print-schema` makes them from the types.
//! It must not know the types: building them here would slow down every other command.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::binary;
use crate::generated::{self, Args};
use crate::paths::Paths;
use crate::process::Program;

const README: &str = "README.md";
const REMAKE: &str = "cargo xtask schema";

/// Writes the files, or checks them.
///
/// # Errors
/// When the types do not compile, or a file is stale and only checked.
pub(crate) async fn run(args: &Args, paths: &Paths) -> Result<()> {
    let program = binary::built(paths, "print-schema", &["xtask/schema"]).await?;
    let printed = Program::new(program).dir(paths.root()).run().await?;
    let value: Value = serde_json::from_str(&printed).context("print-schema did not print JSON")?;
    let text = |name: &str| value[name].as_str().map(str::to_owned).with_context(|| format!("no {name} was printed"));
    let mut files = vec![
        ("schema/request.schema.json".to_owned(), text("request")?),
        ("schema/result.schema.json".to_owned(), text("result")?),
        ("schema/dry-run.schema.json".to_owned(), text("dryRun")?),
        ("schema/retire.schema.json".to_owned(), text("retire")?),
        ("schema/retire-result.schema.json".to_owned(), text("retireResult")?),
        ("schema/retire-dry-run.schema.json".to_owned(), text("retireDryRun")?),
    ];
    for (name, schema) in value["events"].as_object().context("no events were printed")? {
        let schema = schema.as_str().with_context(|| format!("the schema of {name} is no text"))?;
        files.push((format!("schema/events/{name}.schema.json"), schema.to_owned()));
    }
    let readme = std::fs::read_to_string(paths.at(README)).with_context(|| format!("cannot read {README}"))?;
    let readme = with_table(&readme, "request", &text("table")?)?;
    files.push((README.to_owned(), with_table(&readme, "retire", &text("retireTable")?)?));
    generated::settle(args, paths, REMAKE, &files)
}

/// The README with `table` between the markers of that name.
fn with_table(readme: &str, name: &str, table: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {name}:begin -->"), format!("<!-- {name}:end -->"));
    let parts = readme.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let Some((before, after)) = parts else { bail!("{README} lacks the lines {begin} and {end}") };
    Ok(format!("{before}{begin}\n\n{}\n\n{end}{after}", table.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let readme = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n<!-- y:begin -->\nkept\n<!-- y:end -->\n";
        let once = with_table(readme, "x", "| new |\n").unwrap();
        let wanted = "a\n<!-- x:begin -->\n\n| new |\n\n<!-- x:end -->\nb\n<!-- y:begin -->\nkept\n<!-- y:end -->\n";
        assert_eq!(once, wanted);
        assert_eq!(with_table(&once, "x", "| new |\n").unwrap(), once);
        assert!(with_table("no markers", "x", "").is_err());
    }
}
