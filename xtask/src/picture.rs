//! `cargo xtask picture`: each state machine as an SVG, laid out from its definition alone.
//! It must not know any state by name.
//!
//! The longest way through the machine runs down the page in columns. What loops back or ends early stands
//! to the right of where it branches off. States that only failures reach stand in a row at the bottom, and
//! instead of a line from every state that can fail there is a mark on it.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};

use crate::asl::{Graph, Kind, Step};
use crate::generated::{self, Args};
use crate::paths::Paths;

/// Each definition, and its picture.
const PICTURES: [(&str, &str); 2] =
    [("statemachine/provision.asl.json", "docs/provision.svg"), ("statemachine/retire.asl.json", "docs/retire.svg")];

/// Most states in one column.
const ROWS: usize = 8;
/// How far the end of a column may move to keep loops whole.
const SHIFT: usize = 4;
/// How much worse it is to cut a loop than another step.
const LOOP: usize = 4;

// Pixels.
const NODE_HEIGHT: i32 = 42;
const ROW_PITCH: i32 = 62;
const MARGIN: i32 = 24;
/// Between a column's states and those that stand beside them; holds the labels of choices.
const SIDE_GAP: i32 = 46;
const LANE: i32 = 14;
const NAME_CHAR: i32 = 8;
const SMALL_CHAR: i32 = 6;
const CORNER: i32 = 8;

/// Characters of a label beside a short line.
const LONGEST_WORD: usize = 22;

/// Draws, or checks that what is there was drawn from these definitions.
///
/// # Errors
/// When a definition cannot be read, or a picture is stale and only checked.
pub(crate) fn run(args: &Args, paths: &Paths) -> Result<()> {
    let drawn = |definition: &str| -> Result<String> {
        let text =
            std::fs::read_to_string(paths.at(definition)).with_context(|| format!("cannot read {definition}"))?;
        let graph = Graph::parse(&text).with_context(|| definition.to_owned())?;
        Ok(svg(definition, &Layout::of(&graph), &graph))
    };
    let pictures =
        PICTURES.iter().map(|(definition, picture)| Ok((*picture, drawn(definition)?))).collect::<Result<Vec<_>>>()?;
    generated::settle(args, paths, "cargo xtask picture", &pictures)
}

/// Where a state stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// On the longest way: column, row.
    Main(usize, usize),
    /// Beside it, on the same row.
    Side(usize, usize),
    /// In the row of failures.
    Failure(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rect {
    x: i32,
    y: i32,
    width: i32,
    height: i32,
}

impl Rect {
    fn right(self) -> i32 {
        self.x + self.width
    }
    fn bottom(self) -> i32 {
        self.y + self.height
    }
    fn middle(self) -> i32 {
        self.x + self.width / 2
    }
    fn center(self) -> i32 {
        self.y + self.height / 2
    }
}

/// A line with right angles, ending in an arrow, and a word beside it.
#[derive(Debug)]
struct Line {
    points: Vec<(i32, i32)>,
    label: Option<Label>,
}

/// A word beside a line.
#[derive(Debug)]
struct Label {
    text: String,
    x: i32,
    y: i32,
    /// Along a line that goes up and down.
    upright: bool,
}

struct Layout<'a> {
    width: i32,
    height: i32,
    boxes: BTreeMap<&'a str, Rect>,
    lines: Vec<Line>,
    /// Targets of failures, in the order of their marks.
    marks: Vec<&'a str>,
}

/// Everything that is known before coordinates are.
struct Plan<'a> {
    places: BTreeMap<&'a str, Place>,
    columns: usize,
    rows: usize,
    /// For each column, the number of vertical lines to its left.
    lanes: Vec<i32>,
    /// Horizontal lines below the columns.
    buses: i32,
}

