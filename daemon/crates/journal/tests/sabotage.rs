//! Tests of the tests: with each switch that leaves out one sync, order or check, the crash tests must turn red.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

#[path = "support/archive.rs"]
mod archive;
#[path = "support/blob.rs"]
mod blob;
#[path = "support/index.rs"]
mod index;
#[path = "support/model.rs"]
mod model;
#[path = "support/rot.rs"]
#[expect(dead_code, reason = "shared with the tests of rot")]
mod rot;

use agentd_journal::sabotage::prove;

/// Seeds that a switch may survive at most.
const SEEDS: u64 = 20_000;

#[test]
fn every_switch_turns_the_tests_red() {
    let torture = || {
        for seed in 0..SEEDS {
            model::torture(seed).unwrap();
        }
    };
    let migrate = || (0..20).for_each(|seed| model::migrate_everywhere(seed).unwrap());
    let retain = || (0..20).for_each(|seed| model::retain_everywhere(seed).unwrap());
    let archives = || {
        archive::flips(1).unwrap();
        (0..40).for_each(|seed| archive::import_everywhere(seed).unwrap());
    };
    let rot = || {
        rot::all().unwrap();
        blob::left_by_another_run().unwrap();
        index::doubtful().unwrap();
    };
    println!(
        "{}",
        prove(&[
            ("rot", &rot),
            ("migration", &migrate),
            ("retention", &retain),
            ("archives", &archives),
            ("power cuts", &torture)
        ])
    );
}

#[test]
fn without_a_switch_all_is_green() {
    rot::all().unwrap();
    model::migrate_everywhere(1).unwrap();
    model::retain_everywhere(1).unwrap();
    archive::flips(1).unwrap();
    archive::import_everywhere(1).unwrap();
    (0..500).for_each(|seed| assert!(model::torture(seed).is_ok(), "seed {seed}"));
}
