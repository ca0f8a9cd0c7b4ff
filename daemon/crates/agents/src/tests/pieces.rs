//! Scatter: order, exactly once, cancel, panics, seats, who takes part.

use std::{
    collections::HashSet,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
};

use agentd_base::{ErrorClass, Role};

use super::support::{Rig, said, words};

/// A small generator, so that each round schedules differently and can be repeated (Knuth, MMIX).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

fn spin(rounds: u64) -> u64 {
    std::hint::black_box((0..rounds).fold(0, |sum: u64, round| sum.rotate_left(5) ^ round))
}

#[test]
fn every_item_is_computed_once_and_results_keep_their_order() {
    let mut rig = Rig::code(3, |ctx| {
        Box::pin(async move {
            let mut seed = u64::from(ctx.key().step.0);
            let items: Vec<u64> = (0..random(&mut seed) % 300).map(|_| random(&mut seed) % 20_000).collect();
            let seen: Arc<Vec<AtomicU32>> = Arc::new(items.iter().map(|_| AtomicU32::new(0)).collect());
            let expected: Vec<u64> = items.iter().map(|item| item * 2).collect();
            let (count, numbered) = (Arc::clone(&seen), items.into_iter().enumerate().collect());
            let piece = move |_: &mut _, (place, item): &(usize, u64)| {
                spin(*item);
                count[*place].fetch_add(1, Ordering::Relaxed);
                item * 2
            };
            let done = ctx.scatter(numbered, piece).await?;
            assert_eq!(done.value, expected);
            assert!(seen.iter().all(|times| times.load(Ordering::Relaxed) == 1));
            assert_eq!(done.shares.iter().map(|share| share.1).sum::<u64>(), expected.len() as u64);
            said("ok")
        })
    });
    let gatherers = [Role::Analyzer, Role::Architect, Role::Researcher];
    for round in 0..40 {
        for (place, role) in (0_u16..).zip(gatherers) {
            rig.begin(role, round * 3 + place, "scatter");
        }
        for _ in gatherers {
            assert_eq!(words(rig.finished().1), "ok");
        }
    }
}

#[test]
fn a_stopped_attempt_stops_between_pieces_and_inside_of_those_that_look() {
    let (tell, told) = std::sync::mpsc::sync_channel(1_000);
    let ran = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&ran);
    let mut rig = Rig::code(2, move |ctx| {
        let (tell, counter) = (tell.clone(), Arc::clone(&counter));
        Box::pin(async move {
            let piece = move |scratch: &mut crate::Scratch, _: &u32| {
                counter.fetch_add(1, Ordering::Relaxed);
                tell.send(()).unwrap();
                while !scratch.stop().is_set() {
                    std::thread::yield_now();
                }
            };
            ctx.scatter((0..1_000).collect(), piece).await?;
            said("not reached")
        })
    });
    let key = rig.begin(Role::Analyzer, 1, "scatter");
    told.recv().unwrap();
    rig.crew.stop_attempt(Role::Analyzer.agent(), key);
    assert_eq!(rig.finished().1.unwrap_err().class, ErrorClass::Cancelled);
    assert!(ran.load(Ordering::Relaxed) <= 2, "one piece per seat had begun");
}

#[test]
fn a_panic_in_a_piece_fails_the_step_by_name_and_nobody_dies() {
    let mut rig = Rig::code(2, |ctx| {
        Box::pin(async move {
            let bad = ctx.step() == "bad";
            let piece = move |_: &mut _, item: &u32| {
                assert!(!(bad && *item == 7), "seven");
                *item
            };
            let sum = ctx.scatter_fold((0..20).collect(), piece, 0, |sum, _, item| *sum += item).await?;
            said(sum.value.to_string())
        })
    });
    rig.begin(Role::Analyzer, 1, "bad");
    assert_eq!(words(rig.finished().1), "internal: step `bad`: piece 7 panicked: seven");
    for (number, role) in (2_u16..).zip(Role::ALL.into_iter().take(8)) {
        rig.begin(role, number, "good");
        assert_eq!(words(rig.finished().1), "190");
    }
}

