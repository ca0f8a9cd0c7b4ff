//! The machine under agentd. The only room with `unsafe`: it gives birth to threads, tasks and children, says where they
//! were placed and where they really ran, and owns clocks and descriptors. It does not know what it runs.

mod child;
mod clock;
mod conditions;
mod crash;
mod disk;
mod error;
mod limits;
mod listen;
mod measure;
mod memory;
mod plan;
mod random;
mod regular;
mod runtime;
mod session;
mod signal;
mod sys;
mod tally;
pub mod task;
mod thread;
mod topology;

pub use child::{
    Captured, ChildExit, ChildSpec, ChildStatus, Children, ChildrenSettings, EndedBy, Input, Leftover, Running,
    find_program,
};
pub use clock::{Clock, ManualClock, SleepDetector, SystemClock, boot_id};
pub use conditions::{
    Conditions, ManualSensors, Notices, PowerSource, Sensors, SystemSensors, Thermal, linux_conditions,
    macos_conditions,
};
pub use crash::{mark_crashes, noted, take_crash_mark};
pub use disk::{DiskSpace, disk_space};
pub use error::Error;
pub use limits::{Limits, harden};
pub use listen::inherited_listener;
pub use measure::{
    CpuSampler, Measured, base_priority, child_fast_share, fast_share, gpu_cores, own_cpu, process_cpu, process_memory,
    service_band_check, thread_cpu,
};
pub use memory::{
    MemoryState, Pressure, limit_arenas, load_average, memory_state, release_free_memory, release_program_pages,
};
pub use plan::{
    ChildPlacement, ChildPurpose, CoordinatorQos, Intent, Placement, PlanSettings, Qos, place, place_child,
};
pub use random::random_u128;
pub use regular::{check_regular, open_regular};
pub use runtime::{Runtime, current_thread_runtime};
pub use session::leave_terminal;
pub use signal::{StopSignal, StopSignals};
pub use tally::{Tally, parser_tally, tally_parsers};
pub use thread::{
    Granted, Thread, ThreadEntry, give_way, register_foreign, register_main, spawn, table, unknown_threads,
};
pub use topology::{Platform, Sysctl, Tier, Topology, linux_topology, macos_topology};
