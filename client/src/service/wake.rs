//! Starting an installed service: through its manager, never as a child of the client.

use super::{
    files::{Files, Found},
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

/// Tells the manager to start the daemon.
///
/// # Errors
/// [`Error::Service`].
pub async fn start(place: &Place) -> Result<(), Error> {
    let files = Files::of(Kind::HERE, place);
    Manager::new(Kind::HERE, place, System).start(&files).await?;
    Ok(())
}
