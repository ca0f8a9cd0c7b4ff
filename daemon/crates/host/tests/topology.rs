//! Topologies and plans from recorded machines: sysfs trees and sysctl tables, and this machine.

use std::path::PathBuf;

use agentd_host::{
    CoordinatorQos, Intent, Placement, PlanSettings, Platform, Qos, Sysctl, Topology, linux_topology, macos_topology,
    place,
};

fn linux(machine: &str, allowed: impl IntoIterator<Item = u32>) -> Topology {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sysfs").join(machine);
    assert!(root.is_dir(), "{machine} is recorded");
    linux_topology(&root, &allowed.into_iter().collect::<Vec<u32>>())
}

fn shape(topology: &Topology) -> Vec<(&str, u32, Vec<u32>)> {
    topology.tiers.iter().map(|tier| (tier.name.as_str(), tier.cores, tier.cpus.clone())).collect()
}

fn range(first: u32, last: u32) -> Vec<u32> {
    (first..=last).collect()
}

#[test]
fn linux_tiers_come_from_intel_lists_or_from_capacities() {
    let cases = [
        ("intel-hybrid", 16, vec![("fast", 4, range(0, 7)), ("slow", 8, range(8, 15))]),
        ("intel-hybrid-new", 8, vec![("fast", 4, range(0, 3)), ("slow", 4, range(4, 7))]),
        ("arm-big-little", 8, vec![("fast", 1, vec![7]), ("middle 1", 3, range(4, 6)), ("slow", 4, range(0, 3))]),
        ("apple-m1-asahi", 8, vec![("fast", 4, range(4, 7)), ("slow", 4, range(0, 3))]),
        ("uniform-vm", 4, vec![("all", 2, range(0, 3))]),
    ];
    for (machine, cpus, expected) in cases {
        let topology = linux(machine, 0..cpus);
        assert_eq!(shape(&topology), expected, "{machine}");
        assert_eq!(topology.is_uniform(), expected.len() == 1, "{machine}");
        assert_eq!(topology.cpus(), range(0, cpus - 1), "{machine}");
    }
}

#[test]
fn cpus_that_the_process_may_not_use_are_in_no_tier() {
    let part = linux("intel-hybrid", [2, 3, 9]);
    assert_eq!(shape(&part), [("fast", 1, vec![2, 3]), ("slow", 1, vec![9])]);
    let slow_only = linux("intel-hybrid", 8..12);
    assert_eq!(shape(&slow_only), [("all", 4, range(8, 11))]);
    assert_eq!((part.tier_of(3), part.tier_of(9), part.tier_of(4)), (Some(0), Some(1), None));
    let nothing = linux("uniform-vm", []);
    assert_eq!((nothing.tiers.len(), nothing.cores(), nothing.notes.len()), (1, 1, 1));
}

struct Table {
    numbers: Vec<(String, u64)>,
    texts: Vec<(String, &'static str)>,
    background: Option<u32>,
}

impl Table {
    fn new(chip: &'static str, memory: u64, levels: &[(&'static str, u64)]) -> Self {
        let mut numbers = vec![("hw.memsize".to_owned(), memory << 30)];
        let mut texts =
            vec![("machdep.cpu.brand_string".to_owned(), chip), ("kern.osproductversion".to_owned(), "26.5")];
        numbers.push(("hw.nperflevels".to_owned(), levels.len() as u64));
        for (level, &(name, cores)) in levels.iter().enumerate() {
            numbers.push((format!("hw.perflevel{level}.physicalcpu"), cores));
            texts.push((format!("hw.perflevel{level}.name"), name));
        }
        Self { numbers, texts, background: None }
    }
}

impl Sysctl for Table {
    fn int(&self, name: &str) -> Option<u64> {
        self.numbers.iter().find(|(other, _)| other == name).map(|&(_, value)| value)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.texts.iter().find(|(other, _)| other == name).map(|&(_, value)| value.to_owned())
    }

    fn background_cores(&self) -> Option<u32> {
        self.background
    }
}

#[test]
fn macos_tiers_keep_the_names_of_the_system() {
    let performance = ("Performance", 4);
    for (chip, memory, levels) in [
        ("Apple M1", 16, vec![performance, ("Efficiency", 4)]),
        ("Apple M4 Max", 128, vec![("Performance", 12), ("Efficiency", 4)]),
        ("Apple M5 Max", 128, vec![("Super", 6), ("Performance", 12)]),
        ("Apple M6", 32, vec![("Super", 4), ("Performance", 4), ("Efficiency", 4)]),
        ("Apple M2 (Virtual)", 8, vec![("Standard", 4)]),
    ] {
        let topology = macos_topology(&Table::new(chip, memory, &levels));
        let found: Vec<(&str, u64)> =
            topology.tiers.iter().map(|tier| (tier.name.as_str(), u64::from(tier.cores))).collect();
        assert_eq!(found, levels, "{chip}");
        assert_eq!((topology.chip.as_str(), topology.os.as_str()), (chip, "macOS 26.5"));
        assert_eq!(topology.memory_bytes, memory << 30);
        assert_eq!(topology.is_uniform(), levels.len() == 1);
        assert_eq!(topology.notes.len(), usize::from(levels.len() == 1), "one tier is worth a note: {chip}");
        assert!(topology.cpus().is_empty(), "nothing pins there");
    }
}

