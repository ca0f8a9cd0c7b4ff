//! Sources that make a parser want all memory, as the pieces of an analysis meet them: each ends, and in bounded memory. They run
//! in a process of their own with a limit, so that a bound that is missing harms the test alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "the child tells its parent what it saw")]
#![allow(clippy::disallowed_methods, reason = "the test starts itself again, under a limit")]

use std::{fs, ops::ControlFlow, process::Command, time::Duration};

use agentd_agents::Scratch;
use agentd_host::process_cpu;
use agentd_syntax::{Error, Excess, Language, Limits};

/// What one file may cost, in KiB of resident memory, everything counted.
const MOST_KIB: u64 = 200 << 10;
/// What the child may ask for, in KiB: less than would hurt a small machine.
const LIMIT_KIB: u64 = 3 << 20;
/// Names the family that the child is to parse.
const FAMILY: &str = "AGENTD_TEST_FAMILY";
/// So much processor time a file may take, as in life it may take three seconds; the variable, in milliseconds, makes runs
/// longer. Files of [`TOLD`] run until they are told.
const USUAL: Duration = Duration::from_millis(100);
const LONGER: &str = "AGENTD_TEST_PARSE_MS";

/// (language, unit): would take gigabytes, and is told for what it is. That there is too much open is known by the size of a
/// stack entry; with another one all of these are red.
const TOLD: [(Language, &str); 5] = [
    (Language::Rust, "$ & ; "),
    (Language::Cpp, "x<"),
    (Language::Java, "x<"),
    (Language::TypeScript, "x < "),
    (Language::Python, "if x\n"),
];

/// (unit, bytes of the file). Each unit is given again and again to each language.
const FAMILIES: [(&str, usize); 32] = [
    ("$ & ; ", 1 << 20),
    ("if x ", 300_000),
    ("if x\n", 2 << 20),
    ("if (x) ", 200_000),
    ("else if x ", 100_000),
    ("if (x) y(); else ", 200_000),
    ("x<", 1 << 20),
    ("x < ", 200_000),
    ("x<y,", 100_000),
    ("x = <T>(y) => ", 100_000),
    ("template <class T = ", 100_000),
    ("{ x * y; ", 100_000),
    ("x < y { ", 100_000),
    ("x ? y : ", 200_000),
    ("x ? ", 100_000),
    ("`${", 100_000),
    ("f\"{", 100_000),
    ("\"\\(", 100_000),
    ("r#\"", 100_000),
    ("' \" ", 100_000),
    ("- ! ~ * & ", 100_000),
    ("(x) => ", 200_000),
    ("|x| ", 100_000),
    ("x = ", 200_000),
    ("[ ( { ", 60_000),
    ("async await ", 100_000),
    ("class x ", 100_000),
    ("import x from ", 100_000),
    ("case x: ", 100_000),
    ("*= / >>= ", 60_000),
    ("#if x\n", 100_000),
    ("1, ", 3 << 20),
];

/// Words of all the languages, from which random units are made.
const WORDS: [&str; 48] = [
    "x", "y", "T", "1", "\"a\"", "'", "\"", "`", "(", ")", "[", "]", "{", "}", "<", ">", ",", ";", ":", "::", ".", "=",
    "=>", "->", "+", "-", "*", "/", "&", "|", "!", "?", "$", "@", "#", "\\", "\n", "if", "else", "for", "fn", "class",
    "let", "case", "import", "await", "return", "struct",
];

/// A file as a child saw it.
#[derive(Debug)]
struct Seen {
    language: String,
    outcome: String,
    peak_kib: u64,
    unit: String,
}

/// Runs until the file is told for what it is, or `most` of processor time has gone.
fn analyze(scratch: &mut Scratch, language: Language, source: &[u8], most: Duration) -> Result<usize, Error> {
    let begin = process_cpu().unwrap();
    let mut budget = || {
        let spent = process_cpu().unwrap() - begin;
        if spent < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let facts = scratch.parser().analyze(language, source, Limits::with_budget(&mut budget))?;
    Ok(facts.functions.len())
}

fn allowed(language: Language, unit: &str) -> Duration {
    if TOLD.contains(&(language, unit)) {
        return Duration::MAX;
    }
    let longer = std::env::var(LONGER).ok().and_then(|text| text.parse().ok());
    longer.map_or(USUAL, Duration::from_millis)
}

fn repeated(unit: &str, bytes: usize) -> Vec<u8> {
    unit.repeat(bytes / unit.len()).into_bytes()
}

/// The units of a family: one, or twenty at random for the families behind the last (xorshift64*, Vigna 2016).
fn units(family: usize) -> Vec<(String, usize)> {
    if let Some((unit, bytes)) = FAMILIES.get(family) {
        return vec![((*unit).to_owned(), *bytes)];
    }
    let mut state = 0x9E37_79B9_7F4A_7C15 ^ family as u64;
    let mut below = |bound: usize| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    };
    let mut unit = || (0..=below(4)).map(|_| WORDS[below(WORDS.len())].to_owned() + " ").collect::<String>();
    (0..20).map(|_| (unit(), 16_000)).collect()
}

