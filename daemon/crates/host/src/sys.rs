//! System calls behind safe functions. All `unsafe` of agentd is in the files below; no logic is.

mod crash;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
mod spawn;
mod tally;
mod unix;

pub(crate) use crash::*;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(target_os = "macos")]
pub(crate) use macos::*;
pub(crate) use spawn::*;
pub(crate) use tally::*;
pub(crate) use unix::*;
