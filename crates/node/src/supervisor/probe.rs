//! One look at an instance: is it well?

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use model::workload::Probe;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::keeper::user::User;

/// The line with the status is the first; a server that has not ended it by here speaks no HTTP.
const MOST_HEAD: usize = 1024;

/// The rest is read up to here, so that the server is not cut off in its answer.
const MOST_REST: u64 = 64 << 10;
const REST: Duration = Duration::from_millis(100);

/// What a probe by command is started with.
pub(super) struct Surroundings<'a> {
    pub(super) env: &'a [(String, String)],
    pub(super) workdir: &'a Path,
    pub(super) user: Option<&'a str>,
}

/// Looks once, and says what is wrong.
pub(super) async fn look(
    probe: &Probe,
    port: Option<u16>,
    around: &Surroundings<'_>,
    most: Duration,
) -> Result<(), String> {
    let address = port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let look = async {
        match (probe, address) {
            (Probe::Alive, _) => Ok(()),
            (Probe::Command(command), _) => {
                let value_of = |name: &str| {
                    let found = around.env.iter().rev().find(|(key, _)| key == name);
                    found.map(|(_, value)| value.clone())
                };
                let words = command.filled(value_of).map_err(|error| error.to_string())?;
                run(&words, around).await
            }
            (Probe::Http(_) | Probe::Tcp, None) => {
                Err("its health is looked at through a port, and it has none".to_owned())
            }
            (Probe::Tcp, Some(address)) => connect(address).await.map(drop),
            (Probe::Http(path), Some(address)) => get(address, path).await,
        }
    };
    match timeout(most, look).await {
        Ok(result) => result,
        Err(_) => Err(match (probe, address) {
            (Probe::Http(path), Some(address)) => {
                format!("no answer to GET {path} from {address} within {most:?}")
            }
            (Probe::Tcp, Some(address)) => format!("no connection to {address} within {most:?}"),
            _ => format!("the health command has not ended within {most:?}"),
        }),
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    TcpStream::connect(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("connection refused on {address}"),
        _ => format!("no connection to {address}: {error}"),
    })
}

async fn get(address: SocketAddr, path: &str) -> Result<(), String> {
    let mut stream = connect(address).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: highroad\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n"
    );
    let lost = |error: io::Error| format!("GET {path} from {address}: {error}");
    stream.write_all(request.as_bytes()).await.map_err(lost)?;
    let mut head = Vec::new();
    while !head.contains(&b'\n') {
        let mut chunk = [0; MOST_HEAD];
        let count = stream.read(&mut chunk).await.map_err(lost)?;
        head.extend_from_slice(&chunk[..count]);
        if count == 0 || head.len() > MOST_HEAD {
            break;
        }
    }
    let status = status(&head).ok_or_else(|| format!("{address} does not answer in HTTP/1.1"))?;
    let _ =
        timeout(REST, tokio::io::copy(&mut stream.take(MOST_REST), &mut tokio::io::sink())).await;
    match status {
        200..400 => Ok(()),
        _ => Err(format!("GET {path} from {address} is answered with {status}")),
    }
}

fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let rest = std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?;
    rest.split(' ').nth(1)?.trim().parse().ok()
}

async fn run(words: &[String], around: &Surroundings<'_>) -> Result<(), String> {
    let mut command = tokio::process::Command::new(&words[0]);
    command
        .args(&words[1..])
        .env_clear()
        .envs(around.env.iter().map(|(name, value)| (name, value)))
        .current_dir(around.workdir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(name) = around.user
        && let Some(user) = User::to_become(name).map_err(|error| error.to_string())?
    {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    let failed = |error: io::Error| format!("the health command `{}`: {error}", words[0]);
    let mut child = command.spawn().map_err(failed)?;
    let mut group = Group(child.id());
    let status = child.wait().await.map_err(failed)?;
    // Its number may be another one's from here on.
    group.0 = None;
    if status.success() { Ok(()) } else { Err(ended(&words[0], status)) }
}

fn ended(name: &str, status: ExitStatus) -> String {
    format!("the health command `{name}` ended with {status}")
}

/// A health command that takes too long ends with all that it has started.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let pid = self.0.and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_from_the_first_line() {
        assert_eq!(status(b"HTTP/1.1 204 No Content\r\nA: b\r\n"), Some(204));
        assert_eq!(status(b"HTTP/1.0 503\r\n"), Some(503));
        for head in [&b""[..], b"SSH-2.0-x\r\n", b"HTTP/2 200\r\n", b"HTTP/1.1\r\n", b"HTTP/1.1 x"]
        {
            assert_eq!(status(head), None);
        }
    }
}
