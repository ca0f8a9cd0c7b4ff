//! `service install`, `uninstall`, `start`, `stop` and `restart`.

use std::time::Duration;

use agentd_proto::{codes::Exit, limits::MAX_GRACE_MS, v1::ShutdownRequest};

use super::{Desk, InstallArgs, shown};
use crate::{
    commands::stop::wait_for_end,
    connect::within_limit,
    error::Error,
    owner::Owner,
    service::{
        Fault, Found, Job, Kind, Manager,
        decide::{self, Action, World},
        files::prepare_state,
        manager::Anew,
        program, wake,
    },
    start::StartLog,
    ui::text,
};

/// How long a daemon that is drained may take: its grace, its flush, and some room.
const DRAIN_LIMIT: Duration = Duration::from_secs(13);

impl Desk<'_> {
    pub(super) async fn install(&mut self, args: &InstallArgs) -> Result<Exit, Error> {
        let starter = self.context.starter()?;
        let new = program::ask(&starter.find()?, &self.place)?;
        let contents = self.files.contents(&Job::new(&self.place, &new.program, &new.version)?)?;
        if args.print {
            return self.print(&contents);
        }
        let (found, same) = (self.files.find()?, self.files.hold(&contents)?);
        let seen = self.manager.look()?;
        let running = self.running_version().await;
        let socket_is_there = self.place.has_socket();
        let (running, alike) = (running.as_deref(), self.files.are_like(&contents)?);
        let world = World { found: &found, same, alike, seen: &seen, running, socket_is_there };
        let plan = decide::install(&world, &self.place, &new, args.force)?;
        if plan.action == Action::Keep {
            return self.done("kept", None, vec!["it was installed already, nothing was changed".to_owned()]);
        }
        prepare_state(&self.place)?;
        let mut notes = Vec::new();
        if plan.set_aside {
            let kept = shown(&self.files.set_aside()?);
            notes.push(format!("what was there is kept as {}", kept.join(" and ")));
        }
        if plan.write {
            self.files.write(&contents)?;
            notes.push(format!("wrote {}", shown(self.files.paths()).join(" and ")));
        }
        if let Action::Upgrade(older) = &plan.action {
            notes.push(format!("agentd {older} gave way to {}, its tasks go on", new.version));
        }
        self.manager.announce()?;
        notes.extend(self.drain().await?);
        let log = StartLog::of(&self.place.logs());
        notes.extend(self.manager.load(&self.files, plan.anew).await.map_err(|fault| log.explain(fault.into()))?);
        notes.extend(self.linger_note());
        let (connection, pid) = self.answered(&starter, &log).await?;
        self.done(plan.action.word(), Some((&connection, pid)), notes)
    }

    fn print(&self, contents: &[String]) -> Result<Exit, Error> {
        for (path, content) in self.files.paths().iter().zip(contents) {
            self.context.ui.note(&format!("{}:", path.display()));
            self.context.ui.data(content)?;
        }
        Ok(Exit::Success)
    }

    pub(super) async fn uninstall(&mut self) -> Result<Exit, Error> {
        let found = self.files.find()?;
        let nothing = found == Found::Nothing;
        match &found {
            Found::Foreign { path, why } => return Err(Fault::Foreign { path: path.clone(), why: why.clone() }.into()),
            Found::Ours(installed) | Found::Half(Some(installed), _) if !installed.serves(&self.place) => {
                let theirs = installed.state_dir.clone().unwrap_or_else(|| self.place.usual_state_dir());
                return Err(Fault::OtherHome { theirs, ours: self.place.state_dir.clone() }.into());
            }
            _ => {}
        }
        let mut notes = Vec::new();
        match self.manager.look() {
            Ok(seen) if nothing && !seen.loaded => return self.absent(),
            Ok(_) => self.manager.unload().await?,
            // Without a manager nothing can be loaded; files may be left over all the same.
            Err(Fault::NoManager { .. }) if nothing => return self.absent(),
            Err(fault @ Fault::NoManager { .. }) => notes.push(format!("{fault}; its files were removed")),
            Err(fault) => return Err(fault.into()),
        }
        self.files.remove()?;
        if notes.is_empty() {
            self.manager.forget()?;
        }
        self.remove_left_over_socket();
        notes.push(format!("the state folder {} stays", self.place.state_dir.display()));
        self.done("uninstalled", None, notes)
    }

    fn absent(&self) -> Result<Exit, Error> {
        self.done("absent", None, vec!["nothing was installed".to_owned()])
    }

    pub(super) async fn start(&mut self) -> Result<Exit, Error> {
        self.must_be_ours()?;
        let (starter, log) = (self.context.starter()?, StartLog::of(&self.place.logs()));
        wake::start(&self.place).await.map_err(|error| log.explain(error))?;
        let (connection, pid) = self.answered(&starter, &log).await?;
        self.done("started", Some((&connection, pid)), Vec::new())
    }

    pub(super) async fn stop(&mut self) -> Result<Exit, Error> {
        self.must_be_ours()?;
        self.manager.stop().await?;
        self.remove_left_over_socket();
        let mut notes =
            vec!["its tasks go on after the next start: agentd-cli service start, or the next login".to_owned()];
        if let Ok(lock) = self.context.lock()
            && let Owner::Daemon(pid) = lock.owner()
        {
            let pid = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
            notes.push(format!("a daemon that the service did not start goes on{pid}; to end it: agentd-cli stop"));
        }
        self.done("stopped", None, notes)
    }

    pub(super) async fn restart(&mut self) -> Result<Exit, Error> {
        self.must_be_ours()?;
        prepare_state(&self.place)?;
        let starter = self.context.starter()?;
        let notes = self.drain().await?.into_iter().collect();
        let log = StartLog::of(&self.place.logs());
        let anew = if self.place.has_socket() { Anew::Nothing } else { Anew::Socket };
        self.manager.load(&self.files, anew).await.map_err(|fault| log.explain(fault.into()))?;
        let (connection, pid) = self.answered(&starter, &log).await?;
        self.done("restarted", Some((&connection, pid)), notes)
    }

    fn must_be_ours(&self) -> Result<(), Error> {
        match self.files.find()? {
            Found::Ours(installed) if installed.serves(&self.place) => Ok(()),
            Found::Ours(installed) => {
                let theirs = installed.state_dir.unwrap_or_else(|| self.place.usual_state_dir());
                Err(Fault::OtherHome { theirs, ours: self.place.state_dir.clone() }.into())
            }
            Found::Foreign { path, why } => Err(Fault::Foreign { path, why }.into()),
            Found::Nothing | Found::Half(..) => Err(Fault::NotInstalled.into()),
        }
    }

    /// Version of the daemon that runs. Where none does, nobody connects: a held socket would start one.
    async fn running_version(&self) -> Option<String> {
        if self.context.lock().ok()?.owner() == Owner::Nobody {
            return None;
        }
        match self.context.dial().ok()?.open().await {
            Ok(connection) => Some(connection.daemon.version),
            Err(Error::DaemonTooOld { version, .. } | Error::ClientTooOld { version, .. }) => Some(version),
            Err(_) => None,
        }
    }

    /// Lets the daemon that runs end in order, whoever started it. A client that connects to a held socket meanwhile waits,
    /// or makes the manager start the next one.
    async fn drain(&self) -> Result<Option<String>, Error> {
        let lock = self.context.lock()?;
        let Owner::Daemon(owner) = lock.owner() else { return Ok(None) };
        let asked = async {
            let connection = self.context.dial()?.open().await?;
            let pid = connection.status().await?.pid;
            let stop = connection.daemon().shutdown(within_limit(ShutdownRequest { grace_ms: MAX_GRACE_MS })).await;
            let in_flight = stop.map_err(Error::call("stop agentd"))?.into_inner().in_flight;
            Ok::<_, Error>((pid, in_flight))
        };
        let (pid, in_flight) = match (asked.await, owner) {
            (Ok((pid, in_flight)), _) => (pid, Some(in_flight)),
            // It speaks another protocol, or its socket is gone: its lock tells who it is.
            (Err(_), Some(pid)) => {
                lock.terminate(pid)?;
                (pid, None)
            }
            (Err(error), None) => return Err(error),
        };
        wait_for_end(self.context, pid, DRAIN_LIMIT).await?;
        let steps = in_flight.filter(|&steps| steps > 0);
        let steps = steps.map(|steps| format!("; {} in flight", text::things(steps.into(), "step was", "steps were")));
        Ok(Some(format!("the old daemon (pid {pid}) ended in order{}", steps.unwrap_or_default())))
    }

    /// A manager may leave the socket's path behind; nobody listens there then.
    fn remove_left_over_socket(&self) {
        let nobody_runs = self.context.lock().is_ok_and(|lock| lock.owner() == Owner::Nobody);
        let refused = || {
            std::os::unix::net::UnixStream::connect(&self.place.socket)
                .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
        };
        if nobody_runs && self.place.has_socket() && refused() {
            // The next daemon removes it too.
            let _left = std::fs::remove_file(&self.place.socket);
        }
    }

    /// What a person on Linux should know: without lingering, services end with the last session.
    fn linger_note(&mut self) -> Option<String> {
        let Manager::Systemd(_) = &self.manager else { return None };
        super::look::linger(Kind::Systemd, self.manager.look().ok()?.linger)
    }
}
