//! The service for real: a systemd user manager of the test's own, in namespaces where it sees no process and no unit but
//! ours, with the real programs. Needs root for the namespaces; elsewhere it says that it did not run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use agentd_proto::v1::StatusRequest;
use agentd_tests::{
    daemon::{Clients, Home, cli, command, eventually, programs, runtime},
    skip::skip,
};
use serde_json::Value;

/// Set inside of the namespaces.
const INSIDE: &str = "AGENTD_TEST_INSIDE_NAMESPACES";

const NAME: &str = "managed::a_service_lives_under_a_real_systemd";

/// Arguments: folder of the cgroup2 mount, the test program, the test. Two boxes: in the inner one not even the program that
/// made the outer one can be seen, for a manager gathers every process of its group.
const BOX: &str = r#"
set -eu
group=$1/agentd-test-$$
mkdir "$group"
trap 'echo $$ >"$1/cgroup.procs"; find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true' EXIT
echo $$ >"$group/cgroup.procs"
unshare --mount --pid --cgroup --fork --kill-child --mount-proc sh -euc '
  mount -t tmpfs none /sys/fs/cgroup
  mount -t cgroup2 none /sys/fs/cgroup
  mkdir /sys/fs/cgroup/box
  echo 0 >/sys/fs/cgroup/box/cgroup.procs
  exec unshare --mount --cgroup sh -euc "
    umount /sys/fs/cgroup
    mount -t cgroup2 none /sys/fs/cgroup
    if grep -qx 0 /sys/fs/cgroup/cgroup.procs; then echo strangers in the box >&2; exit 9; fi
    mount -t tmpfs none /run
    mkdir -p /run/systemd/system /run/user/0
    chmod 700 /run/user/0
    AGENTD_TEST_INSIDE_NAMESPACES=1 exec \"\$@\"
  " box "$@"
' box "$2" --exact "$3" --nocapture --test-threads=1
"#;

/// Where the manager's program may be.
const SYSTEMD: [&str; 2] = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"];

/// A manager that does not outlive its test.
struct Managing(Child);

impl Drop for Managing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is needed, or why it is not there.
fn group() -> Result<String, &'static str> {
    if !cfg!(target_os = "linux") {
        return Err("systemd is Linux's");
    }
    let root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !root {
        return Err("only root may make the namespaces for a manager of its own");
    }
    if !SYSTEMD.iter().any(|path| Path::new(path).is_file()) {
        return Err("there is no systemd");
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mount = mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (folder, kind) = (words.next()?, words.next()?);
        (kind == "cgroup2").then(|| folder.to_owned())
    });
    let mount = mount.ok_or("there is no cgroup2")?;
    let probe = PathBuf::from(&mount).join(format!("agentd-probe-{}", std::process::id()));
    fs::create_dir(&probe).map_err(|_| "no control group can be made")?;
    fs::remove_dir(&probe).map_err(|_| "no control group can be removed")?;
    Ok(mount)
}

#[test]
fn a_service_lives_under_a_real_systemd() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let mount = match group() {
        Ok(mount) => mount,
        Err(why) => return skip("the service under a real systemd", why),
    };
    let own = std::env::current_exe().unwrap();
    let status = Command::new("sh").args(["-c", BOX, "box", &mount]).arg(own).arg(NAME).stdin(Stdio::null()).status();
    assert!(status.unwrap().success(), "see above");
}

/// A person at a terminal, and what he sees.
struct Person {
    home: Home,
}

impl Person {
    fn run(&self, arguments: &[&str]) -> Output {
        cli(&self.home, arguments)
    }

