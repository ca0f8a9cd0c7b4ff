//! Limits of this process, set once at the start: descriptors, core dumps, file modes, who may read its memory.

#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys;

/// What [`harden`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Descriptors that may be open at once from now on.
    pub descriptors: u64,
    /// The same before; children get it back on Linux.
    pub descriptors_before: u64,
    /// What the system refused, one sentence each.
    pub faults: Vec<String>,
}

/// More descriptors than this are of no use, and macOS refuses more than `OPEN_MAX` (10240) for old reasons.
const MOST_DESCRIPTORS: u64 = 10_240;

/// Bytes that the process may write to, heap and stacks together. The largest job measured needs 140 MB. A source file can
/// make a parser want tens of gigabytes; then this process ends by an abort that names its step, and not the machine.
#[cfg(target_os = "linux")]
const MOST_DATA: u64 = 2 << 30;

/// Raises the soft limit on descriptors, forbids core dumps and reading of memory by others, makes new files private, lets
/// writes beyond the limit on the size of files fail instead of killing, and bounds the memory of the process (Linux; macOS has no such limit in force).
/// Call it first in `main`, before other threads exist.
#[must_use]
pub fn harden() -> Limits {
    let mut faults = Vec::new();
    let mut note = |what: &str, result: std::io::Result<()>| {
        if let Err(error) = result {
            faults.push(format!("{what}: {error}"));
        }
    };
    sys::private_umask();
    note("core dumps could not be forbidden", sys::forbid_core_dumps());
    note("a limit on the size of files may end agentd without a word", sys::survive_large_files());
    #[cfg(target_os = "linux")]
    {
        note("reading of this process's memory could not be forbidden", sys::forbid_dumps_of_memory());
        note("memory could not be bounded", sys::limit_data(MOST_DATA));
        let adopted = sys::adopt_orphans();
        ADOPTS.store(adopted.is_ok(), Ordering::Relaxed);
        note("descendants of children cannot be adopted", adopted);
    }
    let (before, hard) = sys::descriptor_limits().unwrap_or((0, 0));
    let wanted = raised(before, hard);
    if wanted != before {
        note("the limit on descriptors could not be raised", sys::set_descriptor_limits(wanted, hard));
    }
    let descriptors = sys::descriptor_limits().map_or(before, |(soft, _)| soft);
    Limits { descriptors, descriptors_before: before, faults }
}

#[cfg(target_os = "linux")]
static ADOPTS: AtomicBool = AtomicBool::new(false);

/// Whether orphaned descendants become children of this process; only then is it the one to bury them.
pub(crate) fn adopts_orphans() -> bool {
    #[cfg(target_os = "linux")]
    {
        ADOPTS.load(Ordering::Relaxed)
    }
    #[cfg(target_os = "macos")]
    {
        false
    }
}

/// Never lowers what is there already.
fn raised(soft: u64, hard: u64) -> u64 {
    soft.max(hard.min(MOST_DESCRIPTORS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_rises_to_what_is_allowed_and_never_falls() {
        for (soft, hard, expected) in
            [(256, u64::MAX, 10_240), (1_024, 4_096, 4_096), (20_000, 20_000, 20_000), (1_024, 1_024, 1_024)]
        {
            assert_eq!(raised(soft, hard), expected, "{soft} of {hard}");
        }
    }
}
