//! What is kept against everything that it depends on: whatever has changed, an analysis finds what a fresh one finds.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    time::UNIX_EPOCH,
};

use agentd_base::{Rng, StepId, TaskId, WallMs};
use tempfile::TempDir;

use super::*;
use crate::{
    manifests::{Said, choose, read},
    stamp::Traits,
    survey::{Limits, Manifest, Progress, SourceFile, Survey},
};

const ATTEMPT: AttemptKey = AttemptKey { task: TaskId::from_parts(1, 1), step: StepId(1), attempt: 1 };

/// When everything has settled.
const LATER: WallMs = WallMs(u64::MAX);

/// A workspace with the cache of its analyses.
struct Bench {
    folder: TempDir,
    state: TempDir,
    store: Store,
    /// Whether stamps are believed.
    stamping: bool,
}

impl Bench {
    fn new(stamping: bool, files: &[(&str, &str)]) -> Self {
        let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = Store::new(state.path().to_owned(), 1 << 20);
        let bench = Self { folder, state, store, stamping };
        files.iter().for_each(|(path, content)| bench.write(path, content));
        bench
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), content).unwrap();
    }

    fn change(&self, path: &str, from: &str, to: &str) {
        let content = fs::read_to_string(self.at(path)).unwrap();
        assert!(content.contains(from), "{path} has no {from}");
        self.write(path, content.replacen(from, to, 1));
    }

    fn chosen(&self, workspace: &Workspace) -> (Manifest, Vec<Chosen>) {
        let mut survey = Survey::start(workspace, Limits::default()).unwrap();
        while survey.step(1_000) == Progress::More {}
        let manifest = survey.finish();
        // Each file has one, wherever the test runs.
        let stamp = |file: &SourceFile| Traits::of(&workspace.dir().metadata(&*file.path).unwrap()).stamp(LATER);
        let stamps: Vec<_> = manifest.files.iter().filter(|_| self.stamping).map(stamp).collect();
        let chosen = choose(&manifest, &stamps);
        (manifest, chosen)
    }

    fn workspace(&self) -> Workspace {
        Workspace::open(self.folder.path()).unwrap()
    }

    /// The step of an analysis, which finds what a fresh one finds; whether it was known.
    fn analyse(&self, what: &str) -> bool {
        let workspace = self.workspace();
        let (manifest, chosen) = self.chosen(&workspace);
        let root = workspace.path();
        let known = Found::known(&self.store, &chosen, &workspace, &mut || true);
        let is_known = known.is_some();
        let found = known.unwrap_or_else(|| Said::by(&chosen, &workspace, &mut || true).finish());
        found.keep(&self.store, root, &chosen, ATTEMPT).unwrap();
        assert_eq!((found.project, found.locks), read(&workspace, &manifest), "{what}");
        is_known
    }

    fn kept(&self) -> std::path::PathBuf {
        let entries = fs::read_dir(self.state.path().join("cache")).unwrap().map(|entry| entry.unwrap().path());
        let kept: Vec<_> = entries.collect();
        assert_eq!(kept.len(), 1, "{kept:?}");
        kept.into_iter().next().unwrap()
    }

    /// A clock of a file system may tick each 10 ms only: writes until it has ticked, so that what comes next has another time.
    fn tick(&self) {
        let path = self.state.path().join("tick");
        let file = fs::File::create(&path).unwrap();
        let changed = |file: &fs::File| file.metadata().map(|of| (of.ctime(), of.ctime_nsec())).unwrap();
        let before = changed(&file);
        let ticked = (0..5_000_000).any(|_| {
            file.set_modified(UNIX_EPOCH).unwrap();
            changed(&file) != before
        });
        assert!(ticked, "the file system's clock stands still");
        fs::remove_file(path).unwrap();
    }
}