impl<'a> Plan<'a> {
    fn of(graph: &'a Graph) -> Self {
        let path = graph.longest_path();
        let columns = columns(graph, &path);
        let mut places: BTreeMap<&str, Place> = BTreeMap::new();
        for (column, names) in columns.iter().enumerate() {
            for (row, name) in names.iter().enumerate() {
                places.insert(name, Place::Main(column, row));
            }
        }
        // Beside the path, from the top: each state on the first free row from where it branches off.
        let mut queue: Vec<&str> = path.clone();
        let mut at = 0;
        while at < queue.len() {
            let from = queue[at];
            at += 1;
            for step in graph.out_of(from) {
                if places.contains_key(step.to.as_str()) {
                    continue;
                }
                let (column, mut row) = match places[from] {
                    Place::Main(column, row) | Place::Side(column, row) => (column, row),
                    Place::Failure(_) => continue,
                };
                while places.values().any(|place| *place == Place::Side(column, row)) {
                    row += 1;
                }
                places.insert(&step.to, Place::Side(column, row));
                queue.push(&step.to);
            }
        }
        let failures = failures(graph, &places);
        for (index, name) in failures.into_iter().enumerate() {
            places.insert(name, Place::Failure(index));
        }
        let rows = places
            .values()
            .filter_map(|place| match place {
                Place::Main(_, row) | Place::Side(_, row) => Some(row + 1),
                Place::Failure(_) => None,
            })
            .max()
            .unwrap_or(1);
        Self { places, columns: columns.len(), rows, lanes: vec![0; columns.len()], buses: 0 }
    }

    /// The next free vertical line to the left of a column, counted from the column outwards.
    fn lane(&mut self, column: usize) -> i32 {
        self.lanes[column] += 1;
        self.lanes[column]
    }

    fn bus(&mut self) -> i32 {
        self.buses += 1;
        self.buses
    }

    fn column(&self, name: &str) -> usize {
        match self.places[name] {
            Place::Main(column, _) | Place::Side(column, _) => column,
            Place::Failure(_) => 0,
        }
    }

    /// Whether a step leads from the end of a column to the head of the next.
    fn folds(&self, step: &Step) -> bool {
        match (self.places[step.from.as_str()], self.places[step.to.as_str()]) {
            (Place::Main(from, row), Place::Main(to, 0)) => {
                from + 1 == to && !self.places.values().any(|place| *place == Place::Main(from, row + 1))
            }
            _ => false,
        }
    }
}

/// Cuts the path into columns of like length, where the fewest other steps are cut.
fn columns<'a>(graph: &Graph, path: &[&'a str]) -> Vec<Vec<&'a str>> {
    let count = path.len().div_ceil(ROWS).max(1);
    let index: BTreeMap<&str, usize> = path.iter().enumerate().map(|(index, name)| (*name, index)).collect();
    // A state beside the path counts as standing where it branches off.
    let position = |name: &str| {
        index.get(name).copied().or_else(|| {
            graph.steps.iter().filter(|step| step.to == name).find_map(|step| index.get(step.from.as_str()).copied())
        })
    };
    let cut_by = |cut: usize| {
        graph
            .steps
            .iter()
            .map(|step| match (position(&step.from), position(&step.to)) {
                (Some(from), Some(to)) if (from < cut) == (to < cut) || from + 1 == to => 0,
                (Some(from), Some(to)) if to < from => LOOP,
                (Some(_), Some(_)) => 1,
                _ => 0,
            })
            .sum::<usize>()
    };
    let mut columns = Vec::new();
    let mut start = 0;
    for column in 1..count {
        let ideal = path.len() * column / count;
        let cut = (ideal.saturating_sub(SHIFT).max(start + 1)..=(ideal + SHIFT).min(path.len() - 1))
            .min_by_key(|cut| (cut_by(*cut), cut.abs_diff(ideal)))
            .unwrap_or(ideal);
        columns.push(path[start..cut].to_vec());
        start = cut;
    }
    columns.push(path[start..].to_vec());
    columns
}

