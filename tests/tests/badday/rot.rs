//! Rot: flipped bits, cut files, swapped documents. Found and named, or harmless; never wrong data, never a lost task
//! without a word.

use std::{collections::BTreeMap, fs, path::Path};

use agentd_proto::v1::{Event, Health};
use agentd_tests::{
    client::{analyze, noop},
    daemon::{Home, TestDaemon, cli},
};
use tonic::{Code, Status};

use super::{
    kill_syscall::comes_up,
    oracle::{Oracle, history, is_clear, list},
    support::{Random, Served, home_of, repository, said, segments, small, succeeded, times},
};

/// A store that was stopped in order, and what it served.
struct Store {
    home: Home,
    oracle: Oracle,
    /// Events of every task by id.
    truth: BTreeMap<String, Vec<Event>>,
    /// Bytes of each segment that are in use.
    used: Vec<u64>,
}

impl Store {
    fn new() -> Self {
        let home = Home::new();
        let (folder, oracle) = (repository(&home), Oracle::default());
        let mut served = Served::start(&home);
        let truth = served.run(async {
            for number in 0..40 {
                // Long requests make several segments.
                let request = noop(&format!("{number} {}", "long ".repeat(6_000)));
                oracle.submit(&served.clients, &format!("noop{number}"), request).await.expect("accepted");
            }
            let id = oracle.submit(&served.clients, "analysis", analyze(&folder)).await.expect("accepted").task_id;
            succeeded(&served.clients, &id).await;
            let mut truth = BTreeMap::new();
            for (_, id) in oracle.acked() {
                succeeded(&served.clients, &id).await;
                truth.insert(id.clone(), history(&served.clients, &id).await.expect("a healthy journal"));
            }
            truth
        });
        assert!(served.daemon.stop().success(), "{}", served.daemon.words());
        let used = segments(&home.state()).iter().map(|path| used(path)).collect();
        Self { home, oracle, truth, used }
    }

    /// What a daemon makes of a damaged copy. Panics if it serves anything false.
    fn judge(&self, home: &Home, what: &str) -> Outcome {
        let before = said(home).len();
        let mut daemon = TestDaemon::launch(home, small);
        if !comes_up(home, &mut daemon) {
            let words = said(home).split_off(before);
            assert!(words.contains("agentd: ") && !words.contains("panicked"), "{what}: {words:?}");
            return Outcome::Ended;
        }
        let served = Served::of(home, daemon);
        let status = served.run(served.clients.status());
        let serving = status.health() == Health::Serving;
        let named = status.reasons.iter().any(|reason| reason.contains("log/"));
        assert!(serving || named, "{what}: read-only, but no file is named: {:?}", status.reasons);
        let (lost, refused) = served.run(self.compare(&served, what));
        assert!(lost.is_empty(), "{what}: nothing is said of what is missing, but {:?}", lost.first());
        match (serving, refused) {
            (false, _) => Outcome::Named,
            (true, 0) => Outcome::Harmless,
            (true, _) => Outcome::NamedWhenRead,
        }
    }

    /// Compares all that is served with the truth; gives what is lost without a word, and how many tasks were refused as
    /// damaged.
    async fn compare(&self, served: &Served, what: &str) -> (Vec<String>, usize) {
        let (mut lost, mut refused) = (Vec::new(), 0);
        for (id, truth) in &self.truth {
            match served.clients.task(id).await {
                Ok(task) if task.ended_at.is_none() => lost.push(format!("task {id} is open again")),
                Ok(_) => {}
                Err(status) if names_log(&status) => refused += 1,
                Err(status) => lost.push(format!("task {id}: {status}")),
            }
            match history(&served.clients, id).await {
                Ok(told) => {
                    assert!(truth.starts_with(&told), "{what}: task {id} is told wrongly");
                    if told.len() < truth.len() {
                        lost.push(format!("task {id} is told in part: {} of {} events", told.len(), truth.len()));
                    }
                }
                Err(status) if names_log(&status) => refused += 1,
                Err(status) => lost.push(format!("history of task {id}: {status:?}")),
            }
        }
        for (key, id) in self.oracle.acked().into_iter().step_by(5) {
            match self.oracle.repeat(&served.clients, &key).await {
                Ok(answer) => assert_eq!(answer.task_id, id),
                Err(status) => assert!(is_clear(&status), "{what}: key {key}: {status:?}"),
            }
        }
        (lost, refused)
    }
}

/// Refused because a file of the log is damaged, and which one.
fn names_log(status: &Status) -> bool {
    status.code() == Code::DataLoss && status.message().contains("log/")
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Everything is served, and right.
    Harmless,
    /// Read-only from the start, and says which file.
    Named,
    /// Found when what is damaged was asked for.
    NamedWhenRead,
    /// Did not start, and said why.
    Ended,
}

