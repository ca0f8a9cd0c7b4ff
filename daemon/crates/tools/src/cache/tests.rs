//! The cache against everything that can happen to its file, its folder and its questions.

use std::{
    collections::BTreeMap,
    fs,
    sync::{LazyLock, Mutex},
    time::Duration,
};

use agentd_base::{Rng, StepId, TaskId};
use agentd_syntax::{Confidence, Limits, Parser};
use tempfile::TempDir;

use super::*;

const PLENTY: u64 = 1 << 30;

fn attempt(number: u32) -> AttemptKey {
    AttemptKey { task: TaskId::from_parts(1, 1), step: StepId(1), attempt: number }
}

fn source(number: u32) -> String {
    format!("use a::m{number};\npub fn f{number}(x: u32) -> u32 {{ if x > {number} {{ x }} else {{ 0 }} }}\n")
}

/// What is known about a source; parsed once.
fn known(number: u32) -> Kept {
    static ALL: LazyLock<Mutex<BTreeMap<u32, Kept>>> = LazyLock::new(Mutex::default);
    let mut all = ALL.lock().unwrap();
    all.entry(number).or_insert_with(|| parsed(&source(number))).clone()
}

fn parsed(content: &str) -> Kept {
    let facts = Parser::new().analyze(Language::Rust, content.as_bytes(), Limits::default()).unwrap();
    let sketch = crate::duplicates::sketch(content.as_bytes(), Language::Rust);
    Kept::Facts(Box::new(Known { digest: Digest::of(facts), sketch }))
}

/// The same without what the file imports.
fn without_imports(kept: &Kept) -> Kept {
    let mut kept = kept.clone();
    if let Kept::Facts(known) = &mut kept {
        assert!(!known.digest.take_imports().is_empty(), "a source that shows the difference");
    }
    kept
}

struct Bench {
    state: TempDir,
    bytes: u64,
    rules: RuleSet,
    attempts: u32,
}

impl Bench {
    fn new(bytes: u64) -> Self {
        Self { state: tempfile::tempdir().unwrap(), bytes, rules: RuleSet::ALL, attempts: 0 }
    }

    fn open(&self, root: &str) -> Arc<Cache> {
        Arc::new(Store::new(self.state.path().to_owned(), self.bytes).open(Path::new(root), self.rules))
    }

    /// An analysis of these sources; how many were known, each rightly.
    fn analyse(&mut self, root: &str, sources: impl IntoIterator<Item = u32>) -> usize {
        self.attempts += 1;
        let cache = self.open(root);
        let mut writer = cache.writer(attempt(self.attempts));
        let mut known = 0;
        for number in sources {
            known += usize::from(ask(&cache, &mut writer, number));
        }
        while !writer.step().unwrap() {}
        known
    }

    fn folder(&self) -> PathBuf {
        self.state.path().join(folder::FOLDER)
    }

    fn files(&self) -> BTreeMap<String, u64> {
        let entries = fs::read_dir(self.folder()).unwrap().map(Result::unwrap);
        entries.map(|file| (file.file_name().into_string().unwrap(), file.metadata().unwrap().len())).collect()
    }

    /// The only file.
    fn file(&self) -> PathBuf {
        let files = self.files();
        assert_eq!(files.len(), 1, "{files:?}");
        self.folder().join(files.keys().next().unwrap())
    }
}

/// Whether it was known, rightly; else it is now.
fn ask(cache: &Cache, writer: &mut Writer, number: u32) -> bool {
    let content = source(number);
    let key = cache.key(Language::Rust, content.as_bytes()).unwrap();
    let right = known(number);
    let asked = [Part::All, Part::WithoutImports].map(|part| cache.get(&key, part));
    if let [Some(all), Some(without)] = asked {
        assert_eq!(without, without_imports(&right), "source {number}");
        assert_eq!(all, right, "source {number}");
        return true;
    }
    assert_eq!(asked, [None, None], "source {number} is known as a whole or not at all");
    writer.add(Cache::entry(key, &right).unwrap()).unwrap();
    false
}

#[test]
fn what_was_found_out_is_known_and_only_what_changed_is_not() {
    let mut bench = Bench::new(PLENTY);
    assert_eq!(bench.analyse("/w", 0..50), 0);
    let written = fs::read(bench.file()).unwrap();
    assert_eq!(bench.analyse("/w", 0..50), 50);
    assert_eq!(fs::read(bench.file()).unwrap(), written, "nothing new, nothing written");
    assert_eq!(bench.analyse("/w", 1..51), 49);
    assert_eq!(bench.analyse("/w", 0..51), 51, "the old version of an edited file is known for a while");
    assert_eq!(bench.analyse("/other", 0..51), 0, "each workspace has its own");
    assert_eq!(bench.files().len(), 3, "what came later stands beside the first");
}