/// The states that only failures reach, each before those it leads to.
fn failures<'a>(graph: &'a Graph, places: &BTreeMap<&str, Place>) -> Vec<&'a str> {
    let mut left: Vec<&str> =
        graph.states.keys().map(String::as_str).filter(|name| !places.contains_key(name)).collect();
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let first = left
            .iter()
            .position(|name| !graph.steps.iter().any(|step| step.to == *name && left.contains(&step.from.as_str())))
            .unwrap_or(0);
        ordered.push(left.remove(first));
    }
    ordered
}

/// How a step is drawn.
#[derive(Clone, Copy)]
enum Route {
    /// To the next row of the same column.
    Down,
    /// From the end of a column to the head of the next.
    Fold { lane: i32, bus: i32 },
    /// To the state beside.
    Beside,
    /// From beside back to a state of the column.
    Back { index: i32 },
    /// Down the column, past others.
    Past { lane: i32 },
    /// To another column.
    Across { from: i32, to: i32, bus: i32 },
    /// Along the row of failures.
    Along,
}

impl<'a> Layout<'a> {
    fn of(graph: &'a Graph) -> Self {
        let mut plan = Plan::of(graph);
        // The line from column to column runs outside of the others, above those that run below the columns.
        let (folds, others): (Vec<&Step>, Vec<&Step>) = graph.steps.iter().partition(|step| plan.folds(step));
        let buses: Vec<i32> = folds.iter().map(|_| plan.bus()).collect();
        let mut routes: Vec<(&Step, Route)> =
            others.into_iter().map(|step| (step, route(&mut plan, graph, step))).collect();
        for (step, bus) in folds.into_iter().zip(buses) {
            let lane = plan.lane(plan.column(&step.to));
            routes.push((step, Route::Fold { lane, bus }));
        }

        let node_width = |places: &dyn Fn(&Place) -> bool| {
            let widths = plan.places.iter().filter(|(_, place)| places(place)).map(|(name, _)| text_width(graph, name));
            widths.max().unwrap_or(0)
        };
        let mut x = MARGIN;
        let (mut mains, mut sides) = (Vec::new(), Vec::new());
        for column in 0..plan.columns {
            x += plan.lanes[column] * LANE + if plan.lanes[column] > 0 { LANE } else { 0 };
            let main = node_width(&|place| matches!(place, Place::Main(at, _) if *at == column));
            let side = node_width(&|place| matches!(place, Place::Side(at, _) if *at == column));
            let gap = if side > 0 { side_gap(graph, &plan, column) } else { 0 };
            mains.push((x, main));
            sides.push((x + main + gap, side));
            x += main + gap + side + MARGIN;
        }
        let mut width = x;
        let top = MARGIN + LANE;
        let below = top + i32::try_from(plan.rows).expect("few rows") * ROW_PITCH - (ROW_PITCH - NODE_HEIGHT);
        let failures_at = below + (plan.buses + 1) * LANE + MARGIN;

        let failure_width = node_width(&|place| matches!(place, Place::Failure(_)));
        let row_top = |row: usize| top + i32::try_from(row).expect("few rows") * ROW_PITCH;
        let boxes: BTreeMap<&str, Rect> = plan
            .places
            .iter()
            .map(|(name, place)| {
                let (x, y, width) = match *place {
                    Place::Main(column, row) => (mains[column].0, row_top(row), mains[column].1),
                    Place::Side(column, row) => (sides[column].0, row_top(row), sides[column].1),
                    Place::Failure(index) => {
                        let index = i32::try_from(index).expect("few states");
                        (MARGIN + SIDE_GAP + index * (failure_width + SIDE_GAP), failures_at, failure_width)
                    }
                };
                (*name, Rect { x, y, width, height: NODE_HEIGHT })
            })
            .collect();
        width = boxes.values().map(|rect| rect.right() + MARGIN).max().unwrap_or(0).max(width);
        let bottom = boxes.values().map(|rect| rect.bottom()).max().unwrap_or(0);

        let lane_x = |column: usize, lane: i32| mains[column].0 - lane * LANE;
        let bus_y = |bus: i32| below + bus * LANE;
        let lines = routes
            .iter()
            .map(|(step, route)| {
                let (from, to) = (boxes[step.from.as_str()], boxes[step.to.as_str()]);
                let points = match *route {
                    Route::Down => vec![(from.middle(), from.bottom()), (to.middle(), to.y)],
                    Route::Fold { lane, bus } => {
                        let x = lane_x(plan.column(&step.to), lane);
                        let above = to.y - LANE - 4;
                        vec![
                            (from.middle(), from.bottom()),
                            (from.middle(), bus_y(bus)),
                            (x, bus_y(bus)),
                            (x, above),
                            (to.middle(), above),
                            (to.middle(), to.y),
                        ]
                    }
                    Route::Beside if from.y == to.y => vec![(from.right(), from.center()), (to.x, to.center())],
                    Route::Beside => {
                        let x = to.x - LANE;
                        vec![(from.right(), from.center()), (x, from.center()), (x, to.center()), (to.x, to.center())]
                    }
                    Route::Back { index } => {
                        let x = from.middle() + index * LANE;
                        let edge = if to.y < from.y { from.y } else { from.bottom() };
                        vec![(x, edge), (x, to.center()), (to.right(), to.center())]
                    }
                    Route::Past { lane } => {
                        let x = lane_x(plan.column(&step.to), lane);
                        vec![(from.x, from.center()), (x, from.center()), (x, to.center()), (to.x, to.center())]
                    }
                    Route::Across { from: from_lane, to: to_lane, bus } => {
                        let (out, into) =
                            (lane_x(plan.column(&step.from), from_lane), lane_x(plan.column(&step.to), to_lane));
                        vec![
                            (from.x, from.center()),
                            (out, from.center()),
                            (out, bus_y(bus)),
                            (into, bus_y(bus)),
                            (into, to.center()),
                            (to.x, to.center()),
                        ]
                    }
                    Route::Along => vec![(from.right(), from.center()), (to.x, to.center())],
                };
                Line { label: label(step, *route, &points), points }
            })
            .collect();

        let mut marks: Vec<&str> = graph.catches.iter().map(|(_, to)| to.as_str()).collect();
        marks.sort_by_key(|name| (boxes[name].y, boxes[name].x));
        marks.dedup();
        Self { width, height: bottom + MARGIN + if marks.is_empty() { 0 } else { 20 }, boxes, lines, marks }
    }
}

