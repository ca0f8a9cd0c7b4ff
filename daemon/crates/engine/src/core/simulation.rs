//! The whole engine on a simulated disk: the real [`Core`] and the real journal, agents that do what they like, clients that
//! repeat themselves, and a power supply that cannot be trusted. What was acknowledged is written down out here, where
//! no crash reaches it.

mod book;
mod files;
mod looks;
mod world;

use agentd_base::{ErrorClass, Rng};

use world::World;

/// Plays `lives` lives of one daemon; each ends in a kill or a power cut, or now and then in an orderly stop.
fn play(seed: u64, lives: u64) -> Stats {
    let mut rng = Rng::new(seed);
    let mut world = World::new(seed);
    for life in 0..lives {
        if rng.below(3) == 0 {
            // In the middle of some write, sync, rename, of the start or of a commit.
            world.disk.cut_power_at(1 + rng.below(60));
        }
        if world.start().is_ok() {
            let steps = 1 + rng.below(40);
            for _ in 0..steps {
                if world.act(&mut rng).is_err() {
                    break;
                }
            }
            if life % 7 == 6 {
                // The disk may be gone by now; then the stop is one more crash.
                let _ = world.stop();
            }
        }
        world.end_of_life(rng.below(2) == 0);
    }
    world.disk.heal();
    world.start().unwrap_or_else(|error| panic!("seed {seed}: the last start fails: {error}"));
    world.finish_everything(&mut rng, seed);
    world.stats
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Stats {
    starts: u64,
    acknowledged: u64,
    ended: u64,
    events: u64,
    effects: u64,
    poisoned: u64,
    recovered_steps: u64,
}

impl Stats {
    fn add(&mut self, other: Self) {
        self.starts += other.starts;
        self.acknowledged += other.acknowledged;
        self.ended += other.ended;
        self.events += other.events;
        self.effects += other.effects;
        self.poisoned += other.poisoned;
        self.recovered_steps += other.recovered_steps;
    }
}

/// Longer worlds spend their time on reading long logs, not on crashing.
const LIVES_PER_WORLD: u64 = 25;

/// Crash-recoveries per run of the tests; AGENTD_SIMULATED_LIVES plays more.
fn lives_in_all() -> u64 {
    std::env::var("AGENTD_SIMULATED_LIVES").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

#[test]
fn ten_thousand_crashes_lose_nothing_and_repeat_nothing() {
    let lives = lives_in_all();
    let mut total = Stats::default();
    for seed in 1..=lives.div_ceil(LIVES_PER_WORLD) {
        total.add(play(seed, LIVES_PER_WORLD));
    }
    println!("{total:?}");
    assert!(total.starts >= lives * 8 / 10, "most lives begin: {total:?}");
    let busy = [total.acknowledged, total.ended, total.events, total.effects, total.recovered_steps];
    assert!(busy.iter().all(|count| *count > lives / 10), "the world was not busy enough: {total:?}");
}

/// As many as the tests of the tests have time for.
#[cfg(feature = "sabotage")]
pub(super) fn a_few_crashes() {
    for seed in 1..=20 {
        play(seed, LIVES_PER_WORLD);
    }
}

#[test]
fn the_same_seed_plays_the_same_world() {
    assert_eq!(play(42, 30), play(42, 30));
}

/// A step that kills the daemon whenever it runs is given up after three deaths, and the other tasks end.
#[test]
fn a_deadly_step_is_quarantined_and_the_others_go_on() {
    let mut rng = Rng::new(5);
    let mut world = World::new(5);
    world.start().expect("the first start");
    let deadly = world.submit_analysis(&mut rng);
    let others: Vec<_> = (0..3).map(|_| world.submit_noop(&mut rng)).collect();
    world.deadly = Some(deadly);
    let mut deaths = 0;
    while !world.is_over(deadly) {
        assert!(deaths < 12, "the deadly step is never given up");
        match world.run_until_quiet(&mut rng) {
            Ok(()) => break,
            Err(_) => {
                deaths += 1;
                world.end_of_life(false);
                world.start().expect("a start after a death");
            }
        }
    }
    world.run_until_quiet(&mut rng).expect("nothing kills any more");
    assert_eq!(world.failure_class(deadly), Some(ErrorClass::Poison));
    assert!(others.iter().all(|task| world.is_over(*task)), "the others have ended");
    assert!((3..=6).contains(&deaths), "{deaths} deaths");
}

/// The crash marker convicts at once: three deaths, though other steps were in flight each time.
#[test]
pub(super) fn a_marked_step_is_blamed_though_others_ran_beside_it() {
    let mut rng = Rng::new(11);
    let mut world = World::new(11);
    world.start().expect("the first start");
    let deadly = world.submit_analysis(&mut rng);
    let innocent = world.submit_analysis(&mut rng);
    for _ in 0..3 {
        world.assign_only().expect("the disk works");
        // The first suspect is believed after a while, and the second runs beside it.
        world.wait(31_000);
        world.assign_only().expect("the disk works");
        assert_eq!(world.in_flight(), 2);
        world.end_of_life(false);
        world.mark = Some((deadly, agentd_base::StepId(0)));
        world.start().expect("a start after a death");
    }
    world.run_until_quiet(&mut rng).expect("nothing kills any more");
    assert_eq!(world.failure_class(deadly), Some(ErrorClass::Poison));
    assert_eq!(world.failure_class(innocent), None);
    assert!(world.is_over(innocent));
}

/// Deaths that the machine's own restart explains count against nobody.
#[test]
pub(super) fn reboots_quarantine_nothing() {
    let mut rng = Rng::new(9);
    let mut world = World::new(9);
    world.start().expect("the first start");
    let task = world.submit_analysis(&mut rng);
    for _ in 0..10 {
        world.assign_only().expect("the disk works");
        world.end_of_life(true);
        world.reboot();
        world.start().expect("a start after a reboot");
    }
    world.run_until_quiet(&mut rng).expect("nothing fails");
    assert_eq!(world.failure_class(task), None);
    assert!(world.is_over(task));
}
