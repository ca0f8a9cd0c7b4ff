//! Tables of the policy: what presses how much, and how seats come back.

use agentd_host::Measured;

use super::*;

type Told = (Option<Thermal>, Option<Pressure>, Option<bool>);

fn conditions((thermal, memory, low_power): Told) -> Conditions {
    fn told<T>(value: Option<T>) -> Measured<T> {
        value.map_or_else(|| Measured::Unmeasured("nobody tells".to_owned()), Measured::Value)
    }
    Conditions {
        thermal: told(thermal),
        memory: told(memory),
        low_power: told(low_power),
        ..Conditions::unmeasured("not of interest")
    }
}

#[test]
fn each_pressure_leaves_its_share_and_the_worst_counts() {
    use {Pressure as M, Thermal as T};
    let calm = (Some(T::Nominal), Some(M::Normal), Some(false));
    // Seats of 1, 2, 3, 4, 6 and 8, and what is told.
    let cases: [(Told, [usize; 6], &str); 13] = [
        (calm, [1, 2, 3, 4, 6, 8], ""),
        ((None, None, None), [1, 2, 3, 4, 6, 8], ""),
        ((Some(T::Fair), None, None), [1, 2, 3, 3, 5, 6], "thermal pressure: fair"),
        ((Some(T::Serious), None, None), [1, 1, 1, 2, 3, 4], "thermal pressure: serious"),
        ((Some(T::Critical), None, None), [1, 1, 1, 1, 1, 1], "thermal pressure: critical"),
        ((None, Some(M::Warning), None), [1, 1, 1, 2, 3, 4], "memory pressure: warning"),
        ((None, Some(M::Critical), None), [1, 1, 1, 1, 1, 1], "memory pressure: critical"),
        ((None, None, Some(true)), [1, 1, 1, 2, 3, 4], "low power mode"),
        ((Some(T::Fair), Some(M::Critical), Some(false)), [1; 6], "memory pressure: critical, thermal pressure: fair"),
        ((Some(T::Fair), None, Some(true)), [1, 1, 1, 2, 3, 4], "low power mode, thermal pressure: fair"),
        ((Some(T::Critical), Some(M::Normal), None), [1; 6], "thermal pressure: critical"),
        (
            (Some(T::Serious), Some(M::Warning), Some(true)),
            [1, 1, 1, 2, 3, 4],
            "thermal pressure: serious, memory pressure: warning, low power mode",
        ),
        ((None, Some(M::Normal), Some(false)), [1, 2, 3, 4, 6, 8], ""),
    ];
    for (told, expected, reason) in cases {
        for (all, open) in [1, 2, 3, 4, 6, 8].into_iter().zip(expected) {
            let seats = judge(Heed::ALL, &conditions(told), all);
            assert_eq!((seats.open, seats.all), (open, all), "{told:?}");
            assert_eq!(seats.reason.is_empty(), open == all, "{told:?}: {}", seats.reason);
            if all == 8 {
                assert_eq!(seats.reason, reason, "{told:?}");
            }
        }
    }
}

#[test]
fn what_is_not_heeded_presses_nobody() {
    let told = conditions((Some(Thermal::Critical), Some(Pressure::Warning), Some(true)));
    for (heed, open) in [
        (vec![], 8),
        (vec![Heed::Memory], 4),
        (vec![Heed::LowPower], 4),
        (vec![Heed::LowPower, Heed::Memory], 4),
        (vec![Heed::Thermal], 1),
    ] {
        let governor = Governor::new(PressureSettings { heed: heed.clone(), calm: Duration::ZERO }, 8);
        assert_eq!(governor.cares(), !heed.is_empty());
        assert_eq!(judge(&heed, &told, 8).open, open, "{heed:?}");
    }
    let names: Vec<&str> = Heed::ALL.iter().map(|heed| heed.name()).collect();
    assert_eq!(names, ["thermal", "memory", "low_power"]);
}

const CALM: u64 = 15;

fn governor() -> Governor {
    let settings = PressureSettings { heed: Heed::ALL.to_vec(), calm: Duration::from_secs(CALM) };
    Governor::new(settings, 8)
}

