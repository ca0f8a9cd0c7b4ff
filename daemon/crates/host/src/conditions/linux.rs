//! Conditions on Linux: stall figures of `/proc/pressure`, thermal zones, power supplies and the firmware's profile, all
//! below one root, so that recorded trees stand in for machines.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Conditions, PowerSource, Thermal};
use crate::{
    measure::Measured,
    memory::{Pressure, average_stall, pressure_of_stalls},
};

/// Reads what lies below `root` (`/` on a machine of its own); `slow`: heat and power too, which may ask the firmware.
#[must_use]
pub fn linux_conditions(root: &Path, slow: bool) -> Conditions {
    let mut conditions = Conditions::unmeasured("not read this time");
    conditions.memory = memory(root);
    conditions.cpu_waits = cpu_waits(root);
    if slow {
        conditions.thermal = thermal(root);
        conditions.power = power(root);
        conditions.low_power = low_power(root);
    }
    conditions
}

fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(path).map(|text| text.trim().to_owned())
}

fn stalls(root: &Path, what: &str) -> Result<String, String> {
    read(&root.join("proc/pressure").join(what)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "the kernel has no pressure stall information".to_owned(),
        // Built in, but not switched on: the kernel answers EOPNOTSUPP.
        _ => format!("the kernel keeps no pressure stall information ({error}); start it with psi=1"),
    })
}

fn memory(root: &Path) -> Measured<Pressure> {
    stalls(root, "memory").map_or_else(Measured::Unmeasured, |text| pressure_of_stalls(&text))
}

fn cpu_waits(root: &Path) -> Measured<f64> {
    match stalls(root, "cpu") {
        Err(why) => Measured::Unmeasured(why),
        Ok(text) => average_stall(&text, "some").map_or_else(
            || Measured::not("the pressure file cannot be understood"),
            |percent| Measured::Value(percent / 100.0),
        ),
    }
}

/// Folders below a class of sysfs, by name; empty if there is none.
fn devices(root: &Path, class: &str, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root.join("sys/class").join(class)) else { return Vec::new() };
    let named = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(prefix);
    let mut found: Vec<PathBuf> = entries.flatten().filter(named).map(|entry| entry.path()).collect();
    found.sort_unstable();
    found
}

/// So far below the temperature at which the kernel acts is close to it, in thousandths of a degree Celsius.
const CLOSE: i64 = 5_000;

/// Temperatures that can be meant, in thousandths of a degree Celsius: firmware fills unused trip points with zeros and
/// with the absolute zero.
const MEANT: std::ops::RangeInclusive<i64> = 20_000..=200_000;

/// More trip points than any zone has.
const MOST_TRIPS: usize = 32;

/// The temperatures at which something happens to the machine.
#[derive(Debug, Default, Clone, Copy)]
struct Trips {
    /// The kernel slows the cores down.
    passive: Option<i64>,
    /// The kernel warns the firmware, or switches the machine off.
    last: Option<i64>,
}

impl Trips {
    fn of(zone: &Path) -> Option<Self> {
        let mut trips = Self::default();
        for number in 0..MOST_TRIPS {
            let field = |name: &str| read(&zone.join(format!("trip_point_{number}_{name}")));
            let Ok(kind) = field("type") else { break };
            let Some(at) = field("temp").ok().and_then(|text| text.parse().ok()).filter(|at| MEANT.contains(at)) else {
                continue;
            };
            let lowest = |known: Option<i64>| Some(known.map_or(at, |known| known.min(at)));
            match kind.as_str() {
                "passive" => trips.passive = lowest(trips.passive),
                "hot" | "critical" => trips.last = lowest(trips.last),
                // Fans that begin to turn are no limit.
                _ => {}
            }
        }
        (trips.passive.is_some() || trips.last.is_some()).then_some(trips)
    }

    fn level(self, temperature: i64) -> Thermal {
        let reaches = |trip: Option<i64>, margin: i64| trip.is_some_and(|trip| temperature >= trip - margin);
        match () {
            () if reaches(self.last, CLOSE) => Thermal::Critical,
            () if reaches(self.passive, 0) => Thermal::Serious,
            () if reaches(self.passive, CLOSE) => Thermal::Fair,
            () => Thermal::Nominal,
        }
    }
}

/// The worst of all zones that can be read and have a limit.
fn thermal(root: &Path) -> Measured<Thermal> {
    let zones = devices(root, "thermal", "thermal_zone");
    if zones.is_empty() {
        return Measured::not("the kernel has no thermal zones, as in most virtual machines");
    }
    let (mut worst, mut refusal) = (None, None);
    for zone in &zones {
        let Some(trips) = Trips::of(zone) else { continue };
        // Zones of devices that sleep answer with an error.
        match read(&zone.join("temp")).map(|text| text.parse()) {
            Ok(Ok(temperature)) => worst = worst.max(Some(trips.level(temperature))),
            Ok(Err(_)) => refusal = Some("a temperature that is no number".to_owned()),
            Err(error) => refusal = Some(error.to_string()),
        }
    }
    match (worst, refusal) {
        (Some(level), _) => Measured::Value(level),
        (None, Some(why)) => Measured::not(format!("the thermal zones do not tell their temperature: {why}")),
        (None, None) => {
            Measured::not(format!("none of {} thermal zones names a temperature as its limit", zones.len()))
        }
    }
}

/// The mains count if they are on, whatever a battery does meanwhile; batteries of mice and headsets do not count.
fn power(root: &Path) -> Measured<PowerSource> {
    let (mut mains, mut battery) = (None, None);
    for supply in devices(root, "power_supply", "") {
        let field = |name: &str| read(&supply.join(name)).unwrap_or_default();
        if field("scope") == "Device" {
            continue;
        }
        match field("type").as_str() {
            "Mains" | "USB" | "Wireless" => match field("online").as_str() {
                "" => {}
                online => mains = Some(mains.unwrap_or(false) || online != "0"),
            },
            "Battery" => battery = Some(battery.unwrap_or(false) || field("status") == "Discharging"),
            _ => {}
        }
    }
    match (mains, battery) {
        (Some(true), _) | (None, Some(false)) => Measured::Value(PowerSource::Ac),
        (Some(false) | None, Some(true)) | (Some(false), Some(false)) => Measured::Value(PowerSource::Battery),
        // A machine that runs has power: what is off is not where it comes from.
        (Some(false), None) => Measured::not("no power supply is on, and there is no battery"),
        (None, None) => Measured::not("the kernel names no power supply, as on most desktops"),
    }
}

fn low_power(root: &Path) -> Measured<bool> {
    match read(&root.join("sys/firmware/acpi/platform_profile")) {
        Ok(profile) => Measured::Value(profile == "low-power"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Measured::not("the firmware has no platform profiles"),
        Err(error) => Measured::not(format!("the platform profile cannot be read: {error}")),
    }
}
