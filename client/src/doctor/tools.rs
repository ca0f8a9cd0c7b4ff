//! git, and the tools of the languages of one folder, on the search path that tasks of this terminal get. What is missing is
//! said, and no failure. Programs are asked for their version outside of any project, so that none fetches or makes anything.

use std::{
    env::split_paths,
    io::Read,
    os::{
        fd::AsFd,
        unix::{fs::PermissionsExt, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use agentd_proto::{
    doctor::TOOLS,
    v1::{DoctorCheck, Verdict},
};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::{Instant, sleep};

use crate::{context::Context, env::PATH, retry::Pauses};

/// How long a program may take to say its version (those that run on a JVM take half a second), or to check what is stored.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most bytes of its answer that are kept.
const LONGEST: usize = 4 << 10;

/// A program, and how it is asked for its version; empty: it is only looked for, since asking takes long or writes files.
type Tool = (&'static str, &'static [&'static str]);

/// Files at the top of a folder that ask for tools, and the tools.
const LANGUAGES: [(&[&str], &[Tool]); 8] = [
    (&["Cargo.toml"], &[("cargo", &["--version"])]),
    (&["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt"], &[("python3", &["--version"])]),
    (&["package.json"], &[("node", &["--version"]), ("npm", &[])]),
    (&["go.mod"], &[("go", &["version"])]),
    (&["pom.xml"], &[("javac", &["-version"]), ("mvn", &[])]),
    (&["build.gradle", "build.gradle.kts"], &[("javac", &["-version"]), ("gradle", &[])]),
    (&["CMakeLists.txt", "Makefile", "configure.ac", "meson.build"], &[("cc", &["--version"])]),
    (&["Package.swift"], &[("swift", &["--version"])]),
];

pub(super) async fn checks(context: &Context<'_>, workspace: &Path) -> Vec<DoctorCheck> {
    let search = (context.variable)(PATH).unwrap_or_default();
    let mut checks = vec![git(&search).await];
    let wanted = wanted(workspace);
    if wanted.is_empty() {
        let found = format!("{} has no manifest of a language whose tools are known", workspace.display());
        checks.push(DoctorCheck::of(TOOLS, "languages", Verdict::Skipped, found));
    }
    for (tool, why) in wanted {
        checks.push(language(tool, why, &search).await);
    }
    checks
}

/// Tools that files of the folder ask for, each once, with the file that does.
fn wanted(workspace: &Path) -> Vec<(Tool, &'static str)> {
    let mut wanted: Vec<(Tool, &'static str)> = Vec::new();
    for (files, tools) in LANGUAGES {
        let Some(file) = files.iter().find(|file| workspace.join(file).is_file()) else { continue };
        for &tool in tools {
            // A project that brings its gradle needs no other one.
            let brought = tool.0 == "gradle" && workspace.join("gradlew").is_file();
            if !brought && !wanted.iter().any(|(known, _)| known.0 == tool.0) {
                wanted.push((tool, file));
            }
        }
    }
    wanted
}

async fn git(search: &str) -> DoctorCheck {
    let install = if cfg!(target_os = "macos") { "xcode-select --install" } else { "" };
    let missing = |found: String| {
        DoctorCheck::of(TOOLS, "git", Verdict::Warning, found)
            .with_remedy("install it, or start from a shell whose PATH has it; without it reports name no commit")
            .with_command(install)
    };
    let Some(path) = find("git", search) else {
        return missing(format!("not on PATH ({})", shown(search)));
    };
    match version(&path, &["--version"]).await {
        Ok(said) if said.starts_with("git version ") => {
            DoctorCheck::of(TOOLS, "git", Verdict::Ok, format!("{said}, {}", path.display()))
        }
        Ok(said) => missing(format!("{} does not answer as git does: {said}", path.display())),
        Err(why) => missing(format!("{} {why}", path.display())),
    }
}

async fn language((name, arguments): Tool, why: &str, search: &str) -> DoctorCheck {
    let warning = |found: String| {
        DoctorCheck::of(TOOLS, name, Verdict::Warning, found).with_remedy(
            "tasks get the PATH of the shell that submits them: submit from one that finds it, or install it",
        )
    };
    let Some(path) = find(name, search) else {
        return warning(format!("not on PATH, and {why} asks for it"));
    };
    if arguments.is_empty() {
        return DoctorCheck::of(TOOLS, name, Verdict::Ok, path.display().to_string());
    }
    match version(&path, arguments).await {
        Ok(said) => DoctorCheck::of(TOOLS, name, Verdict::Ok, format!("{said}, {}", path.display())),
        Err(why) => warning(format!("{} {why}", path.display())),
    }
}

fn shown(search: &str) -> String {
    if search.is_empty() { "it is empty".to_owned() } else { search.to_owned() }
}

/// As the daemon looks for programs: absolute folders alone.
fn find(name: &str, search: &str) -> Option<PathBuf> {
    let folders = split_paths(search).filter(|folder| folder.is_absolute());
    folders
        .map(|folder| folder.join(name))
        .find(|path| path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0))
}

/// The first line of what it says, or why there is none.
async fn version(path: &Path, arguments: &[&str]) -> Result<String, String> {
    if is_stub(path) && said(Path::new("/usr/bin/xcode-select"), &["-p"]).await.is_err() {
        // Asked for its version it would open a window that offers to install them.
        return Err("is a stand-in for the Command Line Tools, which are not installed".to_owned());
    }
    said(path, arguments).await
}

/// Programs that macOS has in the place of developer tools.
fn is_stub(path: &Path) -> bool {
    cfg!(target_os = "macos") && path.parent() == Some(Path::new("/usr/bin"))
}

/// Runs it to its end, which must come soon. Nothing waits for the end of its output: what it started in the background may hold
/// that open for ever.
async fn said(path: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut child = ask(path, arguments).map_err(|error| format!("cannot be started: {error}"))?;
    let unheard = |error| format!("cannot be listened to: {error}");
    let mut out = Heard::of(child.stdout.take()).map_err(unheard)?;
    let mut err = Heard::of(child.stderr.take()).map_err(unheard)?;
    let listen = || {
        out.listen();
        err.listen();
    };
    match ended(&mut child, listen).await {
        Ok(Some(status)) => answer(status, &out, &err),
        Ok(None) => {
            // A script may wait for what it started.
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                let _gone = kill_process_group(group, Signal::KILL);
            }
            Err(format!("did not say its version within {} s", PATIENCE.as_secs()))
        }
        Err(error) => Err(format!("cannot be waited for: {error}")),
    }
}

/// Waits for its end, which must come soon: nothing if it was ended because it took too long.
pub(super) async fn ended(child: &mut Child, mut listen: impl FnMut()) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + PATIENCE;
    for pause in Pauses::new(Duration::from_millis(2), Duration::from_millis(50)) {
        // First whether it has ended, so that nothing that it said before is missed.
        let ended = child.try_wait()?;
        listen();
        if ended.is_some() {
            return Ok(ended);
        }
        if Instant::now() >= deadline {
            break;
        }
        sleep(pause).await;
    }
    // Its end is not waited for: while it waits for a disk or a share, not even this ends it.
    let _gone = child.kill();
    Ok(None)
}

#[expect(clippy::disallowed_methods, reason = "the client cannot depend on host; it is asked and ends, or is ended")]
fn ask(path: &Path, arguments: &[&str]) -> std::io::Result<Child> {
    let mut command = Command::new(path);
    command.args(arguments).current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Stand-ins of rustup and go fetch what is missing otherwise.
    command.process_group(0);
    command.env("RUSTUP_AUTO_INSTALL", "0").env("GOTOOLCHAIN", "local").env("LC_ALL", "C");
    command.spawn()
}

/// The first line: some say it on the one, some on the other.
fn answer<O, E>(status: ExitStatus, out: &Heard<O>, err: &Heard<E>) -> Result<String, String> {
    match (out.first_line().or_else(|| err.first_line()), status.success()) {
        (Some(first), true) => Ok(first),
        (None, true) => Err("ended well, but said nothing".to_owned()),
        (first, false) => Err(format!("ended with {status}: {}", first.as_deref().unwrap_or("it said nothing"))),
    }
}

/// What came through a pipe so far.
struct Heard<P> {
    pipe: Option<P>,
    said: Vec<u8>,
}

impl<P> Heard<P> {
    fn first_line(&self) -> Option<String> {
        let said = String::from_utf8_lossy(&self.said);
        said.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    }
}

impl<P: Read + AsFd> Heard<P> {
    fn of(pipe: Option<P>) -> std::io::Result<Self> {
        pipe.iter().try_for_each(|pipe| rustix::io::ioctl_fionbio(pipe, true))?;
        Ok(Self { pipe, said: Vec::new() })
    }

    /// Takes what is there, at most about as much as a pipe holds.
    fn listen(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut part = [0; LONGEST];
        for _ in 0..16 {
            let Ok(length @ 1..) = pipe.read(&mut part) else { return };
            let room = LONGEST - self.said.len();
            self.said.extend_from_slice(&part[..length.min(room)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn manifests_ask_for_tools_and_each_tool_comes_once() {
        let folder = tempfile::tempdir().unwrap();
        let names = || wanted(folder.path()).into_iter().map(|((name, _), why)| (name, why)).collect::<Vec<_>>();
        assert!(names().is_empty());
        for file in ["pom.xml", "build.gradle", "Cargo.toml", "setup.py"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let expected = [
            ("cargo", "Cargo.toml"),
            ("python3", "setup.py"),
            ("javac", "pom.xml"),
            ("mvn", "pom.xml"),
            ("gradle", "build.gradle"),
        ];
        assert_eq!(names(), expected);
        fs::write(folder.path().join("gradlew"), "").unwrap();
        assert_eq!(names(), expected[..4]);
    }

    #[test]
    fn programs_are_found_by_their_mode_in_absolute_folders() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tool");
        fs::write(&path, "#!/bin/sh\n").unwrap();
        let search = format!("relative::{}", folder.path().display());
        assert_eq!(find("tool", &search), None);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("tool", &search), Some(path));
        assert_eq!(find("tool", ""), None);
    }

    /// If the answer waited for what was started in the background, there would be nothing left to end.
    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a test has a runtime of its own")]
    async fn what_a_program_leaves_in_the_background_is_not_waited_for() {
        let sh = |script: &'static str| async move { said(Path::new("/bin/sh"), &["-c", script]).await };
        assert_eq!(sh("sleep 60 & echo $!").await.map(|pid| end(&pid)), Ok(true));
        assert_eq!(sh("echo 1.0 >&2; exit 3").await, Err("ended with exit status: 3: 1.0".to_owned()));
        assert_eq!(sh("printf '\\n  caf\\351 1.0 \\n2'").await, Ok("caf\u{fffd} 1.0".to_owned()));
        assert_eq!(sh("head -c 1000000 /dev/zero | tr '\\0' x").await.map(|said| said.len()), Ok(LONGEST));
        assert_eq!(sh("").await, Err("ended well, but said nothing".to_owned()));
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a test has a runtime of its own")]
    async fn who_does_not_answer_is_ended_with_what_it_waits_for() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("pid");
        let script = format!("sleep 1000 & echo $! >{0}.new; mv {0}.new {0}; wait", note.display());
        let told = said(Path::new("/bin/sh"), &["-c", &script]).await;
        assert!(told.as_ref().is_err_and(|why| why.contains("within 5 s")), "{told:?}");
        let pid = fs::read_to_string(&note).unwrap();
        let is_gone = || rustix::process::test_kill_process(pid.trim().parse().ok().and_then(Pid::from_raw).unwrap());
        assert!((0..5_000_000).any(|_| is_gone().is_err()), "{pid} goes on");
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a test has a runtime of its own")]
    async fn what_does_not_answer_as_git_does_is_no_git() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("git");
        for (script, verdict, words) in [
            ("echo git version 2.40.0", Verdict::Ok, "git version 2.40.0, "),
            ("echo 2.40.0", Verdict::Warning, "does not answer as git does: 2.40.0"),
            ("", Verdict::Warning, "said nothing"),
        ] {
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            let check = git(&folder.path().display().to_string()).await;
            assert_eq!(check.verdict(), verdict, "{script}");
            assert!(check.found.contains(words), "{}", check.found);
        }
    }

    /// Ends the process of this number; false if there is none.
    fn end(pid: &str) -> bool {
        let pid = pid.parse().ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok()
    }
}
