//! What a person sees when Highroad itself is wrong: a plain request to report it, no stack trace
//! unless asked for.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};

use crate::error::Error;
use crate::exit::Exit;
use crate::terminal::Paint;

/// From here on a panic is told in our own words.
pub(crate) fn speak_plainly(json: bool) {
    panic::set_hook(Box::new(move |info| {
        let error = report(&what(info), &whereabouts(info));
        if json {
            eprintln!("{}", error.machine());
        } else {
            eprint!("{}", error.human(Paint::PLAIN, None));
        }
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            eprintln!("{trace}");
        }
    }));
}

/// Runs `work`; `None` if it panicked, which the hook has told by then.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    // Whatever a panic left half done is not looked at again: the process ends.
    panic::catch_unwind(AssertUnwindSafe(work)).ok()
}

fn report(what: &str, whereabouts: &str) -> Error {
    Error::new(Exit::Bug, "this is a bug in Highroad, not in your files")
        .caused_by(format!("{what} ({whereabouts}, version {})", env!("CARGO_PKG_VERSION")))
        .hint(
            "please report these lines and the command that led here; \
             RUST_BACKTRACE=1 adds where it happened",
        )
}

fn what(info: &PanicHookInfo<'_>) -> String {
    info.payload_as_str().unwrap_or("no message").to_owned()
}

fn whereabouts(info: &PanicHookInfo<'_>) -> String {
    info.location()
        .map_or_else(|| "somewhere".to_owned(), |at| format!("{}:{}", at.file(), at.line()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught() {
        assert_eq!(caught(|| 3), Some(3));
        assert_eq!(caught(|| -> u8 { panic!("on purpose") }), None);
    }

    #[test]
    fn the_report_says_what_to_do() {
        let report = report("index out of bounds", "src/x.rs:7");
        assert_eq!(report.exit(), Exit::Bug);
        let told = report.human(Paint::PLAIN, None);
        assert!(told.contains("index out of bounds (src/x.rs:7, version "), "{told}");
        assert!(told.contains("please report these lines"), "{told}");
    }
}
