//! What the machine is made of: tiers of cores from the fastest to the slowest, memory, names. Read once, from sysfs or
//! sysctl alone: no child process, well under a millisecond.

mod linux;
mod macos;

pub use linux::linux_topology;
#[cfg(target_os = "linux")]
pub(crate) use linux::process_cpus;
#[cfg(target_os = "macos")]
pub(crate) use macos::Kernel;
pub use macos::{Sysctl, macos_topology};

/// The systems agentd knows. A value and not only a `cfg`, so that plans for both can be tested on either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Platform {
    /// macOS: threads ask for a QoS class, nothing pins.
    MacOs,
    /// Linux: affinity pins, nice weighs.
    Linux,
}

impl Platform {
    /// The system this program was built for.
    pub const HERE: Self = if cfg!(target_os = "macos") { Self::MacOs } else { Self::Linux };
}

/// A set of cores of one speed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// As the system calls it (`Performance`, `Super`), else `fast`, `slow` or `all`.
    pub name: String,
    /// Physical cores.
    pub cores: u32,
    /// Logical cpu numbers, rising; empty where the system pins nothing.
    pub cpus: Vec<u32>,
}

/// The machine as far as placement cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// Which rules hold.
    pub platform: Platform,
    /// Fastest first; never empty.
    pub tiers: Vec<Tier>,
    /// The processor's name for people; empty if unknown.
    pub chip: String,
    /// Name and version of the system.
    pub os: String,
    /// Main memory in bytes; 0 if unknown.
    pub memory_bytes: u64,
    /// Cores of the graphics processor; `None` until [`gpu_cores`](crate::gpu_cores) was asked, which needs a child.
    pub gpu_cores: Option<u32>,
    /// What people should know about the figures above, one sentence each.
    pub notes: Vec<String>,
}

impl Topology {
    /// Reads this machine. Never fails: what cannot be read is told in `notes`.
    #[must_use]
    pub fn detect() -> Self {
        #[cfg(target_os = "linux")]
        {
            linux::detect()
        }
        #[cfg(target_os = "macos")]
        {
            macos_topology(&macos::Kernel)
        }
    }

    /// The fastest tier.
    #[must_use]
    pub fn fast(&self) -> &Tier {
        self.tiers.first().expect("a topology has a tier: `of_tiers` puts one in")
    }

    /// The slowest tier; the same as the fastest on a uniform machine.
    #[must_use]
    pub fn slow(&self) -> &Tier {
        self.tiers.last().expect("a topology has a tier: `of_tiers` puts one in")
    }

    /// The tiers for what computes: all but the slowest, since some machines have one very fast core, on which eight threads
    /// would be slower than anywhere else. All there is on a uniform machine.
    #[must_use]
    pub fn fast_tiers(&self) -> &[Tier] {
        &self.tiers[..self.tiers.len().saturating_sub(1).max(1)]
    }

    /// Whether all cores are alike, as far as the system tells.
    #[must_use]
    pub fn is_uniform(&self) -> bool {
        self.tiers.len() == 1
    }

    /// The tier of a logical cpu, as an index into `tiers`.
    #[must_use]
    pub fn tier_of(&self, cpu: u32) -> Option<usize> {
        self.tiers.iter().position(|tier| tier.cpus.contains(&cpu))
    }

    /// All logical cpus that may be used, rising; empty where the system pins nothing.
    #[must_use]
    pub fn cpus(&self) -> Vec<u32> {
        let mut cpus: Vec<u32> = self.tiers.iter().flat_map(|tier| tier.cpus.iter().copied()).collect();
        cpus.sort_unstable();
        cpus
    }

    /// Physical cores of all tiers.
    #[must_use]
    pub fn cores(&self) -> u32 {
        self.tiers.iter().map(|tier| tier.cores).sum()
    }

    /// Puts in one tier of one core where nothing could be read, so that `tiers` is never empty.
    fn of_tiers(platform: Platform, mut tiers: Vec<Tier>) -> Self {
        let mut notes = Vec::new();
        if tiers.is_empty() {
            notes.push("the system tells nothing about its cores; one is assumed".to_owned());
            tiers.push(Tier { name: "all".to_owned(), cores: 1, cpus: Vec::new() });
        }
        Self { platform, tiers, chip: String::new(), os: String::new(), memory_bytes: 0, gpu_cores: None, notes }
    }
}

/// Turns `0-3,8` into numbers, rising and once each. Empty for what is no list of cpus.
#[must_use]
pub(crate) fn parse_cpu_list(text: &str) -> Vec<u32> {
    const HIGHEST: u32 = 8191; // the kernel's largest NR_CPUS; keeps `0-4294967295` from filling memory
    let mut cpus = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Ok(first), Ok(last)) = (first.trim().parse::<u32>(), last.trim().parse::<u32>()) else {
            return Vec::new();
        };
        cpus.extend(first..=last.min(HIGHEST));
    }
    cpus.sort_unstable();
    cpus.dedup();
    cpus
}

/// Turns numbers, rising, into `0-3,8`.
#[must_use]
pub(crate) fn show_cpu_list(cpus: &[u32]) -> String {
    let mut parts = Vec::new();
    let mut rest = cpus;
    while let Some(&first) = rest.first() {
        let run = rest.iter().zip(first..).take_while(|(cpu, expected)| *cpu == expected).count();
        let last = rest[run - 1];
        parts.push(if first == last { first.to_string() } else { format!("{first}-{last}") });
        rest = &rest[run..];
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Intent, PlanSettings, place};

    #[test]
    fn what_computes_has_all_tiers_but_the_slowest() {
        for (cores, fast) in [(vec![1, 3, 4], 4), (vec![4, 4], 4), (vec![8], 8)] {
            let mut cpus = 0..;
            let tier = |cores: &u32| {
                let cpus = cpus.by_ref().take(*cores as usize).collect();
                Tier { name: String::new(), cores: *cores, cpus }
            };
            let topology = Topology::of_tiers(Platform::Linux, cores.iter().map(tier).collect());
            let cpus: Vec<u32> = topology.fast_tiers().iter().flat_map(|tier| tier.cpus.iter().copied()).collect();
            assert_eq!(cpus.len(), fast, "{cores:?}");
            let placed = place(&topology, Intent::Compute, &PlanSettings::default()).cpus;
            assert_eq!(placed, (!topology.is_uniform()).then_some(cpus), "{cores:?}");
        }
    }

    #[test]
    fn cpu_lists_survive_text() {
        for (text, cpus) in
            [("0-3,8\n", vec![0, 1, 2, 3, 8]), ("5", vec![5]), ("0,2,4-5", vec![0, 2, 4, 5]), ("", vec![])]
        {
            assert_eq!(parse_cpu_list(text), cpus, "{text}");
            assert_eq!(show_cpu_list(&cpus), text.trim());
        }
        assert_eq!(parse_cpu_list("3,1-2,2"), [1, 2, 3]);
        assert_eq!(parse_cpu_list("all"), []);
        assert_eq!(parse_cpu_list("0-4294967295").len(), 8192);
    }
}
