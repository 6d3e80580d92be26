//! The files of a job on their way to the server: sent as they grow, from where the server has them.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::{Method, StatusCode};
use jiff::SignedDuration;
use model::id::JobId;
use ports::clock::Clock;
use tokio::sync::watch;

use super::client::{Client, ClientError, successful};
use super::protocol::{JobFile, MAX_PIECE, Reached, SessionId, file_path};

/// How often is looked whether there is more. With the time that a line may wait to be written it
/// stays under the 50 ms after which people notice.
const LOOK_EVERY: SignedDuration = SignedDuration::from_millis(15);
/// How long a server that does not answer is left alone.
const REST: SignedDuration = SignedDuration::from_millis(500);

pub(super) struct Shipment {
    pub(super) client: Arc<Client>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) session: SessionId,
    pub(super) job: JobId,
    pub(super) folder: PathBuf,
}

impl Shipment {
    /// Sends until the job is over and everything of it is there. What the server does not take is
    /// told once, and not sent again.
    pub(super) async fn run(&self, mut over: watch::Receiver<bool>) -> Result<(), ClientError> {
        let mut reached = [0; JobFile::ALL.len()];
        loop {
            let is_over = *over.borrow_and_update();
            match self.send_new(&mut reached).await {
                Ok(true) => {}
                Ok(false) if is_over => return Ok(()),
                Ok(false) => {
                    let next = self.clock.sleep_until(self.clock.now() + LOOK_EVERY);
                    tokio::select! {
                        () = next => {}
                        // Whoever could say so is no more: then it is over, too.
                        _ = over.changed() => {}
                    }
                }
                Err(error) if error.may_pass() => {
                    self.clock.sleep_until(self.clock.now() + REST).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends one piece of each file that has grown; whether any had.
    async fn send_new(&self, reached: &mut [u64]) -> Result<bool, ClientError> {
        let mut sent = false;
        for (file, reached) in JobFile::ALL.into_iter().zip(reached) {
            let path = file.within(&self.folder);
            let unreadable =
                |error| ClientError::File(format!("{} cannot be read", path.display()), error);
            let piece = read_from(&path, *reached).map_err(unreadable)?;
            if piece.is_empty() {
                continue;
            }
            let at = file_path(&self.session, self.job, file, *reached);
            let kind = "application/octet-stream";
            let (status, answer) = self.client.send(Method::POST, &at, kind, piece.into()).await?;
            let answer = match status {
                // It has less or more than was thought.
                StatusCode::CONFLICT if answer.starts_with(b"{") => answer,
                _ => successful(status, answer)?.1,
            };
            let answer: Reached = serde_json::from_slice(&answer)
                .map_err(|error| ClientError::Nonsense(error.to_string()))?;
            *reached = answer.length;
            sent = true;
        }
        Ok(sent)
    }
}

/// What a file has from here on, a piece at most; nothing while there is no such file.
pub(super) fn read_from(path: &Path, offset: u64) -> io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() <= offset {
        return Ok(Vec::new());
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut piece = Vec::new();
    file.take(MAX_PIECE as u64).read_to_end(&mut piece)?;
    Ok(piece)
}
