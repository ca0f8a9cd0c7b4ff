//! Conditions from recorded machines: trees of procfs and sysfs, and states of notify(3) and sysctl of macOS.

use std::{collections::HashMap, path::PathBuf};

use agentd_host::{
    Conditions, Measured, Notices, PowerSource, Pressure, Sysctl, Thermal, linux_conditions, macos_conditions,
};

fn linux(machine: &str) -> Conditions {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/conditions").join(machine);
    assert!(root.is_dir(), "{machine} is recorded");
    linux_conditions(&root, true)
}

#[derive(Debug, PartialEq)]
struct Known {
    thermal: Option<Thermal>,
    memory: Option<Pressure>,
    cpu_waits: Option<f64>,
    power: Option<PowerSource>,
    low_power: Option<bool>,
}

fn known(conditions: Conditions) -> Known {
    Known {
        thermal: conditions.thermal.value(),
        memory: conditions.memory.value(),
        cpu_waits: conditions.cpu_waits.value(),
        power: conditions.power.value(),
        low_power: conditions.low_power.value(),
    }
}

#[test]
fn machines_with_linux_are_read_as_they_were_recorded() {
    use {PowerSource as P, Pressure as M, Thermal as T};
    let all = |thermal, memory, waits, power, low| Known {
        thermal: Some(thermal),
        memory: Some(memory),
        cpu_waits: Some(waits),
        power: Some(power),
        low_power: Some(low),
    };
    let none = || Known { thermal: None, memory: None, cpu_waits: None, power: None, low_power: None };
    for (machine, expected) in [
        ("laptop-plugged-in", all(T::Nominal, M::Normal, 0.125, P::Ac, false)),
        ("laptop-hot-on-battery", all(T::Serious, M::Warning, 0.7103, P::Battery, true)),
        ("laptop-charged-over-usb", all(T::Fair, M::Normal, 0.0, P::Ac, false)),
        ("arm-board", Known { thermal: Some(T::Fair), ..none() }),
        (
            "arm-board-at-its-limit",
            Known { thermal: Some(T::Critical), memory: Some(M::Critical), cpu_waits: Some(0.99), ..none() },
        ),
        ("virtual-machine", Known { memory: Some(M::Normal), cpu_waits: Some(0.332), ..none() }),
        ("nonsense", none()),
        ("asleep", Known { power: Some(P::Ac), ..none() }),
    ] {
        assert_eq!(known(linux(machine)), expected, "{machine}");
    }
}

#[test]
fn what_linux_does_not_tell_has_its_reason() {
    let why = |machine: &str, field: &str| {
        let conditions = linux(machine);
        let gaps = conditions.gaps();
        gaps.iter().find(|(name, _)| *name == field).map(|(_, why)| (*why).to_owned()).unwrap_or_default()
    };
    for (machine, field, part) in [
        ("virtual-machine", "thermal", "no thermal zones"),
        ("virtual-machine", "power", "no power supply"),
        ("virtual-machine", "low_power", "no platform profiles"),
        ("arm-board", "memory", "no pressure stall information"),
        ("arm-board", "cpu_waits", "no pressure stall information"),
        ("nonsense", "thermal", "no number"),
        ("nonsense", "memory", "cannot be understood"),
        ("nonsense", "cpu_waits", "cannot be understood"),
        ("nonsense", "power", "no power supply is on"),
        ("asleep", "thermal", "do not tell their temperature"),
        ("asleep", "memory", "psi=1"),
        ("asleep", "low_power", "cannot be read"),
    ] {
        let why = why(machine, field);
        assert!(why.contains(part), "{machine}, {field}: {why}");
    }
}

#[test]
fn a_quick_look_asks_no_firmware() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/conditions/laptop-hot-on-battery");
    let quick = linux_conditions(&root, false);
    let slow = linux_conditions(&root, true);
    assert_eq!((&quick.memory, &quick.cpu_waits), (&slow.memory, &slow.cpu_waits));
    let unread = ["thermal", "power", "low_power"];
    let gaps = quick.gaps();
    assert!(unread.iter().all(|field| gaps.iter().any(|(name, _)| name == field)), "{gaps:?}");
}

const THERMAL: &str = "com.apple.system.thermalpressurelevel";
const POWER: &str = "com.apple.system.powersources.timeremaining";
const LOW_POWER: &str = "com.apple.system.lowpowermode";
const LEVEL: &str = "kern.memorystatus_vm_pressure_level";

#[derive(Default)]
struct Mac(HashMap<&'static str, u64>);

impl Notices for Mac {
    fn state(&self, name: &str) -> Result<u64, String> {
        self.0.get(name).copied().ok_or_else(|| "notify(3) failed with status 9".to_owned())
    }
}

impl Sysctl for Mac {
    fn int(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }

    fn text(&self, _: &str) -> Option<String> {
        None
    }
}

fn macos(states: &[(&'static str, u64)]) -> Conditions {
    let mac = Mac(states.iter().copied().collect());
    macos_conditions(&mac, &mac, true)
}

#[test]
fn states_of_macos_mean_what_its_headers_say() {
    use {PowerSource as P, Pressure as M, Thermal as T};
    for (level, expected) in [
        (0, Some(T::Nominal)),
        (1, Some(T::Fair)),
        (2, Some(T::Serious)),
        (3, Some(T::Critical)),
        (4, Some(T::Critical)),
        (5, None),
        (30, None),
    ] {
        assert_eq!(macos(&[(THERMAL, level)]).thermal.value(), expected, "{level}");
    }
    for (level, expected) in [(1, Some(M::Normal)), (2, Some(M::Warning)), (4, Some(M::Critical)), (0, None)] {
        assert_eq!(macos(&[(LEVEL, level)]).memory.value(), expected, "{level}");
    }
    for (state, expected) in [
        (0, None),
        (1 << 19, Some(P::Battery)),
        (1 << 19 | 1 << 18, Some(P::Battery)),
        (1 << 19 | 143, Some(P::Battery)),
        (1 << 19 | 1 << 16, Some(P::Ac)),
        (1 << 19 | 1 << 17 | 1 << 16 | 25, Some(P::Ac)),
    ] {
        assert_eq!(macos(&[(POWER, state)]).power.value(), expected, "{state:#x}");
    }
    for (state, expected) in [(0, Some(false)), (1, Some(true)), (2, None)] {
        assert_eq!(macos(&[(LOW_POWER, state)]).low_power.value(), expected, "{state}");
    }
}

#[test]
fn what_macos_refuses_has_its_reason() {
    let conditions = macos(&[]);
    for (name, why) in conditions.gaps().iter().filter(|(name, _)| ["thermal", "power", "low_power"].contains(name)) {
        assert!(why.contains("com.apple.system.") && why.contains("status 9"), "{name}: {why}");
    }
    assert!(matches!(conditions.memory, Measured::Unmeasured(why) if why.contains("no pressure level")));
    assert!(matches!(conditions.cpu_waits, Measured::Unmeasured(why) if why.contains("macOS")));
}
