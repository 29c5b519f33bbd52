//! Rust sources as tokens, without comments and unit tests. It must not know any rule.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::read;

/// The tokens of a source file, without what is compiled for tests only.
pub(crate) fn code(text: &str) -> Result<TokenStream, String> {
    let tokens = TokenStream::from_str(text).map_err(|error| error.to_string())?;
    Ok(without_tests(tokens))
}

/// The tokens of all sources of a package, files that are compiled for tests only left out.
pub(crate) fn package(folder: &str) -> TokenStream {
    shipped(folder).iter().map(|path| file(path)).collect()
}

/// The sources of a package without those that are compiled for tests only.
pub(crate) fn shipped(folder: &str) -> Vec<PathBuf> {
    let mut sources = read::files(&format!("{folder}/src"), ".rs");
    let mut for_tests = BTreeSet::new();
    for path in &sources {
        for name in test_modules(&read::text(path)) {
            // Beside a crate's or a folder's own file, else in the folder that has the file's name.
            let own = path.file_stem().is_some_and(|stem| ["lib", "main", "mod"].iter().any(|name| stem == *name));
            let folder = if own { path.parent().expect("a folder").to_owned() } else { path.with_extension("") };
            for_tests.insert(folder.join(name));
        }
    }
    let is_for_test = |path: &PathBuf| for_tests.iter().any(|test| path.with_extension("").starts_with(test));
    sources.retain(|path| !is_for_test(path));
    sources
}

/// Names in `#[cfg(test)] mod name;`: modules in files of their own.
fn test_modules(text: &str) -> Vec<String> {
    let tokens = TokenStream::from_str(text).unwrap_or_else(|error| panic!("no Rust: {error}"));
    let mut names = Vec::new();
    walk(tokens, &mut |trees| {
        if let [
            TokenTree::Group(attribute),
            TokenTree::Ident(keyword),
            TokenTree::Ident(name),
            TokenTree::Punct(end),
            ..,
        ] = trees
            && attribute.stream().to_string().replace(' ', "") == "cfg(test)"
            && *keyword == "mod"
            && end.as_char() == ';'
        {
            names.push(name.to_string());
        }
    });
    names
}

/// The tokens of one file.
pub(crate) fn file(path: &Path) -> TokenStream {
    code(&read::text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Calls `visit` with every token and those that follow it in the same group; comments are left out.
pub(crate) fn walk(tokens: TokenStream, visit: &mut dyn FnMut(&[TokenTree])) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    for index in 0..trees.len() {
        visit(&trees[index..]);
        if let TokenTree::Group(group) = &trees[index]
            && !is_comment(group)
        {
            walk(group.stream(), visit);
        }
    }
}

/// Whether a group is `[doc = "…"]`: how a comment on an item reaches the tokens.
fn is_comment(group: &Group) -> bool {
    let mut inside = group.stream().into_iter();
    group.delimiter() == Delimiter::Bracket
        && matches!(inside.next(), Some(TokenTree::Ident(name)) if name == "doc")
        && matches!(inside.next(), Some(TokenTree::Punct(equals)) if equals.as_char() == '=')
}

/// A method call without arguments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    /// The name right before the dot, if there is one.
    pub(crate) receiver: Option<String>,
    pub(crate) method: String,
}

/// Every method call without arguments: how each call of the SDK begins.
pub(crate) fn bare_calls(tokens: TokenStream) -> BTreeSet<Call> {
    let mut calls = BTreeSet::new();
    walk(tokens, &mut |trees| {
        let (receiver, dot) = match trees {
            [TokenTree::Ident(receiver), rest @ ..] => (Some(receiver.to_string()), rest),
            [_, rest @ ..] => (None, rest),
            [] => return,
        };
        if let [TokenTree::Punct(dot), TokenTree::Ident(method), TokenTree::Group(group), ..] = dot
            && dot.as_char() == '.'
            && group.delimiter() == Delimiter::Parenthesis
            && group.stream().is_empty()
        {
            calls.insert(Call { receiver, method: method.to_string() });
        }
    });
    calls
}

/// The texts of all plain string literals.
pub(crate) fn literals(tokens: TokenStream) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(tokens, &mut |trees| {
        if let TokenTree::Literal(literal) = &trees[0]
            && let Ok(text) = serde_json::from_str::<String>(&literal.to_string())
        {
            found.insert(text);
        }
    });
    found
}

/// All identifiers.
pub(crate) fn identifiers(tokens: TokenStream) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(tokens, &mut |trees| {
        if let TokenTree::Ident(ident) = &trees[0] {
            found.insert(ident.to_string());
        }
    });
    found
}

/// The first argument of each call of the function `name`, where it is a string literal.
pub(crate) fn first_arguments(tokens: TokenStream, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(tokens, &mut |trees| {
        if let [TokenTree::Ident(ident), TokenTree::Group(arguments), ..] = trees
            && *ident == name
            && let Some(TokenTree::Literal(literal)) = arguments.stream().into_iter().next()
            && let Ok(text) = serde_json::from_str(&literal.to_string())
        {
            found.push(text);
        }
    });
    found
}

/// Drops `#[cfg(test)]` with the module that follows.
fn without_tests(tokens: TokenStream) -> TokenStream {
    let mut kept = Vec::new();
    let mut trees = tokens.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let attribute = match (&tree, trees.peek()) {
            (TokenTree::Punct(hash), Some(TokenTree::Group(group))) if hash.as_char() == '#' => {
                group.stream().to_string().replace(' ', "")
            }
            _ => String::new(),
        };
        if attribute == "cfg(test)" {
            // To the end of the item: the body of a module, or a semicolon.
            for skipped in trees.by_ref().skip(1) {
                match skipped {
                    TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
                    TokenTree::Punct(punct) if punct.as_char() == ';' => break,
                    _ => {}
                }
            }
        } else {
            kept.push(tree);
        }
    }
    kept.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
        //! A comment with .get_item() in it.
        fn f() {
            let page = clients.dynamodb.get_item().table_name("t").send();
            self.step().query();
            "x.put_item()";
            serve("f", 1);
        }
        #[cfg(test)]
        mod tests {
            fn g() { clients.dynamodb.delete_item() }
        }
        fn h() { acm.request_certificate() }
    "#;

    #[test]
    fn calls_are_found_in_code_only() {
        let calls = bare_calls(code(SOURCE).expect("Rust"));
        let methods: BTreeSet<&str> = calls.iter().map(|call| call.method.as_str()).collect();
        assert_eq!(methods, BTreeSet::from(["get_item", "query", "request_certificate", "send", "step"]));
        let get_item = calls.iter().find(|call| call.method == "get_item").expect("found");
        assert_eq!(get_item.receiver.as_deref(), Some("dynamodb"));
        let query = calls.iter().find(|call| call.method == "query").expect("found");
        assert_eq!(query.receiver, None);
    }

    #[test]
    fn modules_for_tests_are_known_by_their_declaration() {
        assert_eq!(test_modules("#[cfg(test)]\nmod crashes;\nmod step;\n#[cfg(test)] mod tests { }"), ["crashes"]);
    }

    #[test]
    fn literals_and_arguments_are_found() {
        let code = code(SOURCE).expect("Rust");
        assert_eq!(first_arguments(code.clone(), "serve"), ["f"]);
        assert_eq!(literals(code), ["f", "t", "x.put_item()"].map(str::to_owned).into());
    }
}
