//! Where engines listen.

use std::path::PathBuf;

use crate::workbench::Host;

/// The sockets that are tried, the first that answers counts. `Err` is an address that cannot be
/// spoken to.
pub(super) fn sockets(host: &Host) -> Result<Vec<PathBuf>, String> {
    let of_host = host.variables.iter().find(|(name, _)| name == "DOCKER_HOST");
    let named =
        of_host.map(|(_, value)| value.clone()).or_else(|| std::env::var("DOCKER_HOST").ok());
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        // What a container is to see of the job has to be on the engine's own machine.
        let path = named.strip_prefix("unix://").ok_or_else(|| {
            format!("DOCKER_HOST is `{named}`, but only `unix://` sockets can be used")
        })?;
        return Ok(vec![PathBuf::from(path)]);
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let sockets = [
        Some(PathBuf::from("/var/run/docker.sock")),
        runtime.as_ref().map(|folder| folder.join("docker.sock")),
        host.home.as_ref().map(|home| home.join(".docker/run/docker.sock")),
        runtime.as_ref().map(|folder| folder.join("podman/podman.sock")),
        Some(PathBuf::from("/run/podman/podman.sock")),
    ];
    Ok(sockets.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_the_only_one() {
        let named = |address: &str| Host {
            variables: vec![("DOCKER_HOST".to_owned(), address.to_owned())],
            ..Host::default()
        };
        assert_eq!(sockets(&named("unix:///run/x.sock")), Ok(vec!["/run/x.sock".into()]));
        let refused = sockets(&named("tcp://10.0.0.1:2375")).expect_err("no socket");
        assert!(refused.contains("only `unix://`"), "{refused}");
    }
}
