//! `service status`.

use std::path::PathBuf;

use agentd_proto::codes::Exit;

use super::{Desk, shown};
use crate::{
    error::Error,
    service::{Fault, Found, Installed, Kind, Seen, decide},
    shape::ServiceShape,
    ui::{
        style::Label,
        table::{Cell, Table},
    },
};

/// What lingering means, where it is not switched on.
pub(super) fn linger(kind: Kind, linger: Option<bool>) -> Option<String> {
    (kind == Kind::Systemd && linger == Some(false)).then(|| {
        "it runs while you are logged in, and ends with your last session; to let it run from boot on, without a login: \
         loginctl enable-linger (your decision, nobody else makes it)"
            .to_owned()
    })
}

impl Desk<'_> {
    pub(super) fn status(&mut self) -> Result<Exit, Error> {
        let found = self.files.find()?;
        let (seen, unasked) = match self.manager.look() {
            Ok(seen) => (seen, None),
            Err(fault @ Fault::NoManager { .. }) => (Seen::default(), Some(fault.to_string())),
            Err(fault) => return Err(fault.into()),
        };
        let there = found.installed().map(Installed::there);
        let mut problems = decide::problems(&found, &seen, &self.place, there);
        if let Some(unasked) = unasked {
            problems.insert(0, unasked);
        }
        let exit = match (&found, problems.is_empty()) {
            (Found::Nothing, _) if !seen.loaded => Exit::NotFound,
            (_, true) => Exit::Success,
            (_, false) => Exit::Unavailable,
        };
        let ui = self.context.ui;
        if ui.json {
            let files = shown(&self.there());
            ui.object(&ServiceShape::new(Kind::HERE, &self.place, &files, (&found, &seen), problems))?;
            return Ok(exit);
        }
        ui.table(&self.table(&found, &seen))?;
        for problem in &problems {
            ui.problem(problem);
        }
        if found == Found::Nothing && problems.is_empty() {
            ui.hint("install it: agentd-cli service install");
        }
        Ok(exit)
    }

    /// Its files as far as they are there, links that lead nowhere too.
    fn there(&self) -> Vec<PathBuf> {
        self.files.paths().iter().filter(|path| path.symlink_metadata().is_ok()).cloned().collect()
    }

    fn table(&self, found: &Found, seen: &Seen) -> Table {
        let (installed, label) = match found {
            Found::Nothing => ("not installed", Label::Dim),
            Found::Ours(_) => ("installed", Label::Good),
            Found::Half(..) => ("half installed", Label::Bad),
            Found::Foreign { .. } => ("a file of somebody else has its name", Label::Bad),
        };
        let loaded = match (seen.loaded, seen.pid) {
            (false, _) => "not loaded".to_owned(),
            (true, Some(pid)) => format!("loaded ({}), running (pid {pid})", seen.domain),
            (true, None) => format!("loaded ({}), starts for the next client", seen.domain),
        };
        let mut fields = Table::fields();
        fields
            .field("service", Cell::labelled(format!("{installed} ({})", Kind::HERE.name()), label))
            .field("state", loaded)
            .field("at login", if seen.at_login { "starts" } else { "does not start" });
        if let Some(installed) = found.installed() {
            let version = installed.version.as_ref().map_or_else(String::new, |version| format!(" ({version})"));
            fields
                .field("program", format!("{}{version}", installed.program.display()))
                .field("socket", installed.socket.as_ref().map_or_else(String::new, |path| path.display().to_string()));
        }
        fields.field("state folder", self.place.state_dir.display().to_string());
        for path in shown(&self.there()) {
            fields.field("file", path);
        }
        match seen.linger {
            Some(true) => fields.field("linger", "yes: it runs from boot on, without a login"),
            _ => fields.field("linger", linger(Kind::HERE, seen.linger).unwrap_or_default()),
        };
        fields
    }
}