/// A log of one segment, as most are, of which a part is left.
#[test]
fn what_is_left_of_the_only_segment_is_shown() {
    let home = Home::new();
    let mut served = Served::start(&home);
    let tasks = served.run(async {
        let mut tasks = Vec::new();
        for number in 0..4 {
            let request = noop(&format!("{number} {}", "long ".repeat(2_000)));
            let task = served.clients.submit(request).await.task_id;
            succeeded(&served.clients, &task).await;
            tasks.push(task);
        }
        tasks
    });
    assert!(served.daemon.stop().success(), "{}", served.daemon.words());
    let path = segments(&home.state()).swap_remove(0);
    let to = used(&path) / 2;
    fs::OpenOptions::new().write(true).open(&path).expect("it is there").set_len(to).expect("a file can be cut");
    fs::remove_dir_all(home.state().join("index")).expect("the index is there");
    let check = cli(&home, &["journal", "verify"]);
    let words = String::from_utf8_lossy(&check.stdout);
    assert!(words.contains(&format!("damaged at byte {to}: the file is cut")), "{words}");
    assert!(!words.starts_with("0 records"), "{words}");
    let served = Served::start(&home);
    assert_eq!(served.run(served.clients.status()).health(), Health::ReadOnly);
    let shown = served.run(list(&served.clients));
    assert!(shown.contains(&tasks[0]) && !shown.contains(&tasks[3]), "{shown:?} of {tasks:?}");
}

/// Offset behind the last byte that is not zero.
fn used(path: &Path) -> u64 {
    let bytes = fs::read(path).expect("a segment can be read");
    bytes.iter().rposition(|&byte| byte != 0).map_or(0, |place| place as u64 + 1)
}

fn flip(path: &Path, offset: u64, bit: u64) {
    let mut bytes = fs::read(path).expect("a file can be read");
    bytes[usize::try_from(offset).expect("small")] ^= 1 << bit;
    fs::write(path, bytes).expect("a file can be written");
}

#[test]
fn flipped_bits_of_the_log_are_found_or_harmless() {
    let (store, mut random) = (Store::new(), Random::new("bit flips"));
    let mut outcomes = BTreeMap::new();
    for round in 0..times("AGENTD_TEST_FLIPS", 200) {
        let home = home_of(&store.home.state());
        let paths = segments(&home.state());
        let chosen = usize::try_from(random.below(paths.len() as u64)).expect("small");
        // Heads and ends are small and matter most; every fourth flip goes there.
        let offset = match round % 4 {
            0 => random.below(store.used[chosen].min(512)),
            1 => store.used[chosen] - 1 - random.below(store.used[chosen].min(512)),
            _ => random.below(store.used[chosen]),
        };
        let bit = random.below(8);
        flip(&paths[chosen], offset, bit);
        let name = paths[chosen].file_name().expect("a name").to_string_lossy().into_owned();
        let mut what = format!("{name}, byte {offset}, bit {bit}");
        if round % 8 > 3 {
            // Now the log alone knows which key made which task.
            fs::remove_dir_all(home.state().join("index")).expect("the index is there");
            what.push_str(", no index");
        }
        *outcomes.entry(store.judge(&home, &what)).or_insert(0) += 1;
    }
    println!("bit flips in {} segments: {outcomes:?}", store.used.len());
    assert!(outcomes.get(&Outcome::Named).is_some_and(|&named| named > 0), "no flip was ever found: {outcomes:?}");
}

/// The number of the first record of a segment.
fn base(path: &Path) -> u64 {
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    name.split_once('-').and_then(|(_, base)| base.parse().ok()).expect("the name of a segment")
}

#[test]
fn a_damaged_segment_costs_the_tasks_in_it_and_no_others() {
    let store = Store::new();
    let paths = segments(&store.home.state());
    assert!(paths.len() > 2, "{paths:?}");
    let mut costs = Vec::new();
    let harms = ["flipped", "overwritten", "cut"];
    for (chosen, harm) in (0..paths.len()).flat_map(|chosen| harms.map(|harm| (chosen, harm))) {
        let home = home_of(&store.home.state());
        let path = &segments(&home.state())[chosen];
        let length = fs::metadata(path).expect("a segment").len();
        match harm {
            "flipped" => flip(path, store.used[chosen] / 2, 5),
            "overwritten" => {
                fs::write(path, vec![0xa5; usize::try_from(length).expect("small")]).expect("a file can be written");
            }
            _ => {
                let file = fs::OpenOptions::new().write(true).open(path).expect("a segment can be opened");
                file.set_len(store.used[chosen] / 2).expect("a file can be cut");
            }
        }
        fs::remove_dir_all(home.state().join("index")).expect("the index is there");
        let (from, to) = (base(path), paths.get(chosen + 1).map_or(u64::MAX, |next| base(next)));
        let what = format!("segment {chosen} {harm}");
        let served = Served::start(&home);
        let listed = served.run(list(&served.clients));
        let mut cost = 0;
        for (id, truth) in &store.truth {
            let beside = truth.iter().all(|event| event.cursor < from || event.cursor >= to);
            let spans = truth.iter().any(|event| event.cursor < from) && truth.iter().any(|event| event.cursor >= to);
            match served.run(served.clients.task(id)) {
                Ok(_) => {
                    assert!(listed.contains(id), "{what}: List leaves out {id}");
                    let told = served.run(history(&served.clients, id)).expect("what is shown can be watched");
                    assert_eq!(told, *truth, "{what}: {id}");
                }
                Err(status) => {
                    assert!(names_log(&status), "{what}: {id}: {status:?}");
                    assert!(!beside || spans, "{what}: {id} was not in it, but {status:?}");
                    cost += 1;
                }
            }
        }
        let status = served.run(served.clients.status());
        let told = status.reasons.iter().chain(&status.warnings).any(|text| text.contains("log/"));
        assert!(told || cost == 0, "{what}: costs {cost} tasks, and status says nothing: {status:?}");
        assert!(cost < store.truth.len(), "{what}: all is lost");
        costs.push(cost);
    }
    println!("tasks lost of {} with each segment {harms:?}: {costs:?}", store.truth.len());
    assert!(costs.iter().any(|cost| *cost > 0), "no damage cost anything");
}