fn route(plan: &mut Plan, graph: &Graph, step: &Step) -> Route {
    match (plan.places[step.from.as_str()], plan.places[step.to.as_str()]) {
        (Place::Main(from, above), Place::Main(to, below)) if from == to && above + 1 == below => Route::Down,
        (Place::Main(from, _), Place::Side(to, _)) if from == to => Route::Beside,
        (Place::Side(from, _), Place::Main(to, _)) if from == to => {
            let earlier = graph.out_of(&step.from).take_while(|other| *other != step).count();
            Route::Back { index: i32::try_from(earlier).expect("few steps") }
        }
        (Place::Failure(_), Place::Failure(_)) => Route::Along,
        (Place::Main(from, _) | Place::Side(from, _), Place::Main(to, _) | Place::Side(to, _)) if from == to => {
            Route::Past { lane: plan.lane(to) }
        }
        _ => {
            let (from, to) = (plan.column(&step.from), plan.column(&step.to));
            Route::Across { from: plan.lane(from), to: plan.lane(to), bus: plan.bus() }
        }
    }
}

/// Room for the words on the way to the states beside a column.
fn side_gap(graph: &Graph, plan: &Plan, column: usize) -> i32 {
    let words = graph.steps.iter().filter(|step| {
        matches!(
            (plan.places[step.from.as_str()], plan.places[step.to.as_str()]),
            (Place::Main(from, _), Place::Side(to, _)) if from == column && to == column
        )
    });
    let widest = words.map(|step| chars(&short(&word(&step.label), LONGEST_WORD)) * SMALL_CHAR).max().unwrap_or(0);
    (widest + 2 * LANE).max(SIDE_GAP)
}

