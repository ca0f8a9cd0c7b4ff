//! Agents that fall silent: noticed by their ping, replaced, their pieces claimed again once, their late words dropped.

use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    time::Duration,
};

use agentd_base::{AgentId, MonoMs, Role};
use futures_util::future::LocalBoxFuture;

use super::support::{Rig, said, words};
use crate::{StepCtx, StepFault, StepOutput};

#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let _open = self.changed.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap();
    }
}

fn wait_until(holds: impl Fn() -> bool) {
    while !holds() {
        std::thread::yield_now();
    }
}

struct Trap {
    gate: Gate,
    /// Pieces on threads that do not gather still fall into the trap so often.
    traps: AtomicUsize,
    gatherer_is_in: AtomicBool,
    caught: SyncSender<AgentId>,
}

fn role_of_thread() -> Role {
    std::thread::current().name().unwrap().parse().unwrap()
}

/// Scatters 40 items ; the first `traps` pieces on other agents block at the gate and give a wrong result.
fn trapping(ctx: &StepCtx, trap: Arc<Trap>) -> LocalBoxFuture<'_, Result<StepOutput, StepFault>> {
    let ctx_role = Role::of(ctx.agent()).unwrap();
    Box::pin(async move {
        let piece = move |_: &mut _, item: &u64| {
            let role = role_of_thread();
            let springs = |left: usize| left.checked_sub(1);
            if role == ctx_role {
                // The gatherer stays in its first piece until all traps have sprung, so that the others meet them.
                trap.gatherer_is_in.store(true, Ordering::SeqCst);
                wait_until(|| trap.traps.load(Ordering::SeqCst) == 0);
                return *item;
            }
            wait_until(|| trap.gatherer_is_in.load(Ordering::SeqCst));
            if trap.traps.fetch_update(Ordering::SeqCst, Ordering::SeqCst, springs).is_ok() {
                trap.caught.send(role.agent()).unwrap();
                trap.gate.pass();
                return u64::MAX;
            }
            *item
        };
        let done = ctx.scatter((0..40).collect(), piece).await?;
        assert_eq!(done.value, (0..40).collect::<Vec<u64>>());
        said("all forty")
    })
}

#[test]
fn a_silent_agent_is_replaced_and_its_piece_computed_again() {
    let (caught, who) = sync_channel(4);
    let trap = Arc::new(Trap {
        gate: Gate::default(),
        gatherer_is_in: AtomicBool::new(false),
        traps: AtomicUsize::new(1),
        caught,
    });
    let inside = Arc::clone(&trap);
    let mut rig = Rig::code(2, move |ctx| trapping(ctx, Arc::clone(&inside)));
    rig.begin(Role::Analyzer, 1, "scatter");
    let silent = who.recv().unwrap();
    assert!(rig.crew.is_helping(silent), "it is silent in a piece of another agent's step");
    assert!(!rig.crew.is_helping(Role::Analyzer.agent()));
    rig.crew.ping(MonoMs(1_000));
    assert_eq!(rig.crew.silent_for(silent, MonoMs(7_500)), Duration::from_millis(6_500));
    rig.crew.ping(MonoMs(7_000));
    assert_eq!(
        rig.crew.silent_for(silent, MonoMs(7_500)),
        Duration::from_millis(6_500),
        "a second ping changes nothing"
    );
    assert_eq!(rig.crew.replace(silent).unwrap(), 2);
    assert!(!rig.crew.is_helping(silent));
    trap.gate.open();
    assert_eq!(words(rig.finished().1), "all forty");
    assert_eq!(rig.crew.silent_for(silent, MonoMs(9_000)), Duration::ZERO, "the new thread owes nothing");
    let role = Role::of(silent).unwrap();
    rig.begin(role, 2, "scatter");
    assert_eq!(words(rig.finished().1), "all forty");
    assert_eq!(rig.crew.snapshot()[usize::from(silent.0)].generation, 2);
}

#[test]
fn a_piece_that_silences_two_agents_is_not_tried_again() {
    let (caught, who) = sync_channel(4);
    let trap = Arc::new(Trap {
        gate: Gate::default(),
        gatherer_is_in: AtomicBool::new(false),
        traps: AtomicUsize::new(2),
        caught,
    });
    let inside = Arc::clone(&trap);
    // The gatherer keeps one of two seats, so the same piece goes from one helper to the next.
    let mut rig = Rig::code(2, move |ctx| trapping(ctx, Arc::clone(&inside)));
    rig.begin(Role::Analyzer, 1, "scatter");
    for _ in 0..2 {
        let silent = who.recv().unwrap();
        rig.crew.replace(silent).unwrap();
    }
    let end = words(rig.finished().1);
    assert!(end.starts_with("poison: step `scatter`: piece ") && end.contains("silenced two agents"), "{end}");
    trap.gate.open();
}

#[test]
fn a_replaced_agents_own_attempts_are_lost_and_it_says_nothing_more() {
    let (caught, blocked) = sync_channel(1);
    let gate = Arc::new(Gate::default());
    let inside = Arc::clone(&gate);
    let mut rig = Rig::code(1, move |ctx| {
        let (gate, caught) = (Arc::clone(&inside), caught.clone());
        Box::pin(async move {
            if ctx.step() == "stuck" {
                caught.send(()).unwrap();
                gate.pass();
            }
            said(ctx.step())
        })
    });
    let agent = Role::Monitor.agent();
    rig.begin(Role::Monitor, 1, "stuck");
    blocked.recv().unwrap();
    assert!(!rig.crew.is_helping(agent), "its own step has silenced it");
    assert_eq!(rig.crew.replace(agent).unwrap(), 2);
    gate.open();
    assert_eq!(rig.crew.in_flight(agent), 0);
    let next = rig.begin(Role::Monitor, 2, "next");
    let (key, result) = rig.finished();
    assert_eq!((key, words(result)), (next, "next".to_owned()));
    rig.crew.stop(super::support::LONG);
    assert!(rig.reports.blocking_recv().is_none_or(|report| matches!(report, crate::Report::Progress { .. })));
}
