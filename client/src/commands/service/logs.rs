//! `service logs`.

use std::{io, path::PathBuf};

use agentd_proto::{codes::Exit, rendezvous::START_LOG};

use super::{Desk, LogsArgs, pause};
use crate::{
    attend::interrupts,
    error::Error,
    service::logs::{Growing, LOG, last_lines},
    ui::text,
};

impl Desk<'_> {
    pub(super) async fn logs(&mut self, args: &LogsArgs) -> Result<Exit, Error> {
        let logs = self.place.logs();
        let paths = [START_LOG, LOG].map(|name| logs.join(name));
        // Taken first, so that nothing falls between the two.
        let mut growing: Vec<Growing> = paths.iter().cloned().map(Growing::from_end).collect();
        let mut none = true;
        for path in &paths {
            match last_lines(path, args.lines) {
                Ok(bytes) if bytes.is_empty() => none = false,
                Ok(bytes) => {
                    none = false;
                    self.context.ui.note(&format!("{}:", path.display()));
                    self.print_log(&bytes)?;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::file("read", path)(error)),
            }
        }
        if none && !args.follow {
            let message = format!("there is no log in {}: no daemon ever ran on this state folder", logs.display());
            return Err(Error::usage(message, "start one: agentd-cli service install, or agentd-cli start"));
        }
        if args.follow { self.follow(&mut growing, &paths).await } else { Ok(Exit::Success) }
    }

    async fn follow(&self, growing: &mut [Growing], paths: &[PathBuf]) -> Result<Exit, Error> {
        let mut interrupts = interrupts()?;
        loop {
            for (file, path) in growing.iter_mut().zip(paths) {
                let added = file.added().map_err(Error::file("read", path))?;
                if !added.is_empty() {
                    self.print_log(&added)?;
                }
            }
            tokio::select! {
                _ = interrupts.recv() => return Ok(Exit::Detached),
                () = pause() => {}
            }
        }
    }

    /// Requests and paths stand in a log: a terminal gets them clean, a pipe as they are.
    fn print_log(&self, bytes: &[u8]) -> Result<(), Error> {
        if self.context.ui.out.terminal {
            return self.context.ui.data(&text::clean(&String::from_utf8_lossy(bytes)));
        }
        self.context.ui.bytes(bytes)
    }
}
