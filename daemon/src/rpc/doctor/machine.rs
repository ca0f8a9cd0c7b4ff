//! The machine as the daemon sees it: cores, memory, load, heat, power; and how many files its process may open.

use agentd_base::bytes;
use agentd_host::{Conditions, Measured, PowerSource, Pressure, Sensors, Thermal, Tier, Topology};
use agentd_proto::{
    doctor::MACHINE,
    v1::{DoctorCheck, Verdict},
};

use super::turn::{At, Listener};

/// Compute agents; with fewer fast cores they share them.
const COMPUTE_AGENTS: u32 = 8;

/// Fewer descriptors than this are soon used up: each client, each file that is read and each child takes some. The default
/// of macOS is 256.
const FEW_DESCRIPTORS: u64 = 1_024;

/// The cores, and what is odd about them.
pub(super) fn checks(topology: &Topology) -> Vec<DoctorCheck> {
    let notes = topology.notes.iter().map(|note| DoctorCheck::of(MACHINE, "cores", Verdict::Warning, note));
    std::iter::once(cores(topology)).chain(notes).collect()
}

/// Tells how hard the machine is pressed now. Reads files. `false`: nobody listens any more.
pub(super) fn look(sensors: &dyn Sensors, topology: &Topology, listener: &mut impl Listener) -> bool {
    listener.begins(At::Sensors);
    let now = sensors.read();
    listener.hears(memory(&now, topology.memory_bytes))
        && listener.hears(load(&now, topology.cores()))
        && listener.hears(heat(&now.thermal))
        && listener.hears(power(&now))
}

fn cores(topology: &Topology) -> DoctorCheck {
    let tier = |tier: &Tier| {
        // Where all are alike, the name of the tier says nothing.
        if topology.is_uniform() { tier.cores.to_string() } else { format!("{} {}", tier.cores, tier.name) }
    };
    let tiers: Vec<String> = topology.tiers.iter().map(tier).collect();
    let chip = if topology.chip.is_empty() { "unknown processor" } else { &topology.chip };
    let mut found = format!("{chip}, {}, cores: {}", topology.os, tiers.join(" + "));
    let fast: u32 = topology.fast_tiers().iter().map(|tier| tier.cores).sum();
    if fast < COMPUTE_AGENTS {
        found.push_str(&format!("; {COMPUTE_AGENTS} compute agents share {fast} of them"));
    }
    let mut check = DoctorCheck::of(MACHINE, "cores", Verdict::Ok, found);
    for (number, tier) in topology.tiers.iter().enumerate() {
        check = check.with_figure(&format!("tier{number}_cores"), f64::from(tier.cores));
    }
    check
}

fn unknown(name: &str, why: &str) -> DoctorCheck {
    DoctorCheck::of(MACHINE, name, Verdict::Unknown, why)
}

fn memory(now: &Conditions, total: u64) -> DoctorCheck {
    const NAME: &str = "memory";
    let Measured::Value(available) = now.available_bytes else {
        return unknown(NAME, now.available_bytes.why().unwrap_or_default());
    };
    let pressure = now.memory.clone().map(Pressure::name);
    let found = format!("{} of {} available, pressure {pressure}", bytes(available), bytes(total));
    let check = match now.memory {
        Measured::Value(Pressure::Warning | Pressure::Critical) => {
            DoctorCheck::of(MACHINE, NAME, Verdict::Warning, found)
                .with_remedy("end programs that you do not need; fewer agents compute at once meanwhile")
        }
        _ => DoctorCheck::of(MACHINE, NAME, Verdict::Ok, found),
    };
    check.with_figure("available_bytes", available as f64).with_figure("total_bytes", total as f64)
}

fn load(now: &Conditions, cores: u32) -> DoctorCheck {
    match now.load {
        Measured::Unmeasured(ref why) => unknown("load", why),
        Measured::Value(load) => {
            let found = format!("{load:.1} over the last minute, on {cores} cores");
            DoctorCheck::of(MACHINE, "load", Verdict::Ok, found).with_figure("load_average", load)
        }
    }
}

fn heat(now: &Measured<Thermal>) -> DoctorCheck {
    match now {
        Measured::Unmeasured(why) => unknown("heat", why),
        Measured::Value(level @ (Thermal::Serious | Thermal::Critical)) => {
            DoctorCheck::of(MACHINE, "heat", Verdict::Warning, format!("{level}: the system slows its cores down"))
                .with_remedy("let it cool down; fewer agents compute at once meanwhile")
        }
        Measured::Value(level) => DoctorCheck::of(MACHINE, "heat", Verdict::Ok, level.name()),
    }
}

