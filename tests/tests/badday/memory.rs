//! A daemon that wants more memory than it may have: it ends by an abort that names the step, the next start goes on, and a step
//! that does it again and again is given up.

use std::{
    fs,
    os::unix::{
        fs::PermissionsExt as _,
        process::{CommandExt as _, ExitStatusExt as _},
    },
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use agentd_proto::v1::{StatusRequest, TaskState, watch_response::Item};
use agentd_tests::{
    client::{analyze, noop},
    daemon::{Clients, Home, TestDaemon, patience, pause, runtime},
    process, skip,
};

use super::support::{Served, succeeded};

/// More than a daemon at rest has. It reads, asks git and takes a no-op within that; two parsers at once, each in 1 MB of lists,
/// want five times as much, though each alone may. It is not enough for the index as well, so nothing that needs one goes before.
const ROOM_KIB: u64 = 40 << 10;

/// Three that name the step are enough; some may name nothing.
const MOST_DEATHS: usize = 20;

/// Starts with a soft limit on memory that is written to, as `ulimit -S -d` sets it. The daemon's own bound is higher and leaves
/// a lower one as it is.
fn bounded(home: &Home, kib: u64) -> TestDaemon {
    TestDaemon::launch(home, |command| {
        let words = fs::OpenOptions::new().append(true).open(home.state().with_file_name("agentd.stderr"));
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!("ulimit -S -d {kib} && exec \"$0\" \"$@\"")]).arg(command.get_program());
        limited.args(command.get_args()).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
        limited.stderr(words.expect("the harness has made it")).process_group(0);
        command.get_envs().for_each(|(name, value)| {
            limited.env(name, value.unwrap_or_default());
        });
        *command = limited;
    })
}

/// The first task of this home. The answer to its submit may have been lost with the daemon that took it; what asks for a key or a
/// list would need the index.
async fn first(clients: &Clients) -> Option<String> {
    let mut events = clients.watch("", 0).await.ok()?;
    loop {
        match events.message().await.ok()??.item? {
            Item::Event(event) => return Some(event.task_id),
            Item::Progress(_) | Item::Heartbeat(_) => {}
        }
    }
}

/// A bounded daemon on which a task is analyzed, until it dies or has given the task up. `Some`: it died, and this was named.
fn fate(home: &Home, kib: u64, task: &mut Option<String>, folder: &Path) -> Option<String> {
    let mut daemon = bounded(home, kib);
    let begin = Instant::now();
    let clients = runtime();
    while daemon.ended().is_none() {
        assert!(begin.elapsed() < patience(), "it neither dies nor gives up: {}", daemon.words());
        let answer = clients.block_on(async {
            let clients = Clients::connect(home).await.ok()?;
            match task {
                Some(task) => clients.task(task).await.ok(),
                None => {
                    let status = clients.daemon.clone().status(StatusRequest {}).await.ok()?.into_inner();
                    *task = match status.queued + status.running + status.waiting {
                        0 => Some(clients.try_submit(analyze(folder)).await.ok()?.task_id),
                        _ => first(&clients).await,
                    };
                    None
                }
            }
        });
        if answer.is_some_and(|answer| answer.state() == TaskState::Failed) {
            return None;
        }
        pause(Duration::from_millis(5));
    }
    let status = daemon.wait();
    assert_eq!(status.signal(), Some(6), "{status}: {}", daemon.words());
    // Empty where a thread that works for no step was the one that met the bound.
    let mark = fs::read_to_string(home.state().join("crash")).unwrap_or_default();
    assert!(
        mark.is_empty() || mark.starts_with(task.as_deref().unwrap_or_default()),
        "{mark:?} is no step of {task:?}"
    );
    Some(mark)
}

#[test]
fn a_daemon_out_of_memory_names_the_step_and_goes_on_and_gives_it_up_in_the_end() {
    if cfg!(not(target_os = "linux")) {
        return skip::skip("a daemon out of memory", "macOS has no such limit in force");
    }
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2) {
        return skip::skip("a daemon out of memory", "it takes two parsers at once, and there is one core");
    }
    let home = Home::new();
    let folder = home.folder("work");
    for number in 0..4 {
        let text = format!("{}# {number}\n", "[1,2,3],\n".repeat(110_000));
        fs::write(folder.join(format!("lists{number}.py")), text).unwrap();
    }
    let served = Served::start(&home);
    let kib = process::data_kib(served.daemon.pid()).expect("Linux keeps it") + ROOM_KIB;
    drop(served);
    // What one analysis has found out would spare the next one the parsing that it shall die of, and a machine that is short of
    // memory would let one agent alone compute.
    // A home has one task alone, so that it is found without its name.
    let another = Home::new();
    for home in [&home, &another] {
        fs::create_dir_all(home.state()).unwrap();
        fs::set_permissions(home.state(), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(home.state().join("config.toml"), "[cache]\nbytes = 0\n[pressure]\nheed = []\n").unwrap();
    }

    // With more room after the first death, nothing is lost.
    let mut task = None;
    fate(&home, kib, &mut task, &folder).expect("it dies");
    let served = Served::start(&home);
    let task = task.or_else(|| served.run(first(&served.clients))).expect("it was accepted");
    let done = served.run(succeeded(&served.clients, &task));
    assert_eq!(done.recoveries, 1, "{done:#?}");
    drop(served);

    let home = another;
    let mut task = None;
    let marks: Vec<String> = std::iter::from_fn(|| fate(&home, kib, &mut task, &folder)).take(MOST_DEATHS).collect();
    let named = marks.iter().filter(|mark| !mark.is_empty()).count();
    assert!(named > 0 && marks.len() < MOST_DEATHS, "{marks:?}");
    let served = Served::start(&home);
    let given_up = served.run(served.clients.task(&task.expect("it was accepted"))).expect("it is kept");
    assert_eq!(given_up.state(), TaskState::Failed, "{given_up:#?}");
    let times = format!("the daemon died {} times", agentd_workflow::MAX_STRIKES);
    assert!(given_up.summary.contains(&times), "{given_up:#?}");
    let after = served.run(served.clients.submit(noop("it serves"))).task_id;
    served.run(succeeded(&served.clients, &after));
}
