//! What the system says about another process: its memory now and at most, its descriptors, its children.

use std::fs;
use std::process::Command;

/// Resident memory in KiB.
#[must_use]
pub fn resident_kib(pid: u32) -> u64 {
    field(pid, "VmRSS").unwrap_or_else(|| by_ps(pid, "rss"))
}

/// The most resident memory that it ever had, in KiB; `None` where the system does not keep it.
#[must_use]
pub fn peak_kib(pid: u32) -> Option<u64> {
    field(pid, "VmHWM")
}

/// Memory that it may write to, touched or not, in KiB: what a limit on data counts. `None` where the system does not keep it.
#[must_use]
pub fn data_kib(pid: u32) -> Option<u64> {
    field(pid, "VmData")
}

/// Lets [`peak_kib`] begin anew; false where that is not possible.
pub fn forget_peak(pid: u32) -> bool {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").is_ok()
}

fn field(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[expect(clippy::disallowed_methods, reason = "where there is no /proc, ps(1) knows")]
fn by_ps(pid: u32, what: &str) -> u64 {
    let output = Command::new("ps").args(["-o", &format!("{what}="), "-p", &pid.to_string()]).output();
    let output = output.expect("ps starts");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("ps prints a number")
}
