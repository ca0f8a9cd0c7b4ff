//! Memory: what the machine has left, how hard it is pressed, and giving back what the allocator keeps.

use sysinfo::{MemoryRefreshKind, System};

use crate::{error::Error, measure::Measured, sys};

/// How hard memory is pressed, in the steps that macOS knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pressure {
    /// Enough.
    Normal,
    /// Start less.
    Warning,
    /// Start nothing large.
    Critical,
}

impl Pressure {
    /// As one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl std::fmt::Display for Pressure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Memory of the machine, or of the container in which this process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryState {
    /// All of it in bytes.
    pub total_bytes: u64,
    /// What new work can have without swapping, in bytes.
    pub available_bytes: u64,
}

/// Reads the state of memory.
///
/// # Errors
/// The system refuses to tell.
pub fn memory_state() -> Result<MemoryState, Error> {
    let mut system = system()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    #[cfg(target_os = "linux")]
    let container = system.cgroup_limits().map(|limits| {
        let charged = limits.total_memory.saturating_sub(limits.free_memory);
        let stat = CONTAINER_BOOKS.iter().find_map(|path| std::fs::read_to_string(path).ok());
        (limits.total_memory, stat.map_or(charged, |stat| charged.saturating_sub(droppable(&stat))))
    });
    #[cfg(target_os = "macos")]
    let container = None;
    Ok(state_of(system.total_memory(), system.available_memory(), container))
}

/// Where a container finds what is charged to it, in the order in which `sysinfo` looks for its limit: cgroup v1, v2.
#[cfg(target_os = "linux")]
const CONTAINER_BOOKS: [&str; 2] = ["/sys/fs/cgroup/memory/memory.stat", "/sys/fs/cgroup/memory.stat"];

/// What the kernel drops when a container needs room: copies of files, and what it keeps of their names. Files in memory
/// (tmpfs, `/dev/shm`) are no copies, and stay. v1 keeps books of the groups below under names of their own.
#[cfg(any(target_os = "linux", test))]
fn droppable(stat: &str) -> u64 {
    let figure = |wanted: &str| {
        let found =
            stat.lines().find_map(|line| line.strip_prefix(wanted)?.strip_prefix(' ')?.trim().parse::<u64>().ok());
        found.unwrap_or(0)
    };
    let files = if stat.contains("total_inactive_file ") {
        ["total_active_file", "total_inactive_file"]
    } else {
        ["active_file", "inactive_file"]
    };
    files.into_iter().chain(["slab_reclaimable"]).map(figure).sum()
}

/// `container`: its limit, and what it holds that cannot be dropped. What the kernel calls free in a container (the limit
/// less all that was charged to it) counts cached files as used: after any build it is next to nothing.
fn state_of(total: u64, available: u64, container: Option<(u64, u64)>) -> MemoryState {
    let (limit, held) = container.unwrap_or((total, 0));
    let total_bytes = total.min(limit);
    // Some systems count what can be dropped as available twice; never tell more than there is.
    let available_bytes = available.min(limit.saturating_sub(held)).min(total_bytes);
    MemoryState { total_bytes: total_bytes.max(1), available_bytes }
}

fn system() -> Result<System, Error> {
    System::new().map_err(|error| Error::Unreadable {
        what: "the state of the machine".to_owned(),
        source: std::io::Error::other(error.to_string()),
    })
}

/// Load over the last minute: threads that run or wait to run, on average.
#[must_use]
pub fn load_average() -> Measured<f64> {
    match System::load_average() {
        Ok(load) => Measured::Value(load.one),
        Err(error) => Measured::not(error.to_string()),
    }
}

/// `kern.memorystatus_vm_pressure_level` of macOS.
pub(crate) fn pressure_of_level(level: u64) -> Measured<Pressure> {
    match level {
        1 => Measured::Value(Pressure::Normal),
        2 => Measured::Value(Pressure::Warning),
        4 => Measured::Value(Pressure::Critical),
        other => Measured::not(format!("the system tells an unknown level {other}")),
    }
}

/// Share of the last ten seconds, in percent, in which some threads waited for memory: noticeable.
const SOME_STALLED: f64 = 10.0;
/// The same for all threads at once: nothing moves.
const ALL_STALLED: f64 = 5.0;

