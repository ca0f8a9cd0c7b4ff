//! Copies are found with their exact lines, and what only looks like one is not.

use std::fmt::Write;

use agentd_syntax::Language;
use agentd_tools::{
    duplicates::{Duplicates, Group, Sketches, find, sketch},
    survey::{Manifest, SourceFile},
};

/// `count` lines of code, all different, and different for each `seed`.
fn code(seed: &str, count: usize) -> String {
    (0..count).fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "    let {seed}_{line} = compute({seed}, {line}) + offset[{line}];");
        text
    })
}

fn compare(files: &[(&str, String)]) -> Duplicates {
    let file = |(path, text): &(&str, String)| SourceFile {
        path: (*path).into(),
        bytes: u32::try_from(text.len()).unwrap_or(u32::MAX),
        language: Language::of_path(path, None),
    };
    let manifest = Manifest { files: files.iter().map(file).collect(), ..Manifest::default() };
    let add = |sketches: &mut Sketches, number: usize| {
        let (path, text) = &files[number];
        let language = manifest.files[number].language.unwrap_or(Language::Rust);
        let number = u32::try_from(number).expect("tests have few files");
        sketches.add(number, sketch(text.as_bytes(), language), path.contains("generated"));
    };
    let (mut forward, mut backward) = (Sketches::default(), Sketches::default());
    (0..files.len()).for_each(|number| add(&mut forward, number));
    (0..files.len()).rev().for_each(|number| add(&mut backward, number));
    let found = find(&manifest, &forward);
    assert_eq!(find(&manifest, &backward), found, "the order of files matters");
    found
}

/// Each group on one line: places, equal lines, and whether it counts less.
fn lines(found: &Duplicates) -> Vec<String> {
    let line = |group: &Group| {
        let places: Vec<_> =
            group.places.iter().map(|place| format!("{}:{}-{}", place.path, place.first, place.last)).collect();
        format!("{} = {}{}", places.join(" "), group.lines, if group.lowered { " lowered" } else { "" })
    };
    found.groups.iter().map(line).collect()
}

