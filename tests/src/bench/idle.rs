//! Row `idle`: what the daemon costs when it has nothing to do, some time after a large job.

use std::time::{Duration, Instant};

use super::{
    Options,
    samples::{ms, short},
    system,
    table::{Line, Met, Table},
};
use crate::daemon::{Home, TestDaemon, pause};

/// Row `idle`; the caller has just ended an analysis.
pub(super) fn idle(options: &Options, home: &Home, daemon: &TestDaemon, table: &mut Table) {
    let pid = daemon.pid();
    if system::threads(pid).is_empty() {
        return table.add(Line::missing("idle", "an idle daemon", "this system has no /proc"));
    }
    pause(Duration::from_secs(options.count(60, 10) as u64));
    let window = Duration::from_secs(options.count(20, 5) as u64);
    let (before, written, begin) = (system::threads(pid), system::written(pid), Instant::now());
    pause(window);
    let used = system::used(&before, &system::threads(pid));
    let percent = 100.0 * system::sum(&used).as_secs_f64() / begin.elapsed().as_secs_f64();
    let written = system::written(pid).zip(written).map(|(now, then)| now - then);
    memory(pid, table);
    let mut who: Vec<_> = used.iter().filter(|thread| !thread.cpu.is_zero()).collect();
    who.sort_by_key(|thread| std::cmp::Reverse(thread.cpu));
    let who: Vec<String> = who.iter().map(|thread| format!("{} {} ms", thread.name, short(ms(thread.cpu)))).collect();
    table.add(Line {
        row: "idle",
        what: "idle, CPU, % of a core",
        measured: format!("{percent:.3} ({})", who.join(", ")),
        floor: "0".to_owned(),
        ratio: None,
        target: "≤ 0.1",
        met: Met::of(percent <= 0.1),
        figures: vec![("percent", percent)],
    });
    let Some(written) = written else {
        return table.add(Line::missing("idle", "idle, bytes written", "this system does not tell it"));
    };
    // Not in the same window: being traced costs CPU.
    let (syncs, ()) = system::syncs(home, pid, || pause(window));
    let told = syncs.map_or_else(|| "not seen (no strace)".to_owned(), |syncs| syncs.to_string());
    table.add(Line {
        row: "idle",
        what: "idle, bytes written and syncs",
        measured: format!("{written} and {told}"),
        floor: "0".to_owned(),
        ratio: None,
        target: "0 and 0",
        met: syncs.map_or(Met::Open, |syncs| Met::of(written == 0 && syncs == 0)),
        figures: vec![("bytes", written as f64), ("syncs", syncs.map_or(f64::NAN, |syncs| syncs as f64))],
    });
}

fn memory(pid: u32, table: &mut Table) {
    let Some(pss) = system::pss_kib(pid).map(system::mib) else {
        return table.add(Line::missing("idle", "idle, PSS", "this system does not tell it"));
    };
    let parts = system::pss_parts(pid);
    let parts: Vec<String> = parts.iter().map(|(name, kib)| format!("{name} {}", short(system::mib(*kib)))).collect();
    table.add(Line {
        row: "idle",
        what: "idle after an analysis, PSS, MiB",
        measured: format!("{} ({})", short(pss), parts.join(", ")),
        floor: String::new(),
        ratio: None,
        target: "≤ 12",
        met: Met::of(pss <= 12.0),
        figures: vec![("pss_mib", pss)],
    });
}
