//! agentd as a service of the user: a LaunchAgent on macOS, user units of systemd on Linux. What the files hold and what an
//! answer of a manager means is decided without running anything; `runner` is the one place that starts a program.

pub mod decide;
pub mod fault;
pub mod files;
pub mod job;
pub mod launchd;
pub mod logs;
pub mod manager;
pub mod plist;
pub mod program;
pub mod runner;
pub mod systemd;
#[cfg(test)]
mod transcript;
pub mod units;
pub mod wake;

pub use fault::Fault;
pub use files::{Files, Found};
pub use job::{Installed, Job, Place, There};
pub use manager::{Kind, Manager, Seen};
