//! The machine under the engine: how hard it is pressed decides how many agents compute, and time that it slept counts for
//! nobody.

use std::time::Duration;

use agentd_base::MonoMs;
use agentd_host::{Conditions, PowerSource, Pressure, SleepDetector, Thermal};

use super::{
    Shell,
    observe::{COUNTER, GAUGE, plain},
};
use crate::view::{Metric, Reading, Seats};

/// What the shell remembers of the machine.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    sleep: SleepDetector,
    /// When the housekeeping last looked at the agents.
    looked: Option<MonoMs>,
    /// How often the machine slept since the start, and how long in all.
    pub(super) sleeps: u64,
    pub(super) asleep: Duration,
    /// How often the number of seats changed.
    pub(super) seat_changes: u64,
    /// The conditions that the seats follow from, and when their reading began.
    heard: Option<(MonoMs, Conditions)>,
}

impl Shell {
    /// Conditions were read: fewer agents compute at once if they are worse, more once they have been better for a while.
    pub(super) fn conditions_arrived(&mut self) {
        let Some((at, conditions)) = self.lookout.news() else { return };
        let changed = self.governor.hear(&conditions, at);
        self.book.machine.heard = Some((at, conditions));
        if !changed {
            return;
        }
        let Seats { open, all, reason } = self.governor.seats();
        self.crew.set_compute_seats(open);
        self.book.machine.seat_changes += 1;
        if reason.is_empty() {
            tracing::info!(open, all, "nothing presses the machine any more; all compute agents may compute");
        } else {
            tracing::info!(open, all, reason, "compute agents compute on so many of all seats");
        }
    }

    /// Time asleep is no time in which a step ran or an agent was silent. What was waiting for its time is due, however.
    pub(super) fn notice_sleep(&mut self) {
        let Some(slept) = self.book.machine.sleep.observe(self.clock.mono(), self.clock.awake()) else { return };
        tracing::info!(seconds = slept.as_secs(), "the machine slept; that time counts for no step and no agent");
        self.book.machine.sleeps += 1;
        self.book.machine.asleep += slept;
        self.core.slept(slept);
        self.governor.forget();
        self.lookout.forget();
        self.book.machine.heard = None;
    }

    /// A process that was stopped, or a machine that was paused, heard no answer of its agents: they are asked anew. To be
    /// called before they are judged; `every`: when this look was due after the last one.
    pub(super) fn notice_standstill(&mut self, awake: MonoMs, every: Duration) {
        let since = self.book.machine.looked.replace(awake).map(|looked| awake.since(looked));
        if since.is_some_and(|since| stood_still(since, every, self.silent_after)) {
            tracing::info!("this process stood still for a while; silent agents get their time again");
            self.crew.ping_anew(awake);
        }
    }

    /// Who may compute.
    pub(super) fn seats(&self) -> Seats {
        self.governor.seats()
    }

    /// How hard the machine is pressed, as was heard last: never newer than the seats.
    pub(super) fn reading(&self) -> Option<Reading> {
        let (at, conditions) = self.book.machine.heard.clone()?;
        Some(Reading { conditions, age: self.clock.awake().since(at) })
    }

    /// The machine in figures. What is not known is left out, not told as nothing.
    pub(super) fn machine_metrics(&self) -> Vec<Metric> {
        let (machine, seats) = (&self.book.machine, self.seats());
        let mut metrics = vec![
            plain("agentd_compute_seats", "Compute agents that may compute at once.", GAUGE, seats.open as u64),
            plain("agentd_compute_seats_most", "The same when nothing presses.", GAUGE, seats.all as u64),
            plain("agentd_seat_changes_total", "Changes of that number.", COUNTER, machine.seat_changes),
            plain("agentd_sleeps_total", "Times that the machine slept.", COUNTER, machine.sleeps),
            plain("agentd_asleep_seconds_total", "Seconds that it slept.", COUNTER, machine.asleep.as_secs()),
        ];
        if let Some(reading) = self.reading() {
            metrics.extend(condition_metrics(&reading.conditions));
        }
        metrics
    }
}

/// Looks that come this much later are only busy.
const BUSY: Duration = Duration::from_secs(2);

/// Whether a look came so late that pings may have gone unheard for most of the time that agents have for an answer.
fn stood_still(since: Duration, every: Duration, silent_after: Duration) -> bool {
    since.saturating_sub(every) > (silent_after / 2).max(BUSY)
}

fn condition_metrics(conditions: &Conditions) -> Vec<Metric> {
    let thermal = conditions.thermal.known().map(|thermal| match thermal {
        Thermal::Nominal => 0,
        Thermal::Fair => 1,
        Thermal::Serious => 2,
        Thermal::Critical => 3,
    });
    let memory = conditions.memory.known().map(|memory| match memory {
        Pressure::Normal => 0,
        Pressure::Warning => 1,
        Pressure::Critical => 2,
    });
    let battery = conditions.power.known().map(|power| u64::from(*power == PowerSource::Battery));
    let low_power = conditions.low_power.known().map(|low| u64::from(*low));
    [
        ("agentd_thermal_pressure", "0 nominal, 1 fair, 2 serious, 3 critical, as read last.", thermal),
        ("agentd_memory_pressure", "0 normal, 1 warning, 2 critical, as read last.", memory),
        ("agentd_on_battery", "1 if the power comes from a battery, as read last.", battery),
        ("agentd_low_power_mode", "1 if the system was asked to save power, as read last.", low_power),
    ]
    .into_iter()
    .filter_map(|(name, help, value)| Some(plain(name, help, GAUGE, value?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use agentd_host::Measured;

    use super::*;

    #[test]
    fn a_late_look_is_no_standstill_and_a_very_late_one_is() {
        let seconds = Duration::from_secs;
        for (since, every, silent_after, expected) in [
            (1, 1, 5, false),
            (3, 1, 5, false), // a busy machine
            (4, 1, 5, true),
            (3, 1, 1, false),
            (4, 1, 1, true),
            (60, 1, 5, true),
            (30, 30, 5, false),
            (10, 30, 5, false), // work came in, and the look was early
            (33, 30, 5, true),
            (301, 1, 600, false),
            (302, 1, 600, true),
        ] {
            let found = stood_still(seconds(since), seconds(every), seconds(silent_after));
            assert_eq!(found, expected, "{since} s instead of {every} s");
        }
    }

    #[test]
    fn figures_are_of_what_is_known() {
        let mut conditions = Conditions::unmeasured("nobody asked");
        assert!(condition_metrics(&conditions).is_empty());
        conditions.thermal = Measured::Value(Thermal::Critical);
        conditions.power = Measured::Value(PowerSource::Ac);
        let figures: Vec<(&str, f64)> =
            condition_metrics(&conditions).iter().map(|metric| (metric.name, metric.value)).collect();
        assert_eq!(figures, [("agentd_thermal_pressure", 3.0), ("agentd_on_battery", 0.0)]);
    }
}
