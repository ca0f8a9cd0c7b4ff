//! An analysis that remembers: the same report warm as cold, and only what changed is parsed.

use std::{fs, path::Path, sync::Arc};

use agentd_base::{Role, WallMs};
use agentd_tools::findings::RuleSet;
use agentd_workflow::Action;
use tempfile::TempDir;

use super::{
    actions::{analyse, content, repository, repository_in},
    support::Rig,
};
use crate::actions::Actions;

/// A crew that keeps at most `bytes` in a folder that outlives it.
fn rig(state: &TempDir, workspace: &Path, bytes: u64, rules: RuleSet) -> Rig {
    let mut rig = Rig::with(2, Arc::new(Actions), |config| {
        config.state = state.path().to_owned();
        (config.cache_bytes, config.rules) = (bytes, rules);
    });
    rig.workspace = Some(workspace.to_owned());
    rig
}

/// What measuring says, up to who did it.
fn measured(rig: &mut Rig) -> String {
    let done = analyse(rig, "measure");
    let (_, measure) = done.iter().find(|(name, _)| name == "measure").unwrap();
    measure.summary.split(';').next().unwrap().to_owned()
}

/// When all files of a test have settled: in the year 2200.
const LATER: WallMs = WallMs(7_258_118_400_000);

#[test]
fn a_file_that_has_not_changed_is_not_read_unless_that_is_wished() {
    for trusted in [true, false] {
        // On a disk, by hier(7): what lies in memory, as /tmp may, is read in any case.
        let folder = repository_in(tempfile::tempdir_in("/var/tmp").unwrap());
        let state = tempfile::tempdir().unwrap();
        let mut rig = Rig::with(2, Arc::new(Actions), |config| {
            config.state = state.path().to_owned();
            (config.cache_bytes, config.trust_times) = (PLENTY, trusted);
        });
        rig.workspace = Some(folder.path().to_owned());
        assert_eq!((measured(&mut rig), measured(&mut rig)), (COLD.into(), WARM.into()), "nothing has settled yet");
        rig.clock.set_wall(LATER);
        assert_eq!((measured(&mut rig), measured(&mut rig)), (WARM.into(), WARM.into()));
        let a = folder.path().join("src/a.rs");
        let old = fs::metadata(&a).unwrap().modified().unwrap();
        fs::write(&a, "use crate::b;\npub fn one() -> u32 { b::two() + 1 }\n").unwrap();
        fs::File::open(&a).unwrap().set_modified(old).unwrap();
        let changed = "4 functions in 4 files (3 from the cache), 1 not UTF-8 text";
        assert_eq!(measured(&mut rig), changed, "as long and as old as before");
        assert_eq!(measured(&mut rig), WARM);
        // What is not read is not missed.
        let survey = analyse(&mut rig, "survey");
        fs::remove_file(&a).unwrap();
        let mut assignment = rig.assignment(1, "measure", Action::Measure);
        assignment.inputs = vec![Rig::input("survey", &survey[0].1)];
        let summary = rig.run(Role::Analyzer, assignment).0.unwrap().summary;
        let gone = "3 functions in 3 files (3 from the cache), 1 gone since the survey, 1 not UTF-8 text";
        assert_eq!(summary.split(';').next(), Some(if trusted { WARM } else { gone }));
    }
}

const COLD: &str = "4 functions in 4 files, 1 not UTF-8 text";
const WARM: &str = "4 functions in 4 files (4 from the cache), 1 not UTF-8 text";
const PLENTY: u64 = 1 << 20;

#[test]
fn a_warm_analysis_gives_the_same_report_and_parses_what_changed() {
    let (state, folder) = (tempfile::tempdir().unwrap(), repository());
    let mut reports = Vec::new();
    for expected in [COLD, WARM] {
        let mut rig = rig(&state, folder.path(), PLENTY, RuleSet::ALL);
        let done = analyse(&mut rig, "report");
        let summary = done.iter().find(|(name, _)| name == "measure").unwrap().1.summary.to_string();
        assert_eq!(summary.split(';').next().unwrap(), expected);
        let (_, report) = done.last().unwrap();
        let documents: Vec<_> = report.documents.iter().map(|document| content(&rig, &document.content)).collect();
        reports.push(documents);
    }
    assert_eq!(reports[0], reports[1]);
    let mut rig = rig(&state, folder.path(), PLENTY, RuleSet::ALL);
    fs::write(folder.path().join("src/b.rs"), "pub fn two() -> u32 { 2 }\npub fn more() {}\n").unwrap();
    assert_eq!(measured(&mut rig), "5 functions in 4 files (3 from the cache), 1 not UTF-8 text");
    fs::rename(folder.path().join("src/a.rs"), folder.path().join("src/z.rs")).unwrap();
    assert_eq!(
        measured(&mut rig),
        "5 functions in 4 files (4 from the cache), 1 not UTF-8 text",
        "names do not matter"
    );
}

