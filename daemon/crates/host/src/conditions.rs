//! How hard the machine is pressed: heat, memory, power. What is shown and what policies go by; a figure is measured or
//! says why it is not. Nothing here watches: whoever wants to know asks, and is told how things are now.

mod linux;
mod macos;

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

pub use linux::linux_conditions;
pub use macos::{Notices, macos_conditions};

use crate::{
    measure::Measured,
    memory::{Pressure, load_average, memory_state, pressure_of_room},
};

/// What heat does to the machine, in the steps of `NSProcessInfo.ThermalState` of macOS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thermal {
    /// No limit.
    Nominal,
    /// Close to a limit; the fans work.
    Fair,
    /// The system slows its cores down.
    Serious,
    /// The system is about to protect itself.
    Critical,
}

impl Thermal {
    /// As one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nominal => "nominal",
            Self::Fair => "fair",
            Self::Serious => "serious",
            Self::Critical => "critical",
        }
    }
}

/// Where the machine's power comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PowerSource {
    /// The mains, or a charger.
    Ac,
    /// Its battery.
    Battery,
}

impl fmt::Display for Thermal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The machine at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditions {
    /// What heat does to it.
    pub thermal: Measured<Thermal>,
    /// How hard memory is pressed.
    pub memory: Measured<Pressure>,
    /// What new work can have without swapping, in bytes; of the container, if this process lives in one.
    pub available_bytes: Measured<u64>,
    /// Share (0 to 1) of the last ten seconds in which some thread waited for a cpu. Linux only.
    pub cpu_waits: Measured<f64>,
    /// Load over the last minute: threads that run or wait to run, on average.
    pub load: Measured<f64>,
    /// Where the power comes from.
    pub power: Measured<PowerSource>,
    /// The user asked the system to save power: Low Power Mode of macOS, the profile `low-power` on Linux.
    pub low_power: Measured<bool>,
}

impl Conditions {
    /// Nothing is known, for this reason.
    #[must_use]
    pub fn unmeasured(why: &str) -> Self {
        Self {
            thermal: Measured::not(why),
            memory: Measured::not(why),
            available_bytes: Measured::not(why),
            cpu_waits: Measured::not(why),
            load: Measured::not(why),
            power: Measured::not(why),
            low_power: Measured::not(why),
        }
    }

    /// What is not known, by its name, and why.
    #[must_use]
    pub fn gaps(&self) -> Vec<(&'static str, &str)> {
        [
            ("thermal", self.thermal.why()),
            ("memory", self.memory.why()),
            ("available_bytes", self.available_bytes.why()),
            ("cpu_waits", self.cpu_waits.why()),
            ("load", self.load.why()),
            ("power", self.power.why()),
            ("low_power", self.low_power.why()),
        ]
        .into_iter()
        .filter_map(|(name, why)| Some((name, why?)))
        .collect()
    }

    /// The parts that change slowly, from an earlier look.
    fn with_slow_parts_of(self, earlier: Self) -> Self {
        Self { thermal: earlier.thermal, power: earlier.power, low_power: earlier.low_power, ..self }
    }
}

/// Tells the conditions. Called on threads that may read files; two that ask at once may wait for each other.
pub trait Sensors: Send + Sync + fmt::Debug {
    /// How things are now. Takes some hundred microseconds, on some firmware milliseconds.
    fn read(&self) -> Conditions;
}

/// Heat and power change slowly, and reading them asks the firmware of some machines: not more often than this.
const SLOW: Duration = Duration::from_secs(5);

/// The sensors of this machine.
#[derive(Debug, Default)]
pub struct SystemSensors {
    /// When heat and power were read last, and what was read.
    slow: Mutex<Option<(Instant, Conditions)>>,
    #[cfg(target_os = "macos")]
    notices: macos::Centre,
}

impl SystemSensors {
    #[cfg(target_os = "linux")]
    fn look(&self, slow: bool) -> Conditions {
        linux_conditions(std::path::Path::new("/"), slow)
    }

    #[cfg(target_os = "macos")]
    fn look(&self, slow: bool) -> Conditions {
        macos_conditions(&crate::topology::Kernel, &self.notices, slow)
    }
}

impl Sensors for SystemSensors {
    fn read(&self) -> Conditions {
        let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let earlier = slow.as_ref().filter(|(at, _)| now.saturating_duration_since(*at) < SLOW);
        let mut conditions = match earlier {
            Some((_, earlier)) => self.look(false).with_slow_parts_of(earlier.clone()),
            None => {
                let conditions = self.look(true);
                *slow = Some((now, conditions.clone()));
                conditions
            }
        };
        drop(slow);
        match memory_state() {
            Ok(state) => {
                if conditions.memory.known().is_none() && cfg!(target_os = "linux") {
                    conditions.memory = Measured::Value(pressure_of_room(&state));
                }
                conditions.available_bytes = Measured::Value(state.available_bytes);
            }
            Err(error) => conditions.available_bytes = Measured::not(agentd_base::describe(&error)),
        }
        conditions.load = load_average();
        conditions
    }
}

/// Sensors that tell what they were told: for tests.
#[derive(Debug)]
pub struct ManualSensors(Mutex<Conditions>);

impl ManualSensors {
    /// Tells `conditions` until told otherwise.
    #[must_use]
    pub const fn new(conditions: Conditions) -> Self {
        Self(Mutex::new(conditions))
    }

    /// From now on tells what `change` leaves.
    pub fn change(&self, change: impl FnOnce(&mut Conditions)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Sensors for ManualSensors {
    fn read(&self) -> Conditions {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_tells_what_it_knows_and_why_it_does_not_know_the_rest() {
        let sensors = SystemSensors::default();
        let (first, second) = (sensors.read(), sensors.read());
        assert!(first.memory.known().is_some() && first.load.known().is_some(), "{first:?}");
        assert!(first.available_bytes.known().is_some_and(|bytes| *bytes > 0), "{first:?}");
        assert_eq!(
            (&first.thermal, &first.power, &first.low_power),
            (&second.thermal, &second.power, &second.low_power)
        );
        for conditions in [&first, &second] {
            assert!(conditions.gaps().iter().all(|(_, why)| why.len() > 10), "a reason is a sentence: {conditions:?}");
        }
    }

    #[test]
    fn each_gap_is_told_by_its_name() {
        let conditions = Conditions::unmeasured("nobody asked");
        assert_eq!(conditions.gaps().len(), 7);
        assert!(conditions.gaps().iter().all(|gap| gap.1 == "nobody asked"));
        let manual = ManualSensors::new(conditions);
        manual.change(|conditions| conditions.thermal = Measured::Value(Thermal::Fair));
        assert_eq!(manual.read().thermal.to_string(), "fair");
        assert_eq!(manual.read().gaps().len(), 6);
    }
}