/// What it is about, the files, the groups.
type Case<'a> = (&'a str, Vec<(&'a str, String)>, &'a [&'a str]);

#[test]
fn copies_are_found_with_their_exact_lines() {
    let (twelve, thirty) = (code("x", 12), code("y", 30));
    let commented = format!("// head\n\n{}", thirty.replace("    let y_7 ", "\n  // why\n\tlet   y_7"));
    let cases: [Case<'_>; 8] = [
        (
            "the least block, anywhere",
            vec![("a.rs", code("a", 5) + &twelve + &code("b", 9)), ("b.rs", code("c", 17) + &twelve)],
            &["a.rs:6-17 b.rs:18-29 = 12"],
        ),
        ("layout and comments", vec![("a.rs", thirty.clone()), ("b.rs", commented)], &["a.rs:1-30 b.rs:3-34 = 30"]),
        (
            "three places, and two of them longer",
            vec![
                ("a.rs", thirty.clone() + &twelve),
                ("b.rs", code("b", 3) + &thirty + &twelve),
                ("c.rs", twelve.clone()),
            ],
            &["a.rs:1-42 b.rs:4-45 = 42", "a.rs:31-42 b.rs:34-45 c.rs:1-12 = 12"],
        ),
        ("in one file", vec![("a.rs", thirty.clone() + &code("b", 2) + &thirty)], &["a.rs:1-30 a.rs:33-62 = 30"]),
        (
            "most lines to save first, tests last",
            vec![
                ("a.rs", twelve.clone()),
                ("b.rs", twelve.clone()),
                ("tests/c.rs", thirty.clone()),
                ("tests/d.rs", thirty.clone()),
            ],
            &["a.rs:1-12 b.rs:1-12 = 12", "tests/c.rs:1-30 tests/d.rs:1-30 = 30 lowered"],
        ),
        (
            "a copy in a generated file",
            vec![("a.rs", thirty.clone()), ("generated.rs", thirty.clone())],
            &["a.rs:1-30 generated.rs:1-30 = 30 lowered"],
        ),
        (
            "a copy in tests that stand in the file",
            vec![("a.rs", thirty.clone()), ("b.rs", format!("#[cfg(test)]\nmod tests {{\n{thirty}}}\n"))],
            &["a.rs:1-30 b.rs:3-32 = 30 lowered"],
        ),
        (
            "another language",
            vec![
                ("a.py", twelve.replace("    let ", "").replace(';', "  # why")),
                ("b.py", format!("\"\"\"Doc.\n\nMore.\n\"\"\"\n{}", twelve.replace("    let ", "").replace(';', ""))),
            ],
            &["a.py:1-12 b.py:5-16 = 12"],
        ),
    ];
    for (what, files, wanted) in cases {
        let found = compare(&files);
        assert_eq!(lines(&found), wanted, "{what}");
        assert!(found.covered_lines <= found.lines, "{what}: {} of {}", found.covered_lines, found.lines);
        assert!(!found.cut && found.group_count == wanted.len() as u64, "{what}");
    }
}

#[test]
fn lines_without_code_cover_nothing() {
    let told = |seed| code(seed, 24).replace(";\n", ";\n\n    // why\n");
    let found = compare(&[("a.rs", told("x")), ("b.rs", told("x")), ("c.rs", told("c"))]);
    assert_eq!(lines(&found), ["a.rs:1-70 b.rs:1-70 = 24"]);
    assert_eq!((found.covered_lines, found.lines), (48, 72));
}

#[test]
fn what_only_looks_like_a_copy_is_none() {
    let licence = "// Licence\n".repeat(40);
    let block_licence =
        format!("/*\n{}*/\n", " * Permission is hereby granted to any person, {free} of charge;\n".repeat(30));
    let imports: String =
        (0..40).fold(String::new(), |text, line| text + &format!("use crate::module_{line}::Thing;\n"));
    let list = format!(
        "use crate::{{\n{}}};\n",
        (0..40).fold(String::new(), |text, line| text + &format!("    Thing{line},\n"))
    );
    let go = format!(
        "package a\nimport (\n{})\n",
        (0..40).fold(String::new(), |text, line| text + &format!("\t\"x/y{line}\"\n"))
    );
    let table: String =
        (0..40).fold(String::new(), |text, line| text + &format!("    (0x{line:x}, \"name {line}\", true),\n"));
    let same = "    Entry::default(),\n".repeat(40);
    let braces = "}\n);\n{\n".repeat(40);
    let attributes = format!(
        "#[cfg(not(any(\n{})))]\n",
        (0..40).fold(String::new(), |text, line| text
            + &format!("    target_os = \"os{line}\", feature = \"f{line}\",\n"))
    );
    let annotations =
        (0..40).fold(String::new(), |text, line| text + &format!("    @Column{line}(name = NAME, length = {line})\n"));
    let short = (0..40).fold(String::new(), |text, line| text + &format!("v{line}\n"));
    for (what, extension, text) in [
        ("licence", "rs", licence.as_str()),
        ("licence in a block", "java", &block_licence),
        ("imports", "rs", &imports),
        ("an import list", "rs", &list),
        ("an import list", "go", &go),
        ("a table", "rs", &table),
        ("the same line over and over", "rs", &same),
        ("brackets", "rs", &braces),
        ("an attribute", "rs", &attributes),
        ("annotations", "java", &annotations),
        ("few tokens", "rs", &short.lines().take(40).map(|line| format!("{line}\n")).collect::<String>()[..120]),
        ("eleven lines", "rs", &code("x", 11)),
    ] {
        let (a, b) = (format!("a.{extension}"), format!("b.{extension}"));
        let files =
            [(a.as_str(), format!("{text}{}", code("a", 20))), (b.as_str(), format!("{text}{}", code("b", 20)))];
        assert_eq!(lines(&compare(&files)), [""; 0], "{what}");
    }
    // One word of twenty differs: two parts that are too short.
    let changed = code("x", 20).replace("x_10 =", "z =");
    assert_eq!(lines(&compare(&[("a.rs", code("x", 20)), ("b.rs", changed)])), [""; 0]);
}

#[test]
fn every_copy_of_the_least_length_is_found_wherever_it_stands() {
    for before in 0..20 {
        for after in 0..6 {
            let text = code("a", before) + &code("x", 12) + &code("b", after);
            let found = compare(&[("a.rs", text), ("b.rs", code("c", 3) + &code("x", 12) + &code("d", 20))]);
            assert_eq!(lines(&found), [format!("a.rs:{}-{} b.rs:4-15 = 12", before + 1, before + 12)]);
        }
    }
}

#[test]
fn large_and_regular_input_ends_within_its_bounds() {
    // The same function of 20 lines in 300 files, and one file that repeats itself.
    let copies: Vec<(String, String)> =
        (0..300).map(|number| (format!("f{number}.rs"), code(&format!("s{number}"), 4) + &code("x", 20))).collect();
    let mut files: Vec<(&str, String)> = copies.iter().map(|(path, text)| (path.as_str(), text.clone())).collect();
    files.push(("repeats.rs", code("r", 10).repeat(1_500)));
    let found = compare(&files);
    assert!(!found.cut);
    assert!(found.groups.len() <= 100 && found.groups.iter().all(|group| group.places.len() <= 20));
    assert_eq!((found.groups[0].count, found.files, found.covered_lines), (300, 301, 6_000));
    let one = code("long", 15_000);
    let found = compare(&[("a.rs", one.clone()), ("b.rs", one)]);
    assert_eq!(lines(&found), ["a.rs:1-15000 b.rs:1-15000 = 15000"]);
    assert_eq!((found.covered_lines, found.lines), (30_000, 30_000));
}

#[test]
fn copies_are_counted_however_many_there_are() {
    for (number, of_each) in [(70, 1), (3_000, 0)] {
        let function = |at: usize| format!("fn f{at}() {{\n{}}}\n", code("x", 20));
        let text: String = (0..number * of_each).map(function).collect();
        let copies: Vec<(String, String)> =
            (0..number * (1 - of_each)).map(|at| (format!("f{at}.rs"), function(at))).collect();
        let mut files: Vec<(&str, String)> = copies.iter().map(|(path, text)| (path.as_str(), text.clone())).collect();
        files.push(("all.rs", text));
        let found = compare(&files);
        let group = &found.groups[0];
        let told = (found.group_count, group.count as usize, group.lines, found.covered_lines as usize, found.cut);
        assert_eq!(told, (1, number, 20, 20 * number, false), "{number} copies");
        assert_eq!(group.places.len(), 20);
    }
}