/// The most resident memory since the last call, in KiB; `None` where the system does not keep it.
fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let peak = peak.trim().trim_end_matches(" kB").parse().ok();
    fs::write("/proc/self/clear_refs", "5").ok()?;
    peak
}

/// What the parent starts; alone it does nothing.
#[test]
fn child() {
    let Ok(family) = std::env::var(FAMILY) else { return };
    let mut scratch = Scratch::default();
    for (unit, bytes) in units(family.parse().unwrap()) {
        let source = repeated(&unit, bytes);
        for language in Language::ALL {
            peak_kib();
            let outcome = match analyze(&mut scratch, language, &source, allowed(language, &unit)) {
                Ok(_) => "measured",
                Err(Error::Stopped) => "stopped",
                Err(Error::TooCostly { excess: Excess::Open }) => "open",
                Err(Error::TooCostly { excess: Excess::Memory }) => "memory",
                Err(error) => panic!("{unit:?} as {}: {error}", language.name()),
            };
            println!("\nsaw\t{}\t{outcome}\t{}\t{unit:?}", language.id(), peak_kib().unwrap_or_default());
        }
    }
}

fn in_a_child(family: usize) -> Vec<Seen> {
    let program = std::env::current_exe().unwrap();
    let script = format!("ulimit -v {LIMIT_KIB} 2>/dev/null; exec \"$0\" --exact child --nocapture");
    let output =
        Command::new("sh").args(["-c", &script]).arg(program).env(FAMILY, family.to_string()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "family {family}: {}\n{said}", String::from_utf8_lossy(&output.stderr));
    let lines = said.lines().filter_map(|line| line.strip_prefix("saw\t"));
    let seen = lines.map(|line| {
        let parts: Vec<&str> = line.splitn(4, '\t').collect();
        Seen {
            language: parts[0].to_owned(),
            outcome: parts[1].to_owned(),
            peak_kib: parts[2].parse().unwrap(),
            unit: parts[3].to_owned(),
        }
    });
    seen.collect()
}

fn check(families: std::ops::Range<usize>) -> Vec<Seen> {
    let mut seen: Vec<_> = families.flat_map(in_a_child).collect();
    seen.sort_by_key(|file| std::cmp::Reverse(file.peak_kib));
    for Seen { language, outcome, peak_kib, unit } in seen.iter().take(20) {
        println!("{peak_kib:>7} KiB {outcome:<8} {unit} as {language}");
    }
    let worst = seen.first().unwrap();
    assert!(worst.peak_kib <= MOST_KIB, "{worst:?}");
    seen
}

#[test]
fn no_known_family_takes_much_memory() {
    let seen = check(0..FAMILIES.len());
    assert_eq!(seen.len(), FAMILIES.len() * Language::ALL.len());
    for (language, unit) in TOLD {
        let told = seen.iter().find(|file| file.language == language.id() && file.unit == format!("{unit:?}"));
        assert!(told.is_some_and(|file| file.outcome == "open"), "{unit:?} as {}: {told:?}", language.name());
    }
}

#[test]
fn no_random_unit_takes_much_memory() {
    let seen = check(FAMILIES.len()..FAMILIES.len() + 2);
    assert_eq!(seen.len(), 2 * 20 * Language::ALL.len());
}

#[test]
fn what_people_and_generators_write_is_measured() {
    let mut scratch = Scratch::default();
    let good = b"fn f(a: u32) -> u32 { if a > 1 { g(a, &[1, 2]) } else { 2 } }\n";
    let mut chain = b"int f(int x) {\n".to_vec();
    for case in 0..1_500 {
        chain.extend(format!("if (x == {case}) {{ y({case}); }} else\n").bytes());
    }
    chain.extend(b"{ y(0); }\n}\n");
    let mut deep = b"fn f() -> u32 { ".to_vec();
    deep.extend(b"(".repeat(1_000));
    deep.extend(b"1");
    deep.extend(b")".repeat(1_000));
    deep.extend(b" }\n");
    for (name, language, source, functions) in [
        ("half a megabyte of functions", Language::Rust, good.repeat(8_000), 8_000),
        ("a chain of conditions", Language::C, chain, 1),
        ("a thousand parentheses", Language::Rust, deep, 1),
        // After a hostile file the same parser is as good as before.
        ("a small file", Language::Rust, good.to_vec(), 1),
    ] {
        let hostile = analyze(&mut scratch, Language::Rust, &repeated("$ & ; ", 100_000), Duration::MAX);
        assert!(matches!(hostile, Err(Error::TooCostly { excess: Excess::Open })), "{hostile:?}");
        let mut forever = || ControlFlow::Continue(());
        let facts = scratch.parser().analyze(language, &source, Limits::with_budget(&mut forever));
        assert_eq!(facts.unwrap().functions.len(), functions, "{name}");
    }
}
