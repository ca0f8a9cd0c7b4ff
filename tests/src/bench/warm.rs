//! Row `warm`: the analysis of a large repository that was analysed before: just checked out, with nothing changed since, and
//! with one file changed.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use super::{
    Options,
    floor::Sources,
    job::{MEGABYTES, measured},
    samples::{Samples, ms, short},
    table::{Line, Met, Table},
};
use crate::daemon::{Home, TestDaemon, pause, runtime};

/// After a minute a file that stays as it is need not be read (`agentd_tools::stamp::SETTLED_AFTER`).
const SETTLED: Duration = Duration::from_secs(62);

/// The three lines, on a copy of the corpus, since a file of it is changed.
pub(super) fn warm(
    options: &Options,
    (home, daemon): (&Home, &TestDaemon),
    (corpus, sources): (&Path, &Sources),
    table: &mut Table,
) {
    let copy = home.folder("corpus");
    copy_folder(corpus, &copy);
    let copied = Instant::now();
    let job = || ms(runtime().block_on(measured(home, daemon, &copy)).wall);
    job();
    // Files that are younger than a minute are read.
    let young: Samples = (0..options.count(7, 2)).map(|_| job()).collect();
    pause(SETTLED.saturating_sub(copied.elapsed()));
    // Finds that they have settled.
    job();
    let (mut parses, mut same, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..options.count(15, 3) {
        parses.push(sources.parse());
        same.push(job());
        fs::write(copy.join("changed.rs"), format!("pub fn changed() -> u32 {{ {round} }}\n")).expect("a file fits");
        changed.push(job());
    }
    let (parse, same, changed) = (Samples::new(parses), Samples::new(same), Samples::new(changed));
    let large = sources.megabytes() >= MEGABYTES;
    let floor = format!(
        "one thread parses the same {} files, {} MB: {}",
        sources.count(),
        short(sources.megabytes()),
        parse.spread()
    );
    let ratio = same.median() / parse.median();
    table.add(Line {
        row: "warm",
        what: "the same analysis again, nothing changed, wall, ms",
        measured: same.spread(),
        floor: floor.clone(),
        ratio: Some(ratio),
        target: "≤ 0.05 ×",
        met: if large { Met::of(ratio <= 0.05) } else { Met::Open },
        figures: vec![("wall_ms", same.median()), ("parse_ms", parse.median()), ("mb", sources.megabytes())],
    });
    table.add(Line {
        row: "warm",
        what: "the same with one file changed, wall, ms",
        measured: changed.spread(),
        floor: floor.clone(),
        ratio: Some(changed.median() / parse.median()),
        target: "≤ 50",
        met: if large { Met::of(changed.median() <= 50.0) } else { Met::Open },
        figures: vec![("wall_ms", changed.median()), ("parse_ms", parse.median())],
    });
    table.add(Line {
        row: "warm",
        what: "the same just after a checkout: every file is read, wall, ms",
        measured: young.spread(),
        floor,
        ratio: Some(young.median() / parse.median()),
        target: "",
        met: Met::Open,
        figures: vec![("wall_ms", young.median()), ("parse_ms", parse.median())],
    });
}

/// Files and folders; links are left out.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("the corpus can be listed").filter_map(Result::ok) {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().expect("the corpus can be looked at");
        if kind.is_dir() {
            copy_folder(&path, &to);
        } else if kind.is_file() {
            fs::copy(&path, &to).expect("the corpus can be copied");
        }
    }
}
