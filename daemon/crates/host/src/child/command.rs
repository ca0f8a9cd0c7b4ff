//! From a specification to a command line and an environment. Pure, but for looking a program up.

use std::{
    ffi::{OsStr, OsString},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use super::{ChildSpec, Input};
use crate::{error::Error, plan::ChildPlacement, sys::Launch};

/// Marks a child and all that come from it; its value names the record on disk.
pub(super) const MARK: &str = "AGENTD_CHILD";

const TASKPOLICY: &str = "/usr/sbin/taskpolicy";

/// Where programs are when nobody says.
const SYSTEM_PATH: &str = if cfg!(target_os = "macos") {
    "/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
} else {
    "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
};

/// Several children compute at once, so none of them takes all cores for a pool of threads that spins.
const THREAD_CAPS: [(&str, &str); 6] = [
    ("OMP_NUM_THREADS", "1"),
    ("OPENBLAS_NUM_THREADS", "1"),
    ("MKL_NUM_THREADS", "1"),
    ("VECLIB_MAXIMUM_THREADS", "1"),
    ("OMP_PROC_BIND", "close"),
    ("OMP_PLACES", "cores"),
];

/// Finds an executable file: as it stands if it has a slash (from `cwd` if relative), else in the folders of `path`.
///
/// # Errors
/// There is none.
pub fn find_program(program: &OsStr, path: Option<&OsStr>, cwd: &Path) -> Result<PathBuf, Error> {
    let path = path.unwrap_or_else(|| OsStr::new(SYSTEM_PATH));
    let found = if program.as_bytes().contains(&b'/') {
        Some(cwd.join(program)).filter(|file| is_executable(file))
    } else {
        // An empty or relative entry means the working folder, where a checkout could plant a program.
        std::env::split_paths(path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(program))
            .find(|file| is_executable(file))
    };
    found.ok_or_else(|| Error::ProgramMissing {
        program: program.to_string_lossy().into_owned(),
        path: path.to_string_lossy().into_owned(),
    })
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// The whole line, program first.
pub(super) fn command_line(placement: &ChildPlacement, program: &Path, args: &[OsString]) -> Vec<OsString> {
    let mut line = Vec::with_capacity(args.len() + 4);
    if !placement.taskpolicy.is_empty() {
        line.push(OsString::from(TASKPOLICY));
        line.extend(placement.taskpolicy.iter().map(OsString::from));
    }
    line.push(program.as_os_str().to_owned());
    line.extend_from_slice(args);
    line
}

/// All that a child sees.
pub(super) fn environment(spec: &ChildSpec, mark: &str) -> Result<Vec<(OsString, OsString)>, Error> {
    if let Some((name, _)) = spec.env.iter().find(|(name, value)| !is_variable(name, value)) {
        return Err(Error::BadVariable { program: spec.shown(), name: name.clone() });
    }
    let listed = |name: &str| spec.env.iter().any(|(other, _)| other == name);
    let mut variables: Vec<(OsString, OsString)> =
        THREAD_CAPS.iter().filter(|(name, _)| !listed(name)).map(|(name, value)| (name.into(), value.into())).collect();
    variables.extend(spec.env.iter().map(|(name, value)| (name.into(), value.into())));
    if !listed("PATH") {
        let path = spec.path.clone().unwrap_or_else(|| OsString::from(SYSTEM_PATH));
        variables.push((OsString::from("PATH"), path));
    }
    variables.retain(|(name, _)| name != MARK);
    variables.push((OsString::from(MARK), OsString::from(mark)));
    Ok(variables)
}

fn is_variable(name: &str, value: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0')
}

/// What is told to the system.
pub(super) fn launch(
    spec: &ChildSpec,
    placement: &ChildPlacement,
    mark: &str,
    #[cfg_attr(target_os = "macos", expect(unused_variables, reason = "a limit of Linux"))] descriptors: Option<u64>,
) -> Result<Launch, Error> {
    let program = find_program(&spec.program, spec.path.as_deref(), &spec.cwd)?;
    Ok(Launch {
        line: command_line(placement, &program, &spec.args),
        env: environment(spec, mark)?,
        cwd: spec.cwd.clone(),
        has_input: spec.input != Input::Null,
        #[cfg(target_os = "linux")]
        wishes: crate::sys::InChild::new(&placement.cpus, placement.nice, descriptors),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChildPurpose, PlanSettings, Platform, Tier, Topology, place_child};

    fn machine(platform: Platform) -> Topology {
        let cpus = |range: std::ops::Range<u32>| {
            if platform == Platform::Linux { range.collect() } else { Vec::new() }
        };
        Topology {
            platform,
            tiers: vec![
                Tier { name: "Performance".into(), cores: 8, cpus: cpus(0..8) },
                Tier { name: "Efficiency".into(), cores: 4, cpus: cpus(8..12) },
            ],
            chip: String::new(),
            os: String::new(),
            memory_bytes: 0,
            gpu_cores: None,
            notes: Vec::new(),
        }
    }

    #[test]
    fn command_lines_by_purpose() {
        let args = [OsString::from("test"), OsString::from("--no-fail-fast")];
        for (platform, purpose, expected) in [
            (Platform::MacOs, ChildPurpose::UserWaits, "/usr/bin/cargo test --no-fail-fast"),
            (
                Platform::MacOs,
                ChildPurpose::Build,
                "/usr/sbin/taskpolicy -c utility /usr/bin/cargo test --no-fail-fast",
            ),
            (Platform::MacOs, ChildPurpose::Coordinator, "/usr/sbin/taskpolicy -b /usr/bin/cargo test --no-fail-fast"),
            (Platform::Linux, ChildPurpose::UserWaits, "/usr/bin/cargo test --no-fail-fast"),
            (Platform::Linux, ChildPurpose::Build, "/usr/bin/cargo test --no-fail-fast"),
            (Platform::Linux, ChildPurpose::Coordinator, "/usr/bin/cargo test --no-fail-fast"),
        ] {
            let placement = place_child(&machine(platform), purpose, &PlanSettings::default());
            let line = command_line(&placement, Path::new("/usr/bin/cargo"), &args);
            assert_eq!(line.join(OsStr::new(" ")), OsString::from(expected), "{platform:?} {purpose:?}");
        }
    }

    #[test]
    fn linux_children_are_placed_by_affinity_and_nice() {
        let placed = |purpose| place_child(&machine(Platform::Linux), purpose, &PlanSettings::default());
        let all: Vec<u32> = (0..12).collect();
        let user = placed(ChildPurpose::UserWaits);
        assert_eq!((user.cpus, user.nice, user.asked.as_str()), (all.clone(), Some(0), "any cpu"));
        let build = placed(ChildPurpose::Build);
        assert_eq!((build.cpus, build.nice, build.asked.as_str()), (all, Some(5), "any cpu, nice 5"));
        let slow = placed(ChildPurpose::Coordinator);
        assert_eq!((slow.cpus, slow.nice, slow.asked.as_str()), ((8..12).collect(), Some(5), "cpus 8-11, nice 5"));
    }

    #[test]
    fn the_list_wins_over_thread_caps_but_not_over_the_mark() {
        let mut spec = ChildSpec::new("cc", PathBuf::from("/"), ChildPurpose::Build);
        let own = [("OMP_NUM_THREADS", "4"), ("LANG", "C"), (MARK, "forged")];
        spec.env = own.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        spec.path = Some(OsString::from("/opt/bin"));
        let mut seen: Vec<String> = environment(&spec, "m1")
            .unwrap()
            .into_iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect();
        seen.sort();
        let expected = [
            "AGENTD_CHILD=m1",
            "LANG=C",
            "MKL_NUM_THREADS=1",
            "OMP_NUM_THREADS=4",
            "OMP_PLACES=cores",
            "OMP_PROC_BIND=close",
            "OPENBLAS_NUM_THREADS=1",
            "PATH=/opt/bin",
            "VECLIB_MAXIMUM_THREADS=1",
        ];
        assert_eq!(seen, expected);
        spec.env.push(("A=B".to_owned(), String::new()));
        assert!(matches!(environment(&spec, "m1"), Err(Error::BadVariable { name, .. }) if name == "A=B"));
    }

    #[test]
    fn programs_are_found_on_the_clients_path_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tool");
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        let path = folder.path().as_os_str();
        let find = |program: &str, path: &OsStr| find_program(OsStr::new(program), Some(path), folder.path());
        let error = find("tool", path).unwrap_err();
        assert!(
            error.to_string().contains("`tool`") && error.to_string().contains(&*path.to_string_lossy()),
            "{error}"
        );
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("tool", path).unwrap(), file);
        assert_eq!(find("./tool", OsStr::new("")).unwrap(), folder.path().join("./tool"));
        assert!(find("tool", OsStr::new(".::relative")).is_err(), "nothing is found in the working folder by name");
    }
}
