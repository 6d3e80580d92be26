//! Why an instance ended, in words.

use std::collections::BTreeSet;
use std::time::Duration;

use model::workload::Limits;

use crate::keeper::task::{Ended, Exit};

/// How a life ended, as its keeper saw it.
pub(super) fn of(ended: &Ended, limits: &Limits) -> String {
    let lived = ended.lived.as_secs_f64();
    let mut reason = match &ended.exit {
        Exit::NotStarted(why) => return why.clone(),
        Exit::Unknown => return "its keeper was killed, and it was ended with it".to_owned(),
        Exit::Code(_) | Exit::Signal(_) if ended.usage.oom_kills > 0 => match limits.memory {
            Some(memory) => format!("killed by the kernel: out of memory at {}", size(memory)),
            None => "killed by the kernel: the machine is out of memory".to_owned(),
        },
        Exit::Code(code) => format!("exited with {code} after {lived:.1} s"),
        Exit::Signal(signal) => format!("killed by {} after {lived:.1} s", signal_name(*signal)),
    };
    if !ended.left.is_empty() && !ended.stopped {
        let left = ended.left.iter().map(|line| format!("`{line}`")).collect::<Vec<_>>().join(", ");
        reason += "; what it left running in the background was killed (";
        reason += &left;
        reason += "): the command has to stay in the foreground";
    }
    reason
}

/// It did not become well in time.
pub(super) fn not_ready(
    within: Duration,
    seen: &str,
    port: Option<u16>,
    listens: &BTreeSet<u16>,
) -> String {
    let mut reason = format!("not ready within {within:?}: {seen}");
    if let Some(port) = port.filter(|port| !listens.contains(port)) {
        let ports = listens.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let listens = match &*ports {
            "" => "; it listens on no port".to_owned(),
            ports => format!("; it listens on {ports}, and has to on {port} (`$PORT`)"),
        };
        reason += &listens;
    }
    reason
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes >> 10),
        1_048_576..1_073_741_824 => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        _ => format!("{} MiB", bytes >> 20),
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        31 => "SIGSYS",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{SignedDuration, Timestamp};

    #[test]
    fn ends_are_told_in_words() {
        let lived = SignedDuration::from_millis(320);
        let ended = |exit| Ended { lived, ..Ended::at_once(Timestamp::UNIX_EPOCH, exit) };
        let limits = Limits { memory: Some(64 << 20), cpu: None };
        let told = |ended: &Ended| of(ended, &limits);
        assert_eq!(told(&ended(Exit::Code(1))), "exited with 1 after 0.3 s");
        assert_eq!(told(&ended(Exit::Signal(11))), "killed by SIGSEGV after 0.3 s");
        let mut oom = ended(Exit::Signal(9));
        oom.usage.oom_kills = 1;
        assert_eq!(told(&oom), "killed by the kernel: out of memory at 64 MiB");
        let mut daemon = ended(Exit::Code(0));
        daemon.left = vec!["sleep 9".to_owned()];
        assert!(told(&daemon).ends_with("(`sleep 9`): the command has to stay in the foreground"));

        let seen = "connection refused on 127.0.0.1:40123";
        let within = Duration::from_mins(1);
        assert_eq!(
            not_ready(within, seen, Some(40123), &BTreeSet::from([3000])),
            "not ready within 60s: connection refused on 127.0.0.1:40123; it listens on 3000, and \
             has to on 40123 (`$PORT`)"
        );
    }
}
