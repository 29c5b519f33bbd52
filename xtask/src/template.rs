//! What others know about templates, held against ours: SAM CLI's own check, and cfn-lint and checkov on the
//! template as SAM translates it. It must not know what the template is for.
//!
//! Translated, since `sam validate --lint` looks at no rule, role or permission that SAM makes of ours.

use anyhow::{Context, Result};

use crate::aws;
use crate::paths::Paths;
use crate::process::Program;

/// Checks the template, once all tools are installed.
///
/// # Errors
/// The findings that the template, or `.checkov.yaml`, has no answer to.
pub(crate) async fn check(paths: &Paths, verbose: bool) -> Result<()> {
    aws::program(paths, "sam", None)
        .args(["validate", "--lint", "--template-file", "template.yaml"])
        .log(paths.logs().join("sam-validate.log"))
        .echo(verbose)
        .run()
        .await?;
    let translated = paths.target().join("sam").join("translated.yaml");
    let text = aws::program(paths, "python", None)
        .args([paths.at("tools/translate.py"), paths.at("template.yaml")])
        .log(paths.logs().join("translate.log"))
        .run()
        .await?;
    std::fs::write(&translated, text).with_context(|| format!("cannot write {}", translated.display()))?;
    aws::program(paths, "cfn-lint", None)
        .args(["--regions", "us-east-1", "--template"])
        .args([&translated])
        .log(paths.logs().join("cfn-lint.log"))
        .echo(verbose)
        .run()
        .await?;
    Program::new(paths.tools("checkov").join("bin").join("checkov"))
        // Only the check itself: no question for a newer checkov, nothing in the user's home.
        .env("CKV_SKIP_PACKAGE_UPDATE_CHECK", "true")
        .env("HOME", paths.tools("checkov").join("home"))
        .args(["--config-file".as_ref(), paths.at(".checkov.yaml").as_os_str()])
        .args(["--file".as_ref(), translated.as_os_str()])
        .dir(paths.root())
        .log(paths.logs().join("checkov.log"))
        .echo(verbose)
        .run()
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_that_is_left_out_has_its_reason_above_it() {
        let text = std::fs::read_to_string(Paths::of_this_checkout().at(".checkov.yaml")).unwrap();
        let (_, skipped) = text.split_once("\nskip-check:\n").unwrap();
        let lines: Vec<&str> = skipped.lines().collect();
        assert!(lines.iter().any(|line| line.starts_with("  - CKV_")), "{text}");
        for pair in std::iter::once("").chain(lines).collect::<Vec<_>>().windows(2) {
            let [above, line] = pair else { unreachable!("windows of two") };
            assert!(line.starts_with("  - CKV_") || line.starts_with("  # "), "{line}");
            assert!(!line.starts_with("  - ") || above.starts_with("  # "), "{line} has no reason");
        }
    }
}
