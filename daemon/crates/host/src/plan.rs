//! Who asks for what: from the machine and a thread's purpose to a placement. Pure.

use crate::topology::{Platform, Topology, show_cpu_list};

/// What a thread is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Intent {
    /// Computes: the fastest tiers (all but the slowest), behind everybody who keeps the daemon responsive.
    Compute,
    /// Plans and watches: the slowest tier.
    Coordinator,
    /// Owns sockets.
    Net,
    /// Decides and assigns.
    Engine,
    /// Writes the journal.
    Writer,
    /// Does file work for those who may not block.
    Io,
    /// The thread the program began with.
    Main,
}

/// Classes of macOS, in falling order of precedence. On Linux they stand for tiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Qos {
    /// The highest class a daemon is granted.
    UserInitiated,
    /// What a thread has that asked for nothing.
    Default,
    /// Any core, at the system's choice, behind the user's own work.
    Utility,
    /// The only class that is kept on the slowest tier.
    Background,
}

impl Qos {
    /// As Apple writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserInitiated => "USER_INITIATED",
            Self::Default => "DEFAULT",
            Self::Utility => "UTILITY",
            Self::Background => "BACKGROUND",
        }
    }

    /// `qos_class_t` of `<sys/qos.h>`.
    #[must_use]
    pub const fn value(self) -> u32 {
        match self {
            Self::UserInitiated => 0x19,
            Self::Default => 0x15,
            Self::Utility => 0x11,
            Self::Background => 0x09,
        }
    }

    /// The class with a value of `<sys/qos.h>`, among those that agentd asks for.
    #[must_use]
    pub const fn of_value(value: u32) -> Option<Self> {
        match value {
            0x19 => Some(Self::UserInitiated),
            0x15 => Some(Self::Default),
            0x11 => Some(Self::Utility),
            0x09 => Some(Self::Background),
            _ => None,
        }
    }

    /// The base priority that a thread of a daemon has when the class is in force (`osfmk/kern/sched.h` of xnu).
    #[must_use]
    pub const fn base_priority(self) -> i32 {
        match self {
            Self::UserInitiated => 37,
            Self::Default => 31,
            Self::Utility => 20,
            Self::Background => 4,
        }
    }
}

/// What coordinators ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CoordinatorQos {
    /// Stay on the slowest tier.
    #[default]
    Background,
    /// Use any core, when the slowest tier starves them.
    Utility,
}

/// What a configuration may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanSettings {
    /// What coordinators ask for.
    pub coordinator_qos: CoordinatorQos,
    /// Linux: nice of compute threads (0 to 19), so that a machine full of them does not delay the writer.
    pub compute_nice: i32,
    /// Linux: nice of coordinator threads (0 to 19).
    pub coordinator_nice: i32,
    /// Linux: nice of builds and tests (0 to 19).
    pub build_nice: i32,
    /// A class for this one thread, whatever its intent says.
    pub qos: Option<Qos>,
}

impl Default for PlanSettings {
    fn default() -> Self {
        Self {
            coordinator_qos: CoordinatorQos::default(),
            compute_nice: 5,
            coordinator_nice: 0,
            build_nice: 5,
            qos: None,
        }
    }
}

/// What a thread asks the system for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The intent it came from.
    pub intent: Intent,
    /// macOS: the class.
    pub qos: Option<Qos>,
    /// Linux: the cpus to be pinned to; `None`: any that the process may use.
    pub cpus: Option<Vec<u32>>,
    /// Linux: nice; `None`: that of the process.
    pub nice: Option<i32>,
    /// All of it for people: `USER_INITIATED`, or `cpus 0-3, nice 5`.
    pub asked: String,
}

/// What a thread of `intent` asks for on this machine.
#[must_use]
pub fn place(topology: &Topology, intent: Intent, settings: &PlanSettings) -> Placement {
    let qos = settings.qos.unwrap_or_else(|| class_of(intent, settings.coordinator_qos));
    match topology.platform {
        Platform::MacOs => Placement { intent, qos: Some(qos), cpus: None, nice: None, asked: qos.name().to_owned() },
        Platform::Linux => {
            let cpus = pinned_cpus(topology, intent, settings.qos, qos);
            let nice = match intent {
                Intent::Compute => nonzero(settings.compute_nice),
                Intent::Coordinator => nonzero(settings.coordinator_nice),
                Intent::Net | Intent::Engine | Intent::Writer | Intent::Io | Intent::Main => None,
            };
            let asked = show(cpus.as_deref(), nice);
            Placement { intent, qos: None, cpus, nice, asked }
        }
    }
}

