//! Which module uses which: no module of a crate may come back to itself, by whatever way. A module is a file; what
//! is in it for tests only does not count, and `mod x;` is no use. It must not know what the modules are for.
//!
//! A path names the module that owns what is used: what a parent hands on (`pub use`) is taken from its owner.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::read;
use crate::sdk;
use crate::sources;

/// The circles that are not cut yet, each with the crate's first file. An entry that is not needed any more is a failure.
const LEFT: [(&str, &[&str]); 6] = [
    ("crates/nameplate/src/lib.rs", &["contract", "request", "result", "retire", "tags"]),
    ("crates/nameplate/src/lib.rs", &["desired", "desired::authorizer", "desired::deployment", "desired::statement"]),
    (
        "crates/nameplate/src/lib.rs",
        &[
            "request::api",
            "request::api::authorizer",
            "request::api::existing",
            "request::api::mapping",
            "request::api::websocket",
        ],
    ),
    ("functions/create-api/src/main.rs", &["access_log", "deployment", "permissions", "step"]),
    ("functions/plan-retire/src/main.rs", &["look", "look::certificates", "look::zones", "step"]),
    ("functions/plan/src/main.rs", &["enclosing", "foreign", "former", "look", "own_zone", "report", "step"]),
];

/// A module's path below the crate: empty for the crate itself.
type Module = Vec<String>;

/// What each module uses of the same crate.
type Uses = BTreeMap<Module, BTreeSet<Module>>;

/// The files of the modules below one, by `mod name;`.
fn files(file: &Path, module: &Module, found: &mut BTreeMap<Module, PathBuf>) {
    found.insert(module.clone(), file.to_owned());
    let stem = file.file_stem().and_then(|stem| stem.to_str()).expect("a name");
    let folder = file.parent().expect("a folder");
    let below = if module.is_empty() || stem == "mod" { folder.to_owned() } else { folder.join(stem) };
    let mut names = Vec::new();
    sources::walk(sources::file(file), &mut |trees| {
        if let [TokenTree::Ident(keyword), TokenTree::Ident(name), TokenTree::Punct(end), ..] = trees
            && *keyword == "mod"
            && end.as_char() == ';'
        {
            names.push(name.to_string());
        }
    });
    for name in names {
        let candidates = [below.join(format!("{name}.rs")), below.join(&name).join("mod.rs")];
        let child = candidates.iter().find(|path| path.exists()).unwrap_or_else(|| panic!("no file of {name}"));
        files(child, &[module.clone(), vec![name]].concat(), found);
    }
}

/// What each module of the crate that begins with `root` uses.
fn uses(root: &Path) -> Uses {
    let mut found = BTreeMap::new();
    files(root, &Module::new(), &mut found);
    let modules: BTreeSet<Module> = found.keys().cloned().collect();
    found.iter().map(|(module, file)| (module.clone(), used(sources::file(file), module, &modules))).collect()
}

/// The modules that the tokens of a module name, itself left out.
fn used(tokens: TokenStream, module: &Module, modules: &BTreeSet<Module>) -> BTreeSet<Module> {
    let mut paths = Vec::new();
    collect(tokens, module, &mut paths);
    let mut used: BTreeSet<Module> = paths.iter().filter_map(|(at, path)| owner(at, path, modules)).collect();
    used.remove(module);
    used
}

/// Every path of more than one name, and the module that it stands in: one that is written into the file has one of its
/// own, which matters to `super`.
fn collect(tokens: TokenStream, at: &Module, paths: &mut Vec<(Module, Vec<String>)>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut rest = &trees[..];
    while let [first, after @ ..] = rest {
        if let [TokenTree::Ident(keyword), TokenTree::Ident(name), TokenTree::Group(body), behind @ ..] = rest
            && *keyword == "mod"
            && body.delimiter() == Delimiter::Brace
        {
            collect(body.stream(), &[at.clone(), vec![name.to_string()]].concat(), paths);
            rest = behind;
            continue;
        }
        match first {
            TokenTree::Ident(_) => {
                let mut found = Vec::new();
                rest = path(rest, &[], &mut found);
                paths.extend(found.into_iter().filter(|path| path.len() > 1).map(|path| (at.clone(), path)));
            }
            TokenTree::Group(group) => {
                collect(group.stream(), at, paths);
                rest = after;
            }
            _ => rest = after,
        }
    }
}

/// Reads a path, or the several of `a::{b, c::d}`, and gives what follows.
fn path<'a>(trees: &'a [TokenTree], before: &[String], found: &mut Vec<Vec<String>>) -> &'a [TokenTree] {
    let colon = |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ':');
    let mut names = before.to_vec();
    let mut rest = trees;
    while let [TokenTree::Ident(name), after @ ..] = rest {
        names.push(name.to_string());
        rest = after;
        match rest {
            [one, two, TokenTree::Group(group), after @ ..] if colon(one) && colon(two) => {
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                for part in inside.split(|tree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ',')) {
                    path(part, &names, found);
                }
                return after;
            }
            [one, two, after @ ..] if colon(one) && colon(two) => rest = after,
            _ => break,
        }
    }
    found.push(names);
    rest
}

