//! Prints the JSON Schemas of the request and the result, made from the types in `nameplate`, as one JSON object.
//! It must not know where they are kept; `cargo xtask schema` does.

use std::io::Write;

use schemars::schema_for;

fn main() -> std::io::Result<()> {
    let schemas = serde_json::json!({
        "request": schema_for!(nameplate::Request),
        "dryRun": schema_for!(nameplate::result::Report),
        "result": schema_for!(nameplate::result::ProvisionResult),
    });
    writeln!(std::io::stdout(), "{schemas:#}")
}
