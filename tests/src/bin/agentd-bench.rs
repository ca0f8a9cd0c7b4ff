//! The program `agentd-bench`: measures the daemon beside floors and prints a table. `scripts/bench` builds and starts it.

use std::{path::PathBuf, process::ExitCode};

use agentd_tests::bench::{self, Options, ROWS};

const USAGE: &str = "usage: agentd-bench [--quick] [--json FILE] [--corpus FOLDER] [ROW…]";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|word| word == "floor-server").is_some() {
        // For this program itself: the bare server that it measures beside the daemon.
        return match arguments.next().map(|socket| bench::serve_floor(&PathBuf::from(socket))) {
            Some(Ok(())) => ExitCode::SUCCESS,
            Some(Err(error)) => fail(&format!("floor-server: {error}")),
            None => fail(USAGE),
        };
    }
    match parse(arguments) {
        Ok(options) => match bench::run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&format!("the figures could not be written: {error}")),
        },
        Err(words) => fail(&format!("{words}\n{USAGE}\nrows: {}", ROWS.join(" "))),
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { rows: Vec::new(), quick: false, json: None, corpus: None };
    while let Some(word) = arguments.next() {
        let mut path = || arguments.next().map(PathBuf::from).ok_or_else(|| format!("{word} wants a path"));
        match word.as_str() {
            "--quick" => options.quick = true,
            "--json" => options.json = Some(path()?),
            "--corpus" => options.corpus = Some(path()?),
            row if ROWS.contains(&row) => options.rows.push(row.to_owned()),
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(options)
}

#[expect(clippy::print_stderr, reason = "this is the program")]
fn fail(words: &str) -> ExitCode {
    eprintln!("{words}");
    ExitCode::from(2)
}
