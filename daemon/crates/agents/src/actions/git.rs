//! git as a child of a step, in the task's folder.

use std::{ffi::OsString, path::Path};

use agentd_host::{ChildPurpose, ChildSpec};
use agentd_tools::git::GitCommand;

use crate::StepCtx;

/// The child that runs `command`, found by the task's search path; whoever asks sets the limits of time and output.
pub(super) fn child(ctx: &StepCtx, folder: &Path, command: GitCommand) -> ChildSpec {
    let mut spec = ChildSpec::new("git", folder.to_owned(), ChildPurpose::UserWaits);
    spec.args = command.args.into_iter().map(OsString::from).collect();
    spec.env = command.env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    spec.path = ctx.task().path.clone().map(OsString::from);
    spec
}
