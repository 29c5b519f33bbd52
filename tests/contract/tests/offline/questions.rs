//! The questions of crates/observe: which of them a function asks, and which calls of AWS each makes. It must not know
//! any policy.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::read;
use crate::sources;

/// The crate's folder.
const FOLDER: &str = "crates/observe";

/// One module of the crate, which is one service.
struct Service {
    /// The SDK crate that it calls.
    sdk: String,
    /// The body of each function by its name.
    functions: BTreeMap<String, TokenStream>,
}

/// The modules of crates/observe by name.
pub(crate) struct Questions(BTreeMap<String, Service>);

/// Code that a question runs, and the SDK crate that it calls.
pub(crate) struct Asked {
    pub(crate) sdk: String,
    pub(crate) code: TokenStream,
}

impl Questions {
    pub(crate) fn read() -> Self {
        let mut files: BTreeMap<String, Vec<TokenStream>> = BTreeMap::new();
        for path in sources::shipped(FOLDER) {
            let below = path.strip_prefix(read::root().join(FOLDER).join("src")).expect("in the crate");
            let first = below.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
            let module = first.trim_end_matches(".rs").to_owned();
            if module != "lib" {
                files.entry(module).or_default().push(sources::file(&path));
            }
        }
        assert!(!files.is_empty(), "no module found");
        Self(files.into_iter().map(|(module, files)| (module, Service::of(files))).collect())
    }

    /// What a function asks: each `observe::<module>::<function>` in its code, with all that this calls in its module.
    pub(crate) fn asked_by(&self, code: TokenStream) -> Vec<Asked> {
        let mut asked = Vec::new();
        for (module, name) in named(code) {
            let service = self.0.get(&module).unwrap_or_else(|| panic!("crates/observe has no module {module}"));
            assert!(service.functions.contains_key(&name), "observe::{module} has no function {name}");
            let mut reached = BTreeSet::from([name]);
            let mut left: Vec<String> = reached.iter().cloned().collect();
            while let Some(name) = left.pop() {
                let body = &service.functions[&name];
                for inner in sources::identifiers(body.clone()) {
                    if service.functions.contains_key(&inner) && reached.insert(inner.clone()) {
                        left.push(inner);
                    }
                }
                asked.push(Asked { sdk: service.sdk.clone(), code: body.clone() });
            }
        }
        asked
    }

    /// The modules that code names.
    pub(crate) fn modules_of(code: TokenStream) -> BTreeSet<String> {
        named(code).into_iter().map(|(module, _)| module).collect()
    }

    /// All code of the crate by SDK crate.
    pub(crate) fn all(&self) -> Vec<Asked> {
        let bodies = |service: &Service| {
            let sdk = service.sdk.clone();
            let code = service.functions.values().cloned().collect();
            Asked { sdk, code }
        };
        self.0.values().map(bodies).collect()
    }
}

impl Service {
    fn of(files: Vec<TokenStream>) -> Self {
        let mut functions = BTreeMap::new();
        let mut sdks = BTreeSet::new();
        for file in files {
            let names = sources::identifiers(file.clone());
            sdks.extend(names.into_iter().filter(|name| name.starts_with("aws_sdk_")));
            for (name, body) in bodies(file) {
                assert!(
                    functions.insert(name.clone(), body).is_none(),
                    "two functions of one service are called {name}"
                );
            }
        }
        assert_eq!(sdks.len(), 1, "a module is one service, and this one knows {sdks:?}");
        Self { sdk: sdks.into_iter().collect::<String>().replace('_', "-"), functions }
    }
}

/// The functions of a file, whether free or of a type, each with its body.
fn bodies(tokens: TokenStream) -> Vec<(String, TokenStream)> {
    let mut found = Vec::new();
    sources::walk(tokens, &mut |trees| {
        if let [TokenTree::Ident(keyword), TokenTree::Ident(name), rest @ ..] = trees
            && *keyword == "fn"
        {
            let body = rest.iter().find_map(|tree| match tree {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group.stream()),
                _ => None,
            });
            found.extend(body.map(|body| (name.to_string(), body)));
        }
    });
    found
}

/// Module and name of each `observe::module::name`.
fn named(code: TokenStream) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    sources::walk(code, &mut |trees| {
        if let [
            TokenTree::Ident(krate),
            TokenTree::Punct(_),
            TokenTree::Punct(_),
            TokenTree::Ident(module),
            TokenTree::Punct(a),
            TokenTree::Punct(b),
            TokenTree::Ident(name),
            ..,
        ] = trees
            && *krate == "observe"
            && a.as_char() == ':'
            && b.as_char() == ':'
            // A type is no question.
            && name.to_string().starts_with(|first: char| first.is_lowercase())
        {
            found.insert((module.to_string(), name.to_string()));
        }
    });
    found
}

#[test]
fn a_question_is_followed_to_all_that_it_calls() {
    let code = sources::code("fn f() { observe::apigateway::custom_domains(&clients.api).await?; }").expect("Rust");
    let asked = Questions::read().asked_by(code);
    let calls: BTreeSet<String> =
        asked.iter().flat_map(|one| sources::bare_calls(one.code.clone())).map(|call| call.method).collect();
    assert!(calls.contains("get_domain_names") && !calls.contains("get_domain_name"), "{calls:?}");
    assert!(asked.iter().all(|one| one.sdk == "aws-sdk-apigatewayv2"));
}

#[test]
fn questions_are_called_by_their_whole_path() {
    for function in read::functions() {
        for path in sources::shipped(&format!("functions/{function}")) {
            sources::walk(sources::file(&path), &mut |trees| {
                if let [TokenTree::Ident(keyword), TokenTree::Ident(krate), ..] = trees {
                    assert!(*keyword != "use" || *krate != "observe", "{} imports a question", path.display());
                }
            });
        }
    }
}

#[test]
fn a_function_links_the_services_that_it_asks_and_no_other() {
    for function in read::functions() {
        let folder = format!("functions/{function}");
        let asked = Questions::modules_of(sources::package(&folder));
        let manifest = read::text(format!("{folder}/Cargo.toml"));
        let line = manifest.lines().find(|line| line.starts_with("observe")).unwrap_or_default();
        let features: BTreeSet<String> = line.split('"').skip(1).step_by(2).map(str::to_owned).collect();
        assert_eq!(asked, features, "{function}");
    }
}
