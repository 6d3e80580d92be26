//! What runs check out: fetched once for each run, as a bare repository.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use hyper::StatusCode;
use model::id::RunId;
use model::pipeline::Ending;
use ports::clock::Clock;
use tokio::sync::Mutex;

use super::super::client::{Client, ClientError};
use super::super::protocol::source_path;
use crate::tool;
use crate::worker::CancelSignal;

#[derive(Debug)]
pub(super) struct Sources {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    /// The jobs of a run begin together: one of them fetches.
    fetching: Mutex<()>,
}

impl Sources {
    pub(super) fn new(folder: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { folder, clock, fetching: Mutex::default() }
    }

    /// The repository of a run; none if it has nothing to check out.
    pub(super) async fn fetch(
        &self,
        client: &Client,
        run: RunId,
    ) -> Result<Option<PathBuf>, Ending> {
        let repository = self.folder.join(format!("{run}.git"));
        let _fetching = self.fetching.lock().await;
        if let Ok(known) = std::fs::File::open(&repository) {
            // Not the next to be tidied away. Where the time cannot be set it only goes sooner.
            let _ = known.set_modified(self.clock.now().into());
            return Ok(Some(repository));
        }
        let lost = |error: std::io::Error| {
            Ending::Lost(format!("what it checks out cannot be kept: {error}"))
        };
        let bundle = tempfile::NamedTempFile::new_in(&self.folder).map_err(lost)?;
        let file = bundle.as_file().try_clone().map_err(lost)?;
        let mut file = tokio::fs::File::from_std(file);
        match client.download(&source_path(run), &mut file).await {
            Ok(()) => {}
            Err(ClientError::Refused { status: StatusCode::NOT_FOUND, .. }) => return Ok(None),
            Err(error) => {
                return Err(Ending::Lost(format!("what it checks out did not arrive: {error}")));
            }
        }
        tokio::io::AsyncWriteExt::flush(&mut file).await.map_err(lost)?;
        let folder = tempfile::TempDir::new_in(&self.folder).map_err(lost)?;
        let unpack = move || {
            let halt = CancelSignal::new();
            let git = |words: &[&std::ffi::OsStr]| {
                let mut git = Command::new("git");
                git.arg("-C").arg(folder.path()).args(words);
                tool::output(&mut git, &halt).map_err(|error| error.to_string())
            };
            git(&["init".as_ref(), "--quiet".as_ref(), "--bare".as_ref()])?;
            let fetch = ["fetch", "--quiet", "--no-tags"].map(std::ffi::OsStr::new);
            let [fetch, quiet, no_tags] = fetch;
            let all = "+refs/*:refs/*".as_ref();
            git(&[fetch, quiet, no_tags, bundle.path().as_os_str(), all])?;
            Ok::<_, String>(folder.keep())
        };
        let unpacked = tokio::task::spawn_blocking(unpack).await;
        let unpacked = unpacked.map_err(|error| Ending::Lost(error.to_string()))?;
        let unpacked = unpacked
            .map_err(|why| Ending::Invalid(format!("what it checks out is no bundle: {why}")))?;
        std::fs::rename(unpacked, &repository).map_err(lost)?;
        Ok(Some(repository))
    }
}
