//! What the system says about another process: its memory now and at most, its descriptors, its children; and letting go of one.

use std::{
    fs,
    process::{Child, Command},
    time::{Duration, Instant},
};

use crate::daemon::{patience, pause};

/// strace(1) on a process that lives. When dropped it is ended, and what it holds goes on.
#[derive(Debug)]
pub struct Tracer(pub Child);

impl Drop for Tracer {
    #[expect(clippy::disallowed_methods, reason = "std sends no signal but SIGKILL")]
    fn drop(&mut self) {
        // SIGTERM lets it let go. SIGKILL may leave a stopped thread behind, so that is for one that does not listen.
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let begin = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) && begin.elapsed() < patience() {
            pause(Duration::from_millis(2));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

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
