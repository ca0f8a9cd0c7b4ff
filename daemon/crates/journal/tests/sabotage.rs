//! Tests of the tests: with each switch that leaves out one sync, order or check, the crash tests must turn red.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

#[path = "support/model.rs"]
mod model;
#[path = "support/rot.rs"]
#[expect(dead_code, reason = "shared with the tests of rot")]
mod rot;

use std::panic::{AssertUnwindSafe, catch_unwind};

use agentd_journal::sabotage::{Point, set};

/// Seeds that a switch may survive at most.
const SEEDS: u64 = 20_000;

fn first_red() -> Option<String> {
    let mut checks: Vec<Box<dyn FnMut() -> Result<(), String>>> =
        vec![Box::new(rot::all), Box::new(|| (0..20).try_for_each(model::migrate_everywhere))];
    for check in &mut checks {
        match catch_unwind(AssertUnwindSafe(check)) {
            Ok(Ok(())) => {}
            Ok(Err(text)) => return Some(text),
            Err(_) => return Some("a panic".to_owned()),
        }
    }
    (0..SEEDS).find_map(|seed| match catch_unwind(|| model::torture(seed)) {
        Ok(done) => done.err(),
        Err(_) => Some(format!("seed {seed}: a panic")),
    })
}

#[test]
fn every_switch_turns_the_tests_red() {
    let mut survived = Vec::new();
    for point in Point::ALL.iter().copied() {
        set(Some(point));
        match first_red() {
            Some(text) => eprintln!("{:20} red: {text}", point.name()),
            None => survived.push(point.name()),
        }
    }
    set(None);
    assert_eq!(survived, Vec::<&str>::new(), "these can be left out and nothing notices");
}

#[test]
fn without_a_switch_all_is_green() {
    rot::all().unwrap();
    model::migrate_everywhere(1).unwrap();
    (0..500).for_each(|seed| assert!(model::torture(seed).is_ok(), "seed {seed}"));
}