    /// Runs a command that must end with this code; gives all that it said.
    #[track_caller]
    fn says(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}\n{}", self.log());
        text
    }

    #[track_caller]
    fn service(&self) -> Value {
        let output = self.run(&["--json", "service", "status"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    fn pid(&self) -> u64 {
        self.service()["pid"].as_u64().unwrap_or(0)
    }

    fn submits(&self) {
        self.says(0, &["submit", "--workflow", "noop", "nothing"]);
    }

    fn unit(&self, name: &str) -> PathBuf {
        self.home.folder("home").join(".config/systemd/user").join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.state().join("logs/agentd.start.log")).unwrap_or_default()
    }

    fn systemctl(&self, arguments: &[&str]) -> String {
        let mut systemctl = Command::new("systemctl");
        let output = systemctl.arg("--user").args(arguments).env("XDG_RUNTIME_DIR", "/run/user/0").output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A program in the daemon's place that says another version of itself.
    fn other_version(&self, version: &str) -> String {
        let path = self.home.folder(&format!("agentd-{version}")).join("agentd");
        let real = programs().join("agentd").display().to_string();
        let script = format!("#!/bin/sh\n'{real}' \"$@\" | sed 's/^version .*/version {version}/'\n");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn inside() {
    let person = Person { home: Home::new() };
    let systemd = SYSTEMD.iter().find(|path| Path::new(path).is_file()).unwrap();
    let mut manager = Command::new(systemd);
    manager.arg("--user").env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    manager.env("HOME", person.home.folder("home")).env("XDG_RUNTIME_DIR", "/run/user/0");
    let manager = Managing(manager.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    eventually("the manager is up", || {
        matches!(person.systemctl(&["is-system-running"]).as_str(), "running" | "degraded")
    });

    installs_once(&person);
    survives_a_kill(&person);
    waits_over_restarts(&person);
    is_woken_after_a_stop(&person);
    mends_what_is_half(&person);
    refuses_older_and_foreign(&person);
    does_not_loop(&person);
    stays_away_with_its_folder(&person);
    goes_without_a_trace(&person);
    drop(manager);
}

fn installs_once(person: &Person) {
    person.says(3, &["service", "status"]);
    // A daemon of a terminal runs already: it is drained, and its socket taken over.
    person.says(0, &["start"]);
    let said = person.says(0, &["service", "install"]);
    assert!(said.contains("service installed (systemd)") && said.contains("ended in order"), "{said}");
    let found = person.service();
    assert_eq!(
        (&found["installed"], &found["loaded"], &found["at_login"]),
        (&"yes".into(), &true.into(), &true.into())
    );
    let status = person.says(0, &["--json", "status"]);
    let status: Value = serde_json::from_str(status.trim()).unwrap();
    assert_eq!((&status["started_by"], &status["pid"]), (&"systemd".into(), &found["pid"]));
    let mode = std::os::unix::fs::PermissionsExt::mode(&person.home.socket().metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let pid = person.pid();
    assert!(person.says(0, &["service", "install"]).contains("installed already"));
    assert_eq!(person.pid(), pid, "installing twice restarts nothing");
    assert_eq!(person.systemctl(&["show", "agentd.service", "--property=LimitNOFILE", "--value"]), "8192");
    assert_eq!(person.systemctl(&["show", "agentd.service", "--property=TimeoutStopUSec", "--value"]), "12s");
}

fn survives_a_kill(person: &Person) {
    let pid = person.pid();
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
    // Nobody starts anything by hand: the socket is there all the time.
    person.submits();
    assert!(person.pid() != pid && person.pid() != 0);
}

/// Clients that come while there is no daemon wait on the socket that systemd holds; none is refused.
fn waits_over_restarts(person: &Person) {
    for _ in 0..3 {
        let pid = person.pid();
        let mut clients = Vec::new();
        let mut restart = command(&person.home, "agentd-cli");
        let mut restart = restart.args(["--quiet", "service", "restart"]).spawn().unwrap();
        while restart.try_wait().unwrap().is_none() {
            let mut client = command(&person.home, "agentd-cli");
            client.args(["submit", "--workflow", "noop", "nothing"]).stdout(Stdio::null()).stderr(Stdio::piped());
            clients.push(client.spawn().unwrap().wait_with_output().unwrap());
        }
        assert!(restart.wait().unwrap().success());
        assert!(!clients.is_empty() && person.pid() != pid);
        for client in clients {
            let said = String::from_utf8_lossy(&client.stderr).into_owned();
            assert!(client.status.success() && !said.contains("started agentd"), "{said}");
        }
    }
}

fn is_woken_after_a_stop(person: &Person) {
    let said = person.says(0, &["stop"]);
    assert!(said.contains("systemd holds its socket"), "{said}");
    assert_eq!(person.pid(), 0, "a look at the service wakes nobody");
    person.submits();
    assert_ne!(person.pid(), 0);
    person.says(0, &["service", "stop"]);
    assert!(!person.home.socket().exists());
    person.says(4, &["service", "status"]);
    // Whoever starts it now does so through the manager.
    let said = person.says(0, &["start"]);
    assert!(said.contains("through its service (systemd)"), "{said}");
    assert_ne!(person.pid(), 0);
}

fn mends_what_is_half(person: &Person) {
    for (missing, code) in [("agentd.service", 4), ("agentd.socket", 4)] {
        fs::remove_file(person.unit(missing)).unwrap();
        let said = person.says(code, &["service", "status"]);
        assert!(said.contains("half installed") && said.contains(missing), "{said}");
        assert!(person.says(0, &["service", "install"]).contains("service mended"), "{missing}");
        person.says(0, &["service", "status"]);
        person.submits();
    }
    fs::remove_file(person.home.socket()).unwrap();
    person.says(0, &["service", "restart"]);
    person.submits();
}

fn refuses_older_and_foreign(person: &Person) {
    let pid = person.pid();
    let old = person.other_version("0.0.1");
    let said = person.says(2, &["--daemon", &old, "service", "install"]);
    assert!(said.contains("a downgrade is refused"), "{said}");
    assert_eq!(person.pid(), pid, "nothing was touched");
    // A newer one takes over: what it writes to its unit is another version.
    let new = person.other_version("99.0.0");
    let before = fs::read_to_string(person.unit("agentd.service")).unwrap();
    let real = programs().join("agentd").display().to_string();
    fs::write(person.unit("agentd.service"), before.replace("# agentd 0", "# agentd 0.0")).unwrap();
    person.systemctl(&["daemon-reload"]);
    let said = person.says(0, &["--daemon", &real, "service", "install"]);
    assert!(said.contains("service upgraded") && person.pid() != pid, "{said}");
    assert!(person.says(0, &["--daemon", &new, "service", "install", "--print"]).contains("# agentd 99.0.0"));
    fs::write(person.unit("agentd.service"), "[Service]\nExecStart=/bin/sleep 100\n").unwrap();
    let said = person.says(7, &["service", "install"]);
    assert!(said.contains("it starts /bin/sleep") && said.contains("--force"), "{said}");
    person.says(7, &["service", "uninstall"]);
    let said = person.says(0, &["service", "install", "--force"]);
    assert!(said.contains("agentd.service.replaced-1"), "{said}");
    person.submits();
}

/// Settings that the daemon refuses: it ends with 78, and systemd does not try for ever.
fn does_not_loop(person: &Person) {
    fs::write(person.home.state().join("config.toml"), "[qeue]\nmax_tasks = 1\n").unwrap();
    let said = person.says(4, &["service", "install"]);
    assert!(said.contains("cannot serve") && said.contains("qeue"), "{said}");
    assert_ne!(person.pid(), 0, "the old one goes on");
    person.says(0, &["service", "stop"]);
    let said = person.says(4, &["service", "start"]);
    assert!(said.contains("does not answer") && said.contains("qeue"), "{said}");
    let found = person.says(4, &["service", "status"]);
    assert!(found.contains("service logs"), "{found}");
    assert!(person.says(0, &["service", "logs"]).contains("qeue"));
    fs::remove_file(person.home.state().join("config.toml")).unwrap();
    person.says(0, &["service", "start"]);
    person.submits();
}

/// The socket that systemd holds goes with the folder: no other daemon makes a folder in its place, and it is found again with it.
fn stays_away_with_its_folder(person: &Person) {
    let (state, away) = (person.home.state(), person.home.folder("away").join("state"));
    let property = |name: &str| person.systemctl(&["show", "agentd.service", "--value", "--property", name]);
    for put_back in [true, false] {
        let runtime = runtime();
        let clients = runtime.block_on(Clients::connect(&person.home)).unwrap();
        fs::rename(&state, &away).unwrap();
        // It looks each 30 s, and when somebody asks how it does.
        eventually("its end for good", || {
            let _gone = runtime.block_on(clients.daemon.clone().status(StatusRequest {}));
            property("ActiveState") == "failed"
        });
        assert_eq!((property("ExecMainStatus").as_str(), state.exists()), ("74", false));
        let said = person.says(4, &["service", "status"]);
        assert!(said.contains("no client finds the daemon: agentd-cli service restart"), "{said}");
        if put_back {
            fs::rename(&away, &state).unwrap();
        }
        // Without it a new one is made, and a socket where clients look.
        person.submits();
        person.says(0, &["service", "status"]);
    }
}

fn goes_without_a_trace(person: &Person) {
    let said = person.says(0, &["service", "uninstall"]);
    assert!(said.contains("service uninstalled"), "{said}");
    assert!(!person.home.socket().exists() && person.home.state().join("log").is_dir(), "the state stays");
    let left: Vec<PathBuf> = walk(&person.unit(""));
    assert!(left.iter().all(|path| path.to_str().unwrap().contains(".replaced-")), "{left:?}");
    assert!(person.says(0, &["service", "uninstall"]).contains("nothing was installed"));
    person.says(3, &["service", "status"]);
    let said = person.says(0, &["start"]);
    assert!(said.contains("does not survive a reboot until"), "{said}");
    person.says(0, &["stop"]);
}

/// All files below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
