//! Sleep of the machine and jumps of the wall clock since the daemon's start, from the difference of three clocks.

use std::time::Duration;

use agentd_base::{MonoMs, WallMs};
use agentd_host::{Clock, SleepDetector};
use agentd_proto::{
    doctor::CLOCK,
    v1::{DoctorCheck, Verdict},
};

/// A wall clock that is further off than this was set, not slewed: time servers slew by at most 500 parts in a million (adjtime(3)),
/// and the clocks are read one after the other.
const LEAST_JUMP_MS: u64 = 2_000;
const SLEW_PER_MILLION: u64 = 500;

/// What the clocks said at the start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Baseline {
    wall: WallMs,
    mono: MonoMs,
    awake: MonoMs,
}

impl Baseline {
    pub(super) fn take(clock: &dyn Clock) -> Self {
        Self { wall: clock.wall(), mono: clock.mono(), awake: clock.awake() }
    }
}

/// Compares the clocks with what they said at the start. A wall clock that was set away and back is where it was: only the sum of
/// all steps shows.
pub(super) fn checks(then: &Baseline, clock: &dyn Clock) -> [DoctorCheck; 2] {
    let now = Baseline::take(clock);
    let up = now.mono.0.saturating_sub(then.mono.0);
    [sleep(up, now.awake.0.saturating_sub(then.awake.0)), jump(up, then.wall.0, now.wall.0)]
}

fn sleep(up: u64, awake: u64) -> DoctorCheck {
    let slept = Duration::from_millis(up.saturating_sub(awake));
    let found = if slept > SleepDetector::LEAST {
        format!("the machine slept {} s since the daemon's start; no step's limit counts that", slept.as_secs())
    } else {
        "the machine did not sleep since the daemon's start".to_owned()
    };
    let slept = if slept > SleepDetector::LEAST { slept.as_secs_f64() } else { 0.0 };
    DoctorCheck::of(CLOCK, "sleep", Verdict::Ok, found).with_figure("slept_seconds", slept)
}

fn jump(up: u64, wall_then: u64, wall_now: u64) -> DoctorCheck {
    let expected = wall_then.saturating_add(up);
    let off = wall_now.abs_diff(expected);
    let allowed = LEAST_JUMP_MS + up / 1_000_000 * SLEW_PER_MILLION;
    if off <= allowed {
        let found = "it stands where the time since the daemon's start brought it";
        return DoctorCheck::of(CLOCK, "wall clock", Verdict::Ok, found).with_figure("jumped_seconds", 0.0);
    }
    let (way, sign) = if wall_now > expected { ("ahead of", 1.0) } else { ("behind", -1.0) };
    let seconds = off as f64 / 1_000.0;
    let found = format!(
        "it stands {seconds:.1} s {way} where the time since the daemon's start would have brought it, so it was set, and times \
         of events do not fit together"
    );
    DoctorCheck::of(CLOCK, "wall clock", Verdict::Warning, found)
        .with_remedy("let the system keep the time; nothing that agentd decides depends on the wall clock")
        .with_command(if cfg!(target_os = "macos") {
            "sudo systemsetup -setusingnetworktime on"
        } else {
            "sudo timedatectl set-ntp true"
        })
        .with_figure("jumped_seconds", seconds * sign)
}

#[cfg(test)]
mod tests {
    use agentd_host::ManualClock;

    use super::*;

    #[test]
    fn sleep_and_jumps_are_told_apart() {
        let hour = Duration::from_secs(3_600);
        type Course = fn(&ManualClock, Duration);
        let cases: [(&str, Course, f64, f64); 6] = [
            ("nothing", |clock, hour| clock.advance(hour), 0.0, 0.0),
            ("a closed lid", |clock, hour| clock.sleep(hour), 3_600.0, 0.0),
            ("forward", |clock, hour| clock.set_wall(WallMs(clock.wall().0 + hour.as_millis() as u64)), 0.0, 3_600.0),
            ("back", |clock, _| clock.set_wall(WallMs(1_000_000_000 - 60_000)), 0.0, -60.0),
            (
                "away and back",
                |clock, hour| {
                    let before = clock.wall();
                    clock.set_wall(WallMs(before.0 + hour.as_millis() as u64));
                    clock.set_wall(before);
                },
                0.0,
                0.0,
            ),
            (
                "slewed",
                |clock, hour| {
                    clock.advance(hour);
                    clock.set_wall(WallMs(clock.wall().0 + 1_700));
                },
                0.0,
                0.0,
            ),
        ];
        for (what, course, slept, jumped) in cases {
            let clock = ManualClock::new(WallMs(1_000_000_000));
            let then = Baseline::take(&clock);
            course(&clock, hour);
            let [sleep, jump] = checks(&then, &clock);
            assert_eq!(sleep.found.contains("no step's limit counts that"), slept > 0.0, "{what}: {}", sleep.found);
            assert_eq!((sleep.figures[0].value, jump.figures[0].value), (slept, jumped), "{what}");
            assert_eq!(jump.verdict() == Verdict::Warning, jumped != 0.0, "{what}");
            assert_eq!(jump.command.is_empty(), jumped == 0.0, "{what}");
            // Nobody knows that it was not: it may have been set back.
            assert_eq!(jump.found.contains("was set"), jumped != 0.0, "{what}: {}", jump.found);
            assert!(jump.found.contains("it stands") && !jump.found.contains("not set"), "{what}: {}", jump.found);
        }
    }
}