/// Where the word on a line stands.
fn label(step: &Step, route: Route, points: &[(i32, i32)]) -> Option<Label> {
    if step.label.is_empty() {
        return None;
    }
    let text = word(&step.label);
    let (x, y) = points[0];
    Some(match route {
        Route::Down | Route::Fold { .. } => {
            Label { text: short(&text, LONGEST_WORD), x: x + 6, y: y + 14, upright: false }
        }
        // Along the line, reading upwards.
        Route::Past { .. } => {
            let (top, bottom) = (points[1].1.min(points[2].1), points[1].1.max(points[2].1));
            let room = usize::try_from((bottom - top - 2 * CORNER) / SMALL_CHAR).unwrap_or(0);
            Label { text: short(&text, room), x: points[1].0 - 4, y: bottom - CORNER, upright: true }
        }
        Route::Across { .. } => {
            Label { text: short(&text, LONGEST_WORD), x: points[2].0 + 4, y: points[2].1 - 5, upright: false }
        }
        _ => Label { text: short(&text, LONGEST_WORD), x: x + 8, y: y - 5, upright: false },
    })
}

/// What a label says: of a plain comparison, the value.
fn word(label: &str) -> String {
    match label.split_once(" = '").and_then(|(_, rest)| rest.strip_suffix('\'')) {
        Some(value) if !value.contains('\'') => value.to_owned(),
        _ => label.to_owned(),
    }
}

/// A text cut to a length; the whole of it is in the definition.
fn short(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest.saturating_sub(1)).chain(['…']).collect()
}

fn chars(text: &str) -> i32 {
    i32::try_from(text.chars().count()).expect("short texts")
}

fn text_width(graph: &Graph, name: &str) -> i32 {
    let detail = &graph.states[name].detail;
    (chars(name) * NAME_CHAR).max(chars(detail) * SMALL_CHAR) + 34
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Lambda => "lambda",
        Kind::Service => "service",
        Kind::Wait => "wait",
        Kind::Choice => "choice",
        Kind::Other => "other",
        Kind::End => "end",
        Kind::Fail => "fail",
    }
}