#[test]
fn another_question_is_not_answered() {
    let mut bench = Bench::new(PLENTY);
    bench.analyse("/w", 0..3);
    let content = source(0);
    assert!(
        bench
            .open("/w")
            .key(Language::Rust, content.as_bytes())
            .is_some_and(|key| bench.open("/w").get(&key, Part::All).is_some())
    );
    let cache = bench.open("/w");
    let as_c = cache.key(Language::C, content.as_bytes()).unwrap();
    assert_eq!(cache.get(&as_c, Part::All), None, "another language");
    for rules in [RuleSet::NONE, RuleSet::ALL.at_least(Confidence::High), RuleSet::ALL.without("loop-sort")] {
        bench.rules = rules;
        assert_eq!(bench.analyse("/w", 0..3), 0, "{rules:?}");
    }
    bench.rules = RuleSet::ALL;
    assert_eq!(bench.analyse("/w", 0..3), 3, "going back finds what was left");
    let mut store = Store::new(bench.state.path().to_owned(), PLENTY);
    store.build.as_mut().unwrap()[0] ^= 1;
    let cache = store.open(Path::new("/w"), bench.rules);
    let key = cache.key(Language::Rust, content.as_bytes()).unwrap();
    assert_eq!(cache.get(&key, Part::All), None, "another build");
}

#[test]
fn refusals_are_kept_too() {
    let bench = Bench::new(PLENTY);
    let cache = bench.open("/w");
    let mut writer = cache.writer(attempt(1));
    let refusals = [Kept::LeavesOpen, Kept::TooMuchMemory, Kept::TakesTooLong];
    let all: Vec<Kept> = refusals.into_iter().chain([parsed(""), parsed(&"fn f() {}\n".repeat(2_000))]).collect();
    let key = |number: usize| cache.key(Language::Rust, &[number as u8]).unwrap();
    for (number, kept) in all.iter().enumerate() {
        writer.add(Cache::entry(key(number), kept).unwrap()).unwrap();
    }
    while !writer.step().unwrap() {}
    let again = bench.open("/w");
    for (number, kept) in all.iter().enumerate() {
        assert_eq!(again.get(&key(number), Part::All).as_ref(), Some(kept));
    }
}

#[test]
fn nothing_is_kept_where_that_is_wished() {
    let bench = Bench::new(0);
    let cache = bench.open("/w");
    assert_eq!(cache.key(Language::Rust, b"x"), None);
    let mut writer = cache.writer(attempt(1));
    assert!(writer.step().unwrap());
    assert!(!bench.folder().exists());
}

/// Cuts, flips, garbage, in either file: the answers that are left are right, and the next analysis knows everything again.
#[test]
fn a_damaged_file_costs_time_and_never_a_wrong_answer() {
    let mut bench = Bench::new(PLENTY);
    let sources = 0..24;
    bench.analyse("/w", 0..22);
    let path = bench.file();
    let more = path.with_file_name(bench.open("/w").more_name());
    assert_eq!(bench.analyse("/w", sources.clone()), 22);
    let whole = [&path, &more].map(|path| (path, fs::read(path).unwrap()));
    let mut rng = Rng::new(7);
    let mut some_left = [0; 2];
    for round in 0..400 {
        whole.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        let which = round / 5 % 2;
        let (damaged, mut bytes) = whole[which].clone();
        let at = rng.below(bytes.len() as u64) as usize;
        match round % 5 {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << rng.below(8),
            2 => (0..64).for_each(|_| {
                let at = rng.below(bytes.len() as u64) as usize;
                bytes[at] = rng.next_u64() as u8;
            }),
            3 => bytes[at..].fill(0),
            _ => bytes = (0..at).map(|_| rng.next_u64() as u8).collect(),
        }
        fs::write(damaged, &bytes).unwrap();
        let known = bench.analyse("/w", sources.clone());
        assert!(known >= [2, 22][which], "round {round}: damage in one file costs nothing of the other: {known}");
        some_left[which] += usize::from(known > [2, 22][which]);
        assert_eq!(bench.analyse("/w", sources.clone()), sources.len(), "round {round}, {known} were left");
    }
    assert!(some_left[0] > 15 && some_left[1] > 0, "a flipped bit costs one answer: {some_left:?}");
    // Answers in each other's place, with an index that is right in itself.
    let (mut index, _) = Index::read(&fs::File::open(&path).unwrap()).unwrap();
    let places: Vec<_> = index.slots.iter().map(|slot| (slot.at, slot.len)).collect();
    let count = places.len();
    for (number, slot) in index.slots.iter_mut().enumerate() {
        (slot.at, slot.len) = places[(number + 1) % count];
    }
    let start = places.iter().map(|(at, len)| at + u64::from(*len)).max().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(start as usize);
    bytes.extend(index.encode(start));
    fs::write(&path, bytes).unwrap();
    let _ = fs::remove_file(&more);
    assert_eq!(bench.analyse("/w", sources.clone()), 0);
    assert_eq!(bench.analyse("/w", sources.clone()), sources.len());
}

