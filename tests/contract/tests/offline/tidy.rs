//! The form of the files. It must not know what they say.

use proc_macro2::TokenTree;

use crate::read;
use crate::sources;

/// Folders with code of ours.
const FOLDERS: [&str; 5] = ["crates", "functions", "fuzz", "tests", "xtask"];

fn rust_files() -> Vec<std::path::PathBuf> {
    let files: Vec<_> = FOLDERS.iter().flat_map(|folder| read::files(folder, ".rs")).collect();
    assert!(files.len() > 40, "only {} files found", files.len());
    files
}

/// What is wrong with the text of a source file.
fn form(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !text.starts_with("//! ") {
        problems.push("it does not begin with what it is for".to_owned());
    }
    problems.extend(blanks(text));
    problems
}

fn blanks(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.contains('\t') || line.ends_with(' ') || line.ends_with('\r') {
            problems.push(format!("line {} holds a tab or ends in a space", index + 1));
        }
    }
    if !text.ends_with('\n') || text.ends_with("\n\n") {
        problems.push("it does not end with one line break".to_owned());
    }
    problems
}

/// Tests that do not run or prove nothing, and code that is not there yet.
fn unfinished(text: &str) -> Vec<String> {
    let tokens = text.parse().unwrap_or_else(|error| panic!("no Rust: {error}"));
    let mut problems = Vec::new();
    sources::walk(tokens, &mut |trees| match trees {
        [TokenTree::Punct(hash), TokenTree::Group(attribute), ..] if hash.as_char() == '#' => {
            let first = attribute.stream().into_iter().next().map(|tree| tree.to_string()).unwrap_or_default();
            if ["ignore", "should_panic"].contains(&first.as_str()) {
                problems.push(format!("#[{first}]"));
            }
        }
        [TokenTree::Ident(name), TokenTree::Punct(bang), TokenTree::Group(_), ..]
            if bang.as_char() == '!' && ["todo", "unimplemented", "dbg"].contains(&name.to_string().as_str()) =>
        {
            problems.push(format!("{name}!"));
        }
        _ => {}
    });
    problems
}

#[test]
fn every_source_file_says_what_it_owns_and_is_in_form() {
    for path in rust_files() {
        let problems = form(&read::text(&path));
        assert!(problems.is_empty(), "{}: {problems:?}", path.display());
    }
}

#[test]
fn the_other_files_are_in_form() {
    for path in ["template.yaml", "Cargo.toml"] {
        assert_eq!(blanks(&read::text(path)), [] as [String; 0], "{path}");
    }
    let manifests = FOLDERS.iter().flat_map(|folder| read::files(folder, ".toml"));
    for path in manifests.chain(read::files("statemachine", "")) {
        assert_eq!(blanks(&read::text(&path)), [] as [String; 0], "{}", path.display());
    }
}

#[test]
fn no_test_is_skipped_and_no_code_is_left_for_later() {
    for path in rust_files() {
        assert_eq!(unfinished(&read::text(&path)), [] as [String; 0], "{}", path.display());
    }
}

#[test]
fn bad_form_is_noticed() {
    assert_eq!(form("//! Fine.\nfn f() {}\n"), [] as [String; 0]);
    for text in ["fn f() {}\n", "//! Tab.\n\tfn f() {}\n", "//! Space. \n", "//! No end.", "//! Two ends.\n\n"] {
        assert!(!form(text).is_empty(), "{text:?}");
    }
    // Nothing here is unfinished or switched off. These are texts that the rule is tried on: it must let the first one
    // through, where such words stand in a comment and in a string, and must notice each of the others.
    assert_eq!(unfinished("//! todo!()\nfn f() { g(\"dbg!(1)\") }"), [] as [String; 0]);
    for text in [
        "#[ignore = \"slow\"] fn f() {}",
        "mod m { #[should_panic] fn f() {} }",
        "fn f() { todo!() }",
        "fn f() { g(dbg!(1)) }",
    ] {
        assert_eq!(unfinished(text).len(), 1, "{text}");
    }
}