const fn class_of(intent: Intent, coordinators: CoordinatorQos) -> Qos {
    match intent {
        Intent::Compute | Intent::Net | Intent::Engine | Intent::Writer => Qos::UserInitiated,
        Intent::Io | Intent::Main => Qos::Default,
        Intent::Coordinator => match coordinators {
            CoordinatorQos::Background => Qos::Background,
            CoordinatorQos::Utility => Qos::Utility,
        },
    }
}

/// Only agents are pinned, unless a configuration names a class for another thread: where the daemon itself runs is the
/// scheduler's choice.
fn pinned_cpus(topology: &Topology, intent: Intent, forced: Option<Qos>, qos: Qos) -> Option<Vec<u32>> {
    let agent = matches!(intent, Intent::Compute | Intent::Coordinator);
    if topology.is_uniform() || !(agent || forced.is_some()) {
        return None;
    }
    match qos {
        Qos::UserInitiated => Some(fast_cpus(topology)),
        Qos::Background => Some(topology.slow().cpus.clone()),
        Qos::Default | Qos::Utility => None,
    }
}

fn fast_cpus(topology: &Topology) -> Vec<u32> {
    let mut cpus: Vec<u32> = topology.fast_tiers().iter().flat_map(|tier| tier.cpus.iter().copied()).collect();
    cpus.sort_unstable();
    cpus
}

const fn nonzero(nice: i32) -> Option<i32> {
    if nice == 0 { None } else { Some(nice) }
}

pub(crate) fn show(cpus: Option<&[u32]>, nice: Option<i32>) -> String {
    let cpus = cpus.map_or_else(|| "any cpu".to_owned(), |cpus| format!("cpus {}", show_cpu_list(cpus)));
    nice.map_or_else(|| cpus.clone(), |nice| format!("{cpus}, nice {nice}"))
}

/// Why a child runs; decides where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChildPurpose {
    /// A user waits for the answer, or a model server answers users: as an ordinary program.
    UserWaits,
    /// Builds and tests: behind the user's own work.
    Build,
    /// Work of coordinators: the slowest tier.
    Coordinator,
}

/// What a child gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildPlacement {
    /// macOS: arguments of `taskpolicy` in front of the program; empty: none of it.
    pub taskpolicy: Vec<&'static str>,
    /// Linux: cpus to run on, always set, so that a pinned thread does not hand on its own; empty: leave as it is.
    pub cpus: Vec<u32>,
    /// Linux: nice.
    pub nice: Option<i32>,
    /// All of it for people.
    pub asked: String,
}

/// What a child of `purpose` asks for on this machine. A thread's class is not inherited on macOS, hence `taskpolicy`.
#[must_use]
pub fn place_child(topology: &Topology, purpose: ChildPurpose, settings: &PlanSettings) -> ChildPlacement {
    match topology.platform {
        Platform::MacOs => {
            let taskpolicy = match purpose {
                ChildPurpose::UserWaits => Vec::new(),
                ChildPurpose::Build => vec!["-c", "utility"],
                ChildPurpose::Coordinator => vec!["-b"],
            };
            let asked = match purpose {
                ChildPurpose::UserWaits => "DEFAULT",
                ChildPurpose::Build => "at most UTILITY",
                ChildPurpose::Coordinator => "Darwin background",
            };
            ChildPlacement { taskpolicy, cpus: Vec::new(), nice: None, asked: asked.to_owned() }
        }
        Platform::Linux => {
            let (cpus, nice) = match purpose {
                ChildPurpose::UserWaits => (topology.cpus(), Some(0)),
                ChildPurpose::Build => (topology.cpus(), Some(settings.build_nice)),
                ChildPurpose::Coordinator => (topology.slow().cpus.clone(), Some(settings.build_nice)),
            };
            let named = (cpus.len() < topology.cpus().len()).then_some(cpus.as_slice());
            let asked = show(named, nice.and_then(nonzero));
            ChildPlacement { taskpolicy: Vec::new(), cpus, nice, asked }
        }
    }
}
