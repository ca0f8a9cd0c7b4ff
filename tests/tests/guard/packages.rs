//! The packages that the project was asked to stand on are direct dependencies and do real work.

use std::path::Path;

use agentd_tests::{metadata, repo, source};

/// (package, rooms of which at least one must depend on it and call it).
const ASKED_FOR: [(&str, &[&str]); 9] = [
    ("libc", &["agentd-host"]),
    ("mach2", &["agentd-host"]),
    ("prost", &["agentd-proto", "agentd"]),
    ("serde", &["agentd-base", "agentd-engine", "agentd"]),
    ("sled", &["agentd-journal"]),
    ("sysinfo", &["agentd-host"]),
    ("tokio", &["agentd-host", "agentd-agents", "agentd-engine", "agentd"]),
    ("tonic", &["agentd", "agentd-cli"]),
    ("tracing", &["agentd", "agentd-engine", "agentd-host"]),
];

/// True if code under the folder (not its tests) names the library as a path, `library::…`.
fn is_called(folder: &Path, library: &str) -> bool {
    let module = library.replace('-', "_");
    repo::files_with_extension("rs")
        .into_iter()
        .filter(|path| path.starts_with(folder.join("src")) || *path == folder.join("build.rs"))
        .filter(|path| !repo::is_test(path))
        .any(|path| source::find(&source::tokens_without_tests(&path), &[&module, ":", ":"]).is_some())
}

#[test]
fn packages_asked_for_do_real_work() {
    let packages = metadata::packages();
    let mut faults = Vec::new();
    for (library, owners) in ASKED_FOR {
        let works = packages
            .iter()
            .filter(|package| owners.contains(&package.name.as_str()) && package.uses(library))
            .any(|package| is_called(&package.folder, library));
        if !works {
            faults.push(format!("{library} is not a direct dependency that is called in any of {}", owners.join(", ")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_dependency_without_a_call_does_not_count() {
    assert!(is_called(Path::new("daemon/crates/base"), "serde"), "base derives with serde");
    assert!(!is_called(Path::new("daemon/crates/base"), "tokio"), "base has no async");
}