#[test]
fn cut_segments_are_found_or_harmless() {
    let (store, mut random) = (Store::new(), Random::new("cuts"));
    let mut outcomes = BTreeMap::new();
    for round in 0..times("AGENTD_TEST_CUTS", 40) {
        let home = home_of(&store.home.state());
        let paths = segments(&home.state());
        let chosen = usize::try_from(random.below(paths.len() as u64)).expect("small");
        let length = fs::metadata(&paths[chosen]).expect("a segment").len();
        let to = match round % 3 {
            0 => random.below(length / 512) * 512,
            1 => random.below(store.used[chosen]),
            _ => store.used[chosen] + random.below(length - store.used[chosen]),
        };
        let file = fs::OpenOptions::new().write(true).open(&paths[chosen]).expect("a segment can be opened");
        file.set_len(to).expect("a file can be cut");
        let name = paths[chosen].file_name().expect("a name").to_string_lossy().into_owned();
        *outcomes.entry(store.judge(&home, &format!("{name} cut to {to} of {length} bytes"))).or_insert(0) += 1;
    }
    println!("cuts: {outcomes:?}");
}

#[test]
fn verify_tells_faults_of_log_and_documents_with_its_exit_code() {
    let store = Store::new();
    let verify = |home: &Home| {
        let check = || {
            ["--quiet", "--json"].map(|how| {
                let output = cli(home, &["journal", "verify", how]);
                let text =
                    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
                (output.status.code(), text)
            })
        };
        // Without a daemon, and none is there after that; then with one.
        let alone = check();
        assert!(!home.socket().exists(), "a check started a daemon");
        let mut daemon = TestDaemon::launch(home, small);
        assert!(comes_up(home, &mut daemon), "{}", daemon.words());
        let asked = check();
        assert_eq!(
            alone.each_ref().map(|(code, _)| code),
            asked.each_ref().map(|(code, _)| code),
            "{alone:?} {asked:?}"
        );
        // A start adds records of its own to a log that is well; what is damaged is told in the same words.
        let faults = |text: &str| text.split_once("damaged: ").map(|(_, faults)| faults.to_owned());
        assert_eq!(faults(&alone[0].1), faults(&asked[0].1));
        let [(code, text), _] = asked;
        (code, text)
    };
    let well = home_of(&store.home.state());
    let (code, text) = verify(&well);
    assert_eq!(code, Some(0), "{text}");

    let rotten = home_of(&store.home.state());
    let first = segments(&rotten.state()).swap_remove(0);
    flip(&first, store.used[0] / 2, 3);
    let (code, text) = verify(&rotten);
    let name = first.file_name().expect("a name").to_string_lossy();
    assert!(code == Some(8) && text.contains(&*name), "{code:?}: {text}");

    let swapped = home_of(&store.home.state());
    let mut documents = Vec::new();
    collect(&swapped.state().join("blobs"), &mut documents);
    let document = documents.iter().find(|path| fs::metadata(path).is_ok_and(|data| data.len() > 100));
    let document = document.expect("an analysis stores documents");
    flip(document, 50, 0);
    let (code, text) = verify(&swapped);
    assert_eq!(code, Some(8), "{text}");
}

#[test]
fn a_rotten_document_is_never_handed_out() {
    let store = Store::new();
    let home = home_of(&store.home.state());
    let mut documents = Vec::new();
    collect(&home.state().join("blobs"), &mut documents);
    for document in documents.iter().filter(|path| fs::metadata(path).is_ok_and(|data| data.len() > 0)) {
        flip(document, 0, 1);
    }
    let served = Served::start(&home);
    served.must_serve("documents are no part of the journal");
    served.run(async {
        let acked = store.oracle.acked();
        let (_, id) = acked.iter().find(|(key, _)| key == "analysis").expect("it was acknowledged");
        let task = served.clients.task(id).await.expect("the task is known");
        assert!(!task.documents.is_empty());
        for document in &task.documents {
            let refusal = served.clients.document(id, &document.name).await.expect_err("it is damaged");
            assert_eq!(refusal.code(), Code::DataLoss, "{}: {refusal:?}", document.name);
        }
    });
}

fn collect(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of documents") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { collect(&path, found) } else { found.push(path) }
    }
}
