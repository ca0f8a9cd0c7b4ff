//! An agent that is silent while the machine sleeps, while the whole daemon stands still, and while nothing excuses it.

use std::{
    sync::{Arc, Barrier},
    time::Duration,
};

use agentd_base::Role;
use agentd_host::{Clock, ManualClock};

use super::support::{Rig, said, words};

#[test]
fn time_asleep_and_time_in_which_nobody_listened_are_no_silence() {
    const NIGHT: Duration = Duration::from_secs(8 * 3_600);
    let (inside, release) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let meet = (Arc::clone(&inside), Arc::clone(&release));
    let mut rig = Rig::code(2, move |ctx| {
        let (inside, release) = meet.clone();
        Box::pin(async move {
            ctx.compute(move |_| {
                inside.wait();
                release.wait();
            })
            .await?;
            said("woke up")
        })
    });
    let (clock, agent) = (ManualClock::default(), Role::Architect.agent());
    rig.begin(Role::Architect, 1, "deaf");
    inside.wait();
    rig.crew.ping(clock.awake());
    clock.sleep(NIGHT);
    assert_eq!(rig.crew.silent_for(agent, clock.awake()), Duration::ZERO, "it slept as everybody did");
    clock.advance(Duration::from_secs(6));
    assert_eq!(rig.crew.silent_for(agent, clock.awake()), Duration::from_secs(6));
    clock.advance(NIGHT);
    rig.crew.ping_anew(clock.awake());
    assert_eq!(rig.crew.silent_for(agent, clock.awake()), Duration::ZERO, "nobody listened");
    clock.advance(Duration::from_secs(7));
    assert_eq!(rig.crew.silent_for(agent, clock.awake()), Duration::from_secs(7), "from then on it counts again");
    let idle = Role::Analyzer.agent();
    rig.crew.ping_anew(clock.awake());
    assert_eq!(rig.crew.silent_for(idle, clock.awake()), Duration::ZERO, "who was not asked owes nothing");
    release.wait();
    assert_eq!(words(rig.finished().1), "woke up");
}
