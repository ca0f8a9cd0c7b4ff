//! The help of every command is committed; completions and manual pages come out of the same description.

use std::{fmt::Write, fs, process::Command};

use tempfile::TempDir;

use crate::{cli::Cli, snapshot};

const COMMANDS: &[&[&str]] = &[
    &[],
    &["submit"],
    &["watch"],
    &["list"],
    &["show"],
    &["cancel"],
    &["agents"],
    &["status"],
    &["stats"],
    &["doctor"],
    &["bench"],
    &["rules"],
    &["rules", "explain"],
    &["config"],
    &["config", "show"],
    &["config", "init"],
    &["journal"],
    &["journal", "verify"],
    &["journal", "rebuild"],
    &["journal", "export"],
    &["journal", "import"],
    &["start"],
    &["stop"],
    &["service"],
    &["service", "install"],
    &["service", "uninstall"],
    &["service", "start"],
    &["service", "stop"],
    &["service", "restart"],
    &["service", "status"],
    &["service", "logs"],
    &["completions"],
    &["man"],
];

#[test]
fn help_is_as_committed_and_has_examples() {
    let home = TempDir::new().unwrap();
    let mut all = String::new();
    for command in COMMANDS {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        let output = Cli::new(home.path(), &arguments).run().expect(0);
        assert!(output.stdout.contains("Examples:"), "no examples: {command:?}");
        assert!(output.stdout.lines().all(|line| line.chars().count() <= 120), "too wide: {command:?}");
        assert!(!output.stdout.contains('\u{1b}'), "colour in a pipe: {command:?}");
        writeln!(all, "$ agentd-cli {}\n{}", arguments.join(" "), output.stdout).unwrap();
    }
    snapshot::assert_matches("snapshots/help.txt", &all);
}

#[test]
fn help_is_given_whatever_else_is_asked_for() {
    let home = TempDir::new().unwrap();
    let [help, asked] = [&["submit", "--help", "--json"][..], &["help", "submit", "--json"]]
        .map(|arguments| Cli::new(home.path(), arguments).run().expect(0).stdout);
    assert_eq!(help, asked);
}

#[test]
fn every_command_that_help_lists_is_in_the_snapshot() {
    let home = TempDir::new().unwrap();
    let output = Cli::new(home.path(), &["--help"]).run().expect(0);
    let section = output.stdout.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let listed: Vec<&str> = section.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(listed.contains(&"submit"), "{listed:?}");
    for name in listed.into_iter().filter(|name| *name != "help") {
        assert!(COMMANDS.contains(&[name].as_slice()), "`{name}` is missing in COMMANDS");
    }
}

#[test]
fn completions_and_manual_pages_are_made() {
    let home = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = Cli::new(home.path(), &["completions", shell]).run().expect(0);
        assert!(output.stdout.contains("submit") && output.stdout.contains("prometheus"), "{shell}");
    }
    let pages = home.path().join("man");
    fs::create_dir(&pages).unwrap();
    let _said = Cli::new(home.path(), &["man", "--dir", pages.to_str().unwrap()]).run().expect(0);
    for page in ["agentd-cli.1", "agentd-cli-submit.1", "agentd-cli-config-init.1"] {
        let text = fs::read_to_string(pages.join(page)).unwrap();
        assert!(text.starts_with(".ie") && text.contains("Examples"), "{page}");
    }
    Cli::new(home.path(), &["man", "--dir", "/nowhere"]).run().expect(2).says(&["/nowhere"]);
}

/// What bash itself completes after these words.
fn completed(script: &str, words: &[&str]) -> Vec<String> {
    let program = r#"
        eval "$1" && shift || exit 9
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        handler=$(complete -p agentd-cli | sed 's/.*-F \([^ ]*\).*/\1/')
        "$handler" agentd-cli "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", program, "bash", script]).args(words);
    let output = bash.output().expect("this machine has bash");
    assert!(output.status.success(), "{words:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_of_commands_and_values() {
    let home = TempDir::new().unwrap();
    let script = Cli::new(home.path(), &["completions", "bash"]).run().expect(0).stdout;
    let cases: [(&[&str], &[&str]); 4] = [
        (&["agentd-cli", "su"], &["submit"]),
        (&["agentd-cli", "journal", "ver"], &["verify"]),
        (&["agentd-cli", "submit", "--cpu", ""], &["fast", "quiet"]),
        (&["agentd-cli", "journal", "export", "--for"], &["--force"]),
    ];
    for (words, expected) in cases {
        assert_eq!(completed(&script, words), expected, "{words:?}");
    }
}
