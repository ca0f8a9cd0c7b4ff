//! Where code really ran, and what it cost. A figure is measured or says why it is not; none is assumed.

pub(crate) mod ffi;
mod process;
mod sampler;

use std::{fmt, time::Duration};

pub use process::{child_fast_share, gpu_cores, process_cpu, process_memory, service_band_check};
pub use sampler::CpuSampler;

use crate::{sys, topology::Topology};

/// A figure, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measured<T> {
    /// Read from the system.
    Value(T),
    /// Not measured, and why.
    Unmeasured(String),
}

impl<T> Measured<T> {
    /// The figure, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Unmeasured(_) => None,
        }
    }

    /// Turns the figure into another one.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Measured<U> {
        match self {
            Self::Value(value) => Measured::Value(change(value)),
            Self::Unmeasured(why) => Measured::Unmeasured(why),
        }
    }

    /// The reason why there is no figure.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Value(_) => None,
            Self::Unmeasured(why) => Some(why),
        }
    }

    /// The figure, if there is one, without taking it away.
    #[must_use]
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Unmeasured(_) => None,
        }
    }

    pub(crate) fn not(why: impl Into<String>) -> Self {
        Self::Unmeasured(why.into())
    }
}

impl<T: fmt::Display> fmt::Display for Measured<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Unmeasured(why) => write!(f, "unmeasured ({why})"),
        }
    }
}

const ONE_TIER: &str = "one tier of cores";
const GONE: &str = "the thread has ended";
const NOTHING_YET: &str = "it has not run yet";

/// CPU time of one thread of this process; `None` when it is gone.
#[must_use]
pub fn thread_cpu(tid: u64) -> Option<Duration> {
    #[cfg(target_os = "linux")]
    {
        schedstat(tid).or_else(|| stat_cpu(&thread_stat(tid)?))
    }
    #[cfg(target_os = "macos")]
    {
        let info = sys::thread_info(tid)?;
        // This flavor counts nanoseconds, unlike the per-level counters.
        Some(Duration::from_nanos(info.user_time.saturating_add(info.system_time)))
    }
}

/// CPU time of the calling thread: a system call.
#[must_use]
pub fn own_cpu() -> Duration {
    sys::own_cpu()
}

/// The priority that the scheduler starts from for one thread of this process; macOS only.
#[must_use]
pub fn base_priority(tid: u64) -> Measured<i32> {
    #[cfg(target_os = "linux")]
    {
        let _ = tid;
        Measured::not("Linux has nice instead, see what the thread was granted")
    }
    #[cfg(target_os = "macos")]
    {
        sys::thread_info(tid).map_or_else(|| Measured::not(GONE), |info| Measured::Value(info.base_priority))
    }
}

/// The share (0 to 1) of a thread's CPU time on the [fast tiers](Topology::fast_tiers). macOS counts it exactly. On Linux it
/// follows from affinity if that allows one tier alone; else ask a [`CpuSampler`].
#[must_use]
pub fn fast_share(tid: u64, topology: &Topology) -> Measured<f64> {
    if topology.is_uniform() {
        return Measured::not(ONE_TIER);
    }
    #[cfg(target_os = "linux")]
    {
        match i32::try_from(tid).ok().and_then(|tid| sys::affinity(tid).ok()) {
            None => Measured::not(GONE),
            Some(cpus) => confined_share(&cpus, topology)
                .map_or_else(|| Measured::not("the thread may use several tiers and was not sampled"), Measured::Value),
        }
    }
    #[cfg(target_os = "macos")]
    {
        match sys::thread_counts(tid, topology.tiers.len()) {
            Ok(counts) => ffi::fast_share_of_counts(&counts),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Measured::not(GONE),
            Err(error) => Measured::not(format!("the system does not count time per tier: {error}")),
        }
    }
}

/// 1 or 0 where affinity leaves no choice between fast and slow.
#[cfg_attr(
    not(any(target_os = "linux", test)),
    expect(dead_code, reason = "Linux only; its logic is tested everywhere")
)]
fn confined_share(cpus: &[u32], topology: &Topology) -> Option<f64> {
    let is_fast = |cpu: &&u32| topology.fast_tiers().iter().any(|tier| tier.cpus.contains(cpu));
    let fast = cpus.iter().filter(is_fast).count();
    match fast {
        0 => Some(0.0),
        all if all == cpus.len() => Some(1.0),
        _ => None,
    }
}

/// Time on a core, from the scheduler's own books.
#[cfg(target_os = "linux")]
fn schedstat(tid: u64) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{tid}/schedstat")).ok()?;
    Some(Duration::from_nanos(text.split_ascii_whitespace().next()?.parse().ok()?))
}

#[cfg(target_os = "linux")]
fn thread_stat(tid: u64) -> Option<ProcStat> {
    ProcStat::parse(&std::fs::read_to_string(format!("/proc/self/task/{tid}/stat")).ok()?)
}

#[cfg(target_os = "linux")]
fn stat_cpu(stat: &ProcStat) -> Option<Duration> {
    let ticks = stat.user_ticks.checked_add(stat.system_ticks)?;
    Some(Duration::from_millis(ticks.saturating_mul(1_000) / sys::ticks_per_second()))
}

/// The fields of `/proc/…/stat` that are used here (numbered from 1 in proc(5)).
#[cfg(target_os = "linux")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcStat {
    /// Field 3: `Z` is a zombie.
    pub(crate) state: char,
    /// Field 4.
    pub(crate) parent: i32,
    /// Field 5.
    pub(crate) group: i32,
    /// Field 14.
    pub(crate) user_ticks: u64,
    /// Field 15.
    pub(crate) system_ticks: u64,
    /// Field 22: clock ticks from boot to the process's start.
    pub(crate) start: u64,
    /// Field 39: the cpu it ran on last.
    pub(crate) last_cpu: u32,
}

#[cfg(target_os = "linux")]
impl ProcStat {
    /// The name (field 2) stands in parentheses and may itself hold parentheses and blanks, so it is cut at the last one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            state: field(3)?.chars().next()?,
            parent: field(4)?.parse().ok()?,
            group: field(5)?.parse().ok()?,
            user_ticks: field(14)?.parse().ok()?,
            system_ticks: field(15)?.parse().ok()?,
            start: field(22)?.parse().ok()?,
            last_cpu: field(39)?.parse().ok()?,
        })
    }

    /// Of a process; `None` when it is gone.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }
}

#[cfg(test)]
mod tests;
