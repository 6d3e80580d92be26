//! Values typed at a terminal: asked for, not shown, and nothing left over for the shell.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::Kept;
use crate::Ran;

/// A command that asks somebody at a terminal.
struct Asking {
    /// Where the person sits.
    keys: File,
    screen: OwnedFd,
    child: Child,
    asked: String,
}

impl Asking {
    /// Starts it and waits for its question.
    fn of(kept: &Kept, line: &str) -> Self {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let name = ptsname(&keys, Vec::new()).unwrap().into_string().unwrap();
        let screen: OwnedFd = File::options().read(true).write(true).open(name).unwrap().into();
        let mut command = kept.0.command(line);
        let child = command
            .stdin(screen.try_clone().unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut asking =
            Self { keys: keys.into(), screen, child: child.unwrap(), asked: String::new() };
        let stderr = asking.child.stderr.as_mut().unwrap();
        let mut byte = [0];
        while !asking.asked.ends_with(": ") && stderr.read(&mut byte).unwrap() == 1 {
            asking.asked.push(char::from(byte[0]));
        }
        asking
    }

    fn types(mut self, keys: &str) -> Ran {
        self.keys.write_all(keys.as_bytes()).unwrap();
        let ran = Ran::from(self.child.wait_with_output().unwrap());
        let modes = tcgetattr(&self.screen).unwrap().local_modes;
        let usual = LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        assert!(modes.contains(usual), "the terminal is as it was");
        // What was shown, and what is left for the next program, is what comes after this mark.
        rustix::fs::fcntl_setfl(&self.keys, rustix::fs::OFlags::NONBLOCK).unwrap();
        let mut shown = Vec::new();
        let _ = self.keys.read_to_end(&mut shown);
        assert_eq!(String::from_utf8_lossy(&shown), "", "nothing was shown");
        ran
    }
}

#[test]
fn what_is_typed_is_kept_and_not_shown() {
    for (keys, value) in [
        ("hunter2\r", "hunter2"),
        ("hunter2\n", "hunter2"),
        ("hunter23\u{7f}\r", "hunter2"),
        ("p\u{e4}\u{8}\u{e4}ss\r", "p\u{e4}ss"),
        ("wrong\u{15}right\r", "right"),
        ("with \ttab and $HOME\r", "with \ttab and $HOME"),
        ("ended\u{4}", "ended"),
    ] {
        let kept = Kept::new();
        let asking = Asking::of(&kept, "secret set token --service shop");
        assert_eq!(asking.asked, "Value of TOKEN: ");
        let ran = asking.types(keys);
        assert_eq!(ran.code, Some(0), "{keys:?} {ran:?}");
        assert_eq!(ran.out, "TOKEN of shop is set, version 1\n");
        assert_eq!(kept.given("shop"), [format!("TOKEN={value}")]);
    }
}

#[test]
fn long_values_can_be_pasted() {
    let kept = Kept::new();
    let value = "x".repeat(20_000);
    let ran = Asking::of(&kept, "secret set A --service shop").types(&format!("{value}\r"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(kept.given("shop") == [format!("A={value}")]);
}

#[test]
fn an_interruption_changes_nothing() {
    let kept = Kept::new();
    let ran = Asking::of(&kept, "secret set A --service shop").types("hunter2\u{3}");
    assert_eq!((ran.code, ran.out.as_str()), (Some(130), ""));
    assert!(!ran.err.contains("hunter2"));
    assert_eq!(std::fs::read_dir(kept.data()).unwrap().count(), 0);
}

#[test]
fn several_lines_are_not_taken_for_one() {
    let kept = Kept::new();
    let ran =
        Asking::of(&kept, "secret set A --service shop").types("-----BEGIN\rMIIE\r-----END\r");
    assert_eq!((ran.code, ran.out.as_str()), (Some(4), ""));
    assert!(ran.err.contains("error: the value has several lines\n"), "{}", ran.err);
    let ran = Asking::of(&kept, "secret set A --service shop").types("\r");
    assert_eq!(ran.code, Some(4));
    assert!(ran.err.contains("error: the value is empty\n"), "{}", ran.err);
}
