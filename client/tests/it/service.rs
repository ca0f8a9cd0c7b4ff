//! `service` and a start through a manager: a scripted systemctl on the search path, a scripted daemon.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    cli::{Cli, Output},
    fake::Fake,
    program, snapshot,
};

/// A user's machine: scripts for systemctl, loginctl and the daemon's program. Units that are started stay so until they
/// are stopped, by files in `state`.
struct Machine {
    fake: Fake,
}

const SYSTEMCTL: &str = r#"
[ "$1" = --user ] || exit 9
shift
echo "$*" >>"$HOME/calls"
[ -e "$HOME/nobody" ] && { echo 'Failed to connect to bus: No medium found' >&2; exit 1; }
case "$1" in
  show)
    if [ -e "$HOME/started" ]; then active=active pid=4242; else active=inactive pid=0; fi
    if [ -e "$HOME/enabled" ]; then enabled=enabled; else enabled=; fi
    printf 'MainPID=%s\nResult=success\nExecMainStatus=0\nId=agentd.service\nActiveState=%s\nUnitFileState=%s\n\n' $pid $active $enabled
    printf 'Result=success\nId=agentd.socket\nActiveState=%s\nUnitFileState=%s\n' $active $enabled ;;
  enable) touch "$HOME/enabled" ;;
  disable) rm -f "$HOME/enabled" ;;
  start) touch "$HOME/started"; [ -p "$HOME/pipe" ] && echo started >"$HOME/pipe"; exit 0 ;;
  stop) rm -f "$HOME/started" ;;
esac
"#;

const LOGINCTL: &str = "echo Linger=no";

impl Machine {
    fn new(fake: Fake) -> Self {
        let machine = Self { fake };
        machine.script("systemctl", SYSTEMCTL);
        machine.script("loginctl", LOGINCTL);
        machine.daemon("0.1.0");
        machine
    }

    fn home(&self) -> &Path {
        self.fake.home()
    }

    fn script(&self, name: &str, body: &str) {
        let path = self.home().join("bin").join(name);
        program::script(&path, body);
    }

    /// The daemon's program: answers what an install asks it, and leaves a trace if it is started.
    fn daemon(&self, version: &str) {
        let words = format!("version {version}\\nprotocol 1\\noldest-protocol 1\\nformat 1\\nstore 0 segments\\n");
        let trace = self.home().join("forked").display().to_string();
        self.script(
            "agentd",
            &format!("[ \"$1\" = --check-store ] && exec printf '{words}'\ntouch '{trace}'; exit 70"),
        );
    }

    fn cli(&self, arguments: &[&str]) -> Cli {
        let bin = self.home().join("bin").display().to_string();
        let daemon = format!("{bin}/agentd");
        Cli::new(self.home(), arguments).env("PATH", &format!("{bin}:/usr/bin:/bin")).env("AGENTD_DAEMON", &daemon)
    }

    /// Runs a command, and lets the daemon serve as soon as the manager was told to start it.
    fn run_until_started(&mut self, arguments: &[&str]) -> Output {
        let pipe = self.home().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let running = self.cli(arguments).spawn();
        assert_eq!(fs::read_to_string(&pipe).unwrap(), "started\n");
        fs::remove_file(&pipe).unwrap();
        self.fake.serve();
        running.end()
    }

    fn unit(&self, name: &str) -> PathBuf {
        self.home().join(".config/systemd/user").join(name)
    }

    /// What systemctl was asked since the last time, without looks.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.home().join("calls")).unwrap_or_default();
        let _none = fs::remove_file(self.home().join("calls"));
        calls.lines().filter(|call| !call.starts_with("show ")).map(str::to_owned).collect()
    }
}

/// What `--json` prints is committed, like every shape.
fn shape(name: &str, printed: &str, machine: &Machine) {
    let value: serde_json::Value = serde_json::from_str(printed).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap() + "\n";
    let home = machine.home().to_str().unwrap();
    snapshot::assert_matches(&format!("golden/{name}.json"), &pretty.replace(home, "[HOME]"));
}

const BOTH: &str = "agentd.socket agentd.service";