/// `/proc/pressure/memory` of Linux.
pub(crate) fn pressure_of_stalls(text: &str) -> Measured<Pressure> {
    let Some(some) = average_stall(text, "some") else {
        return Measured::not("the pressure file cannot be understood");
    };
    let all = average_stall(text, "full").unwrap_or(0.0);
    Measured::Value(match () {
        () if all >= ALL_STALLED => Pressure::Critical,
        () if some >= SOME_STALLED => Pressure::Warning,
        () => Pressure::Normal,
    })
}

/// Share of the last ten seconds, in percent, from the line of a kind (`some`, `full`) in a file of `/proc/pressure`.
pub(crate) fn average_stall(text: &str, kind: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
    let average = line.split_ascii_whitespace().find_map(|field| field.strip_prefix("avg10="))?.parse().ok()?;
    (0.0..=100.0).contains(&average).then_some(average)
}

/// With less than this part of all memory available, work that takes much of it makes the machine swap.
const LITTLE: u64 = 16;
/// With less than this part, any work does.
const HARDLY_ANY: u64 = 64;

/// Pressure where the kernel keeps no books of stalls: by what is left.
pub(crate) const fn pressure_of_room(state: &MemoryState) -> Pressure {
    if state.available_bytes < state.total_bytes / HARDLY_ANY {
        Pressure::Critical
    } else if state.available_bytes < state.total_bytes / LITTLE {
        Pressure::Warning
    } else {
        Pressure::Normal
    }
}

/// Keeps glibc from giving every thread a heap of its own, of which each holds on to its free memory. Call it first in
/// `main`. `false` where the allocator has no such setting.
#[must_use]
pub fn limit_arenas() -> bool {
    #[cfg(target_os = "linux")]
    {
        /// What one fast thread allocates another one frees, so in a single heap they wait for each other: with one more an
        /// analysis takes a twelfth less CPU time. More than that only holds more free memory.
        const ARENAS: i32 = 3;
        /// glibc's own limit grows with the largest block ever freed. Then sled's static tables of 41 × 512 KiB, which
        /// nobody ever uses, come to lie in the heap, and a quarter of them is written to.
        const LARGE: i32 = 256 * 1024;
        sys::limit_arenas(ARENAS, LARGE)
    }
    #[cfg(target_os = "macos")]
    {
        false
    }
}

/// Gives free memory of the allocator back to the system, after work. `true` if any went back. Takes milliseconds on a
/// large heap: not on a thread that others wait for.
#[must_use]
pub fn release_free_memory() -> bool {
    sys::trim_heap()
}

