//! The survey chooses what git would track, counts what it leaves out, and survives hostile trees.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests make FIFOs and run git as a reference")]

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
    process::Command,
};

use agentd_base::WallMs;
use agentd_syntax::{Language, rules::RuleSet};
use agentd_tools::{
    Workspace,
    cache::Store,
    stamp::Stamp,
    survey::{Found, Limits, Manifest, Progress, SkipReason, Survey},
};

fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = temp.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    temp
}

fn survey(root: &Path, limits: Limits, budget: usize) -> Manifest {
    let mut survey = Survey::start(&Workspace::open(root).unwrap(), limits).unwrap();
    while survey.step(budget) == Progress::More {}
    survey.finish()
}

fn names(manifest: &Manifest) -> Vec<&str> {
    manifest.files.iter().map(|file| &*file.path).collect()
}

const RULES: &[(&str, &str)] = &[
    (".gitignore", "target/\n*.log\n!keep.log\n/only_root.txt\ndocs/**/draft.md\n[bad\n"),
    (".git/config", ""),
    (".git/info/exclude", "private.rs\n"),
    (".github/workflows/ci.yml", "on: push"),
    (".hidden/x.rs", ""),
    ("a/.gitignore", "!again.log\nlocal.rs\n"),
    ("a/again.log", ""),
    ("a/local.rs", ""),
    ("a/only_root.txt", ""),
    ("docs/deep/er/draft.md", ""),
    ("docs/final.md", ""),
    ("keep.log", ""),
    ("local.rs", "fn main() {}"),
    ("only_root.txt", ""),
    ("private.rs", ""),
    ("target/debug/out.rs", ""),
    ("x.log", ""),
];

