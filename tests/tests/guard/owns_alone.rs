//! What a room owns alone, nobody else depends on; `unsafe` lives in host; pure rooms touch no clock, file or task.

use std::path::Path;

use agentd_tests::{
    metadata::{self, Kind, Package},
    repo, source,
};

/// Programs and their tests, the only ones that speak the wire.
const WIRE: &[&str] = &["agentd", "agentd-cli", "agentd-proto", "agentd-tests"];

/// (library, its owners). A name that ends in `*` stands for all that begin so. Tests may use what they like.
const OWNED: [(&str, &[&str]); 31] = [
    ("cap-fs-ext", &["agentd-tools"]),
    ("cap-std", &["agentd-tools"]),
    ("clap*", &["agentd", "agentd-cli"]),
    ("git2", &["agentd-tools"]),
    ("gix*", &["agentd-tools"]),
    ("hyper", &["agentd-models"]),
    ("ignore", &["agentd-tools"]),
    ("indicatif", &["agentd-cli"]),
    ("launchd", &["agentd-cli"]),
    ("libc", &["agentd-host"]),
    ("listenfd", &["agentd-host"]),
    ("mach2", &["agentd-host"]),
    ("nix", &["agentd-host"]),
    ("plist", &["agentd-cli"]),
    // The engine writes its records with it; it may not know the contract.
    ("prost", &["agentd", "agentd-cli", "agentd-engine", "agentd-proto", "agentd-tests"]),
    ("prost-types", WIRE),
    ("protox", &["agentd-proto"]),
    ("rayon*", &[]),
    ("reqwest", &["agentd-models"]),
    ("rustls*", &["agentd-models"]),
    ("sled", &["agentd-journal"]),
    ("sysinfo", &["agentd-host"]),
    ("tokio-process", &["agentd-host"]),
    ("tonic", WIRE),
    ("tonic-health", WIRE),
    ("tonic-prost", WIRE),
    ("tonic-prost-build", &["agentd-proto"]),
    ("tonic-reflection", WIRE),
    ("tracing-subscriber", &["agentd", "agentd-cli", "agentd-tests"]),
    // The benchmarks parse without us, for a floor.
    ("tree-sitter-*", &["agentd-syntax", "agentd-tests"]),
    // Host counts its memory: only an `unsafe` call can.
    ("tree-sitter", &["agentd-host", "agentd-syntax", "agentd-tests"]),
];

/// (room, libraries it may not use at all): what would end its purity.
const FORBIDDEN: [(&str, &[&str]); 5] = [
    ("agentd-base", &["tokio", "tokio-util", "futures-util", "tracing", "tempfile"]),
    ("agentd-prompts", &["tokio", "futures-util"]),
    ("agentd-syntax", &["tokio", "futures-util", "ignore"]),
    ("agentd-workflow", &["tokio", "futures-util", "tempfile"]),
    ("agentd-engine", &["hyper", "hyper-util", "reqwest"]),
];

/// Rooms without clock, files and async, and the words that would bring them in.
const PURE: [&str; 3] = ["daemon/crates/base/src", "daemon/crates/syntax/src", "daemon/crates/workflow/src"];
const IMPURE: [&str; 8] = ["fs", "SystemTime", "Instant", "async", "await", "tokio", "TcpStream", "UnixStream"];

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

fn faults(packages: &[Package]) -> Vec<String> {
    let mut faults = Vec::new();
    for package in packages {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.kind != Kind::Dev) {
            for (pattern, owners) in OWNED {
                if matches(pattern, &dependency.name) && !owners.contains(&package.name.as_str()) {
                    let owners = if owners.is_empty() {
                        "nobody may".to_owned()
                    } else {
                        format!("only {} may", owners.join(", "))
                    };
                    faults.push(format!("{} uses {}; {owners}", package.name, dependency.name));
                }
            }
            let forbidden = FORBIDDEN.iter().find(|(room, _)| *room == package.name);
            if forbidden.is_some_and(|(_, list)| list.contains(&dependency.name.as_str())) {
                faults.push(format!("{} uses {}, which its purity forbids", package.name, dependency.name));
            }
        }
    }
    faults
}

#[test]
fn owned_libraries_are_used_by_their_owner_alone() {
    let faults = faults(&metadata::packages());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_stranger_is_found() {
    let package = |name: &str, library: &str, kind| Package {
        name: name.to_owned(),
        folder: "x".into(),
        dependencies: vec![metadata::Dependency { name: library.to_owned(), kind }],
    };
    for (name, library) in [
        ("agentd-engine", "sled"),
        ("agentd-tools", "tree-sitter-rust"),
        ("agentd", "libc"),
        ("agentd-workflow", "tokio"),
    ] {
        assert_eq!(faults(&[package(name, library, Kind::Normal)]).len(), 1, "{name} with {library}");
        assert_eq!(faults(&[package(name, library, Kind::Dev)]).len(), 0, "tests of {name} with {library}");
    }
    assert!(faults(&[package("agentd-journal", "sled", Kind::Normal)]).is_empty());
}

#[test]
fn unsafe_stands_in_host_alone() {
    let mut faults = Vec::new();
    for path in repo::files_with_extension("rs") {
        if path.starts_with("daemon/crates/host") || is_sample(&path) {
            continue;
        }
        if let Some(line) = source::find(&source::tokens(&path), &["unsafe"]) {
            faults.push(format!("{}:{line}: unsafe; put it behind a safe function of agentd-host", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn pure_rooms_know_no_clock_no_file_no_task() {
    let mut faults = Vec::new();
    for path in repo::files_with_extension("rs") {
        if !PURE.iter().any(|room| path.starts_with(room)) || repo::is_test(&path) {
            continue;
        }
        let tokens = source::tokens_without_tests(&path);
        for word in IMPURE {
            if let Some(line) = source::find(&tokens, &[word]) {
                faults.push(format!("{}:{line}: {word}; this room is pure, take it as an argument", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Sources that tests feed to the tools; nobody compiles them here.
fn is_sample(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "fixtures")
}
