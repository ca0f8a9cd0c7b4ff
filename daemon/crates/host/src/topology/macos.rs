//! Tiers on macOS: performance levels from sysctl; level 0 is the fastest, whatever the levels are called.

use super::{Platform, Tier, Topology};

/// What sysctl knows; recorded tables stand behind it in tests.
pub trait Sysctl {
    /// A number, or `None` if the name does not exist.
    fn int(&self, name: &str) -> Option<u64>;
    /// A text, or `None` if the name does not exist.
    fn text(&self, name: &str) -> Option<String>;
    /// Cores on which BACKGROUND threads run, if the system tells.
    fn background_cores(&self) -> Option<u32> {
        None
    }
}

/// The kernel of this machine.
#[cfg(target_os = "macos")]
#[derive(Debug)]
pub(crate) struct Kernel;

#[cfg(target_os = "macos")]
impl Sysctl for Kernel {
    fn int(&self, name: &str) -> Option<u64> {
        crate::sys::sysctl_int(name)
    }

    fn text(&self, name: &str) -> Option<String> {
        crate::sys::sysctl_text(name)
    }

    fn background_cores(&self) -> Option<u32> {
        crate::sys::background_parallelism()
    }
}

/// More levels than any machine has, so that a wrong answer cannot hold up the start.
const MOST_LEVELS: u64 = 8;

/// Reads tiers, names and memory.
#[must_use]
pub fn macos_topology(kernel: &dyn Sysctl) -> Topology {
    let levels = kernel.int("hw.nperflevels").unwrap_or(0).min(MOST_LEVELS);
    let mut tiers: Vec<Tier> = (0..levels).filter_map(|level| tier(kernel, level, levels)).collect();
    if tiers.is_empty() {
        let cores = kernel.int("hw.physicalcpu").or_else(|| kernel.int("hw.ncpu"));
        tiers.extend(cores.map(|cores| named(cores, "all".to_owned())));
    }
    let mut topology = Topology::of_tiers(Platform::MacOs, tiers);
    topology.chip = kernel.text("machdep.cpu.brand_string").unwrap_or_default();
    topology.os = format!("macOS {}", kernel.text("kern.osproductversion").unwrap_or_default()).trim_end().to_owned();
    topology.memory_bytes = kernel.int("hw.memsize").unwrap_or(0);
    if topology.is_uniform() {
        topology.notes.push("the system reports one tier of cores: classes still weigh, but place nothing".to_owned());
    } else if let Some(cores) = kernel.background_cores()
        && cores != topology.slow().cores
    {
        let (name, slow) = (&topology.slow().name, topology.slow().cores);
        let note = format!("the system runs BACKGROUND threads on {cores} cores; its {name} tier has {slow}");
        topology.notes.push(note);
    }
    topology
}

fn tier(kernel: &dyn Sysctl, level: u64, levels: u64) -> Option<Tier> {
    let cores = kernel.int(&format!("hw.perflevel{level}.physicalcpu"))?;
    let plain = || match level {
        0 if levels == 1 => "all".to_owned(),
        0 => "fast".to_owned(),
        _ if level + 1 == levels => "slow".to_owned(),
        _ => format!("middle {level}"),
    };
    Some(named(cores, kernel.text(&format!("hw.perflevel{level}.name")).unwrap_or_else(plain)))
}

fn named(cores: u64, name: String) -> Tier {
    Tier { name, cores: u32::try_from(cores).unwrap_or(u32::MAX), cpus: Vec::new() }
}
