//! Clocks: wall time for people, time that counts sleep for deadlines, time that does not for noticing sleep.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use agentd_base::{MonoMs, WallMs};

use crate::sys;

/// Reads time. Everything that decides takes it as a value, so that it can be tested.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Wall clock: for display and names only.
    fn wall(&self) -> WallMs;
    /// Never goes back, counts sleep: for deadlines.
    fn mono(&self) -> MonoMs;
    /// Never goes back, stands still during sleep, as `Instant` and timers do.
    fn awake(&self) -> MonoMs;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Clock for SystemClock {
    fn wall(&self) -> WallMs {
        WallMs(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, milliseconds))
    }

    #[cfg(target_os = "linux")]
    fn mono(&self) -> MonoMs {
        MonoMs(milliseconds(sys::clock(libc::CLOCK_BOOTTIME)))
    }

    #[cfg(target_os = "macos")]
    fn mono(&self) -> MonoMs {
        MonoMs(milliseconds(sys::continuous_time()))
    }

    #[cfg(target_os = "linux")]
    fn awake(&self) -> MonoMs {
        MonoMs(milliseconds(sys::clock(libc::CLOCK_MONOTONIC)))
    }

    #[cfg(target_os = "macos")]
    fn awake(&self) -> MonoMs {
        MonoMs(milliseconds(sys::clock(libc::CLOCK_UPTIME_RAW)))
    }
}

/// A clock that moves when told to: for tests and simulators.
#[derive(Debug, Default)]
pub struct ManualClock {
    wall: AtomicU64,
    mono: AtomicU64,
    awake: AtomicU64,
}

impl ManualClock {
    /// Starts at a wall time; the other two at zero.
    #[must_use]
    pub const fn new(wall: WallMs) -> Self {
        Self { wall: AtomicU64::new(wall.0), mono: AtomicU64::new(0), awake: AtomicU64::new(0) }
    }

    /// Lets time pass while the machine works.
    pub fn advance(&self, time: Duration) {
        self.awake.fetch_add(milliseconds(time), Ordering::Relaxed);
        self.sleep(time);
    }

    /// Lets time pass while the machine sleeps.
    pub fn sleep(&self, time: Duration) {
        self.mono.fetch_add(milliseconds(time), Ordering::Relaxed);
        self.wall.fetch_add(milliseconds(time), Ordering::Relaxed);
    }

    /// Sets the wall clock, forwards or back, as people and time servers do.
    pub fn set_wall(&self, wall: WallMs) {
        self.wall.store(wall.0, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> WallMs {
        WallMs(self.wall.load(Ordering::Relaxed))
    }

    fn mono(&self) -> MonoMs {
        MonoMs(self.mono.load(Ordering::Relaxed))
    }

    fn awake(&self) -> MonoMs {
        MonoMs(self.awake.load(Ordering::Relaxed))
    }
}

/// Names this boot of the machine; `None` if the system does not tell.
#[must_use]
pub fn boot_id() -> Option<String> {
    #[cfg(target_os = "linux")]
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
    #[cfg(target_os = "macos")]
    let id = sys::sysctl_text("kern.bootsessionuuid");
    id.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// Notices that the machine slept: time that counts sleep ran ahead of time that does not. Pure; feed it at each tick.
#[derive(Debug, Clone, Copy, Default)]
pub struct SleepDetector {
    ahead: Option<u64>,
}

impl SleepDetector {
    /// Less than this is no sleep: the two clocks are read one after the other, perhaps with a pause between.
    pub const LEAST: Duration = Duration::from_secs(2);

    /// Takes both clocks, read at one moment. Returns how long the machine slept since the last call if that was longer
    /// than [`LEAST`](Self::LEAST).
    pub fn observe(&mut self, mono: MonoMs, awake: MonoMs) -> Option<Duration> {
        let ahead = mono.0.saturating_sub(awake.0);
        let grown = Duration::from_millis(ahead.saturating_sub(self.ahead.unwrap_or(ahead)));
        let slept = grown > Self::LEAST;
        if slept || self.ahead.is_none_or(|before| ahead < before) {
            self.ahead = Some(ahead);
        }
        slept.then_some(grown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_is_noticed_once_and_short_gaps_are_not_sleep() {
        let clock = ManualClock::new(WallMs(1_000_000));
        let mut detector = SleepDetector::default();
        let mut tick = |clock: &ManualClock| detector.observe(clock.mono(), clock.awake());
        clock.sleep(Duration::from_secs(3_600)); // before the first look: not ours to tell
        assert_eq!(tick(&clock), None);
        clock.advance(Duration::from_secs(600));
        assert_eq!(tick(&clock), None);
        clock.sleep(Duration::from_secs(8 * 3_600));
        assert_eq!(tick(&clock), Some(Duration::from_secs(8 * 3_600)));
        assert_eq!(tick(&clock), None);
        clock.sleep(Duration::from_secs(2));
        assert_eq!(tick(&clock), None);
        clock.set_wall(WallMs(0)); // the wall clock is not asked
        assert_eq!(tick(&clock), None);
        assert_eq!(clock.wall(), WallMs(0));
    }

    #[test]
    fn the_machine_counts_sleep_in_one_clock_only() {
        let first = (SystemClock.mono(), SystemClock.awake());
        let second = (SystemClock.mono(), SystemClock.awake());
        assert!(first.0 <= second.0 && first.1 <= second.1);
        assert!(second.0 >= first.1, "the clock that counts sleep is never behind");
        assert!(SystemClock.wall() > WallMs(1_700_000_000_000));
        assert_eq!(boot_id(), boot_id());
        assert!(boot_id().is_some());
    }
}
