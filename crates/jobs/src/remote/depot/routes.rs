//! The server's side: what jobs on other machines ask of its depot.

use std::fs::File;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use futures_util::stream;
use http_body_util::BodyExt as _;
use ports::depot::{
    Carrier, DepotError, Limits, RestoreArtifacts, RestoreCache, SaveArtifact, SaveCache, Saved,
    Source,
};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;

use super::body::passage;
use super::wire::{Answer, DEPOT, Question, Refused};

/// The longest question.
const LONGEST_QUESTION: usize = 1 << 20;
/// The most bytes of a tree, packed.
const MAX_TREE: u64 = 12 << 30;
/// How much of a tree is sent at once.
const PIECE: usize = 256 << 10;

/// What runners ask of a depot. Whoever serves this sees to it that nobody else gets in.
pub fn for_depot(depot: Arc<dyn Carrier>) -> Router {
    Router::new().route(DEPOT, post(answer)).layer(DefaultBodyLimit::disable()).with_state(depot)
}

async fn answer(State(depot): State<Arc<dyn Carrier>>, mut body: Body) -> Response {
    let (question, rest) = match question(&mut body).await {
        Ok(asked) => asked,
        Err(why) => return (StatusCode::BAD_REQUEST, why).into_response(),
    };
    let mut trees = Vec::new();
    let answer = match question {
        Question::SaveCache { .. } | Question::SaveArtifact { .. } => {
            let (give, tree) = passage();
            let take = async {
                match question {
                    Question::SaveCache { repository, git_ref, key, paths, mutable } => {
                        let source = no_files();
                        let save = SaveCache { repository, git_ref, key, paths, source, mutable };
                        depot.take_cache(save, tree).await.map(saved)
                    }
                    Question::SaveArtifact { run, name, keep_days, overwrite } => {
                        let (source, base) = (no_files(), "".into());
                        let save = SaveArtifact { run, name, source, base, keep_days, overwrite };
                        let saved = depot.take_artifact(save, tree).await;
                        saved.map(|it| Answer::SavedArtifact {
                            artifact: it.artifact,
                            added: it.added,
                        })
                    }
                    _ => unreachable!("the others bring no tree"),
                }
            };
            tokio::join!(bring(body, rest, give), take).1
        }
        question => other(&*depot, question, &mut trees).await,
    };
    let answer = answer.map_err(Refused::from);
    let mut line = match serde_json::to_vec(&answer) {
        Ok(line) => line,
        Err(error) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
        }
    };
    line.push(b'\n');
    let trees = trees.into_iter().map(tokio::fs::File::from_std).collect();
    Body::from_stream(stream::unfold(Sending { line, trees }, Sending::next)).into_response()
}

/// The line at the beginning, and what has come behind it.
async fn question(body: &mut Body) -> Result<(Question, Bytes), String> {
    let mut line = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|error| error.to_string())?.into_data() else { continue };
        let end = piece.iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
        if line.len() > LONGEST_QUESTION {
            return Err("the question is too long".to_owned());
        }
        if let Some(end) = end {
            let question = serde_json::from_slice(&line).map_err(|error| error.to_string())?;
            return Ok((question, piece.slice(end + 1..)));
        }
    }
    Err("the question has no end".to_owned())
}

/// Passes a tree on as it comes. What nobody reads any more is read to its end all the same, so that
/// the answer is heard.
async fn bring(mut body: Body, first: Bytes, give: mpsc::Sender<io::Result<Bytes>>) {
    let mut length = first.len() as u64;
    // Whoever reads has answered already, if it does not want it.
    let mut is_wanted = give.send(Ok(first)).await.is_ok();
    while let Some(frame) = body.frame().await {
        let piece = match frame {
            Ok(frame) => match frame.into_data() {
                Ok(piece) => Ok(piece),
                Err(_) => continue,
            },
            Err(error) => Err(io::Error::other(error)),
        };
        length += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        let piece = if length > MAX_TREE {
            Err(io::Error::other("the tree is longer than what is taken"))
        } else {
            piece
        };
        let is_last = piece.is_err();
        if is_wanted {
            is_wanted = give.send(piece).await.is_ok();
        }
        if is_last {
            return;
        }
    }
}

async fn other(
    depot: &dyn Carrier,
    question: Question,
    trees: &mut Vec<File>,
) -> Result<Answer, DepotError> {
    Ok(match question {
        Question::RestoreCache { scope, key, restore_keys, paths, with_tree } => {
            let into = with_tree.then(Vec::new);
            let restore = RestoreCache { scope, key, restore_keys, paths, into };
            let (hit, tree) = depot.give_cache(restore).await?.unzip();
            let tree = tree.flatten();
            let length = tree.as_ref().map(length).transpose()?;
            trees.extend(tree);
            Answer::Restored { hit, tree: length }
        }
        Question::RestoreArtifacts { run, which } => {
            let restore = RestoreArtifacts { run, which, into: "".into(), apart: false };
            let mut restored = Vec::new();
            for (artifact, tree) in depot.give_artifacts(restore).await? {
                restored.push((artifact, length(&tree)?));
                trees.push(tree);
            }
            Answer::RestoredArtifacts(restored)
        }
        Question::Caches(filter) => Answer::Caches(depot.caches(filter).await?),
        Question::RemoveCaches(filter) => Answer::Caches(depot.remove_caches(filter).await?),
        Question::Lookups(filter) => Answer::Lookups(depot.lookups(filter).await?),
        Question::Explain(lookup) => Answer::Explained(depot.explain(lookup).await?),
        Question::Artifacts(filter) => Answer::Artifacts(depot.artifacts(filter).await?),
        Question::RemoveArtifacts(filter) => {
            Answer::Artifacts(depot.remove_artifacts(filter).await?)
        }
        Question::Files(of) => Answer::Files(depot.files(of).await?),
        Question::Usage => Answer::Usage(depot.usage().await?),
        Question::Tend => Answer::Tended(depot.tend().await?),
        Question::SaveCache { .. } | Question::SaveArtifact { .. } => {
            unreachable!("they bring a tree")
        }
    })
}

fn saved(saved: Saved) -> Answer {
    match saved {
        Saved::New { cache, added, .. } => Answer::Saved { cache, added: Some(added) },
        Saved::Taken(cache) => Answer::Saved { cache, added: None },
    }
}

fn no_files() -> Source {
    Source { roots: Vec::new(), paths: Vec::new(), limits: Limits::default() }
}

fn length(tree: &File) -> Result<u64, DepotError> {
    let length = tree.metadata().map(|metadata| metadata.len());
    length.map_err(|error| {
        let kind = ports::depot::DepotErrorKind::Failed;
        DepotError::new(kind, "a packed tree cannot be looked at").because(error)
    })
}

/// An answer that is on its way.
struct Sending {
    line: Vec<u8>,
    /// The first of them is being sent.
    trees: std::collections::VecDeque<tokio::fs::File>,
}

impl Sending {
    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        if !self.line.is_empty() {
            return Some((Ok(std::mem::take(&mut self.line).into()), self));
        }
        while let Some(tree) = self.trees.front_mut() {
            let mut piece = Vec::with_capacity(PIECE);
            match tree.read_buf(&mut piece).await {
                Ok(0) => drop(self.trees.pop_front()),
                Ok(_) => return Some((Ok(piece.into()), self)),
                Err(error) => {
                    self.trees.clear();
                    return Some((Err(error), self));
                }
            }
        }
        None
    }
}
