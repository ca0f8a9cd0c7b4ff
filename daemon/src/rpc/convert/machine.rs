//! To the wire: how hard the machine is pressed, and what follows from it.

use agentd_engine::{Reading, Seats};
use agentd_host::{PowerSource, Pressure, Thermal};
use agentd_proto::v1;

use super::answer::milliseconds;

/// Who may compute.
pub(in crate::rpc) fn seats(seats: Seats) -> v1::Seats {
    let number = |seats: usize| u32::try_from(seats).unwrap_or(u32::MAX);
    v1::Seats { open: number(seats.open), all: number(seats.all), reason: seats.reason }
}

const fn thermal(thermal: Thermal) -> v1::ThermalPressure {
    match thermal {
        Thermal::Nominal => v1::ThermalPressure::Nominal,
        Thermal::Fair => v1::ThermalPressure::Fair,
        Thermal::Serious => v1::ThermalPressure::Serious,
        Thermal::Critical => v1::ThermalPressure::Critical,
    }
}

const fn memory(pressure: Pressure) -> v1::MemoryPressure {
    match pressure {
        Pressure::Normal => v1::MemoryPressure::Normal,
        Pressure::Warning => v1::MemoryPressure::Warning,
        Pressure::Critical => v1::MemoryPressure::Critical,
    }
}

const fn power(power: PowerSource) -> v1::PowerSource {
    match power {
        PowerSource::Ac => v1::PowerSource::Ac,
        PowerSource::Battery => v1::PowerSource::Battery,
    }
}

/// What was read, and why the rest was not.
pub(in crate::rpc) fn conditions(reading: Reading) -> v1::Conditions {
    let read = reading.conditions;
    let unmeasured = read.gaps().into_iter().map(|(name, why)| format!("{name}: {why}")).collect();
    v1::Conditions {
        thermal: read.thermal.known().copied().map(thermal).unwrap_or_default().into(),
        memory: read.memory.known().copied().map(memory).unwrap_or_default().into(),
        power: read.power.known().copied().map(power).unwrap_or_default().into(),
        low_power: read.low_power.value(),
        available_bytes: read.available_bytes.value(),
        cpu_waits: read.cpu_waits.value(),
        load: read.load.value(),
        age_ms: milliseconds(reading.age),
        unmeasured,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use agentd_host::{Conditions, Measured};

    use super::*;

    #[test]
    fn what_was_not_measured_is_absent_and_has_its_reason() {
        let age = Duration::from_millis(1_200);
        let none = conditions(Reading { conditions: Conditions::unmeasured("nobody asked"), age });
        assert_eq!(
            (none.thermal(), none.memory()),
            (v1::ThermalPressure::Unspecified, v1::MemoryPressure::Unspecified)
        );
        assert_eq!((none.power(), none.low_power, none.load), (v1::PowerSource::Unspecified, None, None));
        assert_eq!((none.age_ms, none.unmeasured.len()), (1_200, 7));
        assert!(none.unmeasured.contains(&"thermal: nobody asked".to_owned()), "{:?}", none.unmeasured);
        for (thermal, wire) in [
            (Thermal::Nominal, v1::ThermalPressure::Nominal),
            (Thermal::Fair, v1::ThermalPressure::Fair),
            (Thermal::Serious, v1::ThermalPressure::Serious),
            (Thermal::Critical, v1::ThermalPressure::Critical),
        ] {
            let read = Conditions {
                thermal: Measured::Value(thermal),
                memory: Measured::Value(Pressure::Warning),
                power: Measured::Value(PowerSource::Battery),
                low_power: Measured::Value(true),
                available_bytes: Measured::Value(7),
                cpu_waits: Measured::Value(0.25),
                load: Measured::Value(1.5),
            };
            let told = conditions(Reading { conditions: read, age });
            assert_eq!((told.thermal(), told.memory()), (wire, v1::MemoryPressure::Warning));
            assert_eq!((told.power(), told.low_power), (v1::PowerSource::Battery, Some(true)));
            assert_eq!((told.available_bytes, told.cpu_waits, told.load), (Some(7), Some(0.25), Some(1.5)));
            assert!(told.unmeasured.is_empty());
        }
    }
}
