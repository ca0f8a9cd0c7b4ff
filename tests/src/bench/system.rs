//! What Linux tells of a process: CPU time by thread, memory, bytes written, and its syncs (through strace). On other
//! systems there is nothing of it, and the rows that need it say so.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use agentd_proto::v1::Agent;

use crate::{
    daemon::{Home, eventually, pause},
    process,
};

/// CPU time of one thread.
#[derive(Debug, Clone)]
pub(super) struct ThreadTime {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) cpu: Duration,
}

/// All threads of a process, from the scheduler's own count in nanoseconds; empty where the system does not tell.
pub(super) fn threads(pid: u32) -> Vec<ThreadTime> {
    let folder = format!("/proc/{pid}/task");
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter_map(|entry| {
            let name = fs::read_to_string(entry.path().join("comm")).ok()?.trim().to_owned();
            let times = fs::read_to_string(entry.path().join("schedstat")).ok()?;
            let cpu = Duration::from_nanos(times.split_whitespace().next()?.parse().ok()?);
            Some(ThreadTime { id: entry.file_name().to_str()?.parse().ok()?, name, cpu })
        })
        .collect()
}

/// What each thread used between two looks. Threads that are gone are not counted.
pub(super) fn used(before: &[ThreadTime], after: &[ThreadTime]) -> Vec<ThreadTime> {
    let earlier = |id| before.iter().find(|thread| thread.id == id).map_or(Duration::ZERO, |thread| thread.cpu);
    after.iter().map(|now| ThreadTime { cpu: now.cpu.saturating_sub(earlier(now.id)), ..now.clone() }).collect()
}

/// CPU time of the threads of these agents.
pub(super) fn of_agents<'a>(used: &[ThreadTime], agents: impl Iterator<Item = &'a Agent>) -> Duration {
    // The kernel cuts names to 15 bytes.
    let names: Vec<&str> = agents.map(|agent| &agent.name[..agent.name.len().min(15)]).collect();
    used.iter().filter(|thread| names.contains(&thread.name.as_str())).map(|thread| thread.cpu).sum()
}

/// CPU time of all of them.
pub(super) fn sum(threads: &[ThreadTime]) -> Duration {
    threads.iter().map(|thread| thread.cpu).sum()
}

/// Proportional set size in KiB: shared pages count by share.
pub(super) fn pss_kib(pid: u32) -> Option<u64> {
    line(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

/// Bytes that it caused to be written to disks.
pub(super) fn written(pid: u32) -> Option<u64> {
    line(&format!("/proc/{pid}/io"), "write_bytes:")
}

fn line(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Peak of resident memory since [`process::forget_peak`], in MiB.
pub(super) fn peak_mib(pid: u32) -> Option<f64> {
    process::peak_kib(pid).map(mib)
}

/// MiB of KiB.
pub(super) fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// Counts the syncs of a process while `during` runs; `None` if strace cannot be used here.
pub(super) fn syncs<T>(home: &Home, pid: u32, during: impl FnOnce() -> T) -> (Option<usize>, T) {
    let Some(mut tracer) = trace(home, pid) else { return (None, during()) };
    let out = during();
    // SIGTERM lets it let go and write its log.
    signal(tracer.id());
    let _ = tracer.wait();
    let log = fs::read_to_string(home.folder("trace").join("syncs")).unwrap_or_default();
    let calls = ["fdatasync(", "fsync(", "sync_file_range(", "msync("];
    let begun = |line: &&str| calls.iter().any(|call| line.contains(call));
    (Some(log.lines().filter(begun).count()), out)
}

#[expect(clippy::disallowed_methods, reason = "strace(1) sees what a program asks of the system")]
fn trace(home: &Home, pid: u32) -> Option<Child> {
    let try_out = Command::new("strace").args(["-qq", "-e", "trace=none", "true"]).output();
    if !try_out.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", "trace=fdatasync,fsync,sync_file_range,msync", "-o"]);
    command.arg(home.folder("trace").join("syncs")).args(["-p", &pid.to_string()]);
    let tracer = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    eventually("strace takes hold of all threads", || threads(pid).iter().all(|thread| is_traced(thread.id)));
    pause(Duration::from_millis(50));
    Some(tracer)
}

fn is_traced(thread: u64) -> bool {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|pid| pid.trim() != "0"))
}

#[expect(clippy::disallowed_methods, reason = "kill(1) is the safe way to send a signal")]
fn signal(pid: u32) {
    let _ = Command::new("kill").args(["-TERM", &pid.to_string()]).status();
}

/// PSS by what it is for, in KiB, largest first: the program's own pages, the heap, other anonymous memory (stacks and further
/// heaps), libraries and the rest.
pub(super) fn pss_parts(pid: u32) -> Vec<(&'static str, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap_or_default();
    let mut parts = [("program", 0), ("heap", 0), ("anonymous", 0), ("other", 0)];
    let mut at = 3;
    for line in text.lines() {
        if let Some(kib) =
            line.strip_prefix("Pss:").and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        {
            parts[at].1 += kib;
        } else if line.split_once('-').is_some_and(|(start, _)| u64::from_str_radix(start, 16).is_ok()) {
            at = match line.split_whitespace().nth(5) {
                Some("[heap]") => 1,
                Some(path) if path.ends_with("/agentd") => 0,
                None => 2,
                Some(_) => 3,
            };
        }
    }
    parts.sort_by_key(|(_, kib)| std::cmp::Reverse(*kib));
    parts.to_vec()
}
