//! Power cuts: the volume as it is at the moment of an acknowledgement, without what the daemon had not synced. ext4 on a
//! loop device; its image is copied while the daemon is stopped, and the copy goes on.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use agentd_tests::{
    client::{analyze, noop},
    daemon::Home,
    skip,
};

use super::{
    oracle::{Oracle, journal, once},
    support::{Mounted, Random, Served, repository, times},
};

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("test folders are UTF-8")
}

fn mount(image: &Path, home: &Home) -> Option<Mounted> {
    let mounted = Mounted::new("power cuts", &["-o", "loop", text(image)], &home.state())?;
    fs::set_permissions(home.state(), fs::Permissions::from_mode(0o700)).expect("the volume is ours");
    Some(mounted)
}

/// Submits until so many answers came, from three sides, with an analysis under way.
async fn answers(served: &Served, oracle: &Oracle, round: u32, folder: &Path, enough: usize) {
    let before = oracle.acked().len();
    let lane = async |lane: u32| {
        for number in 0..1_000 {
            let key = format!("{round}-{lane}-{number}");
            oracle.submit(&served.clients, &key, noop("nothing")).await.expect("accepted");
            if oracle.acked().len() >= before + enough {
                return;
            }
        }
    };
    if round.is_multiple_of(3) {
        let key = format!("{round}-analysis");
        oracle.submit(&served.clients, &key, analyze(folder)).await.expect("accepted");
    }
    // Whichever answer is the last one wanted: the others are cut off in the middle.
    tokio::select! {
        () = lane(0) => {}
        () = lane(1) => {}
        () = lane(2) => {}
    }
}

#[test]
fn what_was_answered_survives_power_cuts() {
    let (home, oracle, mut random) = (Home::new(), Oracle::default(), Random::new("power cuts"));
    let mut over = HashSet::new();
    let (disks, folder) = (home.folder("disks"), repository(&home));
    let image = disks.join("image");
    fs::File::create(&image).and_then(|file| file.set_len(48 << 20)).expect("a sparse file");
    if let Err(why) = run("mkfs.ext4", &["-q", "-F", text(&image)]) {
        return skip::skip("power cuts", &format!("no ext4 can be made here: {why}"));
    }
    let (rounds, begin) = (times("AGENTD_TEST_POWER_CUTS", 24), Instant::now());
    for round in 0..rounds {
        let Some(mounted) = mount(&image, &home) else { return };
        let mut served = Served::start(&home);
        served.must_serve(&format!("after power cut {round}"));
        let when = format!("after power cut {round}");
        served.run(oracle.all_there(&served.clients, &when));
        // To the daemon these are deaths on one boot of the machine, and a step that runs alone at three of them in a row
        // is given up.
        if round % 2 == 0 {
            served.run(oracle.calm(&served.clients, &mut over));
        }
        let enough = 1 + usize::try_from(random.below(40)).expect("small");
        let _cut_short = served.run(async {
            tokio::time::timeout(Duration::from_secs(30), answers(&served, &oracle, round, &folder, enough)).await
        });
        served.daemon.signal("STOP");
        let copy = disks.join("copy");
        run("cp", &["--sparse=always", text(&image), text(&copy)]).expect("the image can be copied");
        served.daemon.kill();
        drop(served);
        drop(mounted);
        fs::rename(&copy, &image).expect("the copy takes its place");
    }
    let Some(_mounted) = mount(&image, &home) else { return };
    let served = Served::start(&home);
    served.must_serve("after the last power cut");
    served.run(async {
        oracle.all_succeed(&served.clients, "after the last power cut").await;
        oracle.nothing_else(&served.clients).await;
        once(&journal(&served.clients).await);
    });
    println!(
        "{rounds} power cuts, {} tasks acknowledged, {:.1?} per round",
        oracle.acked().len(),
        begin.elapsed() / rounds
    );
}
