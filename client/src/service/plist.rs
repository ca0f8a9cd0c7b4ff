//! The job file of launchd: made with the `launchd` crate, mended where that falls short, and read back. Pure.

use std::{collections::HashMap, io::Cursor, path::PathBuf};

use agentd_proto::rendezvous::{HOME_VARIABLE, SOCKET_VARIABLE};
use launchd::{
    KeepAliveOptions, Launchd, ProcessType, ResourceLimits, Socket, SocketOptions,
    sockets::{SocketFamily, SocketType},
};
use plist::{Dictionary, Value};

use super::{
    fault::Fault,
    job::{Installed, Job, LABEL, OPEN_FILES, SOCKET_NAME, marked_version},
};

/// Seconds between SIGTERM and SIGKILL. The daemon needs at most 10; the observed default is 5.
const EXIT_TIME_OUT: u32 = 30;

/// Least seconds between two starts: launchd's default, said so that it stays.
const THROTTLE: u32 = 10;

/// Mode of the socket, 0600. Property lists have no octal numbers; the `launchd` crate cannot write this key at all.
const SOCKET_MODE: u32 = 0o600;

/// What the daemon creates is for its user alone.
const UMASK: u16 = 0o077;

/// The file, as XML. Keys are sorted, so that the same job gives the same bytes.
///
/// # Errors
/// [`Fault::Render`]; no job is known that gives it.
pub fn render(job: &Job) -> Result<String, Fault> {
    let mut value = plist::to_value(&described(job).map_err(render_fault)?).map_err(render_fault)?;
    mend(&mut value).ok_or_else(|| render_fault("the library wrote another form than expected"))?;
    let mut xml = Vec::new();
    value.to_writer_xml(&mut xml).map_err(render_fault)?;
    let xml = String::from_utf8(xml).map_err(render_fault)?;
    // Comments cannot hold two hyphens in a row; the mark has none, and a version has one at most.
    let marked = xml.replacen("<plist ", &format!("<!-- {} -->\n<plist ", job.mark()), 1);
    Ok(if marked.ends_with('\n') { marked } else { marked + "\n" })
}

fn render_fault(why: impl ToString) -> Fault {
    Fault::Render { why: why.to_string() }
}

/// What the library can say.
fn described(job: &Job) -> Result<Launchd, launchd::Error> {
    let environment: HashMap<String, String> =
        job.environment().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let socket = SocketOptions::new()
        .with_family(SocketFamily::Unix)
        .with_type(SocketType::Stream)
        .with_path_name(&job.socket)?;
    let open_files = || ResourceLimits::new().with_number_of_files(OPEN_FILES);
    Ok(Launchd::new(LABEL, &job.program)?
        .with_program_arguments(vec![job.program.clone()])
        // With any other type, or none, the daemon and all its children run at a lowered priority.
        .with_process_type(ProcessType::Interactive)
        .run_at_load()
        // An orderly end stays an end; the daemon ends in order too where another start would not help.
        .with_keep_alive(KeepAliveOptions::new().with_successful_exit(false).into())
        .with_throttle_interval(THROTTLE)
        .with_exit_timeout(EXIT_TIME_OUT)
        // `Background` lets it load without a login at the screen.
        .with_limit_load_to_session_type(vec!["Aqua", "Background"].into())
        .with_environment_variables(environment)
        .with_working_directory(&job.user_home)?
        .with_standard_out_path(&job.start_log)?
        .with_standard_error_path(&job.start_log)?
        .with_umask(UMASK)
        .with_soft_resource_limits(open_files())
        .with_hard_resource_limits(open_files())
        // What the daemon leaves in its group when it dies goes with it.
        .with_abandon_process_group(false)
        .with_socket(Socket::new(SOCKET_NAME, socket).into()))
}

/// What the library cannot say.
fn mend(value: &mut Value) -> Option<()> {
    let job = value.as_dictionary_mut()?;
    // The first argument names the program; a second place could only disagree.
    job.remove("Program");
    // Crashes by signal count as no exit at all, neither good nor bad.
    job.get_mut("KeepAlive")?.as_dictionary_mut()?.insert("Crashed".to_owned(), true.into());
    let socket = job.get_mut("Sockets")?.as_dictionary_mut()?.get_mut(SOCKET_NAME)?.as_dictionary_mut()?;
    socket.insert("SockPathMode".to_owned(), u64::from(SOCKET_MODE).into());
    sort(value);
    Some(())
}

fn sort(value: &mut Value) {
    let Some(dictionary) = value.as_dictionary_mut() else { return };
    dictionary.sort_keys();
    for (_, inner) in dictionary.iter_mut() {
        sort(inner);
    }
}