const FILES: [(&str, &str); 15] = [
    ("Cargo.toml", "[workspace]\nmembers = [\"a\", \"b\"]\n[workspace.dependencies]\nfnv = \"1\"\n"),
    ("Cargo.lock", "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\"fnv\"]\n"),
    ("a/Cargo.toml", "[package]\nname = \"a\"\n[dependencies]\nfnv = \"*\"\n"),
    ("b/Cargo.toml", "[package]\nname = \"b\"\n[dependencies]\na = \"1\"\n"),
    ("b/src/lib.rs", "pub fn b() {}\n"),
    ("web/package.json", "{\"name\": \"web\", \"scripts\": {\"test\": \"t\"}, \"dependencies\": {\"ms\": \"*\"}}"),
    ("web/.gitignore", "package-lock.json\n"),
    ("jvm/pom.xml", "<artifactId>jvm</artifactId>"),
    ("jvm/build.gradle", "plugins {}\n"),
    ("py/requirements.txt", "six==1.0\npytest\n"),
    ("py/pyproject.toml", "[project]\nname = \"py\"\ndependencies = [\"six\"]\n"),
    ("README.md", "All of it.\n"),
    (".github/workflows/ci.yml", "jobs:\n  - run: cargo test\n"),
    ("Makefile", "test:\n"),
    ("notes.txt", "none\n"),
];

