//! Tests of the configuration: precedence, provenance, refusal, and that table and types agree.

use std::{collections::HashMap, fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use super::*;

struct Place {
    dir: tempfile::TempDir,
    uid: u32,
}

impl Place {
    fn new() -> Self {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let uid = fs::metadata(dir.path()).unwrap().uid();
        Self { dir, uid }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("config.toml")
    }

    fn write(&self, text: impl AsRef<[u8]>) {
        fs::write(self.file(), text).unwrap();
        fs::set_permissions(self.file(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn load_with(&self, environment: &[(&str, &str)], flags: Flags) -> Result<Config, ConfigError> {
        let home = self.dir.path().to_str().unwrap();
        let all = environment.iter().copied().chain([("AGENTD_HOME", home)]);
        let environment: HashMap<String, String> = all.map(|(key, value)| (key.into(), value.into())).collect();
        load(&flags, &environment, self.uid)
    }

    fn load(&self, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        self.load_with(environment, Flags::default())
    }

    fn faults(&self, environment: &[(&str, &str)]) -> Vec<String> {
        match self.load(environment) {
            Err(ConfigError::Faults(faults)) => faults.iter().map(ToString::to_string).collect(),
            other => panic!("faults were expected, not {other:?}"),
        }
    }
}

fn source(config: &Config, key: &str) -> String {
    config.shown.iter().find(|shown| shown.key == key).unwrap().source.to_string()
}

#[test]
fn every_default_is_allowed_and_every_setting_is_read() {
    for setting in settings() {
        assert!(setting.rule.admits(&setting.default), "{} = {}", setting.key, setting.default);
        assert!(setting.key.contains('.') && setting.help.ends_with('.'), "{}", setting.key);
    }
    let place = Place::new();
    let config = place.load(&[]).unwrap(); // panics on a setting that is in the table or in the types alone
    assert_eq!(config.shown.len(), settings().len());
    assert!(config.shown.iter().all(|shown| shown.source == Source::Default));
    assert_eq!((config.queue.max_tasks, config.crew.agents.len()), (1_000, 12));
    assert!(config.crew.agents.values().all(|agent| agent.capabilities.is_none() && agent.qos.is_none()));
    assert_eq!(config.socket, place.dir.path().join("agentd.sock"));
}

#[test]
fn marks_of_the_disk_fit_large_and_small_volumes() {
    const MIB: u64 = 1 << 20;
    let marks = Place::new().load(&[]).unwrap().disk;
    for (total, low, critical) in
        [(1 << 20, 2_048, 512), (10_000, 1_000, 512), (1_000, 100, 100), (100, 10, 10), (0, 0, 0)]
    {
        assert_eq!((marks.low(total * MIB) / MIB, marks.critical(total * MIB) / MIB), (low, critical), "{total} MiB");
    }
    let off = Place::new().load(&[("AGENTD_DISK__LOW_PERCENT", "0")]).unwrap().disk;
    assert_eq!((off.low(u64::MAX), off.critical(u64::MAX)), (0, 0));
}

#[test]
fn the_last_one_that_speaks_wins_and_is_named() {
    let place = Place::new();
    place.write("[queue]\nmax_tasks = 5\n[log]\nlevel = 'warn'\nfiles = 2\nmax_bytes = 2_097_152\n");
    let flags = Flags { settings: vec![("log.level", "debug".to_owned())], ..Flags::default() };
    let config = place.load_with(&[("AGENTD_QUEUE__MAX_TASKS", "6"), ("AGENTD_LOG__LEVEL", "error")], flags).unwrap();
    assert_eq!((config.queue.max_tasks, config.log.max_bytes, config.log.files), (6, 2 << 20, 2));
    assert_eq!(config.log.level, tracing::Level::DEBUG);
    assert_eq!(source(&config, "queue.max_tasks"), "environment AGENTD_QUEUE__MAX_TASKS");
    assert_eq!(source(&config, "log.max_bytes"), format!("file {}", place.file().display()));
    assert_eq!(
        (source(&config, "log.level"), source(&config, "journal.segment_bytes")),
        ("flag".into(), "default".into())
    );
}

#[test]
fn the_commented_file_is_valid_with_and_without_its_comment_signs() {
    let place = Place::new();
    place.write(commented_file());
    let as_written = place.load(&[]).unwrap();
    assert!(as_written.shown.iter().all(|shown| shown.source == Source::Default));
    let is_setting = |line: &str| line.starts_with("# ") && line.contains(" = ");
    let uncomment = |line: &str| if is_setting(line) { line[2..].to_owned() } else { line.to_owned() };
    place.write(commented_file().lines().map(uncomment).collect::<Vec<_>>().join("\n"));
    let uncommented = place.load(&[]).unwrap();
    assert!(uncommented.shown.iter().all(|shown| matches!(shown.source, Source::File(_))));
    let values = |config: &Config| config.shown.iter().map(|shown| shown.value.clone()).collect::<Vec<_>>();
    assert_eq!(values(&as_written), values(&uncommented));
}

#[test]
fn all_faults_are_told_at_once_with_key_place_and_what_is_allowed() {
    let place = Place::new();
    place.write("spare = 1\n[queue]\nmax_tasks = 0\nmax_task = 3\n[log]\nlevel = 'loud'\n[agents.chef]\nslots = 1\n[agents.analyzer]\nslots = 'x'\n");
    let faults = place.faults(&[("AGENTD_LOG__FILES", "many"), ("AGENTD_NO__SUCH", "1")]);
    let file = place.file().display().to_string();
    let expected = [
        (format!("{file}:1: spare:"), "the file has queue, server"),
        (format!("{file}:3: queue.max_tasks:"), "a whole number from 1 to 100000"),
        (format!("{file}:4: queue.max_task:"), "section `queue` has max_tasks"),
        (format!("{file}:6: log.level:"), "one of \"error\", \"warn\""),
        (format!("{file}:7: agents.chef:"), "section `agents` has analyzer"),
        (format!("{file}:10: agents.analyzer.slots:"), "\"x\" is not allowed"),
        ("environment AGENTD_LOG__FILES: log.files:".to_owned(), "`many`"),
        ("environment AGENTD_NO__SUCH: no.such:".to_owned(), "there is no such setting"),
    ];
    for (start, part) in &expected {
        assert!(faults.iter().any(|fault| fault.starts_with(start) && fault.contains(part)), "{start} in {faults:#?}");
    }
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
}

#[test]
fn agents_are_configured_one_by_one() {
    let place = Place::new();
    place.write("agents.analyzer = { slots = 3, qos = 'utility', capabilities = ['survey', 'measure'] }");
    let config = place.load(&[("AGENTD_AGENTS__MONITOR__CAPABILITIES", "noop, pause,")]).unwrap();
    let analyzer =
        Agent { slots: 3, capabilities: Some(vec![Action::Survey, Action::Measure]), qos: Some(Qos::Utility) };
    assert_eq!(config.crew.agents[&Role::Analyzer], analyzer);
    assert_eq!(config.crew.agents[&Role::Monitor].capabilities, Some(vec![Action::Noop, Action::Pause]));
    let shown = config.shown.iter().find(|shown| shown.key == "agents.analyzer.capabilities").unwrap();
    assert_eq!(shown.value, r#"["survey", "measure"]"#);
}

#[test]
fn rules_are_switched_off_by_name_and_a_slip_is_told() {
    let place = Place::new();
    place.write("rules.off = ['loop-sort']\nrules.min_confidence = 'low'\n");
    assert_eq!(place.load(&[]).unwrap().rules, RuleSet::ALL.without("loop-sort"));
    place.write("rules.off = ['loop-sort', 'loop-regx-compile', 'zzz']\n");
    let faults = place.faults(&[("AGENTD_RULES__MIN_CONFIDENCE", "sure")]);
    let file = place.file().display().to_string();
    assert_eq!(faults.len(), 2, "{faults:#?}");
    let meant = "there is no rule `loop-regx-compile`; did you mean `loop-regex-compile`?; there is no rule `zzz` (`agentd-cli rules` lists all)";
    assert!(faults.contains(&format!("{file}:1: rules.off: {meant}")), "{faults:#?}");
    assert!(faults.iter().any(|fault| fault.contains("one of \"low\", \"medium\", \"high\"")), "{faults:#?}");
    let faults = place.faults(&[("AGENTD_RULES__OFF", "lop-sort")]);
    assert!(faults.iter().any(|fault| fault.contains("did you mean `loop-sort`?")), "{faults:#?}");
    place.write("rules.off = 'loop-sort'");
    assert!(place.faults(&[])[0].contains("a list of names of a rule, as `agentd-cli rules` shows them"));
}

#[test]
fn pressure_is_heeded_unless_told_otherwise() {
    let place = Place::new();
    let pressure = |place: &Place| place.load(&[]).unwrap().crew.pressure;
    let default = PressureSettings { heed: Heed::ALL.to_vec(), calm: Duration::from_secs(15) };
    assert_eq!(pressure(&place), default, "every word is in the table, and every one is known");
    place.write("pressure.heed = ['memory']\n");
    assert_eq!(pressure(&place), PressureSettings { heed: vec![Heed::Memory], ..default });
    place.write("pressure.heed = []\npressure.calm_ms = 0\n");
    assert_eq!(pressure(&place), PressureSettings { heed: Vec::new(), calm: Duration::ZERO });
    place.write("pressure.heed = ['moon']\n");
    assert!(place.faults(&[])[0].contains("a list of \"thermal\", \"memory\", \"low_power\""));
}

#[test]
fn values_out_of_shape_are_refused() {
    let place = Place::new();
    let cases = [
        "queue = 3",
        "queue.max_tasks = 1.5",
        "queue.max_tasks = true",
        "queue.max_tasks = 99999999999999999999",
        "queue.max_tasks = { a = 1 }",
        "assign.overload_success = nan",
        "assign.overload_success = 1.01",
        "log.level = ['info']",
        "agents.analyzer.capabilities = ['bake']",
        "agents.analyzer.capabilities = [1]",
        "agents.analyzer.capabilities = 'survey'",
        "[[queue]]\nmax_tasks = 3",
        "log.level = 'info'\nlog.level = 'warn'",
        "= = =",
        "\u{0}",
        "queue.max_tasks = 1\n\u{1}garbage [",
    ];
    for text in cases {
        place.write(text);
        assert!(!place.faults(&[]).is_empty(), "{text:?}");
    }
}

#[test]
fn files_without_settings_change_nothing() {
    let place = Place::new();
    for text in ["", "\n# only talk\n", "[queue]\n", "assign.overload_success = 1"] {
        place.write(text);
        place.load(&[("AGENTD_LOG", "not a setting: no section"), ("AGENTD_QUEUE", "")]).unwrap();
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the standard library makes no pipes with names")]
fn files_that_cannot_be_trusted_or_read_are_refused() {
    let place = Place::new();
    let refused = |why: &str, place: &Place| match place.load(&[]) {
        Err(error @ ConfigError::Refused { .. }) => assert!(error.to_string().contains(why), "{error}"),
        other => panic!("{why}: {other:?}"),
    };
    place.write("");
    fs::set_permissions(place.file(), fs::Permissions::from_mode(0o602)).unwrap();
    refused("chmod o-w", &place);
    place.write([0xff, 0xfe, b'a']);
    refused("UTF-8", &place);
    place.write("#".repeat(10 * 1024 * 1024));
    refused("longer than", &place);
    place.write("");
    let foreign = Place { uid: place.uid + 1, dir: place.dir };
    if foreign.uid != 1 {
        refused("belongs to user", &foreign); // root's files are trusted, so this cannot be seen as root
    }
    fs::remove_file(foreign.file()).unwrap();
    fs::create_dir(foreign.file()).unwrap();
    refused("regular file", &foreign);
    fs::remove_dir(foreign.file()).unwrap();
    // Nobody writes into it, so opening it would never end.
    assert!(Command::new("mkfifo").arg(foreign.file()).status().unwrap().success());
    refused("regular file", &foreign);
    let elsewhere = foreign.dir.path().join("dotfiles/agentd.toml");
    let dangling = format!("{} is not used: it is a link to {}, where", foreign.file().display(), elsewhere.display());
    for is_folder in [true, false] {
        fs::remove_file(foreign.file()).unwrap();
        std::os::unix::fs::symlink(&elsewhere, foreign.file()).unwrap();
        refused(&dangling, &foreign);
        let above = elsewhere.parent().unwrap();
        if is_folder {
            fs::create_dir(above).unwrap()
        } else {
            fs::remove_dir(above).unwrap()
        }
        if !is_folder {
            fs::write(above, "").unwrap(); // a path that leads through a file leads nowhere too
        }
        refused(&dangling, &foreign);
    }
}

#[test]
fn a_file_that_was_named_must_exist_and_addresses_must_be_usable() {
    let place = Place::new();
    let missing = Flags { config: Some(place.dir.path().join("nowhere.toml")), ..Flags::default() };
    assert!(matches!(place.load_with(&[], missing), Err(ConfigError::Unreadable { .. })));
    let flags = Flags { socket: Some(format!("/{}", "s".repeat(103)).into()), ..Flags::default() };
    assert!(place.load_with(&[], flags).unwrap_err().to_string().contains("104 bytes"));
    let none = load(&Flags::default(), &HashMap::new(), place.uid);
    assert!(none.unwrap_err().to_string().contains("AGENTD_HOME"));
    let flags = Flags { state_dir: Some("/elsewhere".into()), ..Flags::default() };
    assert_eq!(place.load_with(&[], flags).unwrap().state_dir, PathBuf::from("/elsewhere"));
}