#[test]
fn whatever_stands_in_the_way_is_no_fault_of_an_analysis() {
    let mut bench = Bench::new(PLENTY);
    bench.analyse("/w", 0..3);
    let path = bench.file();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let cache = bench.open("/w");
    let mut writer = cache.writer(attempt(90));
    assert!(!ask(&cache, &mut writer, 1));
    assert!(writer.step().is_err() && writer.step().unwrap(), "told once, then given up");
    assert_eq!(bench.files().len(), 1, "what was begun is gone");
    let elsewhere = tempfile::tempdir().unwrap();
    fs::remove_dir_all(bench.folder()).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), bench.folder()).unwrap();
    let cache = bench.open("/w");
    let mut writer = cache.writer(attempt(91));
    let key = cache.key(Language::Rust, b"").unwrap();
    assert!(writer.add(Cache::entry(key, &Kept::LeavesOpen).unwrap()).is_err(), "a link is not followed");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    let mut links = Bench::new(PLENTY);
    links.analyse("/w", 0..3);
    let (path, target) = (links.file(), elsewhere.path().join("target"));
    fs::rename(&path, &target).unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    assert_eq!(links.analyse("/w", 0..3), 0);
    assert!(path.symlink_metadata().unwrap().is_file(), "the link was replaced, and not what it leads to");
}

#[test]
fn two_analyses_at_once_do_not_disturb_each_other() {
    let mut bench = Bench::new(PLENTY);
    bench.analyse("/w", 0..20);
    let caches = [bench.open("/w"), bench.open("/w")];
    let mut writers = [caches[0].writer(attempt(100)), caches[1].writer(attempt(101))];
    for number in 10..40 {
        for (cache, writer) in caches.iter().zip(&mut writers) {
            assert_eq!(ask(cache, writer, number), number < 20, "{number}");
        }
    }
    let mut over = [false, false];
    while over != [true, true] {
        for (over, writer) in over.iter_mut().zip(&mut writers) {
            *over = *over || writer.step().unwrap();
        }
    }
    assert_eq!(bench.analyse("/w", 0..40), 40);
    drop(bench.open("/w").writer(attempt(102)));
    let given_up = bench.open("/w");
    let mut writer = given_up.writer(attempt(103));
    ask(&given_up, &mut writer, 99);
    assert_eq!(bench.files().len(), 3);
    drop(writer);
    assert_eq!(bench.files().len(), 2, "a cancelled analysis leaves nothing behind");
}

#[test]
fn what_one_attempt_keeps_beside_its_facts_does_not_disturb_them() {
    let bench = Bench::new(PLENTY);
    let store = Store::new(bench.state.path().to_owned(), PLENTY);
    let cache = bench.open("/w");
    let mut writer = cache.writer(attempt(1));
    ask(&cache, &mut writer, 0);
    store.beside(Path::new("/w"), "list", b"a").put(&vec![1_u32], attempt(1)).unwrap();
    ask(&cache, &mut writer, 1);
    while !writer.step().unwrap() {}
    assert!((0..2).all(|number| ask(&bench.open("/w"), &mut cache.writer(attempt(2)), number)));
    assert_eq!(store.beside(Path::new("/w"), "list", b"a").get(), Some(vec![1_u32]));
    assert_eq!(bench.files().len(), 2);
}

