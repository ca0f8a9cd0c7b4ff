//! The program itself, as a service manager or a terminal starts it: exit codes, messages, signals, scarce descriptors.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "these tests start the real program")]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use agentd_proto::v1::{
    self, daemon_service_client::DaemonServiceClient, event::What, task_service_client::TaskServiceClient,
    watch_response::Item,
};
use tonic::transport::{Channel, Endpoint};

const PROGRAM: &str = env!("CARGO_BIN_EXE_agentd");

/// A daemon that serves; killed when dropped.
struct Serving {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn command(program: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("AGENTD_HOME", home).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn start(mut command: Command) -> Serving {
    let mut child = command.spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let mut serving = Serving { child, log };
    let mut said = String::new();
    while serving.log.read_line(&mut said).unwrap() > 0 {
        if said.contains("serving") {
            return serving;
        }
    }
    panic!("it ended before it served:\n{said}");
}

fn with_log(home: &Path) -> Command {
    let mut command = command(PROGRAM, home);
    command.arg("--foreground-log");
    command
}

impl Serving {
    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end; exit code and the rest of what it said.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.log.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

fn ended(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Whether somebody answers: the server speaks first.
fn is_served(socket: &Path) -> Option<UnixStream> {
    let mut stream = UnixStream::connect(socket).ok()?;
    (stream.read(&mut [0; 1]).ok()? > 0).then_some(stream)
}

#[test]
fn signals_stop_it_in_order_and_nothing_is_left_behind() {
    for signal in ["TERM", "INT"] {
        let home = tempfile::tempdir().unwrap();
        let daemon = start(with_log(home.path()));
        let socket = home.path().join("agentd.sock");
        assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        daemon.signal(signal);
        let (code, said) = daemon.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("stopped") && !socket.exists(), "{said}");
        assert!(!said.contains('\u{1b}'), "colour is for terminals: {said}");
        let log = std::fs::read_to_string(home.path().join("logs/agentd.log")).unwrap();
        assert!(log.contains("serving") && log.contains("stopped") && !log.contains('\u{1b}'), "{log}");
    }
}

#[test]
fn a_second_one_says_who_the_first_is_and_does_no_harm() {
    let home = tempfile::tempdir().unwrap();
    let first = start(with_log(home.path()));
    let (code, said) = ended(&command(PROGRAM, home.path()).output().unwrap());
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains(&format!("process {}", first.child.id())) && said.contains("agentd-cli stop"), "{said}");
    assert!(is_served(&home.path().join("agentd.sock")).is_some());
}

#[test]
fn after_a_kill_the_next_one_takes_over_the_socket() {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("agentd.sock");
    let first = start(with_log(home.path()));
    first.signal("KILL");
    assert_eq!(first.end().0, None);
    assert!(socket.exists(), "a kill leaves the socket behind");
    let _second = start(with_log(home.path()));
    assert!(is_served(&socket).is_some());
}

#[test]
fn wrong_settings_are_told_at_once_with_their_own_exit_code() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config.toml"), "[queue]\nmax_tasks = -1\nspeed = 3\n").unwrap();
    let output = command(PROGRAM, home.path()).env("AGENTD_LOG__LEVEL", "loud").output().unwrap();
    let (code, said) = ended(&output);
    assert_eq!(code, Some(78), "{said}");
    for part in ["3 faults", "config.toml:2: queue.max_tasks", "config.toml:3: queue.speed", "AGENTD_LOG__LEVEL"] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn an_open_state_folder_is_refused() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("something"), "").unwrap();
    std::fs::set_permissions(home.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let (code, said) = ended(&command(PROGRAM, home.path()).output().unwrap());
    assert_eq!(code, Some(77), "{said}");
    assert!(said.contains("chmod 700"), "{said}");
}

#[test]
fn what_it_prints_about_itself_is_of_use() {
    let home = tempfile::tempdir().unwrap();
    let version = command(PROGRAM, home.path()).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(version.stdout).unwrap().trim(), concat!("agentd ", env!("CARGO_PKG_VERSION")));
    let settings = command(PROGRAM, home.path()).arg("--default-config").output().unwrap();
    assert_eq!(String::from_utf8(settings.stdout).unwrap(), agentd::config::commented_file());
    assert_eq!(home.path().read_dir().unwrap().count(), 0, "asking makes nothing");
}