fn power(now: &Conditions) -> DoctorCheck {
    let source = match &now.power {
        Measured::Value(PowerSource::Ac) => "from the mains",
        Measured::Value(PowerSource::Battery) => "from the battery",
        Measured::Unmeasured(why) => return unknown("power", why),
    };
    match now.low_power {
        Measured::Value(true) => {
            DoctorCheck::of(MACHINE, "power", Verdict::Warning, format!("{source}; the system was asked to save power"))
                .with_remedy("the fast cores are slowed down: end the power saving, if you want their speed")
        }
        _ => DoctorCheck::of(MACHINE, "power", Verdict::Ok, source),
    }
}

/// `limit`: what is in force; `None`: it was not looked at.
pub(super) fn descriptors(limit: Option<u64>, group: &str) -> DoctorCheck {
    const NAME: &str = "open files";
    let Some(limit) = limit else {
        return DoctorCheck::of(group, NAME, Verdict::Unknown, "the limit was not read at the start");
    };
    let open = open_descriptors();
    let now = open.map_or_else(String::new, |open| format!(", {open} are open"));
    let found = format!("{limit} may be open at once{now}");
    let mut check = if limit < FEW_DESCRIPTORS {
        DoctorCheck::of(group, NAME, Verdict::Warning, found)
            .with_remedy("raise the hard limit in the shell that starts the daemon, or let a service start it")
            .with_command("agentd-cli service install")
    } else {
        DoctorCheck::of(group, NAME, Verdict::Ok, found)
    };
    check = check.with_figure("limit", limit as f64);
    if let Some(open) = open { check.with_figure("open", open as f64) } else { check }
}

/// Descriptors of this process, the one that is used to look not counted.
fn open_descriptors() -> Option<usize> {
    let folder = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    std::fs::read_dir(folder).ok().map(|entries| entries.count().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything well, and then changed.
    fn now(change: impl FnOnce(&mut Conditions)) -> Conditions {
        let mut now = Conditions::unmeasured("refused");
        now.thermal = Measured::Value(Thermal::Nominal);
        now.memory = Measured::Value(Pressure::Normal);
        now.available_bytes = Measured::Value(1 << 30);
        now.load = Measured::Value(1.5);
        now.power = Measured::Value(PowerSource::Ac);
        change(&mut now);
        now
    }

    #[test]
    fn what_presses_the_machine_is_a_warning_and_what_is_not_known_is_said() {
        let all = |now: &Conditions| [memory(now, 8 << 30), load(now, 2), heat(&now.thermal), power(now)];
        let verdicts = |now: &Conditions| all(now).map(|check| check.verdict());
        let [ok, warning, unknown] = [Verdict::Ok, Verdict::Warning, Verdict::Unknown];
        assert_eq!(verdicts(&now(|_| {})), [ok; 4]);
        assert_eq!(verdicts(&Conditions::unmeasured("refused")), [unknown; 4]);
        assert!(all(&Conditions::unmeasured("refused")).iter().all(|check| check.found == "refused"));
        let pressed = |it: &mut Conditions| it.memory = Measured::Value(Pressure::Critical);
        assert_eq!(verdicts(&now(pressed)), [warning, ok, ok, ok]);
        assert_eq!(verdicts(&now(|it| it.thermal = Measured::Value(Thermal::Serious))), [ok, ok, warning, ok]);
        assert_eq!(verdicts(&now(|it| it.low_power = Measured::Value(true))), [ok, ok, ok, warning]);
        assert_eq!(verdicts(&now(|it| it.power = Measured::Value(PowerSource::Battery))), [ok; 4]);
        let gone = now(|it| it.memory = Measured::Unmeasured("no such file".to_owned()));
        assert!(memory(&gone, 8 << 30).found.contains("unmeasured (no such file)"));
    }

    #[test]
    fn few_descriptors_are_a_warning() {
        for (limit, verdict) in [(None, Verdict::Unknown), (Some(256), Verdict::Warning), (Some(10_240), Verdict::Ok)] {
            let check = descriptors(limit, "limits");
            assert_eq!(check.verdict(), verdict, "{check:?}");
        }
        assert!(open_descriptors().is_some_and(|open| open > 0));
    }

    #[test]
    fn this_machine_is_described() {
        let topology = Topology::detect();
        let mut checks = checks(&topology);
        assert!(checks[0].found.contains(&topology.os) && !checks[0].figures.is_empty(), "{checks:?}");
        assert!(look(&agentd_host::SystemSensors::default(), &topology, &mut |check| {
            checks.push(check);
            true
        }));
        assert!(checks.iter().all(|check| check.verdict() != Verdict::Failed && !check.found.is_empty()), "{checks:?}");
    }
}
