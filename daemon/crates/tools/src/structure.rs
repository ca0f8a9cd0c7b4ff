//! How the files of a project depend on each other: imports resolved to files, cycles, folders as components, fan-in.
//! Pure: paths and imports in, graph out. What cannot be resolved is counted as external and never guessed.

mod aliases;
mod c_like;
mod context;
mod go;
mod graph;
mod java;
mod kept;
mod paths;
mod python;
mod resolve;
mod rust;
mod script;
mod standard;

pub use context::Packages;
pub use graph::{Component, Cycle, FolderCycle, Hop, Structure, Used, analyse};
pub use kept::{KnownLinks, NewLinks};
pub use paths::{PathIndex, Paths};
pub use resolve::{Edge, Links, Resolver};
