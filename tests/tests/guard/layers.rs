//! Arrows between the rooms go down only: the table is the layer picture of `daemon/ARCHITECTURE.md`.

use agentd_tests::metadata::{self, Package};

/// (package, folder, level, what it may depend on). A room may be absent until it is built; a room that is not here may not exist.
const ROOMS: [(&str, &str, u8, &[&str]); 14] = [
    ("agentd-base", "daemon/crates/base", 0, &[]),
    ("agentd-proto", "proto", 0, &[]),
    ("agentd-host", "daemon/crates/host", 1, &["agentd-base"]),
    ("agentd-syntax", "daemon/crates/syntax", 1, &["agentd-base"]),
    ("agentd-models", "daemon/crates/models", 2, &["agentd-base", "agentd-host"]),
    ("agentd-tools", "daemon/crates/tools", 2, &["agentd-base", "agentd-host", "agentd-syntax"]),
    ("agentd-workflow", "daemon/crates/workflow", 2, &["agentd-base"]),
    ("agentd-journal", "daemon/crates/journal", 2, &["agentd-base", "agentd-host"]),
    ("agentd-prompts", "prompts", 2, &["agentd-base"]),
    (
        "agentd-agents",
        "daemon/crates/agents",
        3,
        &[
            "agentd-base",
            "agentd-host",
            "agentd-models",
            "agentd-prompts",
            "agentd-syntax",
            "agentd-tools",
            "agentd-workflow",
        ],
    ),
    (
        "agentd-engine",
        "daemon/crates/engine",
        4,
        &[
            "agentd-agents",
            "agentd-base",
            "agentd-host",
            "agentd-journal",
            "agentd-prompts",
            "agentd-tools",
            "agentd-workflow",
        ],
    ),
    (
        "agentd",
        "daemon",
        5,
        &[
            "agentd-agents",
            "agentd-base",
            "agentd-engine",
            "agentd-host",
            "agentd-journal",
            "agentd-models",
            "agentd-prompts",
            "agentd-proto",
            "agentd-tools",
            "agentd-workflow",
        ],
    ),
    ("agentd-cli", "client", 5, &["agentd-proto"]),
    // May see everything: checked as such below.
    ("agentd-tests", "tests", 6, &[]),
];

fn faults(packages: &[Package]) -> Vec<String> {
    let mut faults = Vec::new();
    for package in packages {
        let Some((_, folder, _, allowed)) = ROOMS.iter().find(|room| room.0 == package.name) else {
            faults.push(format!(
                "{} is no known room; add one only if it owns a dependency, is pure or is unsafe",
                package.name
            ));
            continue;
        };
        if package.folder != std::path::Path::new(folder) {
            faults.push(format!("{} lies in {}, not in {folder}", package.name, package.folder.display()));
        }
        if package.name == "agentd-tests" {
            continue;
        }
        for dependency in &package.dependencies {
            let is_room = dependency.name == "agentd" || dependency.name.starts_with("agentd-");
            // A room's own tests may switch on more of its contract, so a second line for the same room is fine.
            if is_room && !allowed.contains(&dependency.name.as_str()) {
                faults.push(format!("{} may not depend on {}", package.name, dependency.name));
            }
        }
    }
    faults
}

#[test]
fn rooms_depend_downwards_only() {
    let faults = faults(&metadata::packages());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_table_itself_points_down_and_only_programs_know_the_wire() {
    let level = |name: &str| ROOMS.iter().find(|room| room.0 == name).map(|room| room.2);
    for (name, _, own, allowed) in ROOMS {
        for other in allowed {
            assert!(level(other).is_some_and(|other| other < own), "{name} -> {other} does not point down");
        }
        assert!(
            !allowed.contains(&"agentd-proto") || ["agentd", "agentd-cli"].contains(&name),
            "{name} knows the wire"
        );
    }
}

#[test]
fn an_arrow_up_and_an_unknown_room_are_found() {
    let packages = metadata::packages();
    let base = packages.iter().find(|package| package.name == "agentd-base").expect("base exists");
    let mut up = base.clone();
    up.dependencies.push(metadata::Dependency { name: "agentd-engine".to_owned(), kind: metadata::Kind::Dev });
    assert_eq!(faults(&[up]), ["agentd-base may not depend on agentd-engine"]);
    let mut stray = base.clone();
    stray.name = "agentd-utils".to_owned();
    assert!(faults(&[stray])[0].contains("no known room"));
}
