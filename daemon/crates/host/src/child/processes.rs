//! Finding processes again: by start time, by the mark in their environment, by being ours.

use std::collections::BTreeSet;

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use super::command::MARK;
use crate::sys;

/// When a living process began, as the system counts; two processes with one id differ in it. `None` for zombies too.
#[cfg(target_os = "linux")]
pub(super) fn start_of(pid: i32) -> Option<u64> {
    crate::measure::ProcStat::of(pid).filter(|stat| stat.state != 'Z').map(|stat| stat.start)
}

#[cfg(target_os = "macos")]
pub(super) fn start_of(pid: i32) -> Option<u64> {
    sys::process_start(pid).map(|(start, _)| start)
}

/// All processes of the machine whose environment has one of `marks`, with that mark. Reads every process's
/// environment, so it is for the start after a crash and for children that were killed. macOS hides the environment
/// of Apple's own programs.
pub(super) fn marked(marks: &BTreeSet<String>) -> Vec<(i32, String)> {
    if marks.is_empty() {
        return Vec::new();
    }
    let Ok(mut system) = System::new() else { return Vec::new() };
    let only_environment = ProcessRefreshKind::nothing().with_environ(UpdateKind::Always).without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, only_environment);
    let own = std::process::id();
    let processes = system.processes().iter().filter(|(pid, _)| pid.as_u32() != own);
    processes
        .filter_map(|(pid, process)| {
            let mark = process.environ().iter().find_map(|entry| mark_of(entry.to_str()?))?;
            Some((i32::try_from(pid.as_u32()).ok()?, marks.get(mark)?.clone()))
        })
        .collect()
}

fn mark_of(entry: &str) -> Option<&str> {
    entry.strip_prefix(MARK)?.strip_prefix('=')
}

/// Our own children, adopted ones included, with whether they have ended.
#[cfg(target_os = "linux")]
pub(super) fn own_children() -> Vec<(i32, bool)> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|text| text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>())
        .filter_map(|pid| Some((pid, crate::measure::ProcStat::of(pid)?.state == 'Z')))
        .collect()
}

/// Orphans go to launchd there, never to us.
#[cfg(target_os = "macos")]
pub(super) fn own_children() -> Vec<(i32, bool)> {
    Vec::new()
}

/// What a child left behind in other groups, as far as it was adopted: process ids that are still alive, perhaps its own.
pub(super) fn adopted(mark: &str) -> Vec<i32> {
    let alive = own_children().into_iter().filter(|(_, ended)| !ended).map(|(pid, _)| pid);
    alive.filter(|&pid| mark_in(pid).as_deref() == Some(mark)).collect()
}

/// The mark in a process's environment.
#[cfg(target_os = "linux")]
fn mark_in(pid: i32) -> Option<String> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut entries = environment.split(|&byte| byte == 0).filter_map(|entry| std::str::from_utf8(entry).ok());
    entries.find_map(mark_of).map(str::to_owned)
}

#[cfg(target_os = "macos")]
const fn mark_in(_pid: i32) -> Option<String> {
    None
}

/// Descendants of a living process, nearest first, at most some thousands. A process that left its group is still in it
/// as long as its ancestors live.
#[cfg(target_os = "macos")]
pub(super) fn descendants(pid: i32) -> Vec<(i32, u64)> {
    const MOST: usize = 4096;
    let mut found = sys::child_pids(pid);
    let mut next = 0;
    while let Some(&parent) = found.get(next)
        && found.len() < MOST
    {
        found.extend(sys::child_pids(parent));
        next += 1;
    }
    found.into_iter().filter_map(|pid| Some((pid, start_of(pid)?))).collect()
}

/// Not needed: what leaves its group is adopted and found by its mark.
#[cfg(target_os = "linux")]
pub(super) const fn descendants(_pid: i32) -> Vec<(i32, u64)> {
    Vec::new()
}

/// Kills a process if it still is the one that began at `start`.
pub(super) fn kill_same(pid: i32, start: u64) -> bool {
    start_of(pid) == Some(start) && sys::signal_process(pid, libc::SIGKILL).is_ok()
}
