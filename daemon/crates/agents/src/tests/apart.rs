//! Steps that run apart from others: beside one, its agent computes for nobody else, and is not asked to.

use std::sync::{Arc, mpsc::sync_channel};

use agentd_base::{AgentId, CoreClass, Role};
use agentd_workflow::Action;
use futures_util::FutureExt as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::support::{Rig, said, words};
use crate::pieces::{Board, Job, Next, PieceFn, Reach, Scatter, ScatterSpec, Worker};

const fn worker(number: u8) -> Worker {
    Worker { agent: AgentId(number), generation: 1 }
}

fn open_job(owner: Worker) -> Arc<dyn Job> {
    let (what, note, attempt, items) = ("step `x`".to_owned(), String::new(), Arc::default(), vec![0; 4]);
    let piece: Box<PieceFn<u8, ()>> = Box::new(|_, _| ());
    Scatter::new(ScatterSpec { what, note, owner, only: None, attempt, items, piece })
}

#[test]
fn who_runs_apart_takes_its_own_pieces_and_is_not_woken_for_those_of_others() {
    let board = Board::new(2);
    let [owner, helper, apart] = [0, 1, 2].map(worker);
    let wakes = [owner, helper, apart].map(|who| {
        let wake = Arc::new(Notify::new());
        board.join(who, Arc::clone(&wake));
        wake
    });
    let woken = |place: usize| wakes[place].notified().now_or_never().is_some();
    let waits = |who, reach| matches!(board.next(who, reach), Next::Wait { .. });
    let owner_of = |who, reach| match board.next(who, reach) {
        Next::Piece(claim) => Some(claim.job.owner()),
        Next::Wait { .. } => None,
    };
    assert!(waits(helper, Reach::All) && waits(apart, Reach::Own), "there is nothing to do");
    // Who has asked last would be woken first.
    board.post(open_job(owner));
    assert_eq!([0, 1, 2].map(woken), [true, true, false]);
    assert!(waits(apart, Reach::Own), "nothing of its own");
    assert_eq!(owner_of(helper, Reach::All), Some(owner));
    // Both seats are taken; its own open job is a reason to wait for one, as its own closed job would be.
    board.post(open_job(apart));
    assert!(woken(2) && waits(apart, Reach::Own));
    assert!(waits(helper, Reach::All), "it gives its seat to whom waits for one");
    assert!(woken(2));
    assert_eq!(owner_of(apart, Reach::Own), Some(apart));
    assert_eq!(owner_of(apart, Reach::All), Some(owner), "jobs take turns for who may help again");
    // A helper is given up: whoever its pieces belong to hears of it, idle or not.
    assert!(!woken(2));
    board.abandon(helper);
    assert!(woken(0) && woken(2));
}

#[test]
fn an_agent_with_a_step_that_runs_apart_computes_for_nobody_else() {
    const ITEMS: u64 = 300;
    let (entered, is_in) = sync_channel(12);
    let over = CancellationToken::new();
    let gate = over.clone();
    let mut rig = Rig::code(4, move |ctx| {
        let (entered, gate) = (entered.clone(), gate.clone());
        Box::pin(async move {
            if ctx.step() == "apart" {
                entered.send(()).unwrap();
                gate.cancelled().await;
                return said("apart");
            }
            let piece = |_: &mut _, item: &u64| std::hint::black_box((0..20_000).fold(*item, |sum, n| sum ^ n));
            let done = ctx.scatter((0..ITEMS).collect(), piece).await?;
            said(format!("{:?}", done.shares))
        })
    });
    let others = || Role::ALL.into_iter().filter(|role| role.class() == CoreClass::Compute && *role != Role::Analyzer);
    for role in others() {
        let assignment = rig.assignment(1, "apart", Action::Noop);
        rig.crew.assign(role.agent(), crate::Assignment { apart: true, ..assignment }).unwrap();
        is_in.recv().unwrap();
    }
    rig.begin(Role::Analyzer, 2, "scatter");
    assert_eq!(words(rig.finished().1), format!("{:?}", [(Role::Analyzer.agent(), ITEMS)]));
    over.cancel();
    for _ in others() {
        assert_eq!(words(rig.finished().1), "apart");
    }
    // They help again; who does is up to chance, that all of it is done is not.
    rig.begin(Role::Analyzer, 3, "scatter");
    assert!(rig.finished().1.is_ok());
}
