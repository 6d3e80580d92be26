//! Chance and hashes on a request's way: fast, and no secret.

use std::cell::Cell;

use ports::entropy::{Entropy as _, SystemEntropy};

/// Draws for one worker.
#[derive(Debug)]
pub(super) struct Chance(Cell<u64>);

impl Chance {
    pub(super) fn new() -> Self {
        let drawn = SystemEntropy.draw();
        Self::seeded(u64::from_le_bytes(std::array::from_fn(|at| drawn[at])))
    }

    pub(super) fn seeded(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// Any number.
    pub(super) fn draw(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        mix(state)
    }

    /// A number below a bound, each as likely as any other.
    pub(super) fn below(&self, bound: u32) -> u32 {
        let scaled = (u128::from(self.draw()) * u128::from(bound)) >> 64;
        u32::try_from(scaled).expect("it is below the bound")
    }
}

/// Spreads a number over all numbers, so that neighbours have nothing in common.
pub(super) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The same for the same bytes, on every node and in every version: users stay on their release.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum: u64, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(sum)
}
