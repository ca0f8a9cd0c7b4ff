//! The whole: what JSON keeps, what an older agentd left, and which code is the project.

use agentd_syntax::{EntryKind, EntryPoint};
use agentd_tools::{
    project::{Ecosystem, Entry, Package, Project},
    report::{Report, render_markdown, render_sarif},
    structure::{Edge, Links},
};

use super::{
    sample::sample,
    tree::{Tree, facts, function, source},
};

#[test]
fn the_report_survives_json_and_names_the_cycle() {
    let report = sample();
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    let cycle = &report.structure.cycles[0];
    assert_eq!(
        (cycle.size, cycle.members.as_slice()),
        (2, ["src/a.rs".to_owned(), "src/b/mod.rs".to_owned()].as_slice())
    );
    assert_eq!(report.complexity.by_cyclomatic[0].name, "Parser::parse<T | U>");
    assert_eq!(report.complexity.counts.cyclomatic_over_limit, 2);
}

#[test]
fn a_report_of_an_older_agentd_says_what_nobody_looked_at() {
    // What a merge step of schema 2 handed on, killed before the report was rendered.
    let mut old = serde_json::to_value(sample()).unwrap();
    for new in ["advice", "tests", "history", "hotspots", "duplicates", "dependencies", "aside"] {
        assert!(old.as_object_mut().unwrap().remove(new).is_some(), "{new}");
    }
    for place in old["findings"]["by_rule"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .flat_map(|of| of["places"].as_array_mut().unwrap())
    {
        assert!(["ascii", "exact"].iter().all(|new| place.as_object_mut().unwrap().remove(*new).is_some()));
    }
    let report: Report = serde_json::from_value(old).unwrap();
    let page = render_markdown(&report);
    assert!(!page.contains("## What to change first") && !page.contains("## Hot spots"), "{page}");
    let told = "- not looked at, since the task began under an older agentd: how often files change, duplicated code, lock files\n";
    assert!(page.contains(told), "{page}");
    assert_eq!(render_sarif(&report)["runs"][0]["results"].as_array().unwrap().len(), 4);
}

#[test]
fn fixtures_and_tests_are_not_the_project() {
    let paths = ["src/a.rs", "tests/it/a.rs", "tests/it/b.rs", "src/x/fixtures/c.rs", "examples/d.rs"];
    let mut tree = Tree::of(&paths);
    let edge = |to| Edge { to, line: 1, deferred: false };
    for number in 0..paths.len() {
        let mut facts = facts(vec![function("heavy", 3, 12, 9)], &[]);
        facts.entry_points.push(EntryPoint { kind: EntryKind::Function, name: "main".into(), line: 5 });
        // The two tests need each other, and so do a fixture and the source.
        let to = match number {
            0 => Some(3),
            1 => Some(2),
            2 => Some(1),
            3 => Some(0),
            _ => None,
        };
        let links = Links { files: to.map(edge).into_iter().collect(), ..Links::default() };
        tree.linked(&facts, links);
    }
    let structure = tree.structure();
    assert_eq!((structure.cycles.len(), structure.folder_cycles.len()), (2, 1));
    let package = |name: &str, file: &str| Package {
        ecosystem: Ecosystem::Cargo,
        name: name.into(),
        folder: file.rsplit_once('/').map_or("", |(folder, _)| folder).into(),
        source: source(file, 2),
    };
    let entry = |file: &str| Entry { name: "x".into(), target: "y".into(), source: source(file, 3) };
    tree.project = Project {
        packages: vec![package("a", "Cargo.toml"), package("f", "tests/fixtures/f/Cargo.toml")],
        entries: vec![entry("Cargo.toml"), entry("tests/fixtures/f/Cargo.toml")],
        ..Project::default()
    };
    let report = tree.report();
    let aside = report.aside;
    assert_eq!((aside.packages, aside.entries, aside.commands, aside.cycles, aside.folder_cycles), (1, 5, 0, 1, 0));
    assert_eq!((report.subject.packages.len(), report.declared_entries.len(), report.found_entries.len()), (1, 1, 1));
    assert_eq!((report.structure.cycle_count, report.structure.cycles[0].members[0].as_str()), (1, "src/a.rs"));
    assert_eq!(tree.own_cycles(), report.structure.cycle_count);
    let tests = report.tests;
    assert_eq!((tests.functions, tests.files, tests.code), (5, 5, 400));
    let largest: Vec<&str> = report.largest.iter().map(|row| row.file.as_str()).collect();
    let rows = [&report.complexity.by_cyclomatic, &report.complexity.by_cognitive];
    let heaviest: Vec<&str> = rows.into_iter().flatten().map(|row| row.file.as_str()).collect();
    assert_eq!((largest, heaviest), (vec!["src/a.rs"], vec!["src/a.rs"; 2]));
    let told = "- in tests, examples, fixtures or code of others, and not counted as the project's: 1 package, 5 entry points, 1 cycle of files\n";
    let page = render_markdown(&report);
    assert!(page.contains(told), "{page}");
}