#[test]
fn intel_macs_have_one_tier_and_odd_answers_a_note() {
    let mut intel = Table::new("Intel(R) Core(TM) i9", 32, &[]);
    intel.numbers.retain(|(name, _)| name != "hw.nperflevels");
    intel.numbers.push(("hw.physicalcpu".to_owned(), 8));
    let topology = macos_topology(&intel);
    assert_eq!(shape(&topology), [("all", 8, vec![])]);

    let mut odd = Table::new("Apple M1", 16, &[("Performance", 4), ("Efficiency", 4)]);
    odd.background = Some(4);
    assert_eq!(macos_topology(&odd).notes, Vec::<String>::new());
    odd.background = Some(2);
    assert_eq!(macos_topology(&odd).notes.len(), 1);
}

const INTENTS: [Intent; 7] =
    [Intent::Compute, Intent::Coordinator, Intent::Net, Intent::Engine, Intent::Writer, Intent::Io, Intent::Main];

fn asked(topology: &Topology, settings: &PlanSettings) -> Vec<String> {
    INTENTS.iter().map(|&intent| place(topology, intent, settings).asked).collect()
}

#[test]
fn plans_of_all_machines() {
    let macos =
        ["USER_INITIATED", "BACKGROUND", "USER_INITIATED", "USER_INITIATED", "USER_INITIATED", "DEFAULT", "DEFAULT"];
    let others = ["any cpu"; 5];
    let on_linux = |compute, coordinator| [&[compute, coordinator][..], &others].concat();
    let m5 = macos_topology(&Table::new("Apple M5 Max", 128, &[("Super", 6), ("Performance", 12)]));
    let vm = macos_topology(&Table::new("VM", 8, &[("Standard", 4)]));
    let cases = [
        ("m5", m5, macos.to_vec()),
        ("vm", vm, macos.to_vec()),
        ("intel", linux("intel-hybrid", 0..16), on_linux("cpus 0-7, nice 5", "cpus 8-15")),
        ("asahi", linux("apple-m1-asahi", 0..8), on_linux("cpus 4-7, nice 5", "cpus 0-3")),
        ("arm", linux("arm-big-little", 0..8), on_linux("cpus 4-7, nice 5", "cpus 0-3")),
        ("uniform", linux("uniform-vm", 0..4), on_linux("any cpu, nice 5", "any cpu")),
    ];
    for (machine, topology, expected) in cases {
        assert_eq!(asked(&topology, &PlanSettings::default()), expected, "{machine}");
    }
}

#[test]
fn settings_change_plans_and_nothing_else() {
    let mac = macos_topology(&Table::new("Apple M1", 16, &[("Performance", 4), ("Efficiency", 4)]));
    let intel = linux("intel-hybrid", 0..16);
    let utility = PlanSettings { coordinator_qos: CoordinatorQos::Utility, ..PlanSettings::default() };
    assert_eq!(place(&mac, Intent::Coordinator, &utility).qos, Some(Qos::Utility));
    assert_eq!(place(&mac, Intent::Compute, &utility).qos, Some(Qos::UserInitiated));
    assert_eq!(place(&intel, Intent::Coordinator, &utility).cpus, None);

    let quiet = PlanSettings { compute_nice: 10, coordinator_nice: 3, ..PlanSettings::default() };
    assert_eq!(place(&intel, Intent::Compute, &quiet).nice, Some(10));
    assert_eq!(place(&intel, Intent::Coordinator, &quiet).asked, "cpus 8-15, nice 3");
    assert_eq!(place(&mac, Intent::Compute, &quiet).nice, None);

    let one = PlanSettings { qos: Some(Qos::Background), ..PlanSettings::default() };
    let slow = Placement {
        intent: Intent::Compute,
        qos: None,
        cpus: Some(range(8, 15)),
        nice: Some(5),
        asked: "cpus 8-15, nice 5".to_owned(),
    };
    assert_eq!(place(&intel, Intent::Compute, &one), slow);
    assert_eq!(place(&mac, Intent::Net, &one).qos, Some(Qos::Background));
}

#[test]
fn this_machine_has_cores_and_memory() {
    let topology = Topology::detect();
    assert_eq!(topology.platform, Platform::HERE);
    assert!(topology.cores() >= 1 && topology.memory_bytes > 0, "{topology:?}");
    assert!(!topology.os.is_empty());
    let usable = std::thread::available_parallelism().unwrap().get();
    if Platform::HERE == Platform::Linux {
        // A quota of the container may allow less time than it has cpus, never more cpus.
        assert!(topology.cpus().len() >= usable, "{topology:?}");
    }
}
