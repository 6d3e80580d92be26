//! What long-running commands tell while they work: lines on standard error, for people and for the
//! log of whatever runs them.

use tracing::Level;
use tracing_subscriber::fmt;

/// From now on. Without colours: these lines end up in files.
pub(crate) fn begin() {
    let told = fmt().with_max_level(Level::INFO).with_target(false).with_ansi(false);
    // Whoever has begun before goes on.
    let _ = told.with_writer(std::io::stderr).try_init();
}
