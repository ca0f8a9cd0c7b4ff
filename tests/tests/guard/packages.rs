//! The packages that the project was asked to stand on are direct dependencies and do real work; and no room depends on a
//! package that it does not name.

use std::path::Path;

use agentd_tests::{
    metadata::{self, Kind, Package},
    repo, source,
};

/// (package, rooms of which at least one must depend on it and call it).
const ASKED_FOR: [(&str, &[&str]); 10] = [
    ("launchd", &["agentd-cli"]),
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

/// (room, package): used by code that is generated at build time, so no source names it.
const GENERATED: [(&str, &str); 1] = [("agentd-proto", "tonic-prost")];

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

/// The words of a room's own sources: what it ships, and all of it with tests and examples.
fn sources(package: &Package, rooms: &[Package]) -> (Vec<Vec<source::Token>>, Vec<Vec<source::Token>>) {
    let inner = |path: &Path| {
        // A room may lie in another one's folder.
        let deeper = |other: &&Package| other.folder != package.folder && other.folder.starts_with(&package.folder);
        rooms.iter().filter(deeper).any(|other| path.starts_with(&other.folder))
    };
    let own =
        repo::files_with_extension("rs").into_iter().filter(|path| path.starts_with(&package.folder) && !inner(path));
    let own: Vec<_> = own.collect();
    let shipped = own.iter().filter(|path| !repo::is_test(path)).map(|path| source::tokens_without_tests(path));
    (shipped.collect(), own.iter().map(|path| source::tokens(path)).collect())
}

#[test]
fn every_dependency_is_named_by_the_room_that_has_it() {
    let packages = metadata::packages();
    let mut faults = Vec::new();
    for package in &packages {
        let (shipped, all) = sources(package, &packages);
        for dependency in &package.dependencies {
            let module = dependency.name.replace('-', "_");
            let words = if dependency.kind == Kind::Dev || package.name == "agentd-tests" { &all } else { &shipped };
            let named = words.iter().any(|tokens| source::find(tokens, &[&module, ":", ":"]).is_some());
            if !named && !GENERATED.contains(&(package.name.as_str(), dependency.name.as_str())) {
                faults.push(format!(
                    "{} depends on {} ({:?}) and does not name it there; take it out of its Cargo.toml, or move it to the tests'",
                    package.name, dependency.name, dependency.kind
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
