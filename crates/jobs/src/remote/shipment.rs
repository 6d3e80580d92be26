//! The files of a job on their way to the server: sent as they grow, from where the server has them,
//! and the report with the last of them.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::{Method, StatusCode};
use jiff::SignedDuration;
use model::id::JobId;
use model::pipeline::JobReport;
use ports::clock::Clock;
use tokio::sync::watch;

use super::client::{Client, ClientError, said, successful};
use super::protocol::{FILES, JobFile, MAX_PIECE, News, Piece, Reached, SessionId, news_path};

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
    /// Sends until the job is over and the server has all of it, the report last; or has another
    /// report, because the job was taken for lost. Files that the server does not take are told
    /// once, and the report goes without them.
    pub(super) async fn run(&self, mut over: watch::Receiver<Option<Arc<JobReport>>>) {
        let mut reached = Some([0; FILES]);
        loop {
            let report = over.borrow_and_update().clone();
            match self.send_new(&mut reached, report.as_deref()).await {
                Ok(Sent::Everything) => return,
                Ok(Sent::Some) => {}
                Ok(Sent::Nothing) => {
                    let next = self.clock.sleep_until(self.clock.now() + LOOK_EVERY);
                    tokio::select! {
                        () = next => {}
                        // Whoever could say so is no more: then it is looked at again, in vain.
                        _ = over.changed() => {}
                    }
                }
                Err(error) if error.may_pass() => {
                    self.clock.sleep_until(self.clock.now() + REST).await;
                }
                Err(ClientError::Refused { status: StatusCode::CONFLICT, .. })
                    if report.is_some() =>
                {
                    return;
                }
                Err(error) => {
                    let (job, what) = (self.job, said(&error));
                    if reached.take().is_none() {
                        tracing::warn!(%job, error = what, "the server takes no report of a job");
                        return;
                    }
                    tracing::warn!(%job, error = what, "the server does not take a job's files");
                }
            }
        }
    }

    /// Sends a piece of each file that has grown, and the report with what is the last of them.
    async fn send_new(
        &self,
        reached: &mut Option<[u64; FILES]>,
        report: Option<&JobReport>,
    ) -> Result<Sent, ClientError> {
        let mut news = News { pieces: [Piece::default(); FILES], report: None };
        let mut bytes = Vec::new();
        let mut is_all = true;
        if let Some(reached) = reached {
            for (nth, file) in JobFile::ALL.into_iter().enumerate() {
                let path = file.within(&self.folder);
                let unreadable =
                    |error| ClientError::File(format!("{} cannot be read", path.display()), error);
                let piece = read_from(&path, reached[nth]).map_err(unreadable)?;
                news.pieces[nth] = Piece { offset: reached[nth], length: piece.len() };
                is_all &= piece.len() < MAX_PIECE;
                bytes.extend(piece);
            }
        }
        news.report = report.filter(|_| is_all).cloned();
        if bytes.is_empty() && news.report.is_none() {
            return Ok(Sent::Nothing);
        }
        let mut body =
            serde_json::to_vec(&news).map_err(|error| ClientError::Nonsense(error.to_string()))?;
        body.push(b'\n');
        body.append(&mut bytes);
        let at = news_path(&self.session, self.job);
        let kind = "application/octet-stream";
        let (status, answer) = self.client.send(Method::POST, &at, kind, body.into()).await?;
        let (is_taken, answer) = match status {
            // It has less than was thought.
            StatusCode::CONFLICT if answer.starts_with(b"{\"lengths\"") => (false, answer),
            _ => (true, successful(status, answer)?.1),
        };
        let answer: Reached = serde_json::from_slice(&answer)
            .map_err(|error| ClientError::Nonsense(error.to_string()))?;
        if let Some(reached) = reached {
            *reached = answer.lengths;
        }
        Ok(if is_taken && news.report.is_some() { Sent::Everything } else { Sent::Some })
    }
}

enum Sent {
    Nothing,
    Some,
    /// With the report.
    Everything,
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
