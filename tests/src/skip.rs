//! How a test says that it could not run here. It must be loud: `scripts/test` lists every such line at its end.

use std::{fs::OpenOptions, io::Write};

/// Names the file that collects skipped tests; `scripts/test` sets it.
pub const FILE_VARIABLE: &str = "AGENTD_TEST_SKIPS";

/// Records that `what` was not tested and why. The caller returns right after it.
#[expect(clippy::print_stderr, reason = "a test has no other way to speak when no collector is set")]
pub fn skip(what: &str, why: &str) {
    let line = format!("{what}: {why}\n");
    eprint!("SKIPPED {line}");
    let Some(path) = std::env::var_os(FILE_VARIABLE) else { return };
    // One short write in append mode, so that tests of many processes do not mix their lines.
    let written =
        OpenOptions::new().append(true).create(true).open(path).and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = written {
        panic!("{what} was skipped ({why}), but that could not be recorded: {error}");
    }
}
