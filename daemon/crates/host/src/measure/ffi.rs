//! Shapes of what macOS answers, with the arithmetic on them. Compiled everywhere, so that sizes and sums are tested
//! everywhere. Sources: xnu `bsd/sys/proc_info.h`, `bsd/sys/proc_info_private.h`, `bsd/sys/resource.h`.

#![cfg_attr(
    not(any(target_os = "macos", test)),
    expect(dead_code, reason = "filled by macOS; its arithmetic is tested everywhere")
)]

use std::time::Duration;

use super::{Measured, NOTHING_YET};

/// `proc_threadinfo`, as flavor 15 (thread by id) fills it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThreadInfo {
    /// Nanoseconds in user mode.
    pub(crate) user_time: u64,
    /// Nanoseconds in the kernel.
    pub(crate) system_time: u64,
    pub(crate) cpu_usage: i32,
    pub(crate) policy: i32,
    pub(crate) run_state: i32,
    pub(crate) flags: i32,
    pub(crate) sleep_time: i32,
    pub(crate) current_priority: i32,
    /// What the class gives, before the scheduler's own changes.
    pub(crate) base_priority: i32,
    pub(crate) max_priority: i32,
    pub(crate) name: [u8; 64],
}

/// `proc_threadcounts_data`: one performance level, 0 the fastest.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadCounts {
    pub(crate) instructions: u64,
    pub(crate) cycles: u64,
    /// Mach ticks.
    pub(crate) user_time: u64,
    /// Mach ticks.
    pub(crate) system_time: u64,
    pub(crate) energy_nj: u64,
}

impl ThreadCounts {
    /// From the words that the kernel wrote, missing ones as zero.
    pub(crate) fn of_words(words: &[u64]) -> Self {
        let word = |index: usize| words.get(index).copied().unwrap_or(0);
        Self { instructions: word(0), cycles: word(1), user_time: word(2), system_time: word(3), energy_nj: word(4) }
    }
}

/// `rusage_info_v6`. Only the fields that are used have names of their own.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct RusageV6 {
    pub(crate) uuid: [u8; 16],
    /// Mach ticks.
    pub(crate) user_time: u64,
    /// Mach ticks.
    pub(crate) system_time: u64,
    pub(crate) idle_wakeups: u64,
    pub(crate) interrupt_wakeups: u64,
    pub(crate) pageins: u64,
    pub(crate) wired: u64,
    pub(crate) resident: u64,
    /// What Activity Monitor shows as memory.
    pub(crate) footprint: u64,
    pub(crate) unused: [u64; 28],
    /// Mach ticks on the fast cores, user mode.
    pub(crate) user_fast_time: u64,
    /// Mach ticks on the fast cores, kernel.
    pub(crate) system_fast_time: u64,
    pub(crate) rest: [u64; 18],
}

/// Ticks times `numer / denom` nanoseconds, without overflow.
pub(crate) fn ticks_to_time(ticks: u64, numer: u32, denom: u32) -> Duration {
    let nanoseconds = u128::from(ticks) * u128::from(numer) / u128::from(denom);
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// The fast levels' part of all time: those of all levels but the slowest, which is the last. Virtual machines answer
/// zeroes.
pub(crate) fn fast_share_of_counts(counts: &[ThreadCounts]) -> Measured<f64> {
    let time = |level: &ThreadCounts| level.user_time.saturating_add(level.system_time);
    let all = counts.iter().map(time).fold(0_u64, u64::saturating_add);
    match counts {
        [] => Measured::not("the system counts no time per tier"),
        [only] => share(time(only), all),
        [fast @ .., _] => share(fast.iter().map(time).fold(0, u64::saturating_add), all),
    }
}

/// A process's time on fast cores as part of all its time.
pub(crate) fn fast_share_of_usage(usage: &RusageV6) -> Measured<f64> {
    let fast = usage.user_fast_time.saturating_add(usage.system_fast_time);
    share(fast, usage.user_time.saturating_add(usage.system_time))
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
fn share(part: u64, all: u64) -> Measured<f64> {
    if all == 0 { Measured::not(NOTHING_YET) } else { Measured::Value((part as f64 / all as f64).min(1.0)) }
}