/// Lets go of the pages of the program itself, for a process that has nothing to do: the system would take them when it
/// needs them, and nobody has to wonder about them until then. Linux only; `false` elsewhere.
#[must_use]
pub fn release_program_pages() -> bool {
    #[cfg(target_os = "linux")]
    {
        sys::forget_program_pages() > 0
    }
    #[cfg(target_os = "macos")]
    {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stalls_become_pressure() {
        let text = |some: &str, full: &str| {
            format!(
                "some avg10={some} avg60=0.00 avg300=0.00 total=0\nfull avg10={full} avg60=0.00 avg300=0.00 total=0\n"
            )
        };
        for (some, full, expected) in [
            ("0.00", "0.00", Pressure::Normal),
            ("9.99", "4.99", Pressure::Normal),
            ("10.00", "0.00", Pressure::Warning),
            ("60.00", "5.00", Pressure::Critical),
        ] {
            assert_eq!(pressure_of_stalls(&text(some, full)), Measured::Value(expected));
        }
        for odd in
            ["", "some", "some avg10=", "some avg10=NaN", "some avg10=-1.00", "some avg10=101", "some avg60=1.00"]
        {
            assert_eq!(pressure_of_stalls(odd).value(), None, "{odd}");
        }
    }

    #[test]
    fn room_that_is_left_becomes_pressure() {
        const GIB: u64 = 1 << 30;
        for (total, available, expected) in [
            (16 * GIB, 16 * GIB, Pressure::Normal),
            (16 * GIB, GIB, Pressure::Normal),
            (16 * GIB, GIB - 1, Pressure::Warning),
            (16 * GIB, GIB / 4, Pressure::Warning),
            (16 * GIB, GIB / 4 - 1, Pressure::Critical),
            (1, 0, Pressure::Normal), // a total that is not known
        ] {
            let state = MemoryState { total_bytes: total, available_bytes: available };
            assert_eq!(pressure_of_room(&state), expected, "{available} of {total}");
        }
    }

    #[test]
    fn cached_files_of_a_container_are_room() {
        const GIB: u64 = 1 << 30;
        for (total, available, container, expected) in [
            (16 * GIB, 9 * GIB, None, (16 * GIB, 9 * GIB)),
            (16 * GIB, 17 * GIB, None, (16 * GIB, 16 * GIB)),
            // Of 4 GiB one is held; whether files fill the other three is of no importance.
            (16 * GIB, 9 * GIB, Some((4 * GIB, GIB)), (4 * GIB, 3 * GIB)),
            // The machine has less than the container may take.
            (16 * GIB, GIB, Some((4 * GIB, GIB)), (4 * GIB, GIB)),
            (16 * GIB, 9 * GIB, Some((4 * GIB, 5 * GIB)), (4 * GIB, 0)),
            (0, 0, None, (1, 0)),
        ] {
            let state = state_of(total, available, container);
            assert_eq!((state.total_bytes, state.available_bytes), expected, "{container:?}");
        }
        let after_a_build = state_of(16 * GIB, 9 * GIB, Some((4 * GIB, GIB)));
        assert_eq!(pressure_of_room(&after_a_build), Pressure::Normal);
    }

    #[test]
    fn files_in_memory_are_held_and_copies_of_files_are_not() {
        const GIB: u64 = 1 << 30;
        let v2 = |anon: u64, shmem: u64, files: u64| {
            let (active, inactive) = (files / 4, files - files / 4);
            format!(
                "anon {anon}\nfile {}\nkernel 4096\nshmem {shmem}\ninactive_anon {shmem}\nactive_anon {anon}\n\
                 inactive_file {inactive}\nactive_file {active}\nslab_reclaimable 1000\nslab 3000\n",
                shmem + files
            )
        };
        let v1 = |files: u64| {
            let own = "rss 1\nactive_file 7\ninactive_file 7\n";
            format!(
                "{own}total_rss {GIB}\ntotal_active_file {}\ntotal_inactive_file {}\n",
                files / 4,
                files - files / 4
            )
        };
        for (stat, expected) in [
            (v2(GIB / 2, 0, 0), 1000),
            (v2(GIB / 2, 3 * GIB, 0), 1000),
            (v2(GIB / 2, 3 * GIB, GIB / 4), GIB / 4 + 1000),
            (v1(2 * GIB), 2 * GIB),
            (String::new(), 0),
            ("active_file many\ninactive_file".to_owned(), 0),
        ] {
            assert_eq!(droppable(&stat), expected, "{stat}");
        }
        // Of 4 GiB, half a one is of processes and three lie in /dev/shm; a quarter is cached.
        let (charged, stat) = (3 * GIB + GIB / 2 + GIB / 4, v2(GIB / 2, 3 * GIB, GIB / 4));
        let state = state_of(16 * GIB, 9 * GIB, Some((4 * GIB, charged - droppable(&stat))));
        assert_eq!(state.available_bytes, GIB / 2 + 1000);
    }

    #[test]
    fn levels_become_pressure() {
        for (level, expected) in
            [(1, Some(Pressure::Normal)), (2, Some(Pressure::Warning)), (4, Some(Pressure::Critical)), (3, None)]
        {
            assert_eq!(pressure_of_level(level).value(), expected);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_that_lets_go_of_its_pages_goes_on() {
        let text = "constants are pages of the program too";
        assert!(release_program_pages());
        assert_eq!(text.len(), 38);
        let sum: u64 = std::thread::scope(|scope| {
            let other = scope.spawn(|| (0..1_000_u64).map(|number| number.pow(2)).sum::<u64>());
            assert!(release_program_pages());
            other.join().unwrap()
        });
        assert_eq!(sum, 332_833_500);
    }

    #[test]
    fn the_machine_has_memory() {
        let state = memory_state().unwrap();
        assert!(state.available_bytes > 0 && state.available_bytes <= state.total_bytes);
        assert!(load_average().value().unwrap() >= 0.0);
    }
}
