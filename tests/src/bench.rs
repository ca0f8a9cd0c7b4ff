//! The figures of the daemon, each measured beside a floor in the same run. Nothing here asserts: a row that falls short
//! says so. `scripts/bench` builds and starts it.

mod floor;
mod graph;
mod idle;
mod job;
mod machine;
mod noop;
mod samples;
mod start;
mod system;
mod table;
mod warm;

use std::path::PathBuf;

use table::Table;

/// All rows, in the order in which they are measured.
pub const ROWS: [&str; 10] = ["start", "noop", "clients", "beside", "graph", "job", "scatter", "idle", "warm", "kill"];

/// What is measured, and how long.
#[derive(Debug, Clone)]
pub struct Options {
    /// Rows asked for; empty: all.
    pub rows: Vec<String>,
    /// Fewer repetitions and shorter waits, for a look.
    pub quick: bool,
    /// Where the figures go as JSON, too.
    pub json: Option<PathBuf>,
    /// A folder with at least 17 MB of Rust.
    pub corpus: Option<PathBuf>,
}

impl Options {
    fn wants(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|asked| asked == row)
    }

    /// The first number, or the second if a look is enough.
    const fn count(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

/// Serves the floor on a socket until it is killed.
pub use floor::serve as serve_floor;

/// Measures and prints.
///
/// # Errors
/// The file for the figures cannot be written.
pub fn run(options: &Options) -> std::io::Result<()> {
    let mut table = Table::new(options.quick);
    if options.wants("start") {
        start::start(options, &mut table);
    }
    if ["noop", "clients", "beside"].iter().any(|row| options.wants(row)) {
        noop::all(options, &mut table);
    }
    if options.wants("graph") {
        graph::graph(options, &mut table);
    }
    if ["job", "scatter", "idle", "warm"].iter().any(|row| options.wants(row)) {
        job::all(options, &mut table);
    }
    if options.wants("kill") {
        start::kill(options, &mut table);
    }
    table.print();
    match &options.json {
        Some(path) => std::fs::write(path, table.json()),
        None => Ok(()),
    }
}
