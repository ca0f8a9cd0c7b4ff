//! A full disk, for real; and an index that is gone, garbage or unreadable. What was acknowledged stays known.

use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path};

use agentd_proto::v1::{Health, IndexState, SubmitRequest, TaskState};
use agentd_tests::{
    client::{analyze, noop},
    daemon::{Home, TestDaemon, eventually},
};

use super::{
    kill_syscall::comes_up,
    oracle::{Oracle, is_clear},
    support::{Mounted, Served, ran_as_nobody, repository, said, small, succeeded},
};

/// Fills a volume to the last byte.
fn fill(volume: &Path) {
    let mut file = fs::File::create(volume.join("ballast")).expect("an empty file needs hardly any room");
    let mut piece = 1 << 20;
    while piece > 0 {
        if file.write_all(&vec![1; piece]).is_err() {
            piece /= 2;
        }
    }
}

fn free(volume: &Path) {
    fs::remove_file(volume.join("ballast")).expect("the ballast is there");
}

fn volume(home: &Home) -> Option<Mounted> {
    Mounted::new("a full disk", &["-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs"], &home.state())
}

/// A request that fills segments fast.
fn long(number: u32) -> SubmitRequest {
    noop(&format!("{number} {}", "x".repeat(30_000)))
}

/// Starts on a full volume: it serves, looks on, or ends, and says why if it does not serve.
fn start_on_full(home: &Home) -> String {
    let before = said(home).len();
    let mut daemon = TestDaemon::launch(home, small);
    if comes_up(home, &mut daemon) {
        let served = Served::of(home, daemon);
        let status = served.run(served.clients.status());
        assert!(
            status.health() == Health::Serving || !status.reasons.is_empty(),
            "neither serves nor says why: {status:?}"
        );
        return format!("{:?}: {:?}", status.health(), status.reasons);
    }
    let status = daemon.wait();
    let words = said(home).split_off(before);
    assert!(!TestDaemon::was_killed(status) && words.contains("agentd: ") && !words.contains("panicked"), "{words:?}");
    words
}

#[test]
fn a_first_start_on_a_full_disk_says_so_and_works_once_there_is_room() {
    let home = Home::new();
    let Some(_mounted) = volume(&home) else { return };
    fill(&home.state());
    println!("first start on a full disk: {}", start_on_full(&home));
    free(&home.state());
    let served = Served::start(&home);
    served.must_serve("with room again");
    let oracle = Oracle::default();
    served.run(async {
        oracle.submit(&served.clients, "first", noop("nothing")).await.expect("there is room");
        oracle.all_succeed(&served.clients, "with room again").await;
    });
}

/// Submits long tasks until one is refused; gives how many were not, and why this one was.
async fn until_refused(served: &Served, oracle: &Oracle, round: u32) -> (u32, String) {
    for number in 0..400 {
        if let Err(status) = oracle.submit(&served.clients, &format!("{round}-{number}"), long(number)).await {
            assert!(is_clear(&status), "{status:?}");
            return (number, status.message().to_owned());
        }
    }
    panic!("a full disk took 400 long tasks");
}

#[test]
fn a_disk_that_fills_while_tasks_come_in_loses_none_of_them() {
    let (home, oracle) = (Home::new(), Oracle::default());
    let Some(_mounted) = volume(&home) else { return };
    for round in 0..3 {
        let mut served = Served::start(&home);
        served.must_serve("with room");
        // Once the index is closed when the disk fills, and cannot be opened; else it is open.
        if round > 0 {
            served.run(async {
                let key = format!("{round}-before");
                let first = oracle.submit(&served.clients, &key, noop("nothing")).await.expect("there is room");
                succeeded(&served.clients, &first.task_id).await;
            });
        }
        fill(&home.state());
        let (accepted, refusal) = served.run(until_refused(&served, &oracle, round));
        assert!(refusal.contains("full") || refusal.to_lowercase().contains("no space"), "{refusal:?}");
        let status = served.run(served.clients.status());
        let told = status.health() == Health::ReadOnly || status.index() == IndexState::Failed;
        assert!(told, "{refusal}: {:?}, index {:?}", status.health(), status.index());
        served.run(oracle.all_there_or_told(&served.clients, "on the full disk"));
        println!("full while running: {accepted} accepted, then: {refusal}");
        served.daemon.kill();
        drop(served);
        println!("restart on the full disk: {}", start_on_full(&home));
        free(&home.state());
        let served = Served::start(&home);
        served.must_serve("with room again");
        served.run(oracle.all_succeed(&served.clients, "with room again"));
        drop(served);
        // Room for the next round: what is tested is the filling, not retention.
        if round == 0 {
            fs::remove_dir_all(home.state().join("index")).expect("the index is there");
        }
    }
}

