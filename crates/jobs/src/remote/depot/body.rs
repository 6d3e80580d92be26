//! Trees in the bodies of HTTP: read where reading may block, while they come.

use std::io::{self, Read};

use hyper::body::Bytes;
use ports::BoxFuture;
use ports::depot::{DepotError, PackedTree};
use tokio::sync::mpsc;

use super::super::client::{ClientError, Coming};
use super::unreachable;

/// The longest line before the trees.
pub(super) const LONGEST_LINE: usize = 64 << 20;
/// Pieces that wait for whoever reads.
const AHEAD: usize = 16;

/// An answer that is read line and tree by tree.
pub(super) struct Answered {
    coming: Coming,
    /// What has come and was not read yet.
    rest: Bytes,
}

impl Answered {
    pub(super) fn new(coming: Coming) -> Self {
        Self { coming, rest: Bytes::new() }
    }

    pub(super) async fn line(&mut self) -> Result<Vec<u8>, ClientError> {
        let mut line = Vec::new();
        while let Some(piece) = self.next().await? {
            if let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
                line.extend_from_slice(&piece[..end]);
                self.rest = piece.slice(end + 1..);
                return Ok(line);
            }
            line.extend_from_slice(&piece);
            if line.len() > LONGEST_LINE {
                break;
            }
        }
        Err(ClientError::Nonsense("an answer without an end".to_owned()))
    }

    /// Has the next tree read, which is so long.
    pub(super) async fn tree<'a, T>(
        &mut self,
        length: u64,
        read: impl FnOnce(PackedTree) -> BoxFuture<'a, Result<T, DepotError>>,
    ) -> Result<T, DepotError> {
        let (give, pieces) = passage();
        let bring = async {
            let mut left = length;
            while left > 0 {
                let piece = match self.next().await {
                    Ok(Some(piece)) => piece,
                    Ok(None) => return Err(cut_off()),
                    Err(error) => return Err(unreachable(error)),
                };
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                self.rest = piece.slice(most..);
                left -= most as u64;
                // Whoever reads says why it reads no more.
                if give.send(Ok(piece.slice(..most))).await.is_err() {
                    break;
                }
            }
            drop(give);
            Ok(())
        };
        let (brought, read) = tokio::join!(bring, read(pieces));
        // What is missing is the cause of what could not be read.
        brought.and(read)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        if self.rest.is_empty() {
            return self.coming.next().await;
        }
        Ok(Some(std::mem::take(&mut self.rest)))
    }
}

fn cut_off() -> DepotError {
    unreachable(ClientError::Nonsense("it ends too soon".to_owned()))
}

/// From where pieces come to where they are read. Unless an error is given, the end is the end.
pub(super) fn passage() -> (mpsc::Sender<io::Result<Bytes>>, PackedTree) {
    let (give, pieces) = mpsc::channel(AHEAD);
    (give, Box::new(Pieces { pieces, now: Bytes::new() }))
}

struct Pieces {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    now: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.now.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.now = piece?,
                None => return Ok(0),
            }
        }
        let length = into.len().min(self.now.len());
        into[..length].copy_from_slice(&self.now.split_to(length));
        Ok(length)
    }
}
