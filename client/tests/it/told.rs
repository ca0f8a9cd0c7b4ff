//! What is answered without a daemon, by its program: so that who has misspelt a setting finds its right name.

use std::fs;

use agentd_proto::v1::{GetConfigResponse, ListRulesResponse, Rule, Setting};
use prost::Message;
use tempfile::TempDir;

use crate::{cli::Cli, program};

/// A program that refuses to serve, and tells what it is asked.
fn refusing() -> (TempDir, String) {
    let home = TempDir::new().unwrap();
    let rule = Rule { id: "loop-sort".into(), languages: vec!["rust".into()], ..Rule::default() };
    let rules = ListRulesResponse { rules: vec![rule], ..ListRulesResponse::default() };
    let setting =
        Setting { key: "rules.off".into(), value: "[]".into(), source: "default".into(), ..Setting::default() };
    fs::write(home.path().join("rules"), rules.encode_to_vec()).unwrap();
    fs::write(home.path().join("settings"), GetConfigResponse { settings: vec![setting] }.encode_to_vec()).unwrap();
    let path = home.path().join("bin/agentd");
    let at = home.path().display();
    let why = "there is no rule `loop-foo`";
    program::script(
        &path,
        &format!(
            "[ \"$1\" = --tell ] && echo 'these are the defaults' >&2 && exec cat \"{at}/$2\"\necho \"agentd: {why}\" >&2; exit 78"
        ),
    );
    let program = path.to_str().unwrap().to_owned();
    (home, program)
}

#[test]
fn rules_and_settings_are_told_by_a_program_that_does_not_start() {
    let (home, program) = refusing();
    let run = |arguments: &[&str]| Cli::new(home.path(), arguments).env("AGENTD_DAEMON", &program).run().expect(0);
    for (arguments, word) in [(&["rules"][..], "loop-sort"), (&["config", "show", "rules"], "rules.off")] {
        let output = run(arguments);
        assert!(output.stdout.contains(word), "{output:?}");
        output.says(&["agentd is not running", "these are the defaults"]);
        let json = run(&[arguments, &["--json", "--quiet"]].concat());
        assert!(json.stdout.starts_with('{') && json.stdout.contains(word) && json.stderr.is_empty(), "{json:?}");
    }
    let made = home.path().join("new/state");
    let init = Cli::new(home.path(), &["config", "init"]).env("AGENTD_DAEMON", &program);
    let _said = init.env("AGENTD_HOME", made.to_str().unwrap()).run().expect(0);
    assert!(fs::read_to_string(made.join("config.toml")).unwrap().contains("# off = []"));
}

#[test]
fn doctor_promises_no_start_of_a_program_that_refuses() {
    let (home, program) = refusing();
    let output = Cli::new(home.path(), &["doctor", "--json"]).env("AGENTD_DAEMON", &program).run();
    let found: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let remedy = |name: &str| {
        let checks = found["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap()["remedy"].as_str().unwrap().to_owned()
    };
    assert_eq!(remedy("agentd"), "mend that: until then no daemon starts");
    assert!(remedy("running").starts_with("none can be started until"), "{}", remedy("running"));
    assert!(
        !output.stdout.contains("the next submit starts it") && !output.stdout.contains("the old one"),
        "{output:?}"
    );
}