#[test]
fn without_descriptors_it_waits_and_comes_back() {
    let home = tempfile::tempdir().unwrap();
    let socket: PathBuf = home.path().join("agentd.sock");
    let mut limited = command("/bin/sh", home.path());
    let script = format!("ulimit -n 128; exec '{PROGRAM}' --foreground-log");
    // More connections allowed than there are descriptors for.
    limited.args(["-c", &script]).env("PATH", "/usr/bin:/bin").env("AGENTD_SERVER__MAX_CONNECTIONS_PER_PROCESS", "128");
    let daemon = start(limited);
    // The kernel lets them connect; the daemon cannot take them all.
    let crowd: Vec<UnixStream> = (0..128).map_while(|_| UnixStream::connect(&socket).ok()).collect();
    assert!(crowd.len() > 100, "{}", crowd.len());
    drop(crowd);
    assert!(is_served(&socket).is_some(), "the accept loop must survive");
    daemon.signal("TERM");
    let (code, said) = daemon.end();
    assert_eq!(code, Some(0), "{said}");
}

/// Where programs are that every system has.
const PATH: &str = "/usr/bin:/bin";

fn system(program: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program).args(arguments).env("PATH", PATH).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A terminal in which a shell runs `script`.
fn terminal(home: &Path, script: &str) -> Child {
    let mut terminal = command("script", home);
    if cfg!(target_os = "macos") {
        terminal.args(["-q", "/dev/null", "/bin/sh", "-c", script]);
    } else {
        terminal.args(["-q", "-c", script, "/dev/null"]);
    }
    terminal.env("PATH", PATH).stdin(Stdio::piped()).spawn().unwrap()
}

