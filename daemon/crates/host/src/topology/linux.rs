//! Tiers on Linux: Intel's lists of core and atom cpus, else the capacities that the scheduler uses (Arm, Asahi, newer
//! x86 kernels), else one tier.

use std::{collections::BTreeSet, fs, path::Path};

use super::{Platform, Tier, Topology, parse_cpu_list};

/// Where Intel's hybrid parts list their cpus: older kernels, then newer ones.
const INTEL_FOLDERS: [&str; 2] = ["devices", "bus/event_source/devices"];

/// Capacities (0 to 1024) that differ by less than this share of the higher one are one tier: favoured cores of one
/// kind differ by a few percent, kinds by a third and more.
const SAME_KIND: f64 = 0.12;

/// Reads tiers from a sysfs root (`/sys`; a recorded tree in tests), keeping only cpus that this process may use.
#[must_use]
pub fn linux_topology(root: &Path, allowed_cpus: &[u32]) -> Topology {
    let allowed: BTreeSet<u32> = allowed_cpus.iter().copied().collect();
    let groups = intel_groups(root, &allowed).or_else(|| capacity_groups(root, &allowed));
    let groups = groups.unwrap_or_else(|| vec![allowed.into_iter().collect()]);
    let groups: Vec<Vec<u32>> = groups.into_iter().filter(|cpus| !cpus.is_empty()).collect();
    let count = groups.len();
    let tiers = groups.into_iter().enumerate().map(|(index, cpus)| Tier {
        name: tier_name(index, count),
        cores: physical_cores(root, &cpus),
        cpus,
    });
    Topology::of_tiers(Platform::Linux, tiers.collect())
}

/// The cpus that the process may use, as its first thread had them when first asked.
#[cfg(target_os = "linux")]
pub(crate) fn process_cpus() -> std::io::Result<&'static [u32]> {
    static CPUS: std::sync::OnceLock<Vec<u32>> = std::sync::OnceLock::new();
    if let Some(cpus) = CPUS.get() {
        return Ok(cpus);
    }
    let main = i32::try_from(std::process::id()).unwrap_or(0);
    let cpus = crate::sys::affinity(main)?;
    Ok(CPUS.get_or_init(|| cpus))
}

fn tier_name(index: usize, count: usize) -> String {
    match index {
        0 if count == 1 => "all".to_owned(),
        0 => "fast".to_owned(),
        _ if index + 1 == count => "slow".to_owned(),
        _ => format!("middle {index}"),
    }
}

fn intel_groups(root: &Path, allowed: &BTreeSet<u32>) -> Option<Vec<Vec<u32>>> {
    let list = |folder: &str, kind: &str| {
        let text = fs::read_to_string(root.join(folder).join(kind).join("cpus")).ok()?;
        let cpus = parse_cpu_list(&text).into_iter().filter(|cpu| allowed.contains(cpu));
        Some(cpus.collect::<Vec<u32>>())
    };
    INTEL_FOLDERS.iter().find_map(|folder| Some(vec![list(folder, "cpu_core")?, list(folder, "cpu_atom")?]))
}

fn capacity_groups(root: &Path, allowed: &BTreeSet<u32>) -> Option<Vec<Vec<u32>>> {
    let capacity = |cpu: u32| {
        let path = root.join(format!("devices/system/cpu/cpu{cpu}/cpu_capacity"));
        fs::read_to_string(path).ok()?.trim().parse::<u32>().ok()
    };
    let mut cpus = allowed.iter().map(|&cpu| Some((capacity(cpu)?, cpu))).collect::<Option<Vec<_>>>()?;
    cpus.sort_unstable_by_key(|&(capacity, cpu)| (std::cmp::Reverse(capacity), cpu));
    let mut groups: Vec<(u32, Vec<u32>)> = Vec::new();
    for (capacity, cpu) in cpus {
        match groups.last_mut() {
            Some((top, group)) if f64::from(capacity) > f64::from(*top) * (1.0 - SAME_KIND) => group.push(cpu),
            _ => groups.push((capacity, vec![cpu])),
        }
    }
    Some(
        groups
            .into_iter()
            .map(|(_, mut group)| {
                group.sort_unstable();
                group
            })
            .collect(),
    )
}

/// Cores, counting hardware threads of one core once; every cpu is a core where sysfs does not tell.
fn physical_cores(root: &Path, cpus: &[u32]) -> u32 {
    let first_sibling = |cpu: u32| {
        let path = root.join(format!("devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"));
        let text = fs::read_to_string(path).ok()?;
        parse_cpu_list(&text).first().copied()
    };
    let cores: BTreeSet<u32> = cpus.iter().map(|&cpu| first_sibling(cpu).unwrap_or(cpu)).collect();
    u32::try_from(cores.len()).unwrap_or(u32::MAX)
}

#[cfg(target_os = "linux")]
pub(super) fn detect() -> Topology {
    let allowed = match process_cpus() {
        Ok(cpus) => cpus.to_vec(),
        Err(error) => {
            tracing::warn!(%error, "the cpus of this process cannot be read");
            fs::read_to_string("/sys/devices/system/cpu/online").map_or_else(|_| vec![0], |text| parse_cpu_list(&text))
        }
    };
    let mut topology = linux_topology(Path::new("/sys"), &allowed);
    topology.chip = chip();
    topology.os = os();
    topology.memory_bytes = memory();
    if let Ok(online) = fs::read_to_string("/sys/devices/system/cpu/online") {
        let online = parse_cpu_list(&online).len();
        if online > allowed.len() {
            let allowed = allowed.len();
            topology.notes.push(format!("this process may use {allowed} of {online} cpus"));
        }
    }
    topology
}

/// The first page is enough: the kernel computes `/proc/cpuinfo` cpu by cpu while it is read, which takes milliseconds
/// on large machines.
#[cfg(target_os = "linux")]
fn chip() -> String {
    use std::io::Read;

    let mut page = Vec::with_capacity(2048);
    let read = fs::File::open("/proc/cpuinfo").and_then(|file| file.take(2048).read_to_end(&mut page));
    let model = read.ok().and_then(|_| {
        let text = String::from_utf8_lossy(&page);
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let device = || fs::read_to_string("/proc/device-tree/model").map(|text| text.trim_end_matches('\0').to_owned());
    model.or_else(|| device().ok()).unwrap_or_default()
}

#[cfg(target_os = "linux")]
fn os() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("Linux {}", kernel.trim())
}

#[cfg(target_os = "linux")]
fn memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    kibibytes.map_or(0, |kibibytes: u64| kibibytes.saturating_mul(1024))
}
