//! The shapes that `--json` prints are committed: scripts rely on them.

use agentd_proto::v1::{
    Agent, AgentRecord, Conditions, Confidence, CoreClass, IndexState, Label, ListRulesResponse, Machine,
    MemoryPressure, Metric, MetricsResponse, Placement, PowerSource, Rule, Seats, Setting, Severity, ThermalPressure,
    Tier, VerifyJournalResponse,
};

use crate::{
    cli::Cli,
    fake::{Act, Fake, TASK, task, with_success},
    snapshot,
};

fn full() -> Fake {
    let fake = with_success();
    let mut script = fake.script();
    script.tasks = vec![task(TASK)];
    script.status.started_at = Some(agentd_proto::Timestamp { seconds: 1_795_000_000, nanos: 0 });
    script.status.index = IndexState::Closed.into();
    script.status.machine = Some(Machine {
        os: "Linux 6.12".into(),
        chip: "EPYC".into(),
        memory_bytes: 8 << 30,
        tiers: vec![Tier { name: "uniform".into(), cores: 2 }],
        gpu_cores: None,
    });
    let seats = Seats { open: 1, all: 2, reason: "memory pressure: warning".into() };
    script.status.compute = Some(seats.clone());
    script.seats = Some(seats);
    script.status.conditions = Some(Conditions {
        thermal: ThermalPressure::Fair.into(),
        memory: MemoryPressure::Warning.into(),
        power: PowerSource::Unspecified.into(),
        low_power: Some(false),
        available_bytes: Some(512 << 20),
        cpu_waits: Some(0.25),
        load: Some(1.5),
        age_ms: 300,
        unmeasured: vec!["power: the kernel names no power supply".into()],
    });
    script.agents = vec![Agent {
        name: "analyzer".into(),
        title: "Parses and measures code".into(),
        core_class: CoreClass::Compute.into(),
        placement: Some(Placement {
            asked: "USER_INITIATED".into(),
            granted: "USER_INITIATED".into(),
            pinned: false,
            fast_share: Some(0.75),
            unmeasured: String::new(),
        }),
        capabilities: vec!["parse".into()],
        record: Some(AgentRecord { steps_succeeded: 3, steps_failed: 1, pieces: 40, cpu_ms: 900, mean_step_ms: 12.5 }),
        holding: vec![format!("{TASK}/survey")],
        overloaded: false,
        note: String::new(),
        generation: 0,
        slots: 4,
    }];
    script.metrics = MetricsResponse {
        metrics: vec![Metric {
            name: "agentd_tasks_total".into(),
            help: "Tasks".into(),
            kind: "counter".into(),
            labels: vec![Label { name: "state".into(), value: "failed".into() }],
            value: 2.0,
        }],
        prometheus: "agentd_tasks_total{state=\"failed\"} 2\n".into(),
    };
    script.settings = vec![Setting {
        key: "queue.max_tasks".into(),
        value: "1000".into(),
        source: "default".into(),
        help: "Most tasks that may wait".into(),
        ..Default::default()
    }];
    script.journal = VerifyJournalResponse { segments: 1, records: 20, documents: 2, bytes: 4096, faults: vec![] };
    let rule = |id: &str, on: bool| Rule {
        id: id.into(),
        version: 1,
        title: "the same collection sorted in each round".into(),
        languages: vec!["python".into(), "rust".into()],
        severity: Severity::High.into(),
        why: "each round sorts the whole collection again".into(),
        instead: "sort once outside of the loop".into(),
        wrong_when: "the keys change in each round".into(),
        example_bad: "for x in xs:\n    ys.sort()".into(),
        example_good: "ys.sort()\nfor x in xs:\n    pass".into(),
        on,
    };
    let rules = vec![rule("loop-sort", true), rule("loop-strcat", false)];
    script.rules = ListRulesResponse { rules, min_confidence: Confidence::Medium.into() };
    drop(script);
    fake
}

#[test]
fn json_shapes_are_as_committed() {
    let fake = full();
    let cases: &[(&str, &[&str])] = &[
        ("submit", &["submit", "measure"]),
        ("submit-detach", &["submit", "--detach", "measure"]),
        ("list", &["list"]),
        ("show", &["show", "last"]),
        ("cancel", &["cancel", "last"]),
        ("agents", &["agents"]),
        ("status", &["status"]),
        ("stats", &["stats"]),
        ("config-show", &["config", "show"]),
        ("config-init", &["config", "init"]),
        ("rules", &["rules"]),
        ("rules-explain", &["rules", "explain", "loop-sort"]),
        ("journal-verify", &["journal", "verify"]),
        ("journal-rebuild", &["journal", "rebuild"]),
        ("start", &["start"]),
        ("stop", &["stop"]),
    ];
    for (name, command) in cases {
        let output = Cli::new(fake.home(), command).env("AGENTD_DAEMON", "").run_json();
        assert_eq!(output.lines().count(), 1, "{name}: {output}");
        let value: serde_json::Value = serde_json::from_str(&output).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap() + "\n";
        let home = fake.home().to_str().unwrap();
        snapshot::assert_matches(&format!("golden/{name}.json"), &pretty.replace(home, "[HOME]"));
    }
    let fake = Fake::absent();
    let stopped = Cli::new(fake.home(), &["--json", "status"]).run().expect(4);
    let pretty = stopped.stdout.replace(fake.home().to_str().unwrap(), "[HOME]");
    snapshot::assert_matches("golden/status-stopped.json", &pretty);
}

