//! The twelve as threads: names, slots, several steps at once, panics, limits, stopping.

use std::{
    sync::{Arc, mpsc::sync_channel},
    time::Duration,
};

use agentd_base::{AgentId, ErrorClass, MonoMs, Role};
use agentd_workflow::Action;
use tokio::sync::Notify;

use super::support::{LONG, Rig, said, words};
use crate::{Error, actions::Actions, ctx::Steps};

#[test]
fn twelve_threads_named_and_placed_as_their_roles() {
    let mut rig = Rig::code(1, |_| Box::pin(async move { said(std::thread::current().name().unwrap_or_default()) }));
    for role in Role::ALL {
        rig.begin(role, 1, "name");
        assert_eq!(words(rig.finished().1), role.name());
    }
    let snapshot = rig.crew.snapshot();
    assert_eq!(snapshot.iter().map(|agent| agent.role).collect::<Vec<_>>(), Role::ALL);
    for agent in snapshot {
        assert!(!agent.title.is_empty() && !agent.asked.is_empty() && !agent.granted.is_empty(), "{agent:?}");
        assert!(agent.cpu.is_some() && agent.generation == 1 && agent.slots == 8, "{agent:?}");
        assert!(!agent.pinned || agent_can_be_pinned(), "{agent:?}");
        assert!(!rig.crew.capabilities(agent.role).is_empty());
    }
}

/// On two tiers and free to use both, as coordinators are with `coordinators.qos = "utility"`.
#[cfg(target_os = "linux")]
#[test]
fn the_share_on_the_fast_cores_is_sampled_where_an_agent_may_use_several() {
    use agentd_host::{CoordinatorQos, PlanSettings, Tier, Topology};
    let real = Topology::detect();
    let cpus = real.cpus();
    let [first, rest @ ..] = &cpus[..] else { return };
    if rest.is_empty() {
        return; // one cpu is one tier
    }
    let tier = |name: &str, cpus: &[u32]| Tier { name: name.to_owned(), cores: 1, cpus: cpus.to_vec() };
    let topology = Topology { tiers: vec![tier("fast", &[*first]), tier("slow", rest)], ..real };
    let mut config = crate::CrewConfig::new(std::env::temp_dir(), super::support::roles());
    config.plan = PlanSettings { coordinator_qos: CoordinatorQos::Utility, ..PlanSettings::default() };
    let mut crew = super::support::start_on(config, topology).unwrap();
    let share = |crew: &crate::Crew| crew.snapshot()[Role::Monitor as usize].fast_share.clone();
    assert!(share(&crew).unwrap_err().contains("not sampled"));
    crew.sample();
    let sampled = share(&crew).expect("it ran at its birth");
    assert!((0.0..=1.0).contains(&sampled), "{sampled}");
    crew.stop(LONG);
}

fn agent_can_be_pinned() -> bool {
    cfg!(target_os = "linux") && !agentd_host::Topology::detect().is_uniform()
}

#[test]
fn steps_wait_side_by_side_on_one_agent_and_a_full_agent_gives_back() {
    let gate = Arc::new(Notify::new());
    let inside = Arc::clone(&gate);
    let mut rig = Rig::code(1, move |ctx| {
        let gate = Arc::clone(&inside);
        Box::pin(async move {
            if ctx.step() == "opens" {
                gate.notify_waiters()
            } else {
                gate.notified().await
            }
            said(ctx.step())
        })
    });
    let agent = Role::Coordinator.agent();
    for number in 0..7 {
        rig.begin(Role::Coordinator, number, "waits");
    }
    let twice = rig.assignment(3, "waits", Action::Noop);
    assert_eq!(rig.crew.assign(agent, twice).unwrap_err().key.step.0, 3, "an attempt is here once");
    rig.begin(Role::Coordinator, 7, "opens");
    for _ in 0..8 {
        rig.finished().1.unwrap();
    }
    for number in 0..8 {
        rig.begin(Role::Coordinator, number, "waits");
    }
    let ninth = rig.assignment(8, "waits", Action::Noop);
    assert_eq!(rig.crew.assign(agent, ninth).unwrap_err().step.as_str(), "waits");
    assert_eq!((rig.crew.in_flight(agent), rig.crew.slots(agent)), (8, 8));
    let nobody = rig.assignment(8, "waits", Action::Noop);
    assert!(rig.crew.assign(AgentId(12), nobody).is_err());
}

#[test]
fn a_panicking_step_is_reported_and_the_thread_goes_on() {
    let mut rig = Rig::code(1, |ctx| {
        Box::pin(async move {
            assert!(ctx.step() != "bad", "no good");
            said("good")
        })
    });
    rig.begin(Role::Validator, 1, "bad");
    assert_eq!(words(rig.finished().1), "internal: step `bad` panicked: no good; this is a fault of agentd");
    rig.begin(Role::Validator, 2, "good");
    assert_eq!(words(rig.finished().1), "good");
    assert_eq!(rig.crew.generation(Role::Validator.agent()), 1);
}

struct Grumpy;

impl Drop for Grumpy {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "leave me alone");
    }
}

