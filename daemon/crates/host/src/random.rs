//! Randomness of the kernel, for ids and for seeds of generators that can be repeated.

use crate::sys;

/// 128 bits, for instance for a task's id.
#[must_use]
pub fn random_u128() -> u128 {
    let mut bytes = [0; 16];
    sys::entropy(&mut bytes).expect("the kernel refuses at most requests above 256 bytes");
    u128::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_are_alike() {
        let seen: std::collections::HashSet<u128> = (0..1_000).map(|_| super::random_u128()).collect();
        assert_eq!(seen.len(), 1_000);
    }
}
