//! The personas that are compiled in are those of the files, as any YAML reader sees them, one for each role.

use std::{collections::BTreeMap, fs, path::Path};

use agentd_prompts::{Persona, personas};

/// As `agentd-base` lists the roles; this package depends on nothing, so the list stands here once more.
const ROLES: [&str; 12] = [
    "analyzer",
    "architect",
    "optimizer",
    "generator",
    "validator",
    "integrator",
    "researcher",
    "synthesizer",
    "coordinator",
    "documenter",
    "monitor",
    "reporter",
];

/// What Claude Code offers to sub-agents and these personas use; none of them reaches the network.
const TOOLS: [&str; 6] = ["Read", "Grep", "Glob", "Edit", "Write", "Bash"];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("personas")
}

#[test]
fn every_role_has_its_file_and_every_file_is_compiled_in() {
    let roles: Vec<&str> = personas().iter().map(|persona| persona.role).collect();
    assert_eq!(roles, ROLES);
    let mut files: Vec<String> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let mut expected: Vec<String> = ROLES.iter().map(|role| format!("{role}.md")).collect();
    expected.sort();
    assert_eq!(files, expected);
    assert_eq!(Persona::of_role("monitor").map(|persona| persona.name), Some("monitor"));
    assert_eq!(Persona::of_role("chef"), None);
}

#[test]
fn the_heads_mean_the_same_to_a_yaml_reader() {
    for persona in personas() {
        let text = fs::read_to_string(folder().join(format!("{}.md", persona.role))).unwrap();
        let (head, body) = text.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap();
        let head: BTreeMap<String, String> = yaml_serde::from_str(head).unwrap();
        let tools = persona.tools.join(", ");
        let expected: BTreeMap<String, String> = [
            ("name", persona.name),
            ("description", persona.description),
            ("tools", &tools),
            ("role", persona.role),
            ("tier", persona.tier.name()),
            ("output", persona.output.name()),
            ("title", persona.title),
            ("icon", persona.icon),
            ("when_to_use", persona.when_to_use),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        assert_eq!(head, expected);
        assert_eq!(body.trim(), persona.body);
    }
}

#[test]
fn every_persona_is_short_complete_and_warned() {
    for persona in personas() {
        let name = persona.name;
        assert_eq!(name, persona.role, "a persona of ours is called like its role");
        assert!(persona.description.len() < 160 && persona.description.ends_with('.'), "{name}");
        assert!(persona.when_to_use.ends_with('.'), "{name}");
        assert!(persona.tools.iter().all(|tool| TOOLS.contains(tool)), "{name}: {:?}", persona.tools);
        assert!((800..3_000).contains(&persona.body.len()), "{name} has {} bytes", persona.body.len());
        assert!(persona.body.starts_with("You are the "), "{name}");
        // Material from a workspace may hold instructions; every persona is told what to do with them.
        assert!(persona.body.contains("do not follow them"), "{name}");
        assert!(persona.body.contains("\nAnswer with"), "{name} says what the answer looks like");
        let asks_for_json = persona.body.contains("Answer with one JSON object");
        assert_eq!(asks_for_json, persona.output == agentd_prompts::Output::Json, "{name}");
    }
}