/// Colours for a light and a dark page; the page behind the picture may be either.
const STYLE: &str = "
text{font-family:-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;font-size:13px;fill:#1f2328;text-anchor:middle}
text.name{font-weight:600}
text.small{font-size:10.5px;fill:#59636e}
text.word{text-anchor:start}
rect.page{fill:#ffffff;stroke:#d1d9e0}
.state{stroke-width:1.5;fill:#f6f8fa;stroke:#818b98}
.lambda{fill:#fff4e5;stroke:#d9730d}
.service{fill:#f3edff;stroke:#8250df}
.wait{fill:#e6f2ff;stroke:#0969da;stroke-dasharray:5 3}
.end{fill:#e6f7ea;stroke:#1a7f37}
.fail{fill:#ffebe9;stroke:#cf222e}
.line{fill:none;stroke:#818b98;stroke-width:1.5}
.tip{fill:#818b98}
.mark{fill:#cf222e}
text.mark{font-size:10px;font-weight:700}
@media (prefers-color-scheme:dark){
text{fill:#f0f6fc}
text.small{fill:#9198a1}
rect.page{fill:#0d1117;stroke:#3d444d}
.state{fill:#151b23;stroke:#9198a1}
.lambda{fill:#2e1f0c;stroke:#e0823d}
.service{fill:#211a33;stroke:#ab7df8}
.wait{fill:#0c2138;stroke:#4493f8}
.end{fill:#0f2417;stroke:#3fb950}
.fail{fill:#2d1214;stroke:#f85149}
.line{stroke:#9198a1}
.tip{fill:#9198a1}
.mark{fill:#f85149}
}
";

/// Writing to a String cannot fail.
macro_rules! put {
    ($to:expr, $($format:tt)*) => { writeln!($to, $($format)*).expect("a String takes everything") };
}

/// The picture of the graph that `definition` describes.
fn svg(definition: &str, layout: &Layout, graph: &Graph) -> String {
    let mut out = String::new();
    let (width, height) = (layout.width, layout.height);
    put!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label="State machine">"#
    );
    put!(out, "<!-- Drawn by `cargo xtask picture` from {definition}. -->");
    put!(out, "<style>{STYLE}</style>");
    put!(
        out,
        r#"<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>"#
    );
    put!(out, r#"<rect class="page" x="0.5" y="0.5" width="{}" height="{}" rx="10"/>"#, width - 1, height - 1);
    for line in &layout.lines {
        put!(out, r#"<path class="line" marker-end="url(#tip)" d="{}"/>"#, path(&line.points));
    }
    for (name, rect) in &layout.boxes {
        draw_state(&mut out, layout, graph, name, *rect);
    }
    for Label { text, x, y, upright } in layout.lines.iter().filter_map(|line| line.label.as_ref()) {
        let turn = if *upright { format!(r#" transform="rotate(-90 {x} {y})""#) } else { String::new() };
        put!(out, r#"<text class="small word" x="{x}" y="{y}"{turn}>{}</text>"#, escaped(text));
    }
    if !layout.marks.is_empty() {
        put!(
            out,
            r#"<text class="small word" x="{MARGIN}" y="{}">A state with a red number goes, when it fails or gives up for good, to the state that the number points to.</text>"#,
            height - 14
        );
    }
    out.push_str("</svg>\n");
    out
}

fn draw_state(out: &mut String, layout: &Layout, graph: &Graph, name: &str, rect: Rect) {
    let state = &graph.states[name];
    put!(out, "<g><title>{}</title>", escaped(&state.comment));
    let class = class(state.kind);
    if state.kind == Kind::Choice {
        let slope = 14;
        put!(
            out,
            r#"<polygon class="state {class}" points="{},{} {},{} {},{} {},{} {},{} {},{}"/>"#,
            rect.x,
            rect.center(),
            rect.x + slope,
            rect.y,
            rect.right() - slope,
            rect.y,
            rect.right(),
            rect.center(),
            rect.right() - slope,
            rect.bottom(),
            rect.x + slope,
            rect.bottom()
        );
    } else {
        let rounding = if matches!(state.kind, Kind::End | Kind::Fail) { NODE_HEIGHT / 2 } else { 6 };
        put!(
            out,
            r#"<rect class="state {class}" x="{}" y="{}" width="{}" height="{}" rx="{rounding}"/>"#,
            rect.x,
            rect.y,
            rect.width,
            rect.height
        );
    }
    let name_y = if state.detail.is_empty() { rect.center() + 5 } else { rect.center() - 2 };
    put!(out, r#"<text class="name" x="{}" y="{name_y}">{}</text>"#, rect.middle(), escaped(name));
    if !state.detail.is_empty() {
        put!(
            out,
            r#"<text class="small" x="{}" y="{}">{}</text>"#,
            rect.middle(),
            rect.center() + 13,
            escaped(&state.detail)
        );
    }
    for (index, target) in layout.marks.iter().enumerate() {
        if graph.catches.contains(&(name.to_owned(), (*target).to_owned())) {
            // A Choice has its corners cut off.
            let inset = if state.kind == Kind::Choice { 22 } else { 8 };
            put!(out, r#"<text class="mark" x="{}" y="{}">{}</text>"#, rect.right() - inset, rect.y + 12, index + 1);
        }
        if name == *target {
            let (x, y) = (rect.middle(), rect.y);
            put!(out, r#"<text class="mark" x="{x}" y="{}">{}</text>"#, y - 12, index + 1);
            put!(out, r#"<path class="mark" d="M{} {}l4 6l4 -6z"/>"#, x - 4, y - 8);
        }
    }
    put!(out, "</g>");
}

/// A line with rounded corners.
fn path(points: &[(i32, i32)]) -> String {
    let mut d = format!("M{} {}", points[0].0, points[0].1);
    for window in points.windows(3) {
        let [before, corner, after] = [window[0], window[1], window[2]];
        let (into, out) = (towards(corner, before), towards(corner, after));
        write!(d, "L{} {}Q{} {} {} {}", into.0, into.1, corner.0, corner.1, out.0, out.1)
            .expect("a String takes everything");
    }
    let (x, y) = points[points.len() - 1];
    write!(d, "L{x} {y}").expect("a String takes everything");
    d
}

/// The point on the way from a corner to its neighbour where the rounding begins.
fn towards(corner: (i32, i32), neighbour: (i32, i32)) -> (i32, i32) {
    let step = |from: i32, to: i32| (to - from).signum() * CORNER.min((to - from).abs() / 2);
    (corner.0 + step(corner.0, neighbour.0), corner.1 + step(corner.1, neighbour.1))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The graph of each definition.
    fn real() -> [(&'static str, Graph); 2] {
        PICTURES.map(|(definition, _)| (definition, graph_of(definition)))
    }

    fn graph_of(definition: &str) -> Graph {
        let file = Paths::of_this_checkout().at(definition);
        Graph::parse(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    #[test]
    fn every_state_is_drawn_once() {
        for (definition, graph) in real() {
            let picture = svg(definition, &Layout::of(&graph), &graph);
            for name in graph.states.keys() {
                assert_eq!(picture.matches(&format!(">{}</text>", escaped(name))).count(), 1, "{name}");
            }
            assert_eq!(picture.matches("marker-end").count(), graph.steps.len());
        }
    }

    #[test]
    fn no_state_covers_another_or_a_line() {
        for (_, graph) in real() {
            let layout = Layout::of(&graph);
            let boxes: Vec<_> = layout.boxes.iter().collect();
            for (index, (a, first)) in boxes.iter().enumerate() {
                for (b, second) in &boxes[index + 1..] {
                    let apart = first.right() <= second.x
                        || second.right() <= first.x
                        || first.bottom() <= second.y
                        || second.bottom() <= first.y;
                    assert!(apart, "{a} and {b}");
                }
                assert!(first.x >= 0 && first.right() <= layout.width && first.bottom() <= layout.height, "{a}");
            }
            for line in &layout.lines {
                for pair in line.points.windows(2) {
                    let [(x1, y1), (x2, y2)] = [pair[0], pair[1]];
                    assert!(x1 == x2 || y1 == y2, "a slanted line: {line:?}");
                    for (name, rect) in &layout.boxes {
                        let misses = x1.max(x2) <= rect.x
                            || x1.min(x2) >= rect.right()
                            || y1.max(y2) <= rect.y
                            || y1.min(y2) >= rect.bottom();
                        assert!(misses, "{name} covers {line:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn columns_end_where_no_loop_is_cut() {
        let states: Vec<_> = (0..10).map(|n| format!("S{n}")).collect();
        let mut members = String::new();
        for (n, name) in states.iter().enumerate() {
            let way = match n {
                // A loop from S5 back to S4, at the middle.
                5 => r#""Type": "Choice", "Choices": [{"Condition": "x", "Next": "S4"}], "Default": "S6""#.to_owned(),
                9 => r#""Type": "Succeed""#.to_owned(),
                _ => format!(r#""Type": "Pass", "Next": "S{}""#, n + 1),
            };
            write!(members, r#"{}"{name}": {{{way}}}"#, if n == 0 { "" } else { "," }).unwrap();
        }
        let graph = Graph::parse(&format!(r#"{{"StartAt": "S0", "States": {{{members}}}}}"#)).unwrap();
        let path = graph.longest_path();
        let columns = columns(&graph, &path);
        assert_eq!(columns.iter().map(Vec::len).collect::<Vec<_>>(), [4, 6]);
    }
}