/// Reads a file under our label.
///
/// # Errors
/// Why it is none of ours, in words.
pub fn read(bytes: &[u8]) -> Result<Installed, String> {
    let value = Value::from_reader(Cursor::new(bytes)).map_err(|error| format!("it is no property list ({error})"))?;
    let job = value.as_dictionary().ok_or("it is no job: its root is no dictionary")?;
    let text = |dictionary: &Dictionary, key: &str| {
        dictionary.get(key).and_then(Value::as_string).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let label = text(job, "Label").unwrap_or_default();
    if label != LABEL {
        return Err(format!("its label is `{label}`"));
    }
    let first = job.get("ProgramArguments").and_then(Value::as_array).and_then(|all| all.first()?.as_string());
    let program = text(job, "Program").or_else(|| first.map(str::to_owned)).ok_or("it starts no program")?;
    let program = PathBuf::from(program);
    let version = std::str::from_utf8(bytes).ok().and_then(marked_version);
    if version.is_none() && program.file_name().is_none_or(|name| name != "agentd") {
        return Err(format!("it starts {}", program.display()));
    }
    let inner = |key: &str| job.get(key).and_then(Value::as_dictionary);
    let variable = |name: &str| inner("EnvironmentVariables").and_then(|all| text(all, name)).map(PathBuf::from);
    let socket = inner("Sockets").and_then(|all| all.get(SOCKET_NAME)?.as_dictionary());
    let socket = socket.and_then(|socket| text(socket, "SockPathName")).map(PathBuf::from);
    let socket = socket.or_else(|| variable(SOCKET_VARIABLE));
    Ok(Installed { program, state_dir: variable(HOME_VARIABLE), socket, version })
}

#[cfg(test)]
mod tests {
    use super::{super::job::samples, *};

    /// The golden file lies where users look for it.
    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../launchd/dev.agentd.agentd.plist");

    #[test]
    fn the_job_file_is_as_committed() {
        let found = render(&samples::job()).unwrap();
        if std::env::var_os("AGENTD_UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(GOLDEN, &found).unwrap();
        }
        assert_eq!(found, std::fs::read_to_string(GOLDEN).unwrap());
        assert!(GOLDEN.ends_with(&format!("/{LABEL}.plist")), "a job file is named after its label");
    }

    #[test]
    fn what_launchd_must_read_is_there_with_its_type() {
        let value = Value::from_reader_xml(render(&samples::job()).unwrap().as_bytes()).unwrap();
        let job = value.as_dictionary().unwrap();
        let at = |path: &[&str]| path.iter().try_fold(value.clone(), |at, key| at.as_dictionary()?.get(key).cloned());
        let socket = ["Sockets", "agentd"];
        assert_eq!(at(&[&socket[..], &["SockPathMode"]].concat()), Some(384.into()));
        assert_eq!(at(&[&socket[..], &["SockFamily"]].concat()), Some("Unix".into()));
        assert_eq!(at(&[&socket[..], &["SockType"]].concat()), Some("stream".into()));
        assert_eq!(at(&["KeepAlive", "SuccessfulExit"]), Some(false.into()));
        assert_eq!(at(&["KeepAlive", "Crashed"]), Some(true.into()));
        assert_eq!(at(&["ProcessType"]), Some("Interactive".into()));
        assert_eq!(at(&["ExitTimeOut"]), Some(30.into()));
        assert_eq!(at(&["Umask"]), Some(63.into()));
        assert_eq!(at(&["HardResourceLimits", "NumberOfFiles"]), Some(8192.into()));
        assert_eq!(at(&["LimitLoadToSessionType"]).unwrap().as_array().unwrap().len(), 2);
        for never in ["Program", "Nice", "LowPriorityIO", "LowPriorityBackgroundIO", "UserName"] {
            assert!(!job.contains_key(never), "{never}");
        }
    }

    #[test]
    fn odd_paths_come_back_as_they_were() {
        let job = samples::odd_job();
        let installed = read(render(&job).unwrap().as_bytes()).unwrap();
        assert_eq!(installed.program, PathBuf::from(&job.program));
        assert_eq!(installed.state_dir, job.state_dir.map(PathBuf::from));
        assert_eq!(installed.socket, Some(job.socket.into()));
        assert_eq!(installed.version.as_deref(), Some("1.2.3-rc.1"));
    }

    #[test]
    fn a_file_that_lost_its_comments_or_is_binary_is_still_ours() {
        let value = Value::from_reader_xml(render(&samples::job()).unwrap().as_bytes()).unwrap();
        let (mut xml, mut binary) = (Vec::new(), Vec::new());
        value.to_writer_xml(&mut xml).unwrap();
        value.to_writer_binary(&mut binary).unwrap();
        for bytes in [xml, binary] {
            let installed = read(&bytes).unwrap();
            assert_eq!((installed.version, installed.state_dir), (None, None));
        }
    }

    #[test]
    fn files_of_others_are_told_apart() {
        let with = |inner: &str| {
            let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\">";
            format!("{head}<dict>{inner}</dict></plist>")
        };
        let label = format!("<key>Label</key><string>{LABEL}</string>");
        for (text, why) in [
            ("not a plist".to_owned(), "no property list"),
            (String::new(), "no property list"),
            (with(&label).replace("dict>", "array>"), ""),
            (with("<key>Label</key><string>com.example.x</string>"), "its label is `com.example.x`"),
            (with(&label), "starts no program"),
            (with(&format!("{label}<key>Program</key><string>/bin/sh</string>")), "it starts /bin/sh"),
        ] {
            let error = read(text.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
