//! The packages of the workspace as cargo sees them.

use std::path::PathBuf;

use serde_json::Value;

use crate::repo;

/// When a dependency is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To build and run the package.
    Normal,
    /// By its build script.
    Build,
    /// By its tests.
    Dev,
}

/// One line of a package's dependency tables.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// Name of the package depended upon, whatever it is renamed to.
    pub name: String,
    /// When it is needed.
    pub kind: Kind,
}

/// One package of the workspace.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name, e.g. `agentd-journal`.
    pub name: String,
    /// Its folder, relative to the root of the repository.
    pub folder: PathBuf,
    /// What it depends on directly, on any platform.
    pub dependencies: Vec<Dependency>,
}

impl Package {
    /// True if the package needs `name` to build or run.
    #[must_use]
    pub fn uses(&self, name: &str) -> bool {
        self.dependencies.iter().any(|dependency| dependency.name == name && dependency.kind != Kind::Dev)
    }
}

/// Every package of the workspace. Panics if cargo cannot read it; needs no network.
#[must_use]
pub fn packages() -> Vec<Package> {
    let metadata = read();
    let listed = metadata["packages"].as_array().expect("cargo metadata lists packages");
    listed.iter().map(package).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test asks cargo; nothing of the daemon runs here")]
fn read() -> Value {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(repo::root())
        .output()
        .expect("cargo can be started, it runs this test");
    assert!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn package(value: &Value) -> Package {
    let manifest = PathBuf::from(word(value, "manifest_path"));
    let folder = manifest.parent().expect("a manifest lies in a folder");
    Package {
        name: word(value, "name"),
        folder: folder.strip_prefix(repo::root()).expect("members lie in the repository").to_owned(),
        dependencies: value["dependencies"].as_array().expect("a list").iter().map(dependency).collect(),
    }
}

fn dependency(value: &Value) -> Dependency {
    let kind = match value["kind"].as_str() {
        None => Kind::Normal,
        Some("build") => Kind::Build,
        Some("dev") => Kind::Dev,
        Some(other) => panic!("cargo metadata names an unknown kind of dependency, {other}"),
    };
    Dependency { name: word(value, "name"), kind }
}

fn word(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("cargo metadata has no {key} in {value}")).to_owned()
}