#[test]
fn imports_of_unchanged_files_lead_where_they_lead_now() {
    let (state, folder) = (tempfile::tempdir().unwrap(), repository());
    let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).unwrap();
    let files = |bytes: u64| -> serde_json::Value {
        let mut rig = rig(&state, folder.path(), bytes, RuleSet::ALL);
        let done = analyse(&mut rig, "measure");
        let (_, measure) = done.iter().find(|(name, _)| name == "measure").unwrap();
        let mut output: serde_json::Value = serde_json::from_slice(&content(&rig, &measure.output)).unwrap();
        output["measured"]["files"].take()
    };
    let alias =
        |to: &str| write("tsconfig.json", &format!("{{\"compilerOptions\": {{\"paths\": {{\"@/*\": [\"{to}\"]}}}}}}"));
    let changes: [&dyn Fn(); 11] = [
        &|| {},
        &|| write("src/a.rs", "use crate::later;\nuse other::thing;\npub fn one() -> u32 { later::two() }\n"),
        &|| write("src/later.rs", "pub fn two() -> u32 { 2 }\n"),
        &|| write("src/aaa.rs", "// Every number after this one is another one.\n"),
        &|| fs::remove_file(folder.path().join("src/later.rs")).unwrap(),
        &|| {
            fs::create_dir_all(folder.path().join("other/src")).unwrap();
            write("other/src/lib.rs", "pub mod thing {}\n");
        },
        &|| write("other/Cargo.toml", "[package]\nname = \"other\"\nversion = \"1.0.0\"\n"),
        &|| {
            write("src/one.ts", "import '@/two';\n");
            write("src/two.ts", "");
            write("two.ts", "");
        },
        &|| alias("./src/*"),
        &|| alias("./*"),
        &|| fs::remove_file(folder.path().join("tsconfig.json")).unwrap(),
    ];
    let mut before = None;
    for (number, change) in changes.iter().enumerate() {
        change();
        let fresh = files(0);
        assert_ne!(before.replace(fresh.clone()), Some(fresh.clone()), "change {number} shows");
        for round in ["as it changes", "again"] {
            assert_eq!(files(PLENTY), fresh, "change {number}, {round}");
        }
    }
}

/// Whoever finds out anew where imports lead writes it down, and a file that is written is another file.
#[test]
fn where_imports_of_unchanged_files_lead_is_not_found_out_again() {
    let (state, folder) = (tempfile::tempdir().unwrap(), repository());
    let links = || -> Vec<u64> {
        measured(&mut rig(&state, folder.path(), PLENTY, RuleSet::ALL));
        let files = fs::read_dir(state.path().join("cache")).unwrap().map(|file| file.unwrap());
        let files = files.filter(|file| file.path().extension().is_some_and(|kind| kind == "links"));
        files.map(|file| std::os::unix::fs::DirEntryExt::ino(&file)).collect()
    };
    // The old file is open, so that no other one gets its number.
    let first = links();
    let _open = fs::read_dir(state.path().join("cache"))
        .unwrap()
        .map(|file| fs::File::open(file.unwrap().path()).unwrap())
        .collect::<Vec<_>>();
    assert_eq!((first.len(), links()), (1, first.clone()), "nothing is new");
    fs::write(folder.path().join("src/b.rs"), "pub fn two() -> u32 { 3 }\n").unwrap();
    assert_ne!(links(), first, "one file is");
}

#[test]
fn other_rules_a_damaged_file_and_a_cache_that_is_off_parse_everything() {
    let (state, folder) = (tempfile::tempdir().unwrap(), repository());
    let with = |bytes, rules| measured(&mut rig(&state, folder.path(), bytes, rules));
    assert_eq!(with(0, RuleSet::ALL), COLD);
    assert!(!state.path().join("cache").exists());
    assert_eq!(with(PLENTY, RuleSet::ALL), COLD);
    assert_eq!(with(PLENTY, RuleSet::NONE), COLD, "other rules find other things");
    assert_eq!(with(PLENTY, RuleSet::ALL), WARM);
    assert_eq!(with(0, RuleSet::ALL), COLD);
    for file in fs::read_dir(state.path().join("cache")).unwrap() {
        fs::write(file.unwrap().path(), "garbage").unwrap();
    }
    assert_eq!(with(PLENTY, RuleSet::ALL), COLD);
    assert_eq!(with(PLENTY, RuleSet::ALL), WARM, "it was mended");
    fs::remove_dir_all(state.path().join("cache")).unwrap();
    fs::write(state.path().join("cache"), "in the way").unwrap();
    assert_eq!(with(PLENTY, RuleSet::ALL), COLD);
    assert_eq!(with(PLENTY, RuleSet::ALL), COLD, "nothing can be kept, and nothing fails");
}

#[test]
fn two_analyses_of_one_folder_at_once_both_end_and_both_keep() {
    let (state, folder) = (tempfile::tempdir().unwrap(), repository());
    let mut rig = rig(&state, folder.path(), PLENTY, RuleSet::ALL);
    let survey = analyse(&mut rig, "survey");
    for round in 0..20 {
        fs::write(folder.path().join("src/b.rs"), format!("pub fn two() -> u32 {{ {round} }}\n")).unwrap();
        for attempt in [1, 2] {
            let mut assignment = rig.assignment(1, "measure", Action::Measure);
            assignment.key.attempt = attempt;
            assignment.inputs = vec![Rig::input("survey", &survey[0].1)];
            rig.crew.assign(Role::Analyzer.agent(), assignment).unwrap();
        }
        for _ in 0..2 {
            let summary = rig.finished().1.unwrap().summary;
            assert!(summary.starts_with("4 functions in 4 files"), "{summary}");
        }
    }
    assert_eq!(measured(&mut rig), WARM);
    let left = fs::read_dir(state.path().join("cache")).unwrap().map(|file| file.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().ends_with(".tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
}
