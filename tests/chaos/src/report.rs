//! The matrix of calls and faults, as text.
//!
//! Owns its form. Must not know how a case is carried out.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::case::{Case, Disturbance, EventFault, Fault};
use crate::run::Outcome;

/// What became of the cases.
#[derive(Default)]
pub(crate) struct Report {
    cases: Vec<(Case, Outcome)>,
}

impl Report {
    pub(crate) fn add(&mut self, case: Case, outcome: Outcome) {
        self.cases.push((case, outcome));
    }

    /// How many cases hold, deviate, and were not reached.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let count = |wanted: fn(&Outcome) -> bool| self.cases.iter().filter(|(_, outcome)| wanted(outcome)).count();
        (
            count(|outcome| *outcome == Outcome::Holds),
            count(|outcome| matches!(outcome, Outcome::Deviates(_))),
            count(|outcome| *outcome == Outcome::NotReached),
        )
    }

    /// The report as Markdown: a row for each call, a column for each fault.
    pub(crate) fn markdown(&self) -> String {
        let (holds, deviates, not_reached) = self.counts();
        let mut text = format!(
            "# Crash explorer\n\n{} cases: {holds} hold, {deviates} deviate, {not_reached} were not reached.\n\
             ✓ the world is as it must be, ✗ it deviates, ? the run never came to the call, · not tried\n",
            self.cases.len()
        );
        let columns: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        text += &self.table("call", &columns, |disturbance| match disturbance {
            Disturbance::Call(site, fault) => Some((site.to_string(), fault.name())),
            Disturbance::Event(..) => None,
        });
        let columns: Vec<&str> = EventFault::ALL.iter().map(|fault| fault.name()).collect();
        text += &self.table("event", &columns, |disturbance| match disturbance {
            Disturbance::Event(event, fault) => Some((event.name().to_owned(), fault.name())),
            Disturbance::Call(..) => None,
        });
        let several: Vec<_> = self.cases.iter().filter(|(case, _)| case.seed.is_some()).collect();
        if !several.is_empty() {
            text += "\n| several at once | seed | |\n| --- | --- | --- |\n";
            for (case, outcome) in several {
                let seed = case.seed.unwrap_or_default();
                writeln!(text, "| {case} | {seed} | {} |", mark(outcome)).expect("a string takes all");
            }
        }
        for (case, outcome) in &self.cases {
            if let Outcome::Deviates(deviations) = outcome {
                write!(text, "\n## {case}\n\n{}\n", case.command()).expect("a string takes all");
                for deviation in deviations {
                    writeln!(text, "- {deviation}").expect("a string takes all");
                }
            }
        }
        text
    }

    fn table(
        &self,
        title: &str,
        columns: &[&str],
        place: impl Fn(&Disturbance) -> Option<(String, &'static str)>,
    ) -> String {
        let mut rows: Vec<String> = Vec::new();
        let mut marks: BTreeMap<(String, &str), &str> = BTreeMap::new();
        for (case, outcome) in self.cases.iter().filter(|(case, _)| case.seed.is_none()) {
            let Some((row, column)) = case.disturbances.first().and_then(&place) else { continue };
            let row = format!("{}/{row}", case.scenario.name());
            if !rows.contains(&row) {
                rows.push(row.clone());
            }
            marks.insert((row, column), mark(outcome));
        }
        if rows.is_empty() {
            return String::new();
        }
        let mut text = format!("\n| {title} | {} |\n|{}\n", columns.join(" | "), " --- |".repeat(columns.len() + 1));
        for row in rows {
            let cells: Vec<&str> =
                columns.iter().map(|column| marks.get(&(row.clone(), *column)).copied().unwrap_or("·")).collect();
            writeln!(text, "| {row} | {} |", cells.join(" | ")).expect("a string takes all");
        }
        text
    }
}

fn mark(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Holds => "✓",
        Outcome::Deviates(_) => "✗",
        Outcome::NotReached => "?",
    }
}