#[test]
fn a_step_that_panics_while_it_is_cut_off_harms_nobody() {
    let mut rig = Rig::code(1, |ctx| {
        Box::pin(async move {
            if ctx.step() == "good" {
                return said("good");
            }
            let _grumpy = Grumpy;
            std::future::pending().await
        })
    });
    let agent = Role::Optimizer.agent();
    let mut cut = rig.assignment(1, "cut", Action::Noop);
    cut.limit = Duration::from_millis(1);
    rig.crew.assign(agent, cut).unwrap();
    assert!(words(rig.finished().1).starts_with("internal: step `cut` panicked: leave me alone"));
    rig.begin(Role::Optimizer, 2, "good");
    assert_eq!(words(rig.finished().1), "good");
    assert_eq!(rig.crew.silent_for(agent, MonoMs(0)), Duration::ZERO);
}

#[test]
fn limits_end_what_hangs_but_not_a_pause() {
    let mut rig = Rig::code(1, |ctx| {
        Box::pin(
            async move { if ctx.step() == "hangs" { std::future::pending().await } else { Actions.run(ctx).await } },
        )
    });
    let mut hangs = rig.assignment(1, "hangs", Action::Noop);
    hangs.limit = Duration::from_millis(5);
    rig.crew.assign(Role::Monitor.agent(), hangs).unwrap();
    assert_eq!(words(rig.finished().1), "timed_out: step `hangs` took longer than its limit of 0.005 s");
    for number in 0..20 {
        let mut pause = rig.assignment(number, "pause", Action::Pause);
        pause.limit = Duration::from_millis(1);
        rig.crew.assign(Role::Monitor.agent(), pause).unwrap();
        assert_eq!(words(rig.finished().1), "waited for 1 ms");
    }
    let mut long = rig.assignment(1, "pause", Action::Pause);
    long.limit = Duration::MAX;
    rig.crew.assign(Role::Monitor.agent(), long.clone()).unwrap();
    rig.crew.stop_attempt(Role::Monitor.agent(), long.key);
    assert_eq!(rig.finished().1.unwrap_err().class, ErrorClass::Cancelled);
}

#[test]
fn pings_are_answered_by_agents_with_work_and_not_owed_by_idle_ones() {
    let (started, begun) = sync_channel(1);
    let mut rig = Rig::code(1, move |ctx| {
        let started = started.clone();
        Box::pin(async move {
            started.send(()).unwrap();
            ctx.cancelled().await;
            std::future::pending().await
        })
    });
    let agent = Role::Analyzer.agent();
    rig.crew.ping(MonoMs(0));
    assert_eq!(rig.crew.silent_for(agent, MonoMs(60_000)), Duration::ZERO, "idle agents owe nothing");
    let key = rig.begin(Role::Analyzer, 1, "waits");
    begun.recv().unwrap();
    rig.crew.ping(MonoMs(60_000));
    while !rig.crew.silent_for(agent, MonoMs(70_000)).is_zero() {
        std::thread::yield_now();
    }
    rig.crew.stop_attempt(agent, key);
    rig.finished().1.unwrap_err();
}

#[test]
fn a_piece_that_takes_long_can_say_that_it_goes_on() {
    let (turn, turns) = sync_channel::<bool>(0);
    let turns = Arc::new(std::sync::Mutex::new(turns));
    let mut rig = Rig::code(1, move |ctx| {
        let turns = Arc::clone(&turns);
        Box::pin(async move {
            let compute = move |scratch: &mut crate::Scratch| {
                while turns.lock().unwrap().recv().unwrap() {
                    scratch.signs().give();
                }
            };
            ctx.compute(compute).await?;
            said("computed")
        })
    });
    let agent = Role::Analyzer.agent();
    rig.begin(Role::Analyzer, 1, "computes");
    for number in 1..4 {
        turn.send(true).unwrap();
        // The second turn begins when the sign of the first was given.
        rig.crew.ping(MonoMs(number * 10_000));
        turn.send(true).unwrap();
        turn.send(true).unwrap();
        assert_eq!(rig.crew.silent_for(agent, MonoMs(number * 10_000 + 6_000)), Duration::ZERO, "turn {number}");
    }
    rig.crew.ping(MonoMs(50_000));
    assert_eq!(rig.crew.silent_for(agent, MonoMs(56_000)), Duration::from_secs(6), "it is silent until it says so");
    turn.send(false).unwrap();
    assert_eq!(words(rig.finished().1), "computed");
}

#[test]
fn stopping_ends_all_threads_and_gives_up_those_that_do_not_answer() {
    let rig = Rig::code(1, |_| Box::pin(std::future::pending()));
    for role in Role::ALL {
        rig.begin(role, 1, "waits");
    }
    let around = Arc::downgrade(&rig.crew.surroundings());
    rig.crew.stop(LONG);
    assert!(around.upgrade().is_none(), "every thread has let go of everything");

    let (tell, told) = sync_channel(1);
    let (gate, closed) = sync_channel::<()>(0);
    let closed = Arc::new(std::sync::Mutex::new(closed));
    let rig = Rig::code(1, move |_| {
        let (tell, closed) = (tell.clone(), Arc::clone(&closed));
        Box::pin(async move {
            tell.send(()).unwrap();
            let _ = closed.lock().unwrap().recv();
            said("late")
        })
    });
    rig.begin(Role::Reporter, 1, "stuck");
    told.recv().unwrap();
    rig.crew.stop(Duration::from_millis(20));
    drop(gate);
}

#[test]
fn an_agent_without_slots_is_refused() {
    let mut config = crate::CrewConfig::new(std::env::temp_dir(), super::support::roles());
    config.roles[3].slots = 0;
    assert!(matches!(super::support::start(config), Err(Error::BadSlots { role: Role::Generator, slots: 0, .. })));
}