#[test]
fn ignore_rules_are_those_of_git() {
    let temp = tree(RULES);
    let manifest = survey(temp.path(), Limits::default(), 1_000);
    let expected =
        [".github/workflows/ci.yml", "a/again.log", "a/only_root.txt", "docs/final.md", "keep.log", "local.rs"];
    assert_eq!(names(&manifest), expected);
    assert_eq!(manifest.total_bytes, 20);
    assert_eq!(manifest.skipped_for(SkipReason::Ignored), 6);
    assert!(!manifest.truncated);

    // git itself, as the reference: what it would add, without hidden names outside `.github`.
    fs::remove_dir_all(temp.path().join(".git")).unwrap();
    let git = |args: &[&str]| {
        let out = Command::new("git").args(args).current_dir(temp.path()).output().unwrap();
        assert!(out.status.success(), "{args:?}: {out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    git(&["init", "--quiet"]);
    fs::write(temp.path().join(".git/info/exclude"), "private.rs\n").unwrap();
    let listed = git(&["ls-files", "--others", "--exclude-standard"]);
    let shown = |path: &&str| path.starts_with(".github") || !path.split('/').any(|part| part.starts_with('.'));
    let mut listed: Vec<&str> = listed.lines().filter(shown).collect();
    listed.sort_unstable();
    assert_eq!(names(&manifest), listed);
}

#[test]
fn steps_of_any_size_give_the_same_manifest() {
    let temp = tree(RULES);
    let whole = survey(temp.path(), Limits::default(), 1_000_000);
    for budget in [0, 1, 2, 7] {
        assert_eq!(survey(temp.path(), Limits::default(), budget), whole);
    }
    let mut cut = Survey::start(&Workspace::open(temp.path()).unwrap(), Limits::default()).unwrap();
    assert_eq!(cut.step(3), Progress::More);
    assert!(cut.finish().truncated, "a survey that was cut says so");
}

#[test]
fn what_others_wrote_is_told_by_folders_and_by_attributes() {
    let temp = tree(&[
        (
            ".gitattributes",
            "*.pb.go linguist-generated\nvendor/ours/* -linguist-vendored\nlib/jquery.js linguist-vendored\n",
        ),
        ("a.go", ""),
        ("api/x.pb.go", ""),
        ("lib/.gitattributes", "own.js linguist-vendored\n"),
        ("lib/jquery.js", ""),
        ("lib/own.js", ""),
        ("vendor/modules.txt", ""),
        ("vendor/ours/a.go", ""),
        ("vendor/x/y/y.go", ""),
    ]);
    for budget in [1, 1_000] {
        let manifest = survey(temp.path(), Limits::default(), budget);
        let others = (0..).zip(names(&manifest)).filter(|(file, _)| manifest.is_vendored(*file)).map(|(_, name)| name);
        let others: Vec<&str> = others.collect();
        assert_eq!(others, ["api/x.pb.go", "lib/jquery.js", "vendor/modules.txt", "vendor/x/y/y.go"]);
        let json = serde_json::to_string(&manifest).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
    }
    // Neither a pipe in its place nor one that is too large keeps the survey up.
    for content in [None, Some("lib/** linguist-vendored\n".repeat(20_000))] {
        let path = temp.path().join(".gitattributes");
        fs::remove_file(&path).unwrap();
        match content {
            Some(content) => fs::write(&path, content).unwrap(),
            None => assert!(Command::new("mkfifo").arg(&path).status().unwrap().success()),
        }
        let manifest = survey(temp.path(), Limits::default(), 1_000);
        assert_eq!((manifest.vendored.len(), manifest.files.len()), (1, 7), "{manifest:?}");
    }
}

#[test]
fn hostile_trees_are_counted_and_not_followed() {
    let temp = tree(&[
        ("ok.rs", "x"),
        ("large.bin", &"x".repeat(101)),
        ("node_modules/p/index.js", ""),
        ("cache/CACHEDIR.TAG", ""),
        ("cache/x.py", ""),
        ("venv/pyvenv.cfg", ""),
        ("a\nb\u{1b}[2J.rs", ""),
        ("d1/d2/d3/d4/deep.rs", ""),
        ("locked/x.rs", ""),
    ]);
    let root = temp.path();
    symlink(".", root.join("loop")).unwrap();
    symlink("/dev/zero", root.join("zero.rs")).unwrap();
    symlink("/", root.join("everything")).unwrap();
    let _socket = UnixListener::bind(root.join("socket.rs")).unwrap();
    assert!(Command::new("mkfifo").arg(root.join("fifo.rs")).arg(root.join(".gitignore")).status().unwrap().success());
    fs::write(root.join(OsStr::from_bytes(b"caf\xe9.rs")), "").unwrap();
    fs::set_permissions(root.join("locked"), fs::Permissions::from_mode(0o000)).unwrap();
    let is_root = fs::read_dir(root.join("locked")).is_ok();

    let limits = Limits { max_file_bytes: 100, max_depth: 4, ..Limits::default() };
    let manifest = survey(root, limits, 5);
    fs::set_permissions(root.join("locked"), fs::Permissions::from_mode(0o700)).unwrap();
    let mut expected = vec!["a\nb\u{1b}[2J.rs", "ok.rs"];
    if is_root {
        expected.insert(1, "locked/x.rs");
    }
    assert_eq!(names(&manifest), expected);
    for (reason, count, example) in [
        (SkipReason::Hidden, 1, ".gitignore"),
        (SkipReason::Dependencies, 1, "node_modules"),
        (SkipReason::Cache, 2, "cache/"),
        (SkipReason::Link, 3, "everything"),
        (SkipReason::Special, 2, "fifo.rs"),
        (SkipReason::NotUtf8, 1, "caf\\xe9.rs"),
        (SkipReason::TooLarge, 1, "large.bin"),
        (SkipReason::TooDeep, 1, "d1/d2/d3/d4"),
        (SkipReason::Unreadable, u64::from(!is_root), "locked/"),
    ] {
        assert_eq!(manifest.skipped_for(reason), count, "{reason:?} {manifest:?}");
        let example_is_there =
            manifest.skipped.iter().any(|skipped| skipped.examples.iter().any(|path| path == example));
        assert!(example_is_there || count == 0, "{reason:?} {manifest:?}");
    }
}

#[test]
fn a_folder_that_vanishes_in_the_middle_is_counted() {
    let temp = tree(&[("a/x.rs", ""), ("b/y.rs", ""), ("c.rs", "")]);
    let mut survey = Survey::start(&Workspace::open(temp.path()).unwrap(), Limits::default()).unwrap();
    // The three entries of the root are listed.
    fs::remove_dir_all(temp.path().join("a")).unwrap();
    fs::remove_dir_all(temp.path().join("b")).unwrap();
    symlink("/etc", temp.path().join("b")).unwrap();
    while survey.step(1) == Progress::More {}
    let manifest = survey.finish();
    assert_eq!((names(&manifest), manifest.skipped_for(SkipReason::Vanished)), (vec!["c.rs"], 2), "{manifest:?}");
}

#[test]
fn limits_end_the_walk_and_say_so() {
    let temp = tree(&[]);
    for number in 0..50 {
        fs::write(temp.path().join(format!("{number:02}.c")), "").unwrap();
    }
    let files = survey(temp.path(), Limits { max_files: 10, ..Limits::default() }, 1_000);
    assert_eq!((files.files.len(), files.truncated), (10, true));
    let entries = survey(temp.path(), Limits { max_folder_entries: 20, ..Limits::default() }, 1_000);
    assert_eq!((entries.files.len(), entries.truncated), (20, true));
    assert_eq!(survey(tree(&[]).path(), Limits::default(), 1).files.len(), 0);
}

#[test]
fn a_program_without_an_extension_tells_its_language_by_its_first_line() {
    let scripts: [(&str, &str, u32, Option<Language>); 6] = [
        ("bin/tool", "#!/usr/bin/env python3\nimport x\n", 0o755, Some(Language::Python)),
        ("bin/serve", "#!/usr/bin/env node\n", 0o744, Some(Language::JavaScript)),
        ("bin/shell", "#!/bin/sh\n", 0o755, None),
        ("bin/empty", "", 0o755, None),
        ("notes", "#!/usr/bin/env python3\n", 0o644, None),
        ("run.txt", "#!/usr/bin/env python3\n", 0o755, None),
    ];
    let temp = tree(&scripts.map(|(path, content, _, _)| (path, content)));
    for (path, _, mode, _) in scripts {
        fs::set_permissions(temp.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let manifest = survey(temp.path(), Limits::default(), 100);
    for (path, _, _, language) in scripts {
        let file = manifest.files.iter().find(|file| &*file.path == path).unwrap();
        assert_eq!(file.language, language, "{path}");
    }
}

#[test]
fn a_header_tells_its_language_by_its_beginning() {
    let guarded = "#ifndef X_H\n#define X_H\n#ifdef __cplusplus\nextern \"C\" {\n#endif\nint f(void);\n#ifdef __cplusplus\n}\n#endif\n#endif\n";
    let late = format!("/* {} */\nclass X {{}};\n", "licence ".repeat(500));
    let temp = tree(&[
        ("empty.h", ""),
        ("guarded.h", guarded),
        ("include/late.h", &late),
        ("mode.h", "// -*- C++ -*-\nint x;\n"),
        ("plain.c", "int class;\nclass X {};\n"),
    ]);
    let languages = || {
        let manifest = survey(temp.path(), Limits::default(), 100);
        manifest.files.into_iter().map(|file| (file.path.into_string(), file.language.unwrap())).collect::<Vec<_>>()
    };
    let expected = [
        ("empty.h", Language::C),
        ("guarded.h", Language::C),
        ("include/late.h", Language::Cpp),
        ("mode.h", Language::Cpp),
        ("plain.c", Language::C),
    ];
    assert_eq!(languages(), expected.map(|(path, language)| (path.to_owned(), language)));
    // One that cannot be read is what its name says.
    fs::set_permissions(temp.path().join("include/late.h"), fs::Permissions::from_mode(0o000)).unwrap();
    let is_root = fs::read(temp.path().join("include/late.h")).is_ok();
    assert_eq!(languages()[2].1, if is_root { Language::Cpp } else { Language::C });
}

/// What is kept of an analysis is asked for by the language too, so none is misled by what it was before.
#[test]
fn a_header_that_becomes_cpp_is_asked_about_as_cpp() {
    let (temp, state) = (tree(&[("x.h", "struct x { int a; };\n")]), tempfile::tempdir().unwrap());
    let cache = Store::new(state.path().to_owned(), 1 << 20).open(temp.path(), RuleSet::ALL);
    let asked = || {
        let manifest = survey(temp.path(), Limits::default(), 100);
        let (file, content) = (&manifest.files[0], fs::read(temp.path().join("x.h")).unwrap());
        let language = file.language.unwrap();
        (language, cache.key(language, &content).unwrap())
    };
    let before = asked();
    assert_eq!((before.0, asked()), (Language::C, before));
    fs::write(temp.path().join("x.h"), "class X { int a; };\n").unwrap();
    let (language, key) = asked();
    assert_eq!(language, Language::Cpp);
    let as_before = cache.key(Language::C, &fs::read(temp.path().join("x.h")).unwrap()).unwrap();
    assert!(key != before.1 && key != as_before, "C and C++ have answers of their own");
    fs::write(temp.path().join("x.h"), "struct x { int a; };\n").unwrap();
    assert_eq!(asked(), before);
}

/// A small generator, so that each tree differs and can be made again (Knuth, MMIX).
fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

/// Fills a folder with whatever a survey may meet, and goes down into some.
fn grow(seed: &mut u64, folder: &Path, depth: u64) {
    const FILES: [&str; 12] = [
        "a.rs",
        "b.log",
        "c.py",
        "Makefile",
        "large.txt",
        "z.h",
        ".hidden",
        "tool",
        "local.rs",
        ".travis.yml",
        "é.js",
        "m.tmp",
    ];
    const RULES: [&str; 5] = ["*.log\n!b.log\n", "*.tmp\nlocal.rs\n", "!local.rs\n", "/sub*/\n", "*\n!*/\n!*.rs\n"];
    const FOLDERS: [&str; 9] =
        ["src", "sub1", "sub2", "node_modules", ".github", ".cache", "a.rs-not", "lib", "b\u{1b}.log"];
    fs::create_dir_all(folder).unwrap();
    let names = FILES.iter().filter(|_| random(seed, 3) > 0).copied().collect::<Vec<_>>();
    for name in names {
        let content = if name == "tool" { "#!/usr/bin/env python3\n" } else { "x" };
        fs::write(folder.join(name), content.repeat(random(seed, 40) as usize)).unwrap();
        let mode = if random(seed, 3) == 0 { 0o755 } else { 0o644 };
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for name in [".gitignore", ".ignore", ".git/info/exclude"] {
        if random(seed, 4) == 0 {
            fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
            fs::write(folder.join(name), RULES[random(seed, 5) as usize]).unwrap();
        }
    }
    match random(seed, 12) {
        0 => fs::write(folder.join("CACHEDIR.TAG"), "").unwrap(),
        1 => symlink("/", folder.join("link")).unwrap(),
        2 => fs::write(folder.join(OsStr::from_bytes(b"caf\xe9.rs")), "").unwrap(),
        _ => {}
    }
    for name in FOLDERS {
        if depth > 0 && random(seed, 3) == 0 {
            grow(seed, &folder.join(name), depth - 1);
        }
    }
}

/// Goes over the pieces of each round in any order, some of them twice as after a lost agent, and some cut short.
fn in_pieces(seed: &mut u64, mut survey: Survey) -> (Manifest, Vec<Option<Stamp>>) {
    if random(seed, 2) == 0 {
        survey.step(random(seed, 100) as usize);
    }
    loop {
        let pieces = survey.pieces();
        if pieces.is_empty() {
            return survey.finish_with_stamps();
        }
        let mut order: Vec<usize> = (0..pieces.len()).collect();
        for place in (1..order.len()).rev() {
            order.swap(place, random(seed, place as u64 + 1) as usize);
        }
        let mut found: Vec<Option<Found>> = pieces.iter().map(|_| None).collect();
        for place in order {
            let mut looks = 2 + random(seed, 30);
            found[place] = Some(pieces[place].walk(&mut || {
                looks -= 1;
                looks > 0
            }));
            if random(seed, 5) == 0 {
                found[place] = Some(pieces[place].walk(&mut || true));
            }
        }
        survey.join(found.into_iter().flatten());
    }
}

#[test]
fn in_one_go_and_in_pieces_of_any_order_is_the_same() {
    let (mut cut, mut deep, mut stamped) = (0, 0, 0);
    for round in 0..60 {
        let mut seed = round;
        let temp = tempfile::tempdir().unwrap();
        grow(&mut seed, temp.path(), 1 + round % 3);
        if round % 6 == 0 {
            // Deeper than one piece goes.
            let deep: String = "d/".repeat(40);
            fs::create_dir_all(temp.path().join(&deep)).unwrap();
            fs::write(temp.path().join(deep).join("deep.rs"), "").unwrap();
        }
        let limits = Limits {
            max_files: [3, 10, 40, 1_000][random(&mut seed, 4) as usize],
            max_file_bytes: 30,
            max_depth: [3, 64][random(&mut seed, 2) as usize],
            max_folder_entries: [6, 1_000][random(&mut seed, 2) as usize],
        };
        let workspace = Workspace::open(temp.path()).unwrap();
        // All files have settled by then.
        let begin = || Survey::start(&workspace, limits).unwrap().stamping(WallMs(u64::MAX));
        let mut survey = begin();
        assert_eq!(survey.step(usize::MAX), Progress::Done);
        let whole = survey.finish_with_stamps();
        assert_eq!(whole.0.files.len(), whole.1.len());
        assert_eq!(whole.0.total_bytes, whole.0.files.iter().map(|file| u64::from(file.bytes)).sum::<u64>());
        cut += u32::from(whole.0.files.len() == limits.max_files && whole.0.truncated);
        deep += u32::from(names(&whole.0).iter().any(|path| path.ends_with("deep.rs")));
        stamped += whole.1.iter().flatten().count();
        for _ in 0..2 {
            assert_eq!(in_pieces(&mut seed, begin()), whole, "tree {round}");
        }
    }
    assert!(cut > 5 && deep > 0, "{cut} were cut, {deep} were deep");
    assert_eq!(stamped > 0, !is_in_memory(tempfile::tempdir().unwrap().path()), "{stamped} had a stamp");
}

/// Whether the files of a folder lie in memory (`TMPFS_MAGIC` of `<linux/magic.h>`) and have no stamps.
fn is_in_memory(folder: &Path) -> bool {
    cfg!(target_os = "linux") && rustix::fs::statfs(folder).unwrap().f_type as u64 & 0xffff_ffff == 0x0102_1994
}

#[test]
fn a_huge_folder_is_gone_over_in_pieces_and_what_a_limit_leaves_is_not() {
    let temp = tree(&[("last/x.c", "")]);
    for number in 0..3_000 {
        fs::write(temp.path().join(format!("{number:04}.c")), "").unwrap();
    }
    let workspace = Workspace::open(temp.path()).unwrap();
    let mut survey = Survey::start(&workspace, Limits::default()).unwrap();
    let pieces = survey.pieces();
    assert!(pieces.len() > 8, "eight agents have something to do");
    survey.join(pieces.iter().map(|piece| piece.walk(&mut || true)));
    assert!(survey.pieces().is_empty());
    assert_eq!(survey.finish().files.len(), 3_001);

    let mut survey = Survey::start(&workspace, Limits { max_files: 100, ..Limits::default() }).unwrap();
    let pieces = survey.pieces();
    let first: Vec<Found> = pieces.iter().take(4).map(|piece| piece.walk(&mut || true)).collect();
    survey.join(first);
    assert!(survey.pieces().is_empty(), "what comes after the limit is not looked at");
    let manifest = survey.finish();
    assert_eq!((manifest.files.len(), manifest.truncated), (100, true));
    assert_eq!(manifest.skipped_for(SkipReason::OverLimit), 1);
}

#[test]
fn a_folder_that_goes_before_its_piece_is_gone_over_is_counted() {
    let temp = tree(&[("a/b/x.rs", ""), ("a/b/y.rs", ""), ("c.rs", "")]);
    let mut survey = Survey::start(&Workspace::open(temp.path()).unwrap(), Limits::default()).unwrap();
    // Lists `a` and `a/b`, and sees one file.
    assert_eq!(survey.step(8), Progress::More);
    let pieces = survey.pieces();
    fs::remove_dir_all(temp.path().join("a")).unwrap();
    symlink(temp.path(), temp.path().join("a")).unwrap();
    survey.join(pieces.iter().map(|piece| piece.walk(&mut || true)));
    while !survey.pieces().is_empty() {
        let pieces = survey.pieces();
        survey.join(pieces.iter().map(|piece| piece.walk(&mut || true)));
    }
    let manifest = survey.finish();
    assert_eq!(names(&manifest), ["a/b/x.rs", "c.rs"], "no link is followed");
    assert_eq!(manifest.skipped_for(SkipReason::Vanished), 1, "{manifest:?}");
}

#[test]
fn what_goes_with_its_folder_is_counted_the_same_however_it_was_cut() {
    let survey = |go_on: &dyn Fn(&mut Survey)| {
        let temp = tree(&[("big/sub/x.c", ""), ("big/.hidden", ""), ("last.c", "")]);
        (0..3_000).for_each(|number| fs::write(temp.path().join(format!("big/{number:04}.c")), "").unwrap());
        let mut survey = Survey::start(&Workspace::open(temp.path()).unwrap(), Limits::default()).unwrap();
        // Lists `big`, and looks at nothing in it.
        assert_eq!(survey.step(1), Progress::More);
        fs::remove_dir_all(temp.path().join("big")).unwrap();
        go_on(&mut survey);
        survey.finish()
    };
    let in_steps = |budget| survey(&move |survey| while survey.step(budget) == Progress::More {});
    let in_pieces = survey(&|survey| {
        let pieces = survey.pieces();
        assert!(pieces.len() > 8, "{} pieces", pieces.len());
        survey.join(pieces.iter().map(|piece| piece.walk(&mut || true)));
        assert!(survey.pieces().is_empty());
    });
    assert_eq!(names(&in_pieces), ["last.c"]);
    assert_eq!(in_pieces.skipped_for(SkipReason::Vanished), 3_001, "{in_pieces:?}");
    assert_eq!(in_pieces.skipped_for(SkipReason::Hidden), 1, "{in_pieces:?}");
    let vanished = in_pieces.skipped.iter().find(|skipped| skipped.reason == SkipReason::Vanished).unwrap();
    assert_eq!(vanished.examples, ["big/0000.c", "big/0001.c", "big/0002.c"]);
    for budget in [1, 100, 1_000_000] {
        assert_eq!(in_steps(budget), in_pieces, "steps of {budget}");
    }
}
