//! `kill -9` at random moments: while the daemon starts, recovers, accepts, computes, writes.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::Path,
    time::{Duration, Instant},
};

use agentd_proto::v1::{Event, HandshakeRequest, watch_response::Item};
use agentd_tests::{
    client::{analyze, noop},
    daemon::{Clients, Home, TestDaemon, patience, runtime},
};

use super::{
    oracle::{Oracle, journal, once},
    support::{Random, repository, small, succeeded, times},
};

/// Longest time between readiness and the kill, in milliseconds.
const LONGEST: u64 = 300;

/// Kills between two calm moments in which everything ends: a step that runs alone at three deaths in a row is given up,
/// by design, and that is not what is tested here.
const KILLS_IN_A_ROW: u32 = 2;

/// A watcher that goes on where it stood, across all lives of the daemon.
#[derive(Debug, Default)]
struct Watcher {
    seen: BTreeMap<u64, Event>,
}

impl Watcher {
    /// Collects until the future is dropped.
    async fn follow(&mut self, clients: &Clients) {
        let cursor = self.seen.last_key_value().map_or(0, |(cursor, _)| *cursor);
        let mut stream = clients.watch("", cursor).await.expect("the cursor of a seen event is known after a kill");
        while let Some(item) = stream.message().await.expect("a whole stream") {
            let Some(Item::Event(event)) = item.item else { continue };
            let newest = self.seen.last_key_value().map_or(cursor, |(cursor, _)| *cursor);
            assert!(event.cursor > newest, "{} after {newest}", event.cursor);
            self.seen.insert(event.cursor, event);
        }
    }
}

/// What is asked of the daemon until it is killed.
struct Load<'a> {
    oracle: &'a Oracle,
    clients: &'a Clients,
    repository: &'a Path,
    round: u32,
}

impl Load<'_> {
    async fn noops(&self, lane: u32) {
        for number in 0..12 {
            let key = format!("r{:04}-l{lane}-n{number}", self.round);
            let answer = self.oracle.submit(self.clients, &key, noop("nothing")).await;
            assert!(!answer.expect("a healthy daemon accepts").existing);
            if number % 3 == 2 {
                self.oracle.repeat(self.clients, &key).await.expect("a repetition is answered");
            }
        }
    }

    async fn analyses(&self) {
        for number in 0..2 {
            let key = format!("r{:04}-analysis{number}", self.round);
            let answer = self.oracle.submit(self.clients, &key, analyze(self.repository)).await;
            let id = answer.expect("a healthy daemon accepts").task_id;
            succeeded(self.clients, &id).await;
        }
    }

    /// What was promised before the last kill is there, and what was never answered is asked again.
    async fn look_back(&self, old: &[(String, String)], unanswered: &[String]) {
        for (key, id) in old {
            self.clients.task(id).await.unwrap_or_else(|status| panic!("{key}, task {id}, is lost: {status}"));
        }
        for key in unanswered {
            self.oracle.repeat(self.clients, key).await.expect("an unanswered request may be repeated");
        }
    }

    async fn all(&self, watcher: &mut Watcher, old: &[(String, String)]) {
        // Those of earlier rounds: in a moment, requests of this one will be on their way.
        let unanswered = self.oracle.unanswered();
        let work = async {
            tokio::join!(
                self.noops(0),
                self.noops(1),
                self.noops(2),
                self.analyses(),
                self.look_back(old, &unanswered)
            );
            // Nothing more to ask: the kill comes while the daemon is idle.
            std::future::pending::<()>().await;
        };
        tokio::join!(work, watcher.follow(self.clients));
    }
}