/// `N` normal, `W` warning, `C` critical memory, `F` fair heat, one letter per second; seats after each.
fn play(governor: &mut Governor, from: u64, story: &str) -> Vec<usize> {
    let hear = |(second, letter)| {
        let told = match letter {
            'N' => (Some(Thermal::Nominal), Some(Pressure::Normal), Some(false)),
            'W' => (Some(Thermal::Nominal), Some(Pressure::Warning), Some(false)),
            'C' => (Some(Thermal::Nominal), Some(Pressure::Critical), Some(false)),
            'F' => (Some(Thermal::Fair), Some(Pressure::Normal), Some(false)),
            _ => (None, None, None),
        };
        let before = governor.seats().open;
        let changed = governor.hear(&conditions(told), MonoMs((from + second) * 1_000));
        let after = governor.seats().open;
        assert_eq!(changed, before != after, "a change is told, and nothing else");
        after
    };
    (0..).zip(story.chars()).map(hear).collect()
}

/// What, and for how many seconds.
type Runs<T> = &'static [(T, usize)];

#[test]
fn worse_counts_at_once_and_better_when_it_has_lasted() {
    // Runs of letters; and the runs of equal seats that follow, as (seats, seconds).
    let cases: [(Runs<char>, Runs<usize>); 7] = [
        (&[('N', 2), ('W', 4)], &[(8, 2), (4, 4)]),
        (&[('N', 1), ('W', 1), ('C', 1), ('W', 1)], &[(8, 1), (4, 1), (1, 2)]),
        (&[('W', 1), ('N', 17)], &[(4, 16), (8, 2)]),
        // Calm is counted from the last time it was bad.
        (&[('W', 1), ('N', 14), ('W', 1), ('N', 17)], &[(4, 31), (8, 2)]),
        // The worst of the calm time is what comes back.
        (&[('C', 1), ('N', 7), ('W', 1), ('N', 25)], &[(1, 16), (4, 15), (8, 3)]),
        (&[('C', 1), ('F', 4), ('N', 29)], &[(1, 16), (6, 15), (8, 3)]),
        // What can no longer be read has passed.
        (&[('W', 1), ('?', 17)], &[(4, 16), (8, 2)]),
    ];
    for (story, expected) in cases {
        let story: String = story.iter().map(|(letter, times)| letter.to_string().repeat(*times)).collect();
        let seats = play(&mut governor(), 0, &story);
        let runs: Vec<(usize, usize)> =
            seats.chunk_by(|one, other| one == other).map(|run| (run[0], run.len())).collect();
        assert_eq!(runs, expected, "{story}");
    }
}

#[test]
fn pressure_that_flaps_for_an_hour_changes_the_seats_once() {
    for flap in ["NC", "NNNNNW", "CWNF", "WNNNNNNNNNNNNNN"] {
        let seats = play(&mut governor(), 0, &flap.repeat(3_600 / flap.len()));
        let changes = seats.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(changes <= 1 && seats.windows(2).all(|pair| pair[1] <= pair[0]), "{flap}: {changes}");
    }
}

#[test]
fn what_was_heard_long_ago_holds_nobody_back() {
    let mut governor = governor();
    play(&mut governor, 0, "NC");
    assert_eq!(play(&mut governor, 1 + CALM, "N"), [1], "as long as it was heard within the time");
    assert_eq!(play(&mut governor, 2 * CALM + 2, "N"), [8]);
    play(&mut governor, 100, "C");
    assert_eq!(play(&mut governor, 101, "N"), [1]);
    governor.forget();
    assert_eq!(play(&mut governor, 102, "N"), [8], "after a sleep the machine is another one");
}

#[test]
fn seats_that_are_held_back_say_so() {
    let mut governor = governor();
    play(&mut governor, 0, "W");
    assert_eq!(governor.seats().reason, "memory pressure: warning");
    play(&mut governor, 1, "N");
    assert_eq!(governor.seats().reason, "memory pressure: warning; it has passed, and must stay so for 15 s");
    play(&mut governor, 2, "NNNNNNNNNNNNNNNNN");
    assert_eq!(governor.seats(), Seats { open: 8, all: 8, reason: String::new() });
}
