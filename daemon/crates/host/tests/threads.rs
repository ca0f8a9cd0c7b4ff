//! Real threads on this machine: placed, read back, listed, unlisted.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::{Mutex, mpsc};

use agentd_host::{Intent, Placement, PlanSettings, Thread, Topology, place, spawn, table, thread_cpu};

/// The table belongs to the process, so tests that look at it take turns.
static TURN: Mutex<()> = Mutex::new(());

/// A thread that lives until the sender is dropped.
fn held(name: &str, placement: &Placement) -> (Thread, mpsc::SyncSender<()>) {
    let (hold, held) = mpsc::sync_channel::<()>(0);
    let thread = spawn(name, placement, move || {
        let _ = held.recv();
    });
    (thread.unwrap(), hold)
}

fn listed(name: &str) -> Vec<agentd_host::ThreadEntry> {
    table().into_iter().filter(|entry| entry.name == name).collect()
}

#[test]
fn threads_are_listed_while_they_live_also_when_they_panic() {
    let _turn = TURN.lock();
    let placement = place(&Topology::detect(), Intent::Net, &PlanSettings::default());
    let (thread, hold) = held("net-0", &placement);
    let entries = listed("net-0");
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].tid, entries[0].intent), (thread.tid(), Intent::Net));
    assert_eq!((&entries[0].asked, &entries[0].granted), (&placement.asked, thread.granted()));
    assert!(!thread.is_finished() && thread_cpu(thread.tid()).is_some());
    drop(hold);
    thread.join().unwrap();
    assert_eq!(listed("net-0"), []);

    let broken = spawn("broken", &placement, || panic!("on purpose")).unwrap();
    assert!(broken.join().is_err());
    assert_eq!(listed("broken"), []);
}

#[test]
fn an_abandoned_thread_stays_in_the_table_as_such() {
    let _turn = TURN.lock();
    let placement = place(&Topology::detect(), Intent::Compute, &PlanSettings::default());
    let (thread, _hold) = held("wedged", &placement);
    assert!(!listed("wedged")[0].abandoned);
    thread.abandon();
    assert!(listed("wedged")[0].abandoned);
}

#[test]
fn bad_names_are_refused_with_the_reason() {
    let placement = place(&Topology::detect(), Intent::Io, &PlanSettings::default());
    for name in ["", "sixteen-bytes-xx"] {
        let error = spawn(name, &placement, || {}).unwrap_err();
        assert!(error.to_string().contains("15"), "{error}");
    }
    assert!(spawn("fifteen-bytes-x", &placement, || {}).unwrap().join().is_ok());
}

#[cfg(target_os = "linux")]
mod linux {
    use agentd_host::{CpuSampler, Measured, Platform, Tier, fast_share};

    use super::*;

    /// Nice and cpus of a thread, as the kernel shows them.
    fn seen(tid: u64) -> (i32, String) {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{tid}/stat")).unwrap();
        let nice = stat[stat.rfind(')').unwrap() + 1..].split_ascii_whitespace().nth(19 - 3).unwrap().parse().unwrap();
        let status = std::fs::read_to_string(format!("/proc/self/task/{tid}/status")).unwrap();
        let cpus = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
        (nice, cpus.trim().to_owned())
    }

    /// This machine as if its first cpu were fast and the rest slow, so that placing can be seen on any machine.
    fn as_hybrid() -> Option<Topology> {
        let real = Topology::detect();
        let cpus = real.cpus();
        let (first, rest) = cpus.split_first()?;
        let tier = |name: &str, cpus: &[u32]| Tier { name: name.to_owned(), cores: 1, cpus: cpus.to_vec() };
        (!rest.is_empty()).then(|| Topology {
            platform: Platform::Linux,
            tiers: vec![tier("fast", &[*first]), tier("slow", rest)],
            ..real
        })
    }

    #[test]
    fn nice_is_really_five() {
        let _turn = TURN.lock();
        let uniform = Topology { tiers: vec![Topology::detect().fast().clone()], ..Topology::detect() };
        let placement = place(&uniform, Intent::Compute, &PlanSettings::default());
        let (thread, _hold) = held("analyzer", &placement);
        let all = seen(u64::from(std::process::id())).1;
        assert_eq!(seen(thread.tid()), (5, all));
        assert_eq!(thread.granted().text, "any cpu, nice 5");
        assert!(!thread.granted().pinned, "nothing is pinned where all cpus are allowed");
        assert_eq!(thread.granted().faults, Vec::<String>::new());
    }

    #[test]
    fn affinity_is_really_applied_and_not_handed_on() {
        let _turn = TURN.lock();
        let Some(topology) = as_hybrid() else { return }; // one cpu: there is nothing to pin to
        let settings = PlanSettings::default();
        let fast = topology.fast().cpus[0];
        let (agent, _hold) = held("pinned", &place(&topology, Intent::Compute, &settings));
        assert_eq!(seen(agent.tid()), (5, fast.to_string()));
        assert_eq!(agent.granted().text, format!("cpus {fast}, nice 5"));
        assert!(agent.granted().pinned);
        assert_eq!(fast_share(agent.tid(), &topology), Measured::Value(1.0));

        let (tell, told) = mpsc::sync_channel(1);
        let (within, net) =
            (place(&topology, Intent::Coordinator, &settings), place(&topology, Intent::Net, &settings));
        let maker = spawn("maker", &within, move || {
            let born = spawn("born", &net, || {}).unwrap();
            tell.send(born.granted().clone()).unwrap();
            born.join().unwrap();
        });
        maker.unwrap().join().unwrap();
        let granted = told.recv().unwrap();
        assert!(!granted.pinned, "a thread born of a pinned one is not pinned: {granted:?}");
    }

    #[test]
    fn what_the_system_refuses_is_a_fault_and_not_an_end() {
        let _turn = TURN.lock();
        let placement = Placement {
            intent: Intent::Compute,
            qos: None,
            cpus: Some(vec![1_000]),
            nice: None,
            asked: "cpus 1000".to_owned(),
        };
        let (thread, _hold) = held("nowhere", &placement);
        assert_eq!(thread.granted().faults.len(), 1, "{:?}", thread.granted());
        assert!(thread.granted().faults[0].contains("cpus 1000"));
        assert!(!thread.granted().pinned);
    }

    #[test]
    fn a_thread_on_two_tiers_is_sampled() {
        let _turn = TURN.lock();
        let Some(topology) = as_hybrid() else { return };
        let (free, _hold) = held("free", &place(&topology, Intent::Net, &PlanSettings::default()));
        let tid = free.tid();
        assert!(fast_share(tid, &topology).to_string().starts_with("unmeasured"));
        let mut sampler = CpuSampler::default();
        sampler.sample(&[tid], &topology);
        let share = sampler.share(tid, &topology).value().expect("it ran at its birth");
        assert!((0.0..=1.0).contains(&share));
        sampler.sample(&[], &topology);
        assert!(sampler.share(tid, &topology).value().is_none(), "it was forgotten");
    }
}