/// Starts a daemon and gives its clients with the time from exec to the first answer.
async fn first_answer(home: &Home, daemon: &TestDaemon, begin: Instant) -> (Clients, Duration) {
    loop {
        if let Ok(clients) = Clients::connect(home).await {
            let request = HandshakeRequest { protocol: agentd_proto::PROTOCOL_VERSION, client: "tests".to_owned() };
            if clients.daemon.clone().handshake(request).await.is_ok() {
                return (clients, begin.elapsed());
            }
        }
        assert!(begin.elapsed() < patience(), "no answer after a kill:\n{}", daemon.words());
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

#[test]
fn what_was_answered_survives_kills_at_random_moments() {
    let (home, kills) = (Home::new(), times("AGENTD_TEST_KILLS", 300));
    let (folder, mut random) = (repository(&home), Random::new("random kills"));
    let (oracle, mut watcher, mut starts) = (Oracle::default(), Watcher::default(), Vec::new());
    let mut over = HashSet::new();
    let runtime = runtime();
    for round in 0..kills {
        let begin = Instant::now();
        let mut daemon = TestDaemon::launch(&home, small);
        let acked = oracle.acked();
        let newest = acked.iter().rev().take(20);
        let some = (0..10).filter_map(|_| acked.get(usize::try_from(random.below(acked.len() as u64)).ok()?));
        let old: Vec<_> = newest.chain(some).cloned().collect();
        runtime.block_on(async {
            let (clients, took) = first_answer(&home, &daemon, begin).await;
            starts.push(took);
            if round % KILLS_IN_A_ROW == 0 {
                oracle.calm(&clients, &mut over).await;
            }
            let load = Load { oracle: &oracle, clients: &clients, repository: &folder, round };
            let limit = Duration::from_millis(random.below(LONGEST + 1));
            let _cut_short = tokio::time::timeout(limit, load.all(&mut watcher, &old)).await;
        });
        daemon.kill();
    }
    settle(&home, &oracle, &watcher);
    starts.sort_unstable();
    let at = |share: usize| starts[(starts.len() - 1) * share / 100].as_secs_f64() * 1e3;
    let (acked, answered) = (oracle.acked().len(), starts.len());
    println!("{kills} kills, {acked} tasks acknowledged, {} events watched", watcher.seen.len());
    println!(
        "{answered} restarts: exec to first answer p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
        at(50),
        at(99),
        at(100)
    );
}

/// The last start: everything ends well by itself, once, and all views agree.
fn settle(home: &Home, oracle: &Oracle, watcher: &Watcher) {
    let mut daemon = TestDaemon::launch(home, small);
    runtime().block_on(async {
        let (clients, _) = first_answer(home, &daemon, Instant::now()).await;
        for (key, id) in oracle.acked() {
            let task = succeeded(&clients, &id).await;
            if key.contains("analysis") {
                files_as_promised(home, &clients, &task).await;
            }
        }
        for (key, _) in oracle.acked().iter().step_by(7) {
            oracle.repeat(&clients, key).await.expect("an old key is known");
        }
        oracle.nothing_else(&clients).await;
        let events = journal(&clients).await;
        once(&events);
        let by_cursor: HashMap<u64, &Event> = events.iter().map(|event| (event.cursor, event)).collect();
        for (cursor, seen) in &watcher.seen {
            assert_eq!(by_cursor.get(cursor), Some(&seen), "a watcher saw what the journal does not hold");
        }
        let last = watcher.seen.last_key_value().map_or(0, |(cursor, _)| *cursor);
        let missed: Vec<u64> =
            by_cursor.keys().copied().filter(|cursor| *cursor <= last && !watcher.seen.contains_key(cursor)).collect();
        assert!(missed.is_empty(), "the watcher was not shown {missed:?}");
    });
    assert!(daemon.stop().success(), "{}", daemon.words());
}

/// The files of a task are what its documents say, and nothing else lies beside them.
async fn files_as_promised(home: &Home, clients: &Clients, task: &agentd_proto::v1::Task) {
    let folder = home.state().join("tasks").join(&task.task_id);
    let report = task.documents.iter().find(|document| document.name == "report.md").expect("an analysis has a report");
    let file = fs::read(folder.join("report.md")).expect("the report is a file, too");
    assert_eq!(blake3::hash(&file).to_hex().as_str(), report.hash, "report.md of {}", task.task_id);
    assert_eq!(file.len() as u64, report.bytes);
    let document = clients.document(&task.task_id, "report.md").await.expect("the report can be read");
    assert!(document == file, "document and file differ");
    for entry in fs::read_dir(&folder).expect("the task's folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name of ours");
        let known = task.documents.iter().any(|document| document.name == name);
        assert!(known, "{name} was left in {}", folder.display());
    }
}
