//! What a contained panic said.

use std::any::Any;

/// The panic's message, at most 300 characters of it.
pub(crate) fn panic_words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied();
    let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    words.unwrap_or("without a message").chars().take(300).collect()
}
