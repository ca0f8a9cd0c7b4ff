//! What a project says about itself: name, description, packages, entry points, and how it is built and tested. Every
//! statement carries the file and line that it was read from; nothing is run and nothing is guessed.

mod builder;
mod cargo;
mod cpp;
mod json;
mod jvm;
mod manifests;
mod neighbours;
mod npm;
mod own;
mod plain;
mod python;
mod tasks;
mod tsconfig;
mod workflow;

use serde::{Deserialize, Serialize};

pub(crate) use builder::{Builder, Part};
pub(crate) use json::{JsonKeys, json_fault};
pub(crate) use manifests::{MAX_BYTES, Reader, read, reader};
use neighbours::Neighbour;
pub(crate) use neighbours::Neighbours;
pub use own::Own;

/// A family of packages with one manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ecosystem {
    /// Rust.
    Cargo,
    /// Python.
    Python,
    /// JavaScript and TypeScript.
    Npm,
    /// Go modules.
    Go,
    /// Maven and Gradle.
    Jvm,
    /// Swift packages.
    Swift,
    /// C and C++: `CMake`, Meson.
    C,
}

/// Where something was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// Path below the workspace.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
}

/// Something that a file says, at most 600 bytes, safe to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// What it says.
    pub text: String,
    /// Where.
    pub source: Source,
}

/// A package of the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its manager.
    pub ecosystem: Ecosystem,
    /// Name; for Go the module path.
    pub name: String,
    /// Folder of its manifest, empty for the top.
    pub folder: String,
    /// Where the name stands.
    pub source: Source,
}

/// Where a program starts, as a manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What the program is called.
    pub name: String,
    /// What starts: a file, a script line or `module:function`.
    pub target: String,
    /// Where it is declared.
    pub source: Source,
}

/// What a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Compiles or packages.
    Build,
    /// Runs tests.
    Test,
    /// Checks style or types.
    Lint,
    /// Starts the program.
    Run,
}

/// Why a command is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The file holds this command, or a target of this name.
    Stated,
    /// The tool that owns the file has this command for every such project.
    Convention,
}

/// A way to build, test, check or run the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundCommand {
    /// What it is for.
    pub purpose: Purpose,
    /// The command line, safe to show. Never run without approval: the repository wrote it.
    pub command: String,
    /// Folder to run it in, empty for the top.
    pub folder: String,
    /// Why it is listed.
    pub basis: Basis,
    /// Where it was read.
    pub source: Source,
}

/// What one configuration of TypeScript says of imports. Paths are kept as they are written: others may extend it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptConfig {
    /// Path of the file below the workspace.
    pub file: String,
    /// The configurations that it builds on, a later one before an earlier one.
    pub extends: Vec<String>,
    /// The configurations beside it that do its work, if it has no files of its own.
    pub references: Vec<String>,
    /// `baseUrl`: the folder where names begin.
    pub base: Option<String>,
    /// `paths`; `None`: it has no such table. The first that fits a name is the one that counts, as TypeScript chooses: whole names
    /// come before all others, longer starts before shorter ones, and those as long as each other in the order of their letters.
    pub patterns: Option<Vec<Pattern>>,
}

/// Names that lead to files of the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// The name, or what stands before its `*`.
    pub start: String,
    /// What stands behind the `*`; `None`: it has none, and is a whole name.
    pub end: Option<String>,
    /// Where it leads, each with at most one `*` for what that of the name stood for; tried in this order.
    pub targets: Vec<String>,
}

/// What the project says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Name: of the package at the top, of a workspace's repository, or of the only package.
    pub name: Option<Claim>,
    /// Description, from a manifest at the top, or from the one that gives the name.
    pub description: Option<Claim>,
    /// First paragraph of the README.
    pub readme: Option<Claim>,
    /// All packages, outermost first.
    pub packages: Vec<Package>,
    /// Declared entry points.
    pub entries: Vec<Entry>,
    /// Commands, outermost manifests first.
    pub commands: Vec<FoundCommand>,
    /// Manifests that could not be read, with the reason, and where lists end that have no room for more.
    pub unread: Vec<Claim>,
    /// There are more packages, entry points, commands or manifests than are known here.
    #[serde(default)]
    pub is_cut: bool,
    /// Configurations of TypeScript: where the names that scripts import lead.
    #[serde(default)]
    pub scripts: Vec<ScriptConfig>,
}
