//! Figures of whole processes: this one, and children that have just ended. And the checks that are made once.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use super::Measured;
use crate::{
    child::{ChildSpec, Children},
    error::Error,
    plan::ChildPurpose,
    sys,
    topology::Topology,
};

/// CPU time of this process, all threads, ended ones included.
///
/// # Errors
/// The system refuses to tell.
pub fn process_cpu() -> Result<Duration, Error> {
    sys::process_cpu().map_err(|source| Error::Unreadable { what: "the CPU time of this process".to_owned(), source })
}

/// Memory of this process in bytes: its proportional share (PSS) on Linux, its footprint on macOS.
#[must_use]
pub fn process_memory() -> Measured<u64> {
    #[cfg(target_os = "linux")]
    {
        let text = std::fs::read_to_string("/proc/self/smaps_rollup");
        let pss = text.ok().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?.trim();
            line.strip_suffix("kB")?.trim().parse::<u64>().ok()
        });
        pss.map_or_else(|| Measured::not("the kernel has no smaps_rollup"), |pss| Measured::Value(pss * 1024))
    }
    #[cfg(target_os = "macos")]
    {
        own_usage().map(|usage| usage.footprint)
    }
}

/// The share (0 to 1) of a child's CPU time on the fastest tier, all threads, ended ones included. The child may have ended
/// if it was not buried yet. Its own children are not counted; macOS only.
#[must_use]
pub fn child_fast_share(pid: i32, topology: &Topology) -> Measured<f64> {
    if topology.is_uniform() {
        return Measured::not(super::ONE_TIER);
    }
    #[cfg(target_os = "linux")]
    {
        let _ = pid;
        Measured::not("Linux counts no time per tier of a process")
    }
    #[cfg(target_os = "macos")]
    {
        match sys::rusage(pid) {
            Ok(usage) => super::ffi::fast_share_of_usage(&usage),
            Err(error) => Measured::not(format!("the system does not count time per tier: {error}")),
        }
    }
}

#[cfg(target_os = "macos")]
fn own_usage() -> Measured<super::ffi::RusageV6> {
    match sys::rusage(i32::try_from(std::process::id()).unwrap_or(0)) {
        Ok(usage) => Measured::Value(usage),
        Err(error) => Measured::not(format!("the system does not tell: {error}")),
    }
}

/// Whether the service manager has put this process into a slow band, which no setting of ours can leave. Call it on the
/// main thread before that asks for a class. Returns a warning with the remedy. Linux has no such bands.
#[must_use]
pub fn service_band_check() -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        None
    }
    #[cfg(target_os = "macos")]
    {
        if !sys::is_main_thread() {
            return None;
        }
        band_warning(sys::thread_info(sys::thread_id())?.base_priority)
    }
}

#[cfg_attr(
    not(any(target_os = "macos", test)),
    expect(dead_code, reason = "macOS only; its logic is tested everywhere")
)]
pub(super) fn band_warning(base_priority: i32) -> Option<String> {
    let (consequence, likely) = match base_priority {
        ..=4 => ("all threads and children stay on the slowest tier", "has ProcessType Background or Adaptive"),
        5..=20 => ("all threads and children run behind everything else", "has no ProcessType, or Standard"),
        _ => return None,
    };
    Some(format!(
        "the main thread has base priority {base_priority}, so {consequence}; the launchd job probably {likely}: set \
         ProcessType to Interactive (`agentd-cli service install` does) and restart the service"
    ))
}

/// Cores of the graphics processor. Asks `ioreg`, a child of some tens of milliseconds: not for the start.
///
/// # Errors
/// The child could not be started or waited for.
pub async fn gpu_cores(children: &Children) -> Result<Measured<u32>, Error> {
    if !cfg!(target_os = "macos") {
        return Ok(Measured::not("only macOS tells"));
    }
    let mut spec = ChildSpec::new("/usr/sbin/ioreg", PathBuf::from("/"), ChildPurpose::Coordinator);
    spec.args = ["-r", "-c", "AGXAccelerator", "-l"].map(OsString::from).to_vec();
    spec.wall = Duration::from_secs(10);
    let exit = children.run(spec, std::future::pending()).await?;
    let cores = parse_gpu_cores(&exit.stdout.text());
    Ok(cores.map_or_else(|| Measured::not("ioreg names no graphics processor with cores"), Measured::Value))
}

pub(super) fn parse_gpu_cores(ioreg: &str) -> Option<u32> {
    let line = ioreg.lines().find(|line| line.contains("\"gpu-core-count\""))?;
    line.split_once('=')?.1.trim().parse().ok()
}
