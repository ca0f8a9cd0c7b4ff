//! Starting an installed service: through its manager, never as a child of the client.

use super::{
    files::{Files, Found, prepare_state},
    job::Place,
    manager::{Kind, Manager},
    runner::System,
};
use crate::error::Error;

/// Whether a whole service of ours is installed for this very state folder. Reads a file or two; asks no manager.
#[must_use]
pub fn is_installed(place: &Place) -> bool {
    matches!(Files::of(Kind::HERE, place).find(), Ok(Found::Ours(installed)) if installed.serves(place))
}

/// Tells the manager to start the daemon. A socket that it holds and that is not at its path any more is made anew: it was
/// deleted, or went with the state folder, and no client would ever find the daemon.
///
/// # Errors
/// [`Error::Service`], and [`Error::File`] if there is no state folder and it cannot be made.
pub async fn start(place: &Place) -> Result<(), Error> {
    prepare_state(place)?;
    let (files, mut manager) = (Files::of(Kind::HERE, place), Manager::new(Kind::HERE, place, System));
    // Its own, wherever this client was told to look.
    let has_socket = files.find()?.installed().is_none_or(|installed| installed.there().socket);
    if !has_socket && manager.look()?.loaded {
        manager.stop().await?;
    }
    manager.start(&files).await?;
    Ok(())
}