#[test]
fn as_many_agents_compute_as_there_are_seats_and_never_more() {
    const SEATS: usize = 3;
    let (busy, most, names) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(HashSet::new())));
    let meet = Arc::new(Barrier::new(SEATS));
    let (peak, seen) = (Arc::clone(&most), Arc::clone(&names));
    let mut rig = Rig::code(SEATS, move |ctx| {
        let (busy, most, names, meet) = (Arc::clone(&busy), Arc::clone(&most), Arc::clone(&names), Arc::clone(&meet));
        let first = ctx.step() == "first";
        Box::pin(async move {
            let piece = move |_: &mut _, item: &usize| {
                most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                if first && *item < SEATS {
                    meet.wait();
                    names.lock().unwrap().insert(std::thread::current().name().map(str::to_owned));
                }
                spin(2_000);
                busy.fetch_sub(1, Ordering::SeqCst);
            };
            let done = ctx.scatter((0..200).collect(), piece).await?;
            said(done.shares.len().to_string())
        })
    });
    rig.begin(Role::Analyzer, 0, "first");
    let (_, result) = rig.finished();
    assert!(words(result).parse::<usize>().unwrap() >= SEATS, "each of those who met is named");
    assert_eq!(seen.lock().unwrap().len(), SEATS, "pieces ran on {SEATS} threads at once");
    let took_part = rig
        .crew
        .snapshot()
        .iter()
        .filter(|agent| agent.pieces > 0 && agent.cpu.is_some_and(|cpu| !cpu.is_zero()))
        .count();
    assert!(took_part >= SEATS, "CPU time was spent on several agents' threads");
    for (number, role) in (1_u16..).zip(Role::ALL.into_iter().take(8)) {
        rig.begin(role, number, "more");
    }
    for _ in 0..8 {
        rig.finished().1.unwrap();
    }
    assert_eq!(peak.load(Ordering::SeqCst), SEATS);
}

#[test]
fn quiet_tasks_stay_on_their_agent() {
    let mut rig = Rig::code(4, |ctx| {
        Box::pin(async move {
            let done = ctx.scatter((0..100).collect(), |_, _: &u32| spin(1_000)).await?;
            assert_eq!(done.shares, [(Role::Architect.agent(), 100)]);
            said("ok")
        })
    });
    rig.quiet = true;
    rig.begin(Role::Architect, 1, "quiet");
    assert_eq!(words(rig.finished().1), "ok");
}

#[test]
fn own_work_gets_a_seat_beside_a_scatter_that_never_ends() {
    let mut rig = Rig::code(1, |ctx| {
        Box::pin(async move {
            if ctx.step() == "own" {
                return said(ctx.compute(|_| "computed").await?);
            }
            // Ends only when it is stopped: it would hold the one seat for ever if it did not hand it on.
            let turns = Arc::new(AtomicBool::new(false));
            loop {
                let turns = Arc::clone(&turns);
                ctx.scatter((0..64).collect(), move |_, _: &u32| turns.store(spin(20_000) == 1, Ordering::Relaxed))
                    .await?;
            }
        })
    });
    let endless = rig.begin(Role::Analyzer, 1, "scatter");
    for number in 2..12 {
        rig.begin(Role::Integrator, number, "own");
        assert_eq!(words(rig.finished().1), "computed");
    }
    rig.crew.stop_attempt(Role::Analyzer.agent(), endless);
    assert_eq!(rig.finished().1.unwrap_err().class, ErrorClass::Cancelled);
}

#[test]
fn a_scatter_without_items_and_a_panicking_computation() {
    let mut rig = Rig::code(1, |ctx| {
        Box::pin(async move {
            assert!(ctx.scatter(Vec::<u8>::new(), |_, item| *item).await?.value.is_empty());
            ctx.compute(|_| assert!(spin(1) == 7, "never seven")).await?;
            said("not reached")
        })
    });
    rig.begin(Role::Synthesizer, 1, "odd");
    assert_eq!(words(rig.finished().1), "internal: step `odd`: piece 0 panicked: never seven");
}
