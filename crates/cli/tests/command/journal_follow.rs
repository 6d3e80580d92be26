//! `highroad journal --follow`: facts as they come, beside a server that records them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Stdio};

use model::journal::Sealed;

use crate::journal::{Recorded, fact, numbered, record};

struct Following {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Following {
    fn start(recorded: &Recorded, line: &str) -> Self {
        let mut child = recorded
            .command(&format!("journal --follow --json {line}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// The number of the next fact, once it comes.
    fn next(&mut self) -> u64 {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        object["seq"].as_u64().unwrap()
    }

    fn ends_in_silence(self) -> Option<i32> {
        let Self { mut child, out } = self;
        drop(out);
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert_eq!(told, "");
        child.wait().unwrap().code()
    }
}

#[test]
fn new_facts_are_shown_once_and_in_order() {
    let recorded = Recorded::numbered(12);
    let server = recorded.server();
    let mut following = Following::start(&recorded, "");
    let shown: Vec<_> = (0..10).map(|_| following.next()).collect();
    assert_eq!(shown, (3..=12).collect::<Vec<_>>(), "the last ten first");
    for number in 13..=20 {
        record(&server, vec![Sealed::from(&numbered(number))]);
    }
    let shown: Vec<_> = (0..8).map(|_| following.next()).collect();
    assert_eq!(shown, (13..=20).collect::<Vec<_>>());
    record(&server, (21..=3_020).map(|number| Sealed::from(&numbered(number))).collect());
    let shown: Vec<_> = (0..3_000).map(|_| following.next()).collect();
    assert_eq!(shown, (21..=3_020).collect::<Vec<_>>(), "more than a page at once");
    assert_eq!(following.ends_in_silence(), Some(0), "it notices that nobody reads any more");
}

#[test]
fn only_what_fits_is_shown() {
    let recorded = Recorded::numbered(3);
    let server = recorded.server();
    let mut following = Following::start(&recorded, "--after 3 --scope till");
    let told = |scope: &str| Sealed::from(&fact(9, "person:ada", 2, scope, numbered(9).what));
    record(&server, vec![told("shop"), told("till/production")]);
    assert_eq!(following.next(), 5);
    record(&server, vec![told("shop")]);
    record(&server, vec![told("till")]);
    assert_eq!(following.next(), 7);
    assert_eq!(following.ends_in_silence(), Some(0));
}

#[test]
fn it_goes_on_where_another_ended() {
    let recorded = Recorded::numbered(5);
    let mut following = Following::start(&recorded, "--after 3");
    assert_eq!([following.next(), following.next()], [4, 5]);
    recorded.record(vec![Sealed::from(&numbered(6))]);
    assert_eq!(following.next(), 6);
    assert_eq!(following.ends_in_silence(), Some(0));
}

#[test]
fn an_interrupt_ends_it_in_silence() {
    use std::os::unix::process::ExitStatusExt as _;
    const INTERRUPT: i32 = 2;
    let recorded = Recorded::numbered(1);
    let mut following = Following::start(&recorded, "");
    assert_eq!(following.next(), 1);
    let id = following.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let mut told = String::new();
    following.child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    let status = following.child.wait().unwrap();
    // The shell makes 130 of it.
    assert_eq!((status.signal(), told.as_str()), (Some(INTERRUPT), ""));
}