/// What is changed, in words; how; and whether what was found before is still known.
type Edit = (&'static str, fn(&Bench), bool);

const NPM_LOCK: &str = "{\"packages\": {\"\": {\"name\": \"web\"}, \"node_modules/ms\": {\"version\": \"2.0.0\"}}}";

/// One after the other.
const EDITS: [Edit; 42] = [
    ("nothing", |_| {}, true),
    ("another file changes", |it| it.write("notes.txt", "some"), true),
    ("a source file changes", |it| it.write("b/src/lib.rs", "pub fn c() {}\n"), true),
    ("a source file comes", |it| it.write("b/src/new.rs", "fn new() {}\n"), true),
    ("a source file goes", |it| fs::remove_file(it.at("b/src/new.rs")).unwrap(), true),
    ("a manifest changes", |it| it.change("a/Cargo.toml", "\"a\"", "\"c\""), false),
    ("a manifest changes back", |it| it.change("a/Cargo.toml", "\"c\"", "\"a\""), false),
    ("a manifest is written anew", |it| it.change("a/Cargo.toml", "\"a\"", "\"a\""), true),
    ("the lock file changes", |it| it.change("Cargo.lock", "1.0.0", "2.0.0"), false),
    ("the README changes", |it| it.write("README.md", "Half of it.\n"), false),
    ("a workflow changes", |it| it.change(".github/workflows/ci.yml", "test", "build"), false),
    ("targets change", |it| it.write("Makefile", "build:\n"), false),
    ("a manifest comes", |it| it.write("c/Cargo.toml", "[package]\nname = \"c\"\n"), false),
    ("a manifest gets another name", |it| fs::rename(it.at("c"), it.at("d")).unwrap(), false),
    ("a manifest goes", |it| fs::remove_file(it.at("d/Cargo.toml")).unwrap(), false),
    ("a library becomes a program", |it| it.write("b/src/main.rs", "fn main() {}\n"), false),
    ("the program changes", |it| it.write("b/src/main.rs", "fn main() { b() }\n"), true),
    ("it is no program any more", |it| fs::rename(it.at("b/src/main.rs"), it.at("b/src/m.rs")).unwrap(), false),
    ("Maven comes along", |it| it.write("jvm/mvnw", ""), false),
    ("Gradle comes along", |it| it.write("jvm/gradlew", ""), false),
    ("Maven goes", |it| fs::remove_file(it.at("jvm/mvnw")).unwrap(), false),
    ("scripts are yarn's", |it| it.write("web/yarn.lock", "ms@*:\n  version \"2.0.0\"\n"), false),
    ("scripts are Bun's", |it| fs::rename(it.at("web/yarn.lock"), it.at("web/bun.lock")).unwrap(), false),
    ("scripts are npm's", |it| fs::remove_file(it.at("web/bun.lock")).unwrap(), false),
    ("a lock file is there that nobody tracks", |it| it.write("web/package-lock.json", NPM_LOCK), false),
    ("it changes", |it| it.change("web/package-lock.json", "2.0.0", "3.0.0"), false),
    ("it is broken", |it| it.write("web/package-lock.json", "{"), false),
    ("it is a folder", |it| replace(it, "web/package-lock.json", |at| fs::create_dir(at).unwrap()), false),
    ("it leads out", |it| replace(it, "web/package-lock.json", |at| symlink("/etc/passwd", at).unwrap()), false),
    ("it leads in", |it| replace(it, "web/package-lock.json", |at| symlink("package.json", at).unwrap()), false),
    ("it goes", |it| fs::remove_file(it.at("web/package-lock.json")).unwrap(), false),
    ("it is tracked", |it| it.write("web/.gitignore", ""), true),
    ("it comes back", |it| it.write("web/package-lock.json", NPM_LOCK), false),
    ("it is ignored again", |it| it.write("web/.gitignore", "package-lock.json\n"), false),
    ("a manifest is broken", |it| it.change("a/Cargo.toml", "[package]", "[package"), false),
    ("it is broken elsewhere", |it| it.write("a/Cargo.toml", "[package]\nname = \n"), false),
    ("it is no text", |it| it.write("a/Cargo.toml", b"[package]\nname = \"\xff\"\n"), false),
    ("it is too large", |it| it.write("a/Cargo.toml", format!("#{}", " ".repeat(1 << 20))), false),
    ("it is a little too large", |it| it.write("a/Cargo.toml", format!("#{}", " ".repeat(1 << 20))), true),
    ("it is a folder", |it| replace(it, "a/Cargo.toml", |at| fs::create_dir(at).unwrap()), false),
    (
        "it is whole again",
        |it| replace(it, "a/Cargo.toml", |at| fs::write(at, "[package]\nname = \"a\"\n").unwrap()),
        false,
    ),
    ("a folder is ignored", |it| it.write(".gitignore", "py/\n"), false),
];

/// Puts something else in the place of a file or of an empty folder.
fn replace(bench: &Bench, path: &str, put: fn(&Path)) {
    let at = bench.at(path);
    let _ = fs::remove_dir(&at);
    let _ = fs::remove_file(&at);
    put(&at);
}

#[test]
fn whatever_changes_is_found_as_by_a_fresh_analysis() {
    for stamping in [false, true] {
        let bench = Bench::new(stamping, &FILES);
        assert!(!bench.analyse("first"));
        for (what, edit, is_known) in EDITS {
            bench.tick();
            edit(&bench);
            assert_eq!(bench.analyse(what), is_known, "{what}, stamping {stamping}");
            assert!(bench.analyse(what), "{what}, once more, stamping {stamping}");
        }
    }
}

#[test]
fn permission_that_is_lost_is_a_change() {
    for (stamping, path) in
        [false, true].into_iter().flat_map(|it| [(it, "a/Cargo.toml"), (it, "web/package-lock.json")])
    {
        let bench = Bench::new(stamping, &FILES);
        bench.write("web/package-lock.json", NPM_LOCK);
        assert!(!bench.analyse("first"));
        let mut losses = 0;
        for mode in [0o000, 0o600, 0o000, 0o600] {
            bench.tick();
            fs::set_permissions(bench.at(path), fs::Permissions::from_mode(mode)).unwrap();
            let is_readable = fs::read(bench.at(path)).is_ok();
            losses += u32::from(!is_readable);
            // Who may read everything loses nothing.
            let changed = !is_readable || losses > 0;
            assert_eq!(bench.analyse(path), !changed, "{path} {mode:o}");
            assert!(bench.analyse(path), "{path} {mode:o}, once more");
        }
    }
}

#[test]
fn what_has_a_stamp_is_not_read_and_what_has_none_is() {
    let bench = Bench::new(true, &FILES);
    assert!(!bench.analyse("first"));
    let workspace = bench.workspace();
    let (_, chosen) = bench.chosen(&workspace);
    let surveyed: Vec<&Chosen> = chosen.iter().filter(|file| file.surveyed).collect();
    assert!(surveyed.iter().all(|file| file.stamp.is_some()) && surveyed.len() < chosen.len());
    // The survey is older than these changes: who believes its stamps does not see them.
    bench.tick();
    bench.change("a/Cargo.toml", "\"a\"", "\"z\"");
    assert!(Found::known(&bench.store, &chosen, &workspace, &mut || true).is_some());
    let blind: Vec<Chosen> = chosen.iter().map(|file| Chosen { stamp: None, ..file.clone() }).collect();
    assert!(Found::known(&bench.store, &blind, &workspace, &mut || true).is_none());
    // What is read now was not what had the stamp: it is not noted under it.
    let found = Said::by(&chosen, &workspace, &mut || true).finish();
    let noted = |path: &str| found.signs[chosen.iter().position(|file| &*file.path == path).unwrap()].stamp;
    assert!(noted("a/Cargo.toml").is_none() && noted("b/Cargo.toml").is_some());
}

#[test]
fn before_each_file_is_asked_whether_to_go_on() {
    let bench = Bench::new(true, &FILES);
    assert!(!bench.analyse("first"));
    let workspace = bench.workspace();
    let (_, mut chosen) = bench.chosen(&workspace);
    let all = chosen.len();
    for (what, files) in [("without a stamp", chosen.iter().filter(|file| file.stamp.is_none()).count()), ("any", all)]
    {
        for stop_after in [0, 1, files - 1, files] {
            let mut asked = 0;
            let mut go_on = || {
                asked += 1;
                asked <= stop_after
            };
            let known = Found::known(&bench.store, &chosen, &workspace, &mut go_on);
            assert_eq!(known.is_some(), stop_after == files, "{what}, {stop_after} of {files}");
            assert_eq!(asked, files.min(stop_after + 1), "{what}, {stop_after} of {files}");
        }
        chosen.iter_mut().for_each(|file| file.stamp = None);
    }
    for stop_after in [0, 1, all - 1, all] {
        let mut asked = 0;
        let mut go_on = || {
            asked += 1;
            asked <= stop_after
        };
        let said = Said::by(&chosen, &workspace, &mut go_on);
        assert_eq!((said.signs.len(), asked), (stop_after, all.min(stop_after + 1)));
    }
}

#[test]
fn news_of_stamps_is_kept_and_nothing_else_is_written() {
    let bench = Bench::new(true, &FILES);
    assert!(!bench.analyse("first"));
    let written = || (fs::read(bench.kept()).unwrap(), fs::metadata(bench.kept()).unwrap().ino());
    let first = written();
    assert!(bench.analyse("again"));
    assert_eq!(written(), first);
    bench.tick();
    bench.change("a/Cargo.toml", "\"a\"", "\"a\"");
    assert!(bench.analyse("touched"));
    let second = written();
    assert_ne!(second, first);
    assert!(bench.analyse("touched, again"));
    assert_eq!(written(), second);
}

#[test]
fn what_is_rotten_or_of_another_shape_is_found_out_anew() {
    let bench = Bench::new(false, &FILES);
    assert!(!bench.analyse("first"));
    let kept = bench.kept();
    let whole = fs::read(&kept).unwrap();
    for at in (0..whole.len()).step_by(29) {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        for damaged in [&bytes, &whole[..at]] {
            fs::write(&kept, damaged).unwrap();
            assert!(!bench.analyse("damaged"), "byte {at}");
        }
    }
    // Sealed as it should be, but the answer of somebody else.
    let workspace = bench.workspace();
    let (_, chosen) = bench.chosen(&workspace);
    let asked = question(&chosen);
    let beside = bench.store.beside(workspace.path(), KIND, &asked);
    let payload = beside.bytes().unwrap();
    for len in (0..payload.len()).step_by(29) {
        beside.put_bytes(&payload[..len], ATTEMPT).unwrap();
        assert!(!bench.analyse("cut"), "{len} bytes");
    }
    let fewer = Found { signs: Vec::new(), ..beside.get().unwrap() };
    beside.put(&fewer, ATTEMPT).unwrap();
    assert!(!bench.analyse("without signs"));
    bench.store.beside(workspace.path(), "history", &asked).put_bytes(&payload, ATTEMPT).unwrap();
    fs::rename(kept.with_extension("history"), &kept).unwrap();
    assert!(!bench.analyse("of another kind"));
}

/// Names whose files say something, and some whose do not.
const NAMES: [&str; 20] = [
    "Cargo.toml",
    "Cargo.lock",
    "src/main.rs",
    "src/lib.rs",
    "package.json",
    "package-lock.json",
    "yarn.lock",
    "bun.lockb",
    "pyproject.toml",
    "poetry.lock",
    "requirements.txt",
    "Pipfile",
    "go.mod",
    "go.sum",
    "pom.xml",
    "mvnw",
    "build.gradle",
    "README.md",
    "Makefile",
    ".gitignore",
];

const FOLDERS: [&str; 6] = ["", "a/", "a/b/", "c/", "tests/x/", "vendor/y/"];

/// A text for a file of this name; each is of another length, so that stamps differ under any clock.
fn text(name: &str, number: u64, rng: &mut Rng) -> String {
    let kinds = [
        FILES.iter().find(|(path, _)| path.ends_with(name)).map_or("", |(_, text)| *text),
        "[package]\nname = \"p\"\n[dependencies]\nfnv = \"*\"\nq = \"1\"\n",
        "[package]\nname = \"q\"\ndescription = \"Q\"\n[[bin]]\nname = \"r\"\n",
        "version = 4\n[[package]]\nname = \"fnv\"\nversion = \"1.0.0\"\n[[package]]\nname = \"fnv\"\nversion = \"2.0.0\"\n",
        "{\"name\": \"n\", \"scripts\": {\"start\": \"s\"}, \"dependencies\": {\"ms\": \"1\"}}",
        NPM_LOCK,
        "module example.org/m\nrequire example.org/x v1.0.0\n",
        "six\npytest>=1\n",
        "Cargo.lock\nrequirements.txt\nb/\n",
        "[broken\n",
    ];
    // Half of the time what such a file holds.
    let place = usize::try_from(rng.below(2 * kinds.len() as u64)).unwrap();
    format!("{}\n{}", kinds.get(place).unwrap_or(&kinds[0]), "\n".repeat(usize::try_from(number).unwrap()))
}

/// One change at random.
fn edit(bench: &Bench, number: u64, rng: &mut Rng) -> String {
    let mut pick = || {
        let (folder, name) = (rng.below(FOLDERS.len() as u64), rng.below(NAMES.len() as u64));
        (FOLDERS[usize::try_from(folder).unwrap()], NAMES[usize::try_from(name).unwrap()])
    };
    let ((folder, name), (other_folder, other_name)) = (pick(), pick());
    let (path, other) = (format!("{folder}{name}"), format!("{other_folder}{other_name}"));
    let at = bench.at(&path);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::create_dir_all(bench.at(&other).parent().unwrap()).unwrap();
    // What cannot be done is not done.
    let kind = rng.below(10);
    match kind {
        0 => drop(fs::remove_file(&at)),
        1 => drop(fs::rename(bench.at(&other), &at)),
        2 => drop(fs::hard_link(bench.at(&other), &at)),
        3 => drop(fs::remove_file(&at).and_then(|()| symlink(name, bench.at(&other)))),
        4 => drop(fs::create_dir(&at)),
        5 => drop(fs::remove_dir(&at)),
        6 => drop(fs::File::open(&at).and_then(|file| file.set_modified(UNIX_EPOCH))),
        _ => drop(fs::write(&at, text(name, number, rng))),
    }
    format!("{kind} {path} {other}")
}

#[test]
fn random_changes_are_found_as_by_a_fresh_analysis() {
    for seed in 0..8 {
        let mut rng = Rng::new(seed);
        let bench = Bench::new(seed % 2 == 0, &FILES);
        let mut known = 0;
        for number in 0..80 {
            let what = format!("seed {seed}, change {number}: {}", edit(&bench, number, &mut rng));
            known += u32::from(bench.analyse(&what));
            assert!(bench.analyse(&what), "{what}, once more");
        }
        assert!((8..72).contains(&known), "{known} of 80 changes changed nothing");
    }
}