#[test]
fn it_parts_from_the_terminal_and_outlives_it() {
    // As the client starts it (in a group of its own), and as a script does (in the shell's).
    for own_group in ["set -m; ", ""] {
        let home = tempfile::tempdir().unwrap();
        let socket = home.path().join("agentd.sock");
        let script = format!("{own_group}'{PROGRAM}' </dev/null >/dev/null 2>&1 & echo numbers $! $$; cat");
        let mut terminal = terminal(home.path(), &script);
        let mut said = BufReader::new(terminal.stdout.take().unwrap()).lines();
        let line = said.by_ref().map(Result::unwrap).find(|line| line.starts_with("numbers ")).unwrap();
        let [_, daemon, shell] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
        while is_served(&socket).is_none() {
            std::thread::yield_now();
        }
        let (_, place) = system("ps", &["-o", "tty=,pgid=", "-p", daemon]);
        let [tty, group] = place.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{place}") };
        assert!(tty.starts_with('?') && group == daemon, "{own_group:?}: on {tty}, group {group} of {daemon}");
        terminal.kill().unwrap();
        terminal.wait().unwrap();
        while system("kill", &["-s", "0", shell]).0 {}
        assert!(is_served(&socket).is_some(), "{own_group:?}: it ended with the terminal");
        assert!(system("kill", &["-s", "TERM", daemon]).0);
        while socket.exists() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn in_a_terminal_it_stays_where_it_is() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = terminal(home.path(), &format!("echo numbers $$; exec '{PROGRAM}'"));
    let mut said = BufReader::new(terminal.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = said.by_ref().find(|line| line.starts_with("numbers ")).unwrap();
    let daemon = line.split_whitespace().nth(1).unwrap();
    assert!(said.by_ref().any(|line| line.contains("serving")), "whoever has a terminal sees the log");
    let (_, tty) = system("ps", &["-o", "tty=", "-p", daemon]);
    assert!(!tty.starts_with('?'), "{tty}");
    assert!(system("kill", &["-s", "TERM", daemon]).0);
    assert!(said.any(|line| line.contains("stopped")));
    terminal.wait().unwrap();
}

async fn channel(home: &Path) -> Channel {
    let address = format!("unix://{}", home.join("agentd.sock").display());
    Endpoint::from_shared(address).unwrap().connect().await.unwrap()
}

/// Submits a task and waits until a step of it runs; its name, and the cursor of that event.
async fn under_way(home: &Path, workflow: &str, workspace: &Path) -> (String, u64) {
    let mut tasks = TaskServiceClient::new(channel(home).await);
    let submit = v1::SubmitRequest {
        request: "look around".to_owned(),
        workflow: workflow.to_owned(),
        workspace: workspace.to_str().unwrap().to_owned(),
        path: PATH.to_owned(),
        ..v1::SubmitRequest::default()
    };
    let task_id = tasks.submit(submit).await.unwrap().into_inner().task_id;
    let watch = v1::WatchRequest { task_id: task_id.clone(), ..v1::WatchRequest::default() };
    let mut events = tasks.watch(watch).await.unwrap().into_inner();
    loop {
        if let Some(Item::Event(event)) = events.message().await.unwrap().unwrap().item
            && let Some(What::AttemptStarted(_)) = event.what
        {
            return (task_id, event.cursor);
        }
    }
}

/// Follows a task to its end; how it ended, and whether this daemon did that.
async fn end_of(home: &Path, (task_id, cursor): (String, u64)) -> (v1::Task, bool) {
    let channel = channel(home).await;
    let mut tasks = TaskServiceClient::new(channel.clone());
    let watch = v1::WatchRequest { task_id: task_id.clone(), cursor, progress: false };
    let mut events = tasks.watch(watch).await.unwrap().into_inner();
    while events.message().await.unwrap().is_some() {}
    let task = tasks.get(v1::GetTaskRequest { task_id }).await.unwrap().into_inner();
    let status = DaemonServiceClient::new(channel).status(v1::StatusRequest {}).await.unwrap().into_inner();
    let moment = |time: Option<prost_types::Timestamp>| time.map(|time| (time.seconds, time.nanos));
    let here = moment(task.ended_at) >= moment(status.started_at);
    (task, here)
}

#[test]
fn what_a_signal_interrupts_goes_on_by_itself_after_the_next_start() {
    let runtime = agentd_host::current_thread_runtime().unwrap();
    let workspace = tempfile::tempdir().unwrap();
    for number in 0..200 {
        let text = format!("//! File {number}.\nfn main() {{ println!(\"{number}\"); }}\n").repeat(50);
        std::fs::write(workspace.path().join(format!("file{number}.rs")), text).unwrap();
    }
    for workflow in ["drill", "analyze"] {
        let home = tempfile::tempdir().unwrap();
        let first = start(with_log(home.path()));
        let task = runtime.block_on(under_way(home.path(), workflow, workspace.path()));
        first.signal("TERM");
        let (code, said) = first.end(); // a stop that takes longer than 10 s ends with another code
        assert_eq!(code, Some(0), "{workflow}: {said}");
        let _second = start(with_log(home.path()));
        let (task, here) = runtime.block_on(end_of(home.path(), task));
        assert_eq!((task.state(), task.recoveries), (v1::TaskState::Succeeded, 0), "{workflow}: {task:?}");
        assert!(here, "{workflow}: it had ended before the stop");
    }
}

/// The program below a limit of the shell's `ulimit`.
fn below(limit: &str, home: &Path) -> Output {
    let mut limited = command("/bin/sh", home);
    limited.args(["-c", &format!("ulimit {limit}; exec \"$0\""), PROGRAM]).output().unwrap()
}

#[test]
fn a_limit_that_forbids_a_start_is_named() {
    for (limit, advice) in
        [("-n 16", "(ulimit -n)"), ("-n 32", "(ulimit -n)"), ("-f 0", "(ulimit -f)"), ("-f 10", "(ulimit -f)")]
    {
        let home = tempfile::tempdir().unwrap();
        let (code, said) = ended(&below(limit, home.path()));
        assert!(code == Some(71) && said.contains(advice) && !said.contains("ulimit -u"), "{limit}: {code:?} {said}");
    }
}

#[test]
fn an_export_that_goes_nowhere_says_so() {
    let home = tempfile::tempdir().unwrap();
    let daemon = start(with_log(home.path()));
    daemon.signal("TERM");
    assert_eq!(daemon.end().0, Some(0));
    let export = |to: &str| {
        let mut shell = command("/bin/sh", home.path());
        ended(&shell.args(["-c", &format!("exec \"$0\" --export-journal=- {to}"), PROGRAM]).output().unwrap())
    };
    let mut table = vec![("> /dev/null", 2, "name a file"), (">&-", 2, "name a file")];
    if cfg!(target_os = "linux") {
        table.push(("> /dev/full", 4, "cannot be written"));
    }
    for (to, expected, words) in table {
        let (code, said) = export(to);
        assert!(code == Some(expected) && said.contains(words), "{to}: {code:?} {said}");
    }
    // Nobody reads it.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut unread = command(PROGRAM, home.path());
    let (code, said) = ended(&unread.arg("--export-journal=-").stdout(writer).output().unwrap());
    assert!(code == Some(4) && said.contains("cannot be written"), "{code:?} {said}");
}
