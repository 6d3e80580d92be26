//! Randomness: the one place where it is drawn.

use std::fmt::Debug;

use jiff::Timestamp;

/// Gives random bytes for new ids.
pub trait Entropy: Send + Sync + Debug {
    fn draw(&self) -> [u8; 10];
}

impl dyn Entropy {
    /// A new id of any type of the registry.
    pub fn id<T>(&self, new: fn(Timestamp, [u8; 10]) -> T, now: Timestamp) -> T {
        new(now, self.draw())
    }
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the owner of randomness")]
    fn draw(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        getrandom::fill(&mut bytes).expect("the operating system always has randomness");
        bytes
    }
}
