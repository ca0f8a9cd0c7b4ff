//! Floors: what the same machine does at the same moment without a daemon. A bare gRPC server on a Unix socket, a file that
//! is synced, and a parser on one thread.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::{Channel, Server};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::samples::ms;
use crate::daemon::{Home, connect, runtime};

/// Serves the standard health service and nothing else on a socket, on one thread, until it is killed.
///
/// # Errors
/// The socket cannot be bound, or the server fails.
pub fn serve(socket: &Path) -> Result<(), Box<dyn std::error::Error>> {
    runtime().block_on(async {
        let listener = tokio::net::UnixListener::bind(socket)?;
        let (_reporter, health) = tonic_health::server::health_reporter();
        let server = Server::builder().add_service(health);
        Ok(server.serve_with_incoming(UnixListenerStream::new(listener)).await?)
    })
}

/// A bare gRPC server in a process of its own; killed when dropped.
#[derive(Debug)]
pub(super) struct Echo {
    child: Child,
    socket: PathBuf,
}

impl Echo {
    /// Starts it without waiting.
    #[expect(clippy::disallowed_methods, reason = "the floor is a process, as the daemon is")]
    pub(super) fn launch(home: &Home) -> Self {
        let socket = home.folder("floor").join("floor.sock");
        // The one before was killed and left it.
        let _ = fs::remove_file(&socket);
        let program = std::env::current_exe().expect("this program knows where it is");
        let mut command = Command::new(program);
        command.arg("floor-server").arg(&socket).stdin(Stdio::null());
        Self { child: command.spawn().expect("the floor starts"), socket }
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// A client, as soon as it listens.
    pub(super) async fn client(&self) -> HealthClient<Channel> {
        loop {
            if let Ok(channel) = connect(&self.socket).await {
                return HealthClient::new(channel);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One call of the bare server.
pub(super) async fn echo(client: &mut HealthClient<Channel>) {
    client.check(HealthCheckRequest { service: String::new() }).await.expect("the floor answers");
}

/// Bytes that a no-op task writes for each of its two syncs, about.
const RECORDS: usize = 600;

/// A file of zeros written beforehand, as the journal's segments are.
#[derive(Debug)]
pub(super) struct Disk {
    file: File,
    at: u64,
    length: u64,
}

impl Disk {
    pub(super) fn new(home: &Home) -> Self {
        let file = File::create(home.folder("floor").join("zeros")).expect("a file can be made");
        let zeros = vec![0; 8 << 20];
        file.write_all_at(&zeros, 0).expect("8 MiB fit");
        file.sync_all().expect("the disk syncs");
        Self { file, at: 0, length: zeros.len() as u64 }
    }

    /// Two small writes, each made durable: what any engine pays for a task that is durable before its acceptance and
    /// before its end. Milliseconds.
    pub(super) fn task(&mut self) -> f64 {
        let begin = Instant::now();
        for _ in 0..2 {
            self.file.write_all_at(&[7; RECORDS], self.at).expect("the disk takes it");
            self.file.sync_data().expect("the disk syncs");
            self.at = (self.at + RECORDS as u64) % (self.length - RECORDS as u64);
        }
        ms(begin.elapsed())
    }
}

/// Rust sources of a folder, in memory.
#[derive(Debug)]
pub(super) struct Sources {
    files: Vec<Vec<u8>>,
}

impl Sources {
    pub(super) fn read(folder: &Path) -> Self {
        let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("the corpus can be listed").filter_map(Result::ok) {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "rs") {
                    files.push(path);
                }
            }
        }
        files.sort();
        Self { files: files.iter().map(|path| fs::read(path).expect("a source can be read")).collect() }
    }

    pub(super) fn megabytes(&self) -> f64 {
        self.files.iter().map(Vec::len).sum::<usize>() as f64 / 1e6
    }

    pub(super) fn count(&self) -> usize {
        self.files.len()
    }

    /// Milliseconds in which one thread parses all of it and drops the trees.
    pub(super) fn parse(&self) -> f64 {
        let begin = Instant::now();
        let mut parser = tree_sitter::Parser::new();
        parser.set_language(&tree_sitter_rust::LANGUAGE.into()).expect("library and grammar fit");
        for file in &self.files {
            parser.parse(file, None).expect("nothing limits the parser");
        }
        ms(begin.elapsed())
    }
}