/// The module that owns what a path names, if it is one of this crate.
fn owner(at: &Module, path: &[String], modules: &BTreeSet<Module>) -> Option<Module> {
    let (mut owner, mut names) = match path[0].as_str() {
        "crate" => (Module::new(), &path[1..]),
        "self" => (at.clone(), &path[1..]),
        "super" => (at[..at.len().checked_sub(1)?].to_vec(), &path[1..]),
        // A module below is named as it is; another name has been brought in by a path of its own.
        child => (at.clone(), modules.contains(&[at.clone(), vec![child.to_owned()]].concat()).then_some(path)?),
    };
    while let ["super", ..] = names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        owner.pop()?;
        names = &names[1..];
    }
    for name in names {
        let below = [owner.clone(), vec![name.clone()]].concat();
        if !modules.contains(&below) {
            break;
        }
        owner = below;
    }
    // A module written into a file belongs to the file.
    while !modules.contains(&owner) {
        owner.pop()?;
    }
    Some(owner)
}

/// The sets of modules that can be come to from each other.
fn circles(uses: &Uses) -> BTreeSet<BTreeSet<Module>> {
    let beyond = |from: &Module| -> BTreeSet<&Module> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(module) = open.pop() {
            for next in uses.get(&module).into_iter().flatten() {
                if seen.insert(next) {
                    open.push(next.clone());
                }
            }
        }
        seen
    };
    let beyond: BTreeMap<&Module, BTreeSet<&Module>> = uses.keys().map(|module| (module, beyond(module))).collect();
    let in_circle = beyond.iter().filter(|(module, seen)| seen.contains(*module));
    in_circle
        .map(|(module, seen)| seen.iter().copied().filter(|other| beyond[other].contains(*module)).cloned().collect())
        .collect()
}

/// The first files of all libraries and programs but those below `tests`: a scenario and the list of all scenarios know
/// each other.
fn roots() -> BTreeSet<PathBuf> {
    let metadata = sdk::cargo_metadata(&["--no-deps"]);
    let packages = metadata["packages"].as_array().expect("packages").clone();
    let targets = packages.iter().flat_map(|package| package["targets"].as_array().expect("targets"));
    targets
        .filter(|target| ["lib", "bin"].iter().any(|kind| target["kind"][0] == *kind))
        .map(|target| PathBuf::from(target["src_path"].as_str().expect("a path")))
        .filter(|root| !root.starts_with(read::root().join("tests")))
        .collect()
}

fn shown(module: &Module) -> String {
    if module.is_empty() { "crate".to_owned() } else { module.join("::") }
}

#[test]
fn no_module_comes_back_to_itself() {
    let mut found = BTreeSet::new();
    let mut most = 0;
    for root in roots() {
        let uses = uses(&root);
        most = most.max(uses.values().map(BTreeSet::len).sum());
        let name = root.strip_prefix(read::root()).expect("in the repository").display().to_string();
        for circle in circles(&uses) {
            found.insert((name.clone(), circle.iter().map(shown).collect::<Vec<_>>()));
        }
    }
    assert!(most > 50, "the sources are not understood: no crate has more than {most} uses");
    let left = LEFT.iter().map(|(root, circle)| ((*root).to_owned(), circle.iter().map(|m| (*m).to_owned()).collect()));
    let left: BTreeSet<(String, Vec<String>)> = left.collect();
    let new: Vec<_> = found.difference(&left).collect();
    let gone: Vec<_> = left.difference(&found).collect();
    assert!(new.is_empty(), "these use each other; what they share belongs into a module below them: {new:#?}");
    assert!(gone.is_empty(), "these circles are cut; take them off the list: {gone:#?}");
}

#[test]
fn circles_are_noticed_however_a_path_is_written() {
    let module =
        |path: &str| -> Module { path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect() };
    let modules: BTreeSet<Module> = ["", "a", "a::b", "c", "d"].into_iter().map(module).collect();
    let of = |at: &str, text: &str| -> Vec<String> {
        let tokens = sources::code(text).expect("Rust");
        used(tokens, &module(at), &modules).iter().map(shown).collect()
    };
    assert_eq!(of("c", "use crate::{a::{self, b::{X, Y}}, d::Z as W};"), ["a", "a::b", "d"]);
    assert_eq!(of("c", "fn f(x: crate::a::T) -> Vec<crate::d::U> { g(super::d::h(1)) }"), ["a", "d"]);
    assert_eq!(of("a", "pub use b::X; use self::b::Y;"), ["a::b"]);
    assert_eq!(of("a::b", "use super::T; use super::super::c::f;"), ["a", "c"]);
    assert_eq!(of("c", "use crate::T;"), ["crate"]);
    assert_eq!(of("c", "mod inner { use super::T; use crate::d::U; }"), ["d"]);
    let nothing = "//! crate::a::X\nuse std::d::X; pub(crate) fn f() { x.a(); e::a::g(); c::h() }\
                   #[cfg(test)] mod tests { use crate::a::X; }";
    assert_eq!(of("c", nothing), [] as [String; 0]);

    let graph = |edges: &[(&str, &str)]| -> Uses {
        let mut uses: Uses = modules.iter().map(|module| (module.clone(), BTreeSet::new())).collect();
        for (from, to) in edges {
            uses.get_mut(&module(from)).expect("a module").insert(module(to));
        }
        uses
    };
    assert!(circles(&graph(&[("a", "c"), ("c", "d"), ("a", "d"), ("", "a")])).is_empty());
    let found = circles(&graph(&[("a", "c"), ("c", "d"), ("d", "a"), ("", "a")]));
    assert_eq!(found, BTreeSet::from([["a", "c", "d"].map(module).into()]));
}
