//! One living child, from its start to its burial.

use std::{
    future::Future,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::AsyncWriteExt,
    net::unix::pipe,
    signal::unix::Signal,
    time::{sleep, timeout},
};

use super::{
    ChildExit, ChildSpec, ChildStatus, EndedBy, Input,
    children::{Inner, PATIENCE},
    output::{Capture, pump},
    processes,
};
use crate::{
    error::Error,
    measure::{Measured, child_fast_share},
    plan::ChildPurpose,
    sys::{self, Spawned},
    task,
};

/// How long output may still come after the end, and again after what held the pipe open was killed.
const REST: Duration = Duration::from_secs(1);

/// How often what was left behind is looked for: each round kills a generation.
const ROUNDS: usize = 16;

/// A living child. Dropping it kills it and all that came from it.
#[derive(Debug)]
pub struct Running {
    body: Body,
    spec: ChildSpec,
    stdin: Option<pipe::Sender>,
    stdout: Option<pipe::Receiver>,
    stderr: Option<pipe::Receiver>,
    began: Instant,
    placement: Measured<String>,
}

/// The process itself. Whoever holds it buries it.
#[derive(Debug)]
struct Body {
    children: Arc<Inner>,
    pid: i32,
    mark: String,
    what: String,
    ends: Option<Signal>,
    owner: Owner,
}

/// Who sees to a body's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The caller, who waits; if he gives up, a task takes over.
    Caller,
    /// A task, which is the last: a runtime that shuts down drops it at once.
    Task,
    /// Nobody: it was buried, handed on, or left to the next daemon.
    Nobody,
}

impl Running {
    pub(super) fn new(
        children: Arc<Inner>,
        mark: String,
        child: Spawned,
        spec: ChildSpec,
        ends: Signal,
    ) -> io::Result<Self> {
        let pid = child.pid;
        let placement = children.granted(pid);
        let body = Body { children, pid, mark, what: spec.shown(), ends: Some(ends), owner: Owner::Caller };
        body.prefer_for_oom();
        Ok(Self {
            stdin: child.stdin.map(pipe::Sender::from_owned_fd).transpose()?,
            stdout: Some(pipe::Receiver::from_owned_fd(child.stdout)?),
            stderr: Some(pipe::Receiver::from_owned_fd(child.stderr)?),
            body,
            spec,
            began: Instant::now(),
            placement,
        })
    }

    /// The process id, which is the id of its group too.
    #[must_use]
    pub const fn pid(&self) -> i32 {
        self.body.pid
    }

    /// The end to write to, if the child was started with [`Input::Pipe`]. Once.
    pub fn take_stdin(&mut self) -> Option<pipe::Sender> {
        if self.spec.input == Input::Pipe { self.stdin.take() } else { None }
    }

    /// The end to read standard output from; it is then not captured. Once.
    pub const fn take_stdout(&mut self) -> Option<pipe::Receiver> {
        self.stdout.take()
    }

    /// Waits for the end, or brings it about when `cancel` is ready or the time is up: a polite request to the whole
    /// group, two seconds later one that cannot be refused. Returns at most two seconds after the end, even if something
    /// keeps the pipes open, and only after what the child left behind was killed.
    ///
    /// # Errors
    /// The child cannot be waited for, or does not end although it was killed.
    pub async fn wait(self, cancel: impl Future<Output = ()>) -> Result<ChildExit, Error> {
        let Self { mut body, spec, stdin, stdout, stderr, began, placement } = self;
        let (mut out, mut err) = (Capture::new(spec.output_limit), Capture::new(spec.output_limit));
        let mut pumps = Box::pin(async {
            tokio::join!(feed(stdin, spec.input), pump(stdout, &mut out), pump(stderr, &mut err));
        });
        let mut open = true;
        let ended_by = {
            let end = body.end(spec.wall, cancel);
            tokio::pin!(end);
            loop {
                tokio::select! {
                    ended_by = &mut end => break ended_by?,
                    () = &mut pumps, if open => open = false,
                }
            }
        };
        let wall = began.elapsed();
        let fast_share = child_fast_share(body.pid, &body.children.settings.topology);
        open = open && timeout(REST, &mut pumps).await.is_err();
        let thorough = open || ended_by != EndedBy::Itself || spec.purpose == ChildPurpose::Build;
        let left_behind = body.sweep(thorough).await;
        let reaped = body.bury()?;
        if open {
            let _ = timeout(REST, &mut pumps).await; // what still holds a pipe now cannot be killed
        }
        drop(pumps);
        Ok(ChildExit {
            status: status_of(reaped.status),
            ended_by,
            stdout: out.finish(),
            stderr: err.finish(),
            wall,
            cpu: reaped.cpu,
            fast_share,
            placement,
            left_behind,
        })
    }
}

/// Gives a child what it is to read; it may well not want it.
async fn feed(pipe: Option<pipe::Sender>, input: Input) {
    if let (Some(mut pipe), Input::Bytes(bytes)) = (pipe, input) {
        let _ = pipe.write_all(&bytes).await;
    }
}

const fn status_of(status: i32) -> ChildStatus {
    if libc::WIFSIGNALED(status) {
        ChildStatus::Signal(libc::WTERMSIG(status))
    } else {
        ChildStatus::Code(libc::WEXITSTATUS(status))
    }
}

