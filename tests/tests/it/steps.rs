//! The steps of an analysis: who does which, and a task that began with those of an older agentd.

use std::{fs, os::unix::fs::PermissionsExt as _};

use agentd_proto::v1::{TaskState, event::What};
use agentd_tests::{
    client::analyze,
    daemon::{Clients, Home, TestDaemon, runtime},
};
use serde_json::{Value, json};

/// Steps of the analysis with the agent that the design names for each; the first free one of its class may take it.
const STEPS: [(&str, &str); 8] = [
    ("survey", "researcher"),
    ("project", "integrator"),
    ("history", "researcher"),
    ("measure", "analyzer"),
    ("structure", "architect"),
    ("duplicates", "optimizer"),
    ("merge", "synthesizer"),
    ("report", "reporter"),
];

#[test]
fn each_step_runs_on_the_agent_of_its_role_and_pieces_on_several() {
    let home = Home::new();
    let folder = home.folder("wide");
    // Enough text for some fifty pieces, so that more than one agent is awake before the first is through with them.
    let module: String =
        (0..1_500).map(|number| format!("pub fn f{number}(x: u32) -> u32 {{ x + {number} }}\n")).collect();
    for number in 0..60 {
        fs::write(folder.join(format!("m{number}.rs")), &module).unwrap();
    }
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let (task, seen) = clients.run(analyze(&folder)).await;
        assert_eq!(seen.state(), TaskState::Succeeded);
        let mut attempts = seen.attempts();
        attempts.sort_unstable();
        let mut expected = STEPS;
        expected.sort_unstable();
        assert_eq!(attempts, expected);
        let steps = clients.task(&task).await.unwrap().steps;
        let roles: Vec<(&str, &str, u32)> =
            steps.iter().map(|step| (step.name.as_str(), step.role.as_str(), step.attempts)).collect();
        assert_eq!(roles, STEPS.map(|(step, role)| (step, role, 1)));
        assert_eq!(steps[6].needs, ["survey", "project", "history", "measure", "structure", "duplicates"]);
        let mut client = clients.agents.clone();
        let agents = client.list(agentd_proto::v1::ListAgentsRequest {}).await.unwrap().into_inner().agents;
        let shares: Vec<(&str, u64)> = agents
            .iter()
            .map(|agent| (agent.name.as_str(), agent.record.unwrap().pieces))
            .filter(|(_, pieces)| *pieces > 0)
            .collect();
        eprintln!("pieces: {shares:?}");
        assert!(shares.len() >= 2, "{shares:?}");
        let measured = seen.progress.iter().filter(|progress| progress.step == "measure" && progress.unit == "files");
        let measured: Vec<(u64, u64)> = measured.map(|progress| (progress.done, progress.total)).collect();
        eprintln!("{} events of progress while measuring", measured.len());
        assert!(!measured.is_empty(), "{:?}", seen.progress);
        assert!(
            measured.is_sorted() && measured.iter().all(|&(done, total)| done <= total && total == 60),
            "{measured:?}"
        );
        assert!(seen.cursors().is_sorted_by(|a, b| a + 1 == *b), "{:?}", seen.cursors());
        let effects: Vec<(&str, bool)> = seen
            .events
            .iter()
            .filter_map(|event| match &event.what {
                Some(What::Effect(effect)) => Some((effect.what.as_str(), effect.done)),
                _ => None,
            })
            .collect();
        let what = format!("write tasks/{task}/report.md");
        assert_eq!(effects, [(what.as_str(), false), (what.as_str(), true)]);
    });
}

/// The journal of an agentd whose analysis had six steps, stopped in order behind the third; the zeros at its end are cut off.
const FIRST_GRAPH: &[u8] = include_bytes!("../../fixtures/first-graph/0000000001-00000000000000000001.seg");

#[test]
fn a_task_that_began_with_an_older_graph_ends_with_it_and_says_what_it_lacks() {
    let home = Home::new();
    let log = home.state().join("log");
    fs::create_dir_all(&log).unwrap();
    fs::set_permissions(home.state(), fs::Permissions::from_mode(0o700)).unwrap();
    let mut segment = FIRST_GRAPH.to_vec();
    segment.resize(1 << 20, 0);
    fs::write(log.join("0000000001-00000000000000000001.seg"), segment).unwrap();
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let task = "01M7YEHGK09CXEWNEZ3JE9NWA6";
        let seen = clients.follow(task, 0).await;
        assert_eq!(seen.state(), TaskState::Succeeded, "{:#?}", seen.events);
        let steps: Vec<(String, u32)> =
            clients.task(task).await.unwrap().steps.into_iter().map(|step| (step.name, step.attempts)).collect();
        let six = ["survey", "project", "measure", "structure", "merge", "report"];
        assert_eq!(steps, six.map(|step| (step.to_owned(), 1)), "what was done is not done again, and nothing is added");
        let report: Value = serde_json::from_slice(&clients.document(task, "report.json").await.unwrap()).unwrap();
        assert_eq!((&report["schema"], &report["subject"]["name"]), (&json!(3), &json!("sample")));
        assert_eq!((&report["totals"]["functions"], &report["structure"]["cycle_count"]), (&json!(4), &json!(1)));
        assert_eq!(report["findings"]["by_rule"][0]["rule"], "loop-regex-compile", "outputs are read as what they are");
        assert_eq!((&report["duplicates"], &report["dependencies"]), (&Value::Null, &Value::Null));
        assert_eq!(report["history"]["unknown"], "the task began under an agentd that did not ask for it");
        let page = String::from_utf8(clients.document(task, "report.md").await.unwrap()).unwrap();
        let told = "- not looked at, since the task began under an older agentd: how often files change, duplicated code, lock files";
        assert!(page.contains(told), "{page}");
        // A task of today has the steps of today.
        let (_, seen) = clients.run(analyze(&home.folder("new"))).await;
        assert_eq!((seen.state(), seen.attempts().len()), (TaskState::Succeeded, STEPS.len()));
    });
}
