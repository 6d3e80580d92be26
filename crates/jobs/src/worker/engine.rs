//! Whether what a job wants of a container engine can be had. It cannot yet: jobs run on the host.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::pipeline::{Ending, Tree};
use workflow::tree;

use super::frame::Frame;
use super::job::Job;

/// Refuses a job that is to be executed in a container or beside some.
pub(super) fn check(job: &Job<'_>) -> Result<(), Ending> {
    let frame = Frame::of_job(job.fixed.inputs.clone());
    let view = job.view(&frame, None);
    for (key, wanted) in [("container", &job.order.container), ("services", &job.order.services)] {
        let Some(wanted) = wanted else { continue };
        let full = format!("jobs.{}.{key}", job.order.key);
        let wanted = tree::evaluate(wanted, &view);
        let wanted =
            wanted.map_err(|error| Ending::Invalid(job.in_file(&format!("`{full}`: {error}"))))?;
        let names_image = match key {
            "container" => has_image(&wanted),
            _ => wanted.as_object().is_some_and(|services| services.values().any(has_image)),
        };
        if names_image {
            return Err(Ending::Invalid(job.in_file(&refusal(job, &format!("`{full}`")))));
        }
    }
    Ok(())
}

/// An empty image is none: so expressions leave the container out.
fn has_image(wanted: &Tree) -> bool {
    let image = wanted.get("image").unwrap_or(wanted);
    image.as_str().is_some_and(|image| !image.trim().is_empty())
}

/// Why something that needs an engine cannot be done.
pub(super) fn refusal(job: &Job<'_>, what: &str) -> String {
    match find(job) {
        Some(engine) => format!(
            "{what} needs a container engine; {engine} answers, but this Highroad executes jobs on the \
             host only"
        ),
        None => format!(
            "{what} needs a container engine, and neither Docker nor Podman answers on this machine: \
             start one, or name it by DOCKER_HOST"
        ),
    }
}

/// The address of an engine that answers.
fn find(job: &Job<'_>) -> Option<String> {
    let of_host = job.bench.host.variables.iter().find(|(name, _)| name == "DOCKER_HOST");
    let named =
        of_host.map(|(_, value)| value.clone()).or_else(|| std::env::var("DOCKER_HOST").ok());
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        return answers(&named).then_some(named);
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let home = job.bench.host.home.as_ref();
    let sockets = [
        Some(PathBuf::from("/var/run/docker.sock")),
        runtime.as_ref().map(|folder| folder.join("docker.sock")),
        home.map(|home| home.join(".docker/run/docker.sock")),
        runtime.as_ref().map(|folder| folder.join("podman/podman.sock")),
        Some(PathBuf::from("/run/podman/podman.sock")),
    ];
    let sockets = sockets.into_iter().flatten().map(|path| format!("unix://{}", path.display()));
    sockets.into_iter().find(|socket| answers(socket))
}

const PATIENCE: Duration = Duration::from_secs(2);

fn answers(address: &str) -> bool {
    if let Some(path) = address.strip_prefix("unix://") {
        return UnixStream::connect(Path::new(path)).is_ok_and(|mut stream| {
            let limited = stream
                .set_read_timeout(Some(PATIENCE))
                .and(stream.set_write_timeout(Some(PATIENCE)));
            limited.is_ok() && is_alive(&mut stream)
        });
    }
    let place = address.strip_prefix("tcp://").or_else(|| address.strip_prefix("http://"));
    let place = place.and_then(|place| place.trim_end_matches('/').to_socket_addrs().ok()?.next());
    place.and_then(|place| TcpStream::connect_timeout(&place, PATIENCE).ok()).is_some_and(
        |mut stream| {
            let limited = stream
                .set_read_timeout(Some(PATIENCE))
                .and(stream.set_write_timeout(Some(PATIENCE)));
            limited.is_ok() && is_alive(&mut stream)
        },
    )
}

fn is_alive(stream: &mut (impl std::io::Read + std::io::Write)) -> bool {
    const PING: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n";
    let mut begin = [0; 12];
    stream.write_all(PING).and_then(|()| stream.read_exact(&mut begin)).is_ok()
        && begin.starts_with(b"HTTP/1.")
        && begin.ends_with(b" 200")
}