impl Body {
    fn failed(&self, source: io::Error) -> Error {
        Error::Wait { what: self.what.clone(), pid: self.pid, source }
    }

    /// When memory runs out, the child dies and not the daemon. Raising the score needs no privilege.
    fn prefer_for_oom(&self) {
        if cfg!(target_os = "linux")
            && let Err(error) = std::fs::write(format!("/proc/{}/oom_score_adj", self.pid), "500")
        {
            tracing::debug!(pid = self.pid, %error, "the child's score for the out-of-memory killer stays");
        }
    }

    async fn exited(&mut self) -> Result<(), Error> {
        while !sys::has_ended(self.pid).map_err(|source| self.failed(source))? {
            let heard = match &mut self.ends {
                Some(ends) => ends.recv().await,
                None => None,
            };
            if heard.is_none() {
                return Err(self.failed(io::Error::other("the runtime tells of no ended children any more")));
            }
        }
        Ok(())
    }

    async fn end(&mut self, wall: Duration, cancel: impl Future<Output = ()>) -> Result<EndedBy, Error> {
        let ended_by = tokio::select! {
            biased;
            ended = self.exited() => return ended.map(|()| EndedBy::Itself),
            () = cancel => EndedBy::Cancel,
            () = sleep(wall) => EndedBy::Timeout,
        };
        // While it lives: what has left the group is known only through its ancestors on some systems.
        let descendants = processes::descendants(self.pid);
        self.signal(libc::SIGTERM);
        if timeout(PATIENCE, self.exited()).await.is_err() {
            self.signal(libc::SIGKILL);
            let waited = timeout(PATIENCE, self.exited()).await;
            waited.map_err(|_| self.failed(io::Error::other("it does not end although it was killed")))??;
        }
        for (pid, start) in descendants {
            processes::kill_same(pid, start);
        }
        Ok(ended_by)
    }

    /// The group exists as long as the child is not buried, so its number cannot mean another one.
    fn signal(&self, signal: i32) {
        match sys::signal_group(self.pid, signal) {
            // macOS says so of a group of zombies alone.
            Err(error) if error.raw_os_error() != Some(libc::EPERM) => {
                tracing::warn!(pid = self.pid, what = self.what, %error, "a group of processes cannot be signalled");
            }
            _ => {}
        }
    }

    /// Kills what the child left behind: the rest of its group, then those who left it. Returns how many of the latter.
    async fn sweep(&mut self, thorough: bool) -> usize {
        self.signal(libc::SIGKILL);
        let marks = std::collections::BTreeSet::from([self.mark.clone()]);
        let mut killed = std::collections::BTreeSet::new();
        for _ in 0..ROUNDS {
            let mut found = processes::adopted(&self.mark);
            if found.is_empty() && thorough && killed.is_empty() && !crate::limits::adopts_orphans() {
                found = processes::marked(&marks).into_iter().map(|(pid, _)| pid).collect();
            }
            found.retain(|&pid| pid != self.pid);
            if found.is_empty() {
                break;
            }
            for &pid in &found {
                if sys::signal_process(pid, libc::SIGKILL).is_ok() {
                    killed.insert(pid);
                }
            }
            if let Some(ends) = &mut self.ends {
                let _ = timeout(Duration::from_millis(100), ends.recv()).await;
            }
        }
        self.children.bury_strangers();
        killed.len()
    }

    fn bury(&mut self) -> Result<sys::Reaped, Error> {
        let reaped = sys::reap(self.pid).map_err(|source| self.failed(source))?;
        let reaped = reaped.ok_or_else(|| self.failed(io::Error::other("it has not ended yet")))?;
        self.owner = Owner::Nobody;
        self.children.ended(self.pid, &self.mark);
        Ok(reaped)
    }

    /// Leaves the burial to the next daemon: the record stays.
    fn give_up(mut self) {
        self.owner = Owner::Nobody;
    }

    /// Moves the body out, for a task.
    fn hand_over(&mut self) -> Self {
        self.owner = Owner::Nobody;
        Self {
            children: Arc::clone(&self.children),
            pid: self.pid,
            mark: std::mem::take(&mut self.mark),
            what: std::mem::take(&mut self.what),
            ends: self.ends.take(),
            owner: Owner::Task,
        }
    }
}

impl Drop for Body {
    /// Nobody waits any more: kills at once, and buries in a task of its own if there is a runtime. If there is none the
    /// program ends; `kill_all` or the next daemon see to the rest.
    fn drop(&mut self) {
        if self.owner == Owner::Nobody {
            return;
        }
        self.signal(libc::SIGKILL);
        if self.owner == Owner::Task || tokio::runtime::Handle::try_current().is_err() {
            self.children.forsake(self.pid);
            return;
        }
        let mut body = self.hand_over();
        task::spawn("bury", async move {
            let gone = timeout(PATIENCE, body.exited()).await.is_ok();
            body.sweep(true).await;
            if !gone || body.bury().is_err() {
                tracing::warn!(pid = body.pid, what = body.what, "a child did not end although it was killed");
                body.give_up();
            }
        });
    }
}