/// The log has its room beforehand; payloads have not. An analysis then waits, whatever number of tries that takes.
#[test]
fn an_analysis_waits_for_room_and_goes_on_by_itself() {
    let home = Home::new();
    let Some(_mounted) = volume(&home) else { return };
    let folder = repository(&home);
    // Else nothing would be accepted long before the disk is full.
    let served = Served::start_with(&home, |command| {
        command.env("AGENTD_DISK__CRITICAL_BYTES", "0");
    });
    let first = served.run(served.clients.submit(noop("the index is there"))).task_id;
    served.run(succeeded(&served.clients, &first));
    fill(&home.state());
    let task = served.run(served.clients.submit(analyze(&folder))).task_id;
    let now = || served.run(served.clients.task(&task)).expect("it was accepted");
    eventually("it waits for room", || {
        let state = now().state();
        assert!(!matches!(state, TaskState::Failed | TaskState::Succeeded), "{state:?}");
        state == TaskState::Waiting
    });
    let waits = now();
    assert!(waits.waiting_for.contains("room on the disk"), "{waits:#?}");
    let status = served.run(served.clients.status());
    assert_eq!((status.health(), status.waiting), (Health::Serving, 1), "{:?}", status.reasons);
    free(&home.state());
    served.run(succeeded(&served.clients, &task));
}

/// A name, and what it does to the folder of the index.
type IndexFault = (&'static str, fn(&Path));

/// What may befall the index while the daemon is down.
const INDEX_FAULTS: [IndexFault; 7] = [
    ("deleted", |index| fs::remove_dir_all(index).expect("the index is there")),
    ("emptied", |index| each(index, |path| fs::write(path, "").expect("written"))),
    ("garbage in every file", |index| each(index, |path| fs::write(path, garbage()).expect("written"))),
    ("garbage in the middle", |index| each(index, overwrite_middle)),
    ("a file in its place", |index| {
        fs::remove_dir_all(index).expect("the index is there");
        fs::write(index, "no folder").expect("written");
    }),
    ("an unfinished snapshot", |index| {
        fs::write(index.join("snap.0000000000000001.generating"), garbage()).expect("written")
    }),
    ("unreadable", |index| {
        each(index, |path| mode(path, 0o000));
        mode(index, 0o000);
    }),
];

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode can be set");
}

fn each(folder: &Path, change: impl Fn(&Path)) {
    for entry in fs::read_dir(folder).expect("the index is there") {
        let path = entry.expect("an entry").path();
        if path.is_file() && path.file_name().is_some_and(|name| name != "clean") {
            change(&path);
        }
    }
}

fn garbage() -> Vec<u8> {
    (0..20_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

fn overwrite_middle(path: &Path) {
    let mut bytes = fs::read(path).expect("readable");
    let (middle, most) = (bytes.len() / 2, bytes.len().min(4_000));
    bytes[middle..(middle + most / 2)].fill(0xa5);
    fs::write(path, bytes).expect("written");
}

#[test]
fn an_index_that_was_destroyed_is_made_anew_and_every_key_is_known() {
    if ran_as_nobody("badday::disk::an_index_that_was_destroyed_is_made_anew_and_every_key_is_known") {
        return;
    }
    for (name, destroy) in INDEX_FAULTS {
        let (home, oracle) = (Home::new(), Oracle::default());
        for kill in [false, true] {
            let mut served = Served::start(&home);
            served.run(async {
                // More than memory keeps, so that the index is needed.
                for number in 0..80 {
                    let key = format!("{kill}-{number}");
                    oracle.submit(&served.clients, &key, noop("nothing")).await.expect("accepted");
                }
            });
            if kill {
                served.daemon.kill()
            } else {
                assert!(served.daemon.stop().success())
            }
            drop(served);
            destroy(&home.state().join("index"));
            let served = Served::start(&home);
            served.must_serve(name);
            served.run(oracle.all_succeed(&served.clients, &format!("index {name}")));
            served.run(oracle.nothing_else(&served.clients));
        }
    }
}
