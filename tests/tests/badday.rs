//! Bad days: kills at random and at chosen moments, disks that fill, fail or rot, power cuts, quarrels about who owns the
//! state folder, threads that nobody knows. Real programs, real disks; what was acknowledged is remembered out here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures and seeds are shown, not asserted")]
#![allow(clippy::large_futures, reason = "tests are not deep")]
#![allow(clippy::disallowed_methods, reason = "these tests start, trace and kill the programs that they test")]

mod badday {
    mod disk;
    mod faults;
    mod kill_random;
    mod kill_syscall;
    mod memory;
    mod missing;
    mod oracle;
    mod ownership;
    mod power_cut;
    mod refusals;
    mod rot;
    mod stops;
    mod strace;
    mod support;
    mod threads;
}
