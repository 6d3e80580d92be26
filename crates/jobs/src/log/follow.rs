//! Following a log while it is written.

use jiff::SignedDuration;
use ports::clock::Clock;

use super::{LogError, LogReader};

/// How often is looked whether there is more. With the time that a line may wait to be written it
/// stays under the 50 ms after which people notice.
pub const LOOK_EVERY: SignedDuration = SignedDuration::from_millis(15);

impl LogReader {
    /// Returns when more has been written, at once if that was not taken in yet, or when the job
    /// says no more.
    pub async fn grown(&mut self, clock: &dyn Clock) -> Result<(), LogError> {
        while !self.refresh()? && !self.is_finished() && self.damage().is_none() {
            clock.sleep_until(clock.now() + LOOK_EVERY).await;
        }
        Ok(())
    }
}