#[test]
fn a_service_is_installed_once_started_through_its_manager_and_removed() {
    let mut machine = Machine::new(Fake::absent());
    let status = machine.cli(&["service", "status"]).run().expect(3);
    status.says(&["service install"]);
    assert!(!status.stdout.contains("agentd.socket"), "no file of it is there: {}", status.stdout);
    let status = machine.cli(&["service", "status", "--json"]).run().expect(3);
    assert!(status.stdout.contains(r#""files":[]"#), "{}", status.stdout);
    machine.cli(&["service", "start"]).run().expect(3).says(&["the service is not installed"]);
    assert!(machine.calls().is_empty());
    let output = machine.run_until_started(&["service", "install"]).expect(0);
    output.says(&["service installed (systemd)", "agentd 0.1.0 answers (pid 4242)", "wrote ", "enable-linger"]);
    let expected =
        ["daemon-reload", &format!("enable {BOTH}"), &format!("reset-failed {BOTH}"), &format!("start {BOTH}")];
    assert_eq!(machine.calls(), expected);
    let unit = fs::read_to_string(machine.unit("agentd.service")).unwrap();
    assert!(unit.contains(&format!("ExecStart=\"{}/bin/agentd\"", machine.home().display())), "{unit}");
    assert!(unit.contains(&format!("AGENTD_HOME={}", machine.home().display())), "{unit}");

    machine.cli(&["service", "install"]).run().expect(0).says(&["installed already"]);
    let status = machine.cli(&["service", "status", "--json"]).run().expect(0);
    shape("service-status", &status.stdout, &machine);
    let kept = machine.cli(&["service", "install", "--json"]).run().expect(0);
    shape("service-install", &kept.stdout, &machine);
    assert!(machine.calls().is_empty(), "installing twice changes nothing");

    machine.fake.kill();
    let _gone = fs::remove_file(machine.fake.socket());
    let output = machine.run_until_started(&["start"]).expect(0);
    output.says(&["started agentd (pid 4242) through its service (systemd)"]);
    assert!(machine.calls().contains(&format!("start {BOTH}")));
    assert!(!machine.home().join("forked").exists(), "an installed service is never forked");

    let output = machine.cli(&["service", "uninstall"]).run().expect(0);
    output.says(&["service uninstalled", "stays"]);
    let calls = machine.calls();
    assert_eq!(calls[..2], [format!("stop {BOTH}"), format!("disable {BOTH}")], "{calls:?}");
    assert!(!machine.unit("agentd.service").exists() && !machine.unit("agentd.socket").exists());
    for (json, said) in [(&[][..], "nothing was installed\n"), (&["--json"], "")] {
        let again = machine.cli(&[&["service", "uninstall"], json].concat()).run().expect(0);
        assert_eq!(again.stderr, said);
        assert_eq!(again.stdout.contains(r#""action":"absent""#), !json.is_empty(), "{again:?}");
    }
}

/// It went with its folder, or was deleted: the manager holds a socket that no client finds.
#[test]
fn a_socket_that_is_gone_is_told_and_made_anew_by_whoever_starts_the_daemon() {
    let mut machine = Machine::new(Fake::absent());
    machine.run_until_started(&["service", "install"]).expect(0).says(&["installed"]);
    let gone = format!("its socket {} is gone", machine.fake.socket().display());
    for arguments in [&["start"][..], &["service", "start"], &["submit", "--detach", "x"]] {
        machine.fake.kill();
        fs::remove_file(machine.fake.socket()).unwrap();
        // The folder may be gone too; neither manager makes it.
        let _none = fs::remove_dir_all(machine.home().join("logs"));
        machine.cli(&["service", "status"]).run().expect(4).says(&[&gone, "agentd-cli service restart"]);
        let doctor = machine.cli(&["doctor"]).run();
        assert!(doctor.stdout.contains("no client finds the daemon"), "{doctor:?}");
        let _all = machine.calls();
        let _answers = machine.run_until_started(arguments).expect(0);
        let expected = [format!("stop {BOTH}"), format!("reset-failed {BOTH}"), format!("start {BOTH}")];
        assert_eq!(machine.calls(), expected, "{arguments:?}");
        assert!(machine.home().join("logs").is_dir(), "{arguments:?}");
    }
    assert_eq!(machine.cli(&["service", "status"]).run().expect(0).stderr, "");
    // Nothing is wrong with its own socket if a client looks for another one.
    let _all = machine.calls();
    let pipe = machine.home().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let elsewhere = machine.home().join("elsewhere.sock").display().to_string();
    let running = machine.cli(&["--socket", &elsewhere, "start"]).spawn();
    assert_eq!(fs::read_to_string(&pipe).unwrap(), "started\n");
    running.signal("KILL");
    let _killed = running.end();
    assert_eq!(machine.calls(), [format!("reset-failed {BOTH}"), format!("start {BOTH}")]);
}

#[test]
fn half_installed_services_are_told_and_mended() {
    let mut machine = Machine::new(Fake::absent());
    machine.run_until_started(&["service", "install"]).expect(0).says(&["installed"]);
    // File there, not loaded.
    fs::remove_file(machine.home().join("started")).unwrap();
    machine.cli(&["service", "status"]).run().expect(4).says(&["not loaded", "service start"]);
    machine.cli(&["service", "install"]).run().expect(0).says(&["service mended"]);
    // Loaded, file gone.
    let _all = machine.calls();
    fs::remove_file(machine.unit("agentd.socket")).unwrap();
    machine.cli(&["service", "status"]).run().expect(4).says(&["agentd.socket is missing"]);
    machine.cli(&["service", "install"]).run().expect(0).says(&["service mended"]);
    assert!(machine.unit("agentd.socket").exists());
    for name in ["agentd.service", "agentd.socket"] {
        fs::remove_file(machine.unit(name)).unwrap();
    }
    let output = machine.cli(&["service", "status"]).run().expect(4);
    output.says(&["its file is gone, but it is loaded (systemd --user)"]);
    machine.cli(&["service", "install"]).run().expect(0).says(&["service mended"]);
    let json = machine.cli(&["service", "status", "--json"]).run().expect(0);
    let found: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (&found["installed"], &found["pid"], &found["problems"]),
        (&"yes".into(), &4242.into(), &serde_json::json!([]))
    );
}

#[test]
fn what_must_not_be_replaced_is_refused_and_nothing_is_changed() {
    let mut machine = Machine::new(Fake::absent());
    machine.run_until_started(&["service", "install"]).expect(0).says(&["installed"]);
    let _all = machine.calls();
    let before = fs::read_to_string(machine.unit("agentd.service")).unwrap();

    machine.daemon("0.0.9");
    let output = machine.cli(&["service", "install", "--force"]).run().expect(2);
    output.says(&["is agentd 0.0.9, and the installed agentd 0.1.0 is newer: a downgrade is refused"]);

    machine.script("agentd", "echo 'agentd: `log/1-1.seg` has format 9; install the newer agentd again' >&2; exit 70");
    let output = machine.cli(&["service", "install"]).run().expect(4);
    output.says(&["cannot serve", "has format 9", "nothing was changed"]);
    machine.script("agentd", "echo \"error: unexpected argument '--check-store' found\" >&2; exit 2");
    machine.cli(&["service", "install"]).run().expect(4).says(&["older than this agentd-cli"]);

    machine.daemon("0.1.0");
    let other = machine.home().join("other").display().to_string();
    let output = machine.cli(&["service", "install"]).env("AGENTD_HOME", &other).run().expect(7);
    output.says(&["the service is installed for the state folder", "one service per user", "service uninstall"]);
    machine.cli(&["service", "uninstall"]).env("AGENTD_HOME", &other).run().expect(7).says(&["not for"]);
    assert_eq!(fs::read_to_string(machine.unit("agentd.service")).unwrap(), before);

    fs::write(machine.unit("agentd.service"), "[Service]\nExecStart=/bin/sleep 9\n").unwrap();
    machine.cli(&["service", "install"]).run().expect(7).says(&["it starts /bin/sleep", "--force"]);
    machine.cli(&["service", "start"]).run().expect(7).says(&["it starts /bin/sleep"]);
    machine.cli(&["service", "uninstall"]).run().expect(7).says(&["it starts /bin/sleep"]);
    assert!(machine.calls().is_empty(), "a refusal asks the manager for nothing but a look");
    machine.cli(&["service", "install", "--force"]).run().expect(0).says(&["agentd.service.replaced-1"]);
    assert_eq!(fs::read_to_string(machine.unit("agentd.service")).unwrap(), before);
}

#[test]
fn without_a_user_manager_nothing_is_written() {
    let machine = Machine::new(Fake::absent());
    fs::write(machine.home().join("nobody"), "").unwrap();
    let output = machine.cli(&["service", "install"]).run().expect(4);
    output.says(&["the user's systemd cannot be asked", "No medium found", "su or sudo", "agentd-cli start"]);
    assert!(!machine.unit("agentd.service").exists());
    let nothing = machine.cli(&["service", "uninstall"]).run().expect(0);
    assert_eq!(nothing.stderr, "nothing was installed\n");
    let json = machine.cli(&["--json", "service", "start"]).run().expect(3);
    assert!(json.stderr.contains("\"kind\":\"not_installed\""), "{json:?}");
    let json = machine.cli(&["--json", "service", "install"]).run().expect(4);
    assert!(json.stderr.contains("\"kind\":\"no_manager\""), "{json:?}");
}

#[test]
fn files_are_shown_before_they_are_written_and_logs_when_there_are_some() {
    let machine = Machine::new(Fake::absent());
    let output = machine.cli(&["service", "install", "--print"]).run().expect(0);
    assert!(output.stdout.contains("ExecStart=") && output.stdout.contains("ListenStream="), "{output:?}");
    assert!(!machine.unit("agentd.service").exists());
    machine.cli(&["service", "logs"]).run().expect(2).says(&["there is no log in"]);
    let logs = machine.home().join("logs");
    fs::create_dir_all(&logs).unwrap();
    fs::write(logs.join("agentd.start.log"), "one\ntwo\n").unwrap();
    fs::write(logs.join("agentd.log"), "three\nfour\nfive\n").unwrap();
    let output = machine.cli(&["service", "logs", "-n", "2"]).run().expect(0);
    assert_eq!(output.stdout, "one\ntwo\nfour\nfive\n");
    let mut following = machine.cli(&["service", "logs", "-n", "1", "--follow"]).spawn();
    assert_eq!(following.stdout_lines(2), "two\nfive\n");
    let mut log = fs::OpenOptions::new().append(true).open(logs.join("agentd.log")).unwrap();
    std::io::Write::write_all(&mut log, b"six\n").unwrap();
    assert_eq!(following.stdout_lines(1), "six\n");
    following.interrupt();
    assert_eq!(following.end().expect(130).stdout, "");
}