/// Each fault is one line on stderr, whatever it is about, also if the command line cannot be parsed.
#[test]
fn faults_are_json_too() {
    let fake = full();
    let cases: &[(&[&str], &str, i32)] = &[
        (&["show", "01ZZ"], "no_task", 3),
        (&["show", "not an id"], "usage", 2),
        (&["show", "last", "-d", "x.md"], "no_document", 3),
        (&["config", "show", "nothere"], "no_setting", 3),
        (&["rules", "explain", "loop-srt"], "no_rule", 3),
        (&["rules", "--language", "cobol"], "usage", 2),
        (&["cancel", "01ZZ"], "no_task", 3),
        (&["sumbit", "x"], "usage", 2),
        (&["list", "--limit", "few"], "usage", 2),
        (&["status", "--socket", "/nowhere/agentd.sock"], "not_running", 4),
    ];
    for (command, kind, exit) in cases {
        let output = Cli::new(fake.home(), command).argument("--json").run().expect(*exit);
        let fault: serde_json::Value = serde_json::from_str(&output.stderr).unwrap();
        let fault = &fault["error"];
        assert_eq!(
            (fault["kind"].as_str(), fault["exit"].as_i64()),
            (Some(*kind), Some((*exit).into())),
            "{command:?}"
        );
        assert!(fault["message"].as_str().is_some_and(|message| !message.is_empty()), "{command:?}: {fault}");
        assert!(fault["hints"].as_array().is_some_and(|hints| !hints.is_empty()), "{command:?}: {fault}");
    }
    let output = Cli::new(fake.home(), &["show", "last", "-d", "x.md"]).argument("--json").run().expect(3);
    snapshot::assert_matches("golden/error.json", &output.stderr);
}

#[test]
fn every_kind_of_event_has_its_committed_line() {
    use crate::fake::{ended, event, progress, started, submitted, succeeded};
    use agentd_proto::v1::{
        AttemptFailed, CancelRequested, EffectRecorded, Recovered, Suspended, TaskState, event::What,
    };
    let failed = AttemptFailed {
        step: "survey".into(),
        attempt: 1,
        class: "unavailable".into(),
        message: "disk full".into(),
        will_retry: true,
        retry_in_ms: 500,
    };
    let (step, what) = ("survey".to_owned(), "write report.md".to_owned());
    let acts: Vec<Act> = vec![
        submitted(11),
        started(12, "survey"),
        progress("survey", 700),
        event(13, What::AttemptFailed(failed)),
        event(14, What::Recovered(Recovered { steps: vec!["survey".into()] })),
        event(15, What::Suspended(Suspended { step: step.clone() })),
        event(16, What::Effect(EffectRecorded { step, what, done: true })),
        succeeded(17, "survey", "done"),
        event(18, What::CancelRequested(CancelRequested {})),
        ended(19, TaskState::Cancelled, &["report.md"]),
    ];
    let fake = Fake::serving();
    fake.script().watches.push_back(acts);
    let output = Cli::new(fake.home(), &["--json", "watch", TASK]).run().expect(75);
    snapshot::assert_matches("golden/watch.jsonl", &output.stdout);
}

#[test]
fn stats_pass_prometheus_text_on() {
    let output = Cli::new(full().home(), &["stats", "--prometheus"]).run().expect(0);
    assert_eq!(output.stdout, "agentd_tasks_total{state=\"failed\"} 2\n");
}

impl Cli {
    fn run_json(self) -> String {
        let output = self.argument("--json").run().expect(0);
        output.stdout
    }
}

#[test]
fn pressure_is_told_to_people_and_only_what_was_measured() {
    let fake = full();
    let status = |fake: &Fake| Cli::new(fake.home(), &["status"]).run().expect(0).stdout;
    let told = status(&fake);
    assert!(told.contains("compute     1 of 2 seats (memory pressure: warning)\n"), "{told}");
    let line = "heat fair, memory pressure warning, 536.9 MB available, waiting for a cpu 25 % of the time, load 1.5\n";
    assert!(told.contains(&format!("conditions  {line}")), "{told}");
    let agents = Cli::new(fake.home(), &["agents"]).run().expect(0).stdout;
    assert!(agents.contains("compute  1 of 2 seats (memory pressure: warning)"), "{agents}");

    fake.script().status.conditions = Some(Conditions {
        power: PowerSource::Battery.into(),
        low_power: Some(true),
        age_ms: 90_000,
        ..Default::default()
    });
    fake.script().status.compute = Some(Seats { open: 8, all: 8, reason: String::new() });
    fake.script().seats = Some(Seats { open: 8, all: 8, reason: String::new() });
    let told = status(&fake);
    assert!(told.contains("compute     8 seats\nconditions  on battery, low power mode, 1 min 30 s ago\n"), "{told}");
    assert!(!Cli::new(fake.home(), &["agents"]).run().expect(0).stdout.contains("seats"));

    (fake.script().status.conditions, fake.script().status.compute) = (Some(Conditions::default()), None);
    let told = status(&fake);
    assert!(!told.contains("conditions") && !told.contains("compute"), "{told}");
}

#[test]
fn rules_are_listed_and_explained_for_people() {
    let fake = full();
    let listed = Cli::new(fake.home(), &["rules", "--language", "Rust"]).run().expect(0).stdout;
    assert!(listed.contains("loop-sort    high      python, rust  the same collection"), "{listed}");
    assert!(listed.contains("loop-strcat") && listed.contains("(switched off)"), "{listed}");
    let page = Cli::new(fake.home(), &["rules", "explain", "loop-sort"]).run().expect(0).stdout;
    for part in [
        "# loop-sort\n",
        "high severity; reads python, rust.",
        "**Instead**: sort once outside of the loop.",
        "## Costs\n\n```python\nfor x in xs:\n    ys.sort()\n```\n",
        "agentd: allow(loop-sort)",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let missing = Cli::new(fake.home(), &["rules", "explain", "loop-srt"]).run().expect(3).stderr;
    assert!(missing.contains("did you mean `loop-sort`"), "{missing}");
}
