//! From exec to the first answer, with twelve agents up: after an orderly end and after `kill -9`.

use serde::Serialize;

use super::{
    samples::{Samples, ms},
    world::World,
};
use crate::error::Error;

/// Starts on a folder with some finished tasks, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Starts {
    /// The last daemon had ended in order.
    pub after_end_ms: Samples,
    /// The last daemon was killed.
    pub after_kill_ms: Samples,
}

/// The daemon runs when this begins, and has ended in order when it is over.
pub(super) async fn measure(world: &mut World, count: usize) -> Result<Starts, Error> {
    world.stop().await?;
    let (mut after_end, mut after_kill) = (Vec::new(), Vec::new());
    // The first round warms up.
    for round in 0..=count {
        let (_, first) = world.start().await?;
        world.kill();
        let (_, second) = world.start().await?;
        world.stop().await?;
        if round > 0 {
            after_end.push(ms(first));
            after_kill.push(ms(second));
        }
    }
    Ok(Starts { after_end_ms: after_end.into_iter().collect(), after_kill_ms: after_kill.into_iter().collect() })
}
