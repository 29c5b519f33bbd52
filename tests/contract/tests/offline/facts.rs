//! Every citation of a fact of AWS leads to one fact of `docs/aws-facts.md`, and every fact there is cited.
//! It must not know what the facts say.

use std::collections::{BTreeMap, BTreeSet};

use crate::read;

const PAGE: &str = "docs/aws-facts.md";
/// What every citation begins with. Between quotes it is a word and no citation.
const MARK: &str = "AWS-FACTS";
/// Where people write for one another. Hidden folders and build products are not read.
const ENDINGS: [&str; 8] = [".rs", ".py", ".md", ".yaml", ".json", ".toml", ".txt", ".in"];

/// A fact: the title of its section, and whether it names a source.
struct Fact<'a> {
    title: &'a str,
    sources: usize,
}

/// The facts of the page by number, and what is wrong with the page.
fn facts(page: &str) -> (BTreeMap<&str, Fact<'_>>, Vec<String>) {
    let (mut facts, mut problems) = (BTreeMap::<&str, Fact<'_>>::new(), Vec::new());
    let (mut section, mut current) = ("", None);
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("#### ") {
            let (number, title) = heading.split_once(' ').unwrap_or((heading, ""));
            if !is_fact(number) || title.is_empty() || number.rsplit_once('.').is_none_or(|(above, _)| above != section)
            {
                problems.push(format!("`{heading}` is no number and title of a fact of section {section}"));
            }
            if facts.insert(number, Fact { title, sources: 0 }).is_some() {
                problems.push(format!("{number} stands there twice"));
            }
            current = Some(number);
        } else if let Some(heading) = line.strip_prefix("### ") {
            (section, current) = (heading.split(' ').next().unwrap_or_default(), None);
        } else if line.starts_with("Source: ")
            && let Some(fact) = current.and_then(|number| facts.get_mut(number))
        {
            fact.sources += 1;
        }
    }
    let without = facts.iter().filter(|(_, fact)| fact.sources != 1);
    problems.extend(without.map(|(number, fact)| format!("{number} {} has not one line of sources", fact.title)));
    (facts, problems)
}

/// Whether a text is the number of a fact: three parts.
fn is_fact(number: &str) -> bool {
    let parts: Vec<&str> = number.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| part.parse().is_ok_and(|part: u32| part > 0))
}

/// The numbers that a line cites after each mark: `1.2.3` or `1.2.3, 4.5.6`.
fn citations(line: &str) -> Vec<&str> {
    line.split(MARK).skip(1).flat_map(list).collect()
}

/// What follows one mark, to the last comma between two numbers. An empty number where there is none.
fn list(rest: &str) -> Vec<&str> {
    if rest.starts_with(['"', '`']) {
        return Vec::new();
    }
    let mut rest = rest.strip_prefix(' ').unwrap_or_default();
    let mut numbers = Vec::new();
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        numbers.push(rest[..end].trim_end_matches('.'));
        match rest[end..].strip_prefix(", ") {
            Some(next) if next.starts_with(|c: char| c.is_ascii_digit()) => rest = next,
            _ => return numbers,
        }
    }
}

/// What a file cites that is no fact.
fn wrong<'a>(text: &'a str, facts: &BTreeMap<&str, Fact<'_>>, cited: &mut BTreeSet<&'a str>) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for number in citations(line) {
            cited.insert(number);
            if !facts.contains_key(number) {
                let below = |fact: &&&str| !number.is_empty() && fact.starts_with(&format!("{number}."));
                let below: Vec<&str> = facts.keys().filter(below).copied().collect();
                let which =
                    if below.is_empty() { String::new() } else { format!("; below it are {}", below.join(", ")) };
                problems.push(format!("line {} cites `{number}`, which is no fact of {PAGE}{which}", index + 1));
            }
        }
    }
    problems
}

/// Facts that nothing cites.
fn idle(facts: &BTreeMap<&str, Fact<'_>>, cited: &BTreeSet<&str>) -> Vec<String> {
    let idle = facts.iter().filter(|(number, _)| !cited.contains(*number));
    idle.map(|(number, fact)| format!("nothing cites {number} {}", fact.title)).collect()
}

#[test]
fn citations_lead_to_facts_and_every_fact_is_cited() {
    let page = read::text(PAGE);
    let (facts, mut problems) = facts(&page);
    let paths: Vec<_> = ENDINGS.iter().flat_map(|ending| read::files("", ending)).collect();
    let texts: Vec<_> = paths.iter().map(|path| (path, read::text(path))).collect();
    let mut cited = BTreeSet::new();
    for (path, text) in &texts {
        let is_page = path.ends_with(PAGE);
        // The page's own example proves no use.
        let mut by_page = BTreeSet::new();
        let found = wrong(text, &facts, if is_page { &mut by_page } else { &mut cited });
        problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", path.display())));
    }
    problems.extend(idle(&facts, &cited));
    assert!(cited.len() > 50, "only {} numbers were found in {} files", cited.len(), texts.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn wrong_citations_idle_facts_and_bad_pages_are_noticed() {
    const FINE: &str = "### 1.1 A\n#### 1.1.1 One\nSource: x\n#### 1.1.2 Two\nSource: y\n";
    let (known, problems) = facts(FINE);
    assert_eq!(problems, [] as [String; 0]);
    let of = |text: &str| {
        let text = text.replace('@', &format!("{MARK} "));
        let mut cited = BTreeSet::new();
        let mut problems = wrong(&text, &known, &mut cited);
        problems.extend(idle(&known, &cited));
        problems
    };
    assert_eq!(of("(@1.1.1, 1.1.2)."), [] as [String; 0]);
    assert_eq!(of("@1.1.1. Then, 7 more.\n@1.1.2: all"), [] as [String; 0]);
    assert_eq!(of("@1.1.1"), ["nothing cites 1.1.2 Two"]);
    let both = "@1.1.1, 1.1.2\n";
    for (text, number) in
        [("@1.1", "1.1"), ("@1.1.3", "1.1.3"), ("@about zones", ""), (MARK, ""), ("@1.1.1, 2.1.1", "2.1.1")]
    {
        let problems = of(&format!("{both}{text}"));
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert!(problems[0].starts_with(&format!("line 2 cites `{number}`")), "{problems:?}");
    }
    assert!(of(&format!("{both}@1.1"))[0].ends_with("below it are 1.1.1, 1.1.2"));
    for page in [
        "### 1.1 A\n#### 1.1.1 One\nSource: x\n#### 1.1.1 Two\nSource: y\n",
        "### 1.1 A\n#### 1.1.1 One\n",
        "### 1.1 A\n#### 1.2.1 One\nSource: x\n",
        "### 1.1 A\n#### 1.1.1\nSource: x\n",
    ] {
        assert_eq!(facts(page).1.len(), 1, "{page}");
    }
}