#[test]
fn one_file_stays_below_the_bound_and_keeps_what_is_used() {
    let mut bench = Bench::new(8_000);
    bench.analyse("/w", 0..200);
    assert!(bench.files().values().all(|len| *len < 8_200), "{:?}", bench.files());
    let fitting = bench.analyse("/w", 0..200);
    assert!((5..200).contains(&fitting), "{fitting}");
    let few = bench.analyse("/w", 1_000..1_005);
    assert_eq!((few, bench.analyse("/w", 1_000..1_005)), (0, 5), "what is new comes before what was not used");
    assert!(bench.files().values().all(|len| *len < 8_200), "{:?}", bench.files());
}

#[test]
fn old_versions_do_not_pile_up() {
    let mut bench = Bench::new(PLENTY);
    let cache = bench.open("/w");
    let text: String = (0..20_000).map(|line| format!("call(a{line}, b{line});\n")).collect();
    let sketch = crate::duplicates::sketch(text.as_bytes(), Language::Rust);
    let large = |number: u8| {
        let Kept::Facts(mut known) = known(0) else { panic!() };
        known.sketch = sketch.clone();
        (cache.key(Language::Rust, &[number]).unwrap(), Kept::Facts(known))
    };
    let mut most = 0;
    for number in 0..60 {
        bench.attempts += 1;
        let cache = bench.open("/w");
        let mut writer = cache.writer(attempt(bench.attempts));
        let (key, kept) = large(number);
        writer.add(Cache::entry(key, &kept).unwrap()).unwrap();
        while !writer.step().unwrap() {}
        most = most.max(*bench.files().values().next().unwrap());
    }
    assert!((1 << 20..(3 << 20) / 2).contains(&most), "{most}");
}

#[test]
fn the_folder_stays_below_the_bound_and_loses_what_was_used_longest_ago() {
    let mut bench = Bench::new(PLENTY);
    for root in ["/a", "/b", "/c"] {
        bench.analyse(root, 0..20);
    }
    let each = *bench.files().values().next().unwrap();
    let day = Duration::from_secs(86_400);
    let now = std::time::SystemTime::now();
    let mut names = Vec::new();
    for (age, root) in [(3, "/a"), (2, "/b"), (1, "/c")] {
        let name = bench.open(root).name.clone();
        fs::File::open(bench.folder().join(&name)).unwrap().set_modified(now - age * day).unwrap();
        names.push(name);
    }
    assert_eq!(bench.analyse("/a", 0..20), 20, "being asked makes it young");
    fs::write(bench.folder().join("forgotten.tmp"), "x").unwrap();
    fs::File::open(bench.folder().join("forgotten.tmp")).unwrap().set_modified(now - day).unwrap();
    fs::write(bench.folder().join("written.tmp"), "x").unwrap();
    bench.bytes = 3 * each + each / 2;
    bench.analyse("/d", 0..20);
    let left: Vec<String> = bench.files().into_keys().collect();
    let mut expected =
        vec![names[0].clone(), names[2].clone(), bench.open("/d").name.clone(), "written.tmp".to_owned()];
    expected.sort();
    assert_eq!(left, expected);
}

#[test]
fn facts_at_their_limit_stay_whatever_is_kept_beside_them() {
    let mut bench = Bench::new(16_000);
    let store = Store::new(bench.state.path().to_owned(), bench.bytes);
    let kinds = ["stamps", "links", "project", "history"];
    let share = usize::try_from(store.share()).unwrap() - beside::HEAD;
    bench.analyse("/other", 0..200);
    // Some are a little longer than others.
    let most = u32::try_from(bench.analyse("/other", 0..200)).unwrap() - 3;
    bench.analyse("/w", 0..most);
    let facts = bench.files()[&bench.open("/w").name];
    assert!((11_000..12_200).contains(&facts), "{facts}: about all that they may take");
    for round in 0..3_u8 {
        for kind in kinds {
            store.beside(Path::new("/w"), kind, b"a").put_bytes(&vec![round; share], attempt(900)).unwrap();
        }
        assert_eq!(bench.analyse("/w", 0..most), most as usize, "round {round}");
        for kind in kinds {
            assert_eq!(store.beside(Path::new("/w"), kind, b"a").bytes(), Some(vec![round; share]), "{kind}");
        }
    }
    store.beside(Path::new("/w"), "links", b"a").put_bytes(&vec![9; share + 1], attempt(901)).unwrap();
    let kept = store.beside(Path::new("/w"), "links", b"a").bytes();
    assert_eq!(kept, Some(vec![2; share]), "what is more than its share is not kept");
}
