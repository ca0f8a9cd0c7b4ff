//! Conditions on macOS, by libSystem alone: states that the system keeps under names of notify(3), and the pressure level
//! of memory from sysctl. Which number means what stands here, and is tested everywhere.

use super::{Conditions, PowerSource, Thermal};
use crate::{
    measure::Measured,
    memory::{Pressure, pressure_of_level},
    topology::Sysctl,
};

/// States that the system keeps under names; recorded ones stand behind it in tests.
pub trait Notices {
    /// The number under `name`.
    ///
    /// # Errors
    /// Why there is none, in words.
    fn state(&self, name: &str) -> Result<u64, String>;
}

/// `kOSThermalNotificationPressureLevelName` of `<libkern/OSThermalNotification.h>`.
const THERMAL: &str = "com.apple.system.thermalpressurelevel";
/// 0 or 1.
const LOW_POWER: &str = "com.apple.system.lowpowermode";
/// `kIOPSNotifyTimeRemaining` of `<IOKit/ps/IOPowerSources.h>`. Its state holds minutes and flags;
/// `IOPSGetTimeRemainingEstimate` reads the same.
const POWER: &str = "com.apple.system.powersources.timeremaining";

/// The flags are set.
const POWER_IS_KNOWN: u64 = 1 << 19;
/// Power comes from outside.
const POWER_FROM_OUTSIDE: u64 = 1 << 16;

/// Asks the kernel and the notification centre; `slow`: for heat and power too.
#[must_use]
pub fn macos_conditions(kernel: &dyn Sysctl, notices: &dyn Notices, slow: bool) -> Conditions {
    let mut conditions = Conditions::unmeasured("not read this time");
    conditions.memory = memory(kernel);
    conditions.cpu_waits = Measured::not("macOS keeps no books of threads that wait for a cpu");
    if slow {
        conditions.thermal = told(notices, THERMAL, thermal);
        conditions.power = told(notices, POWER, power);
        conditions.low_power = told(notices, LOW_POWER, low_power);
    }
    conditions
}

fn told<T>(notices: &dyn Notices, name: &str, meaning: impl FnOnce(u64) -> Measured<T>) -> Measured<T> {
    notices.state(name).map_or_else(|why| Measured::not(format!("the system does not tell {name}: {why}")), meaning)
}

fn memory(kernel: &dyn Sysctl) -> Measured<Pressure> {
    let level = kernel.int("kern.memorystatus_vm_pressure_level");
    level.map_or_else(|| Measured::not("the system has no pressure level"), pressure_of_level)
}

/// `OSThermalPressureLevel` of macOS: nominal, moderate, heavy, trapping, sleeping.
fn thermal(level: u64) -> Measured<Thermal> {
    match level {
        0 => Measured::Value(Thermal::Nominal),
        1 => Measured::Value(Thermal::Fair),
        2 => Measured::Value(Thermal::Serious),
        3 | 4 => Measured::Value(Thermal::Critical),
        other => Measured::not(format!("the system tells an unknown thermal level {other}")),
    }
}

/// Machines without a battery keep no state here; they have power as long as they run.
fn power(state: u64) -> Measured<PowerSource> {
    if state & POWER_IS_KNOWN == 0 {
        return Measured::not("the system tells nothing about power sources, as on machines without a battery");
    }
    Measured::Value(if state & POWER_FROM_OUTSIDE == 0 { PowerSource::Battery } else { PowerSource::Ac })
}

fn low_power(state: u64) -> Measured<bool> {
    match state {
        0 => Measured::Value(false),
        1 => Measured::Value(true),
        other => Measured::not(format!("the system tells an unknown state {other} of Low Power Mode")),
    }
}

/// The notification centre of this machine. Names stay registered: each registration is a message to its daemon.
#[cfg(target_os = "macos")]
#[derive(Debug, Default)]
pub(super) struct Centre {
    tokens: std::sync::Mutex<std::collections::HashMap<String, i32>>,
}

#[cfg(target_os = "macos")]
impl Notices for Centre {
    fn state(&self, name: &str) -> Result<u64, String> {
        let mut tokens = self.tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let token = match tokens.get(name) {
            Some(token) => *token,
            None => {
                let token = crate::sys::notify_register(name).map_err(words)?;
                tokens.insert(name.to_owned(), token);
                token
            }
        };
        crate::sys::notify_state(token).map_err(|status| {
            // The daemon behind it may have begun anew, and knows no tokens of before.
            tokens.remove(name);
            words(status)
        })
    }
}

/// Status codes of `<notify.h>`.
#[cfg_attr(
    not(any(target_os = "macos", test)),
    expect(dead_code, reason = "macOS only; its logic is tested everywhere")
)]
fn words(status: u32) -> String {
    match status {
        7 => "reading it is not allowed (status 7)".to_owned(),
        9 => "the notification server does not answer (status 9)".to_owned(),
        other => format!("notify(3) failed with status {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_their_status() {
        for status in [1, 2, 7, 9, 1_000_000] {
            assert!(words(status).contains(&status.to_string()), "{status}");
        }
    }
}
