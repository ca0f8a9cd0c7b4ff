//! git as a child of a step, in the task's folder. What it says of a repository is never a fault of the step. A machine that
//! cannot run it now is one, as long as there are tries left: later it may, and what is missing in a report is missing for good.

use std::{ffi::OsString, path::Path, time::Duration};

use agentd_base::{Classify as _, ErrorClass};
use agentd_host::{ChildExit, ChildPurpose, ChildSpec, Children, Error};
use agentd_tools::git::GitCommand;
use agentd_workflow::MAX_ATTEMPTS;

use super::fault;
use crate::{StepCtx, StepFault};

/// What one look at a repository may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) time: Duration,
    /// Bytes that are kept of each output.
    pub(super) output: usize,
}

/// Runs git. The inner error: it did not run, and there is nothing to wait for.
pub(super) async fn run(
    ctx: &StepCtx,
    children: &Children,
    (folder, command): (&Path, GitCommand),
    bounds: Bounds,
) -> Result<Result<ChildExit, Error>, StepFault> {
    let spec = ChildSpec { wall: bounds.time, output_limit: bounds.output, ..child(ctx, folder, command) };
    match children.run(spec, ctx.cancelled()).await {
        Err(error) if is_worth_another_try(&error, ctx.key().attempt) => Err(fault(&error)),
        ran => Ok(ran),
    }
}

/// Our own notes about children wait for room on the disk however long it takes.
fn is_worth_another_try(error: &Error, attempt: u32) -> bool {
    match error.class() {
        ErrorClass::Disk => true,
        ErrorClass::Busy | ErrorClass::Unavailable => attempt < MAX_ATTEMPTS,
        _ => false,
    }
}

/// The child that runs `command`, found by the task's search path.
fn child(ctx: &StepCtx, folder: &Path, command: GitCommand) -> ChildSpec {
    let mut spec = ChildSpec::new("git", folder.to_owned(), ChildPurpose::UserWaits);
    spec.args = command.args.into_iter().map(OsString::from).collect();
    spec.env = command.env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    spec.path = ctx.task().path.clone().map(OsString::from);
    spec
}

#[cfg(test)]
mod tests {
    use std::io::{Error as IoError, ErrorKind};

    use super::*;

    /// All descriptors are in use; the same number on both systems.
    const EMFILE: i32 = 24;

    #[test]
    fn a_step_waits_for_the_machine_and_for_nothing_else() {
        let list = |kind: ErrorKind| Error::Registry { path: "children".into(), source: kind.into() };
        let git = |source: IoError| Error::Start { program: "git".to_owned(), cwd: "/".into(), source };
        let (first, last) = (1, MAX_ATTEMPTS);
        for (error, attempt, waits) in [
            (list(ErrorKind::StorageFull), first, true),
            (list(ErrorKind::QuotaExceeded), last + 100, true),
            (Error::TooManyChildren { limit: 1 }, first, true),
            (Error::TooManyChildren { limit: 1 }, last, false),
            (git(IoError::from_raw_os_error(EMFILE)), first, true),
            (git(ErrorKind::WouldBlock.into()), last - 1, true),
            (git(ErrorKind::WouldBlock.into()), last, false),
            (git(ErrorKind::NotFound.into()), first, false),
            (git(ErrorKind::PermissionDenied.into()), first, false),
            (Error::ProgramMissing { program: "git".to_owned(), path: "/".to_owned() }, first, false),
        ] {
            assert_eq!(is_worth_another_try(&error, attempt), waits, "{error:?}, try {attempt}");
        }
    }
}
