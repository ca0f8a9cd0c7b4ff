//! The table of figures: one line per figure, with its floor, their ratio and the figure to reach.

use serde_json::{Map, Value, json};

use super::{
    machine::{self, Machine},
    samples::short,
};

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    Yes,
    No,
    /// There is no figure to reach, or nothing was measured.
    Open,
}

impl Met {
    pub(super) const fn of(met: bool) -> Self {
        if met { Self::Yes } else { Self::No }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "NO",
            Self::Open => "-",
        }
    }
}

/// One figure.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// The row that it belongs to.
    pub(super) row: &'static str,
    /// What was measured, with its unit.
    pub(super) what: &'static str,
    pub(super) measured: String,
    pub(super) floor: String,
    /// Measured to floor.
    pub(super) ratio: Option<f64>,
    pub(super) target: &'static str,
    pub(super) met: Met,
    /// The same for programs.
    pub(super) figures: Vec<(&'static str, f64)>,
}

impl Line {
    /// A line that says why there is no figure.
    pub(super) fn missing(row: &'static str, what: &'static str, why: impl Into<String>) -> Self {
        let measured = format!("not measured: {}", why.into());
        Self { row, what, measured, floor: String::new(), ratio: None, target: "", met: Met::Open, figures: Vec::new() }
    }
}

/// All lines, and where and when they were measured.
#[derive(Debug)]
pub(super) struct Table {
    machine: Machine,
    quick: bool,
    lines: Vec<(f64, Line)>,
}

impl Table {
    pub(super) fn new(quick: bool) -> Self {
        Self { machine: Machine::look(), quick, lines: Vec::new() }
    }

    /// Adds a line, with the load of the machine at this moment. It is told at once: a whole run takes minutes.
    #[expect(clippy::print_stderr, reason = "talk goes to stderr, the table to stdout")]
    pub(super) fn add(&mut self, line: Line) {
        eprintln!("{:8} {}: {} (floor {})", line.row, line.what, line.measured, line.floor);
        self.lines.push((machine::load(), line));
    }

    #[expect(clippy::print_stdout, reason = "the table is what the program is for")]
    pub(super) fn print(&self) {
        println!("{}", self.machine.text());
        if self.quick {
            println!("A quick look: few repetitions, short waits.");
        }
        println!();
        for row in self.rows() {
            println!("{row}");
        }
    }

    fn rows(&self) -> Vec<String> {
        let head = ["row", "what", "measured", "floor", "ratio", "to reach", "met", "load"].map(str::to_owned);
        let rule = head.clone().map(|_| "---".to_owned());
        let lines = self.lines.iter().map(|(load, line)| {
            let ratio = line.ratio.map(short).unwrap_or_default();
            let Line { row, what, measured, floor, target, met, .. } = line;
            [row, what, measured.as_str(), floor, &ratio, target, met.word(), &short(*load)].map(str::to_owned)
        });
        let all: Vec<[String; 8]> = [head, rule].into_iter().chain(lines).collect();
        all.iter().map(|cells| format!("| {} |", cells.join(" | "))).collect()
    }

    pub(super) fn json(&self) -> String {
        let lines = self.lines.iter().map(|(load, line)| {
            let figures: Map<String, Value> =
                line.figures.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            json!({"row": line.row, "what": line.what, "measured": line.measured, "floor": line.floor,
                "ratio": line.ratio, "to_reach": line.target, "met": line.met.word(), "load": load,
                "figures": figures})
        });
        let lines: Vec<Value> = lines.collect();
        let all = json!({"machine": self.machine.text(), "quick": self.quick, "lines": lines});
        format!("{all:#}\n")
    }
}
