//! The depot of a server, as jobs on other machines have it.
//!
//! What is saved is first packed here and then sent; what is restored is first brought here whole.
//! Both pass through a depot of the moment, which does with files whatever a depot does with them:
//! so only whole trees are on the way, and each side finds out whether one is what was packed.

mod body;
mod routes;
mod wire;

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ports::BoxFuture;
use ports::depot::{
    Artifact, ArtifactFilter, Cache, CacheFilter, Carrier, Depot, DepotError, DepotErrorKind,
    Explanation, FileEntry, Hit, Holding, Limits, Lookup, LookupFilter, RestoreArtifacts,
    RestoreCache, SaveArtifact, SaveCache, Saved, SavedArtifact, Scope, Source, Tended, Usage,
    Which,
};
use tempfile::TempDir;

use super::client::{Client, ClientError, Coming, said};
use body::Answered;
use wire::{Answer, DEPOT, Question, Refused};

pub use routes::for_depot;

/// A depot that a server keeps.
pub struct RemoteDepot {
    client: Arc<Client>,
    /// Where depots of the moment are.
    folder: PathBuf,
    open: Open,
}

/// Makes a depot in an empty folder, with room for everything.
pub type Open = Box<dyn Fn(&Path) -> Result<Box<dyn Carrier>, DepotError> + Send + Sync>;

/// How often a tree is sent of which the server says that it has to be sent again.
const TRIES: u32 = 3;

type Answers<'a, T> = BoxFuture<'a, Result<T, DepotError>>;

/// A depot of the moment. Its folder goes with it.
struct Passing {
    depot: Box<dyn Carrier>,
    _folder: TempDir,
}

impl RemoteDepot {
    pub fn new(client: Arc<Client>, folder: PathBuf, open: Open) -> Self {
        Self { client, folder, open }
    }

    fn passing(&self) -> Result<Passing, DepotError> {
        let make = || {
            std::fs::create_dir_all(&self.folder)?;
            TempDir::new_in(&self.folder)
        };
        let folder = make().map_err(|error| {
            let what = format!("{} cannot be made", self.folder.display());
            DepotError::new(DepotErrorKind::Failed, what).because(error)
        })?;
        Ok(Passing { depot: (self.open)(folder.path())?, _folder: folder })
    }

    /// Asks, and reads the answer up to the trees behind it.
    async fn ask(
        &self,
        question: &Question,
        tree: Option<&File>,
    ) -> Result<(Answer, Answered), DepotError> {
        let mut line = serde_json::to_vec(question).map_err(|error| {
            DepotError::new(DepotErrorKind::Failed, "it cannot be asked").because(error)
        })?;
        line.push(b'\n');
        let answer: Coming =
            self.client.exchange(DEPOT, line.into(), tree).await.map_err(unreachable)?;
        let mut answered = Answered::new(answer);
        let line = answered.line().await.map_err(unreachable)?;
        let answer: Result<Answer, Refused> = serde_json::from_slice(&line)
            .map_err(|error| unreachable(ClientError::Nonsense(error.to_string())))?;
        Ok((answer.map_err(DepotError::from)?, answered))
    }

    async fn told<T>(
        &self,
        question: Question,
        take: impl FnOnce(Answer) -> Option<T>,
    ) -> Result<T, DepotError> {
        let (answer, _) = self.ask(&question, None).await?;
        take(answer).ok_or_else(nonsense)
    }

    /// Sends a tree, again if others took away there what it shares with theirs.
    async fn send<T>(
        &self,
        question: &Question,
        tree: &File,
        take: impl Fn(Answer) -> Option<T>,
    ) -> Result<T, DepotError> {
        let mut tries = 1;
        loop {
            match self.ask(question, Some(tree)).await {
                Err(error) if error.kind == DepotErrorKind::Busy && tries < TRIES => tries += 1,
                answer => return take(answer?.0).ok_or_else(nonsense),
            }
        }
    }

    async fn save_there(&self, save: SaveCache) -> Result<Saved, DepotError> {
        let SaveCache { repository, git_ref, key, paths, mutable, .. } = save.clone();
        if !mutable {
            let filter = CacheFilter {
                repository: Some(repository.clone()),
                git_ref: Some(git_ref.clone()),
                key: Some(key.clone()),
                ..CacheFilter::default()
            };
            let taken = self.caches(filter).await?.into_iter().find(|cache| cache.paths == paths);
            if let Some(taken) = taken {
                return Ok(Saved::Taken(taken));
            }
        }
        let passing = self.passing()?;
        let Saved::New { cache, skipped, .. } = passing.depot.save_cache(save).await? else {
            return Err(nonsense());
        };
        let tree = passing.depot.give(Holding::Cache(cache.id)).await?.ok_or_else(nonsense)?;
        let question = Question::SaveCache { repository, git_ref, key, paths, mutable };
        let take = |answer| match answer {
            Answer::Saved { cache, added: Some(added) } => {
                let skipped = skipped.clone();
                Some(Saved::New { cache, added, skipped })
            }
            Answer::Saved { cache, added: None } => Some(Saved::Taken(cache)),
            _ => None,
        };
        self.send(&question, &tree, take).await
    }

    async fn restore_from_there(&self, restore: RestoreCache) -> Result<Option<Hit>, DepotError> {
        let RestoreCache { scope, key, restore_keys, paths, into } = restore;
        let with_tree = into.is_some();
        let question = Question::RestoreCache { scope, key, restore_keys, paths, with_tree };
        let (answer, mut answered) = self.ask(&question, None).await?;
        let Answer::Restored { hit, tree } = answer else { return Err(nonsense()) };
        let Some(hit) = hit else { return Ok(None) };
        let Some(into) = into else { return Ok(Some(hit)) };
        let tree = tree.ok_or_else(nonsense)?;
        let passing = self.passing()?;
        let Cache { repository, git_ref, key, paths, .. } = hit.cache.clone();
        let save = SaveCache {
            repository: repository.clone(),
            git_ref: git_ref.clone(),
            key: key.clone(),
            paths: paths.clone(),
            source: no_files(),
            mutable: false,
        };
        answered.tree(tree, |tree| passing.depot.take_cache(save, tree)).await?;
        let scope = Scope { repository, own: git_ref, base: None, default: None };
        let into = Some(into);
        let placed = RestoreCache { scope, key, restore_keys: Vec::new(), paths, into };
        let placed = passing.depot.restore_cache(placed).await?;
        placed.ok_or_else(nonsense).map(|_| Some(hit))
    }

    async fn save_artifact_there(&self, save: SaveArtifact) -> Result<SavedArtifact, DepotError> {
        let SaveArtifact { run, name, keep_days, overwrite, .. } = save.clone();
        if !overwrite {
            let which = Which::Named(name.clone());
            let filter = ArtifactFilter { run: Some(run.clone()), which, limit: 1 };
            if !self.artifacts(filter).await?.is_empty() {
                let what = format!(
                    "run {run} has an artifact `{name}` already: overwrite it, or choose another \
                     name"
                );
                return Err(DepotError::new(DepotErrorKind::Exists, what));
            }
        }
        let passing = self.passing()?;
        let saved = passing.depot.save_artifact(save).await?;
        let id = Holding::Artifact(saved.artifact.id);
        let tree = passing.depot.give(id).await?.ok_or_else(nonsense)?;
        let question = Question::SaveArtifact { run, name, keep_days, overwrite };
        let take = |answer| match answer {
            Answer::SavedArtifact { artifact, added } => {
                let skipped = saved.skipped.clone();
                Some(SavedArtifact { artifact, added, skipped })
            }
            _ => None,
        };
        self.send(&question, &tree, take).await
    }

    async fn restore_artifacts_from_there(
        &self,
        restore: RestoreArtifacts,
    ) -> Result<Vec<Artifact>, DepotError> {
        let RestoreArtifacts { run, which, into, apart } = restore;
        let question = Question::RestoreArtifacts { run: run.clone(), which };
        let (answer, mut answered) = self.ask(&question, None).await?;
        let Answer::RestoredArtifacts(found) = answer else { return Err(nonsense()) };
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let passing = self.passing()?;
        for (artifact, tree) in &found {
            let save = SaveArtifact {
                run: run.clone(),
                name: artifact.name.clone(),
                source: no_files(),
                base: PathBuf::new(),
                keep_days: None,
                overwrite: false,
            };
            answered.tree(*tree, |tree| passing.depot.take_artifact(save, tree)).await?;
        }
        let placed = RestoreArtifacts { run, which: Which::All, into, apart };
        passing.depot.restore_artifacts(placed).await?;
        Ok(found.into_iter().map(|(artifact, _)| artifact).collect())
    }
}

/// A tree comes in the place of files, and as large as the server lets it be.
fn no_files() -> Source {
    let limits = Limits { bytes: u64::MAX, files: u64::MAX };
    Source { roots: Vec::new(), paths: Vec::new(), limits }
}

#[expect(clippy::needless_pass_by_value, reason = "it takes the error of whoever has asked")]
fn unreachable(error: ClientError) -> DepotError {
    let kind = match &error {
        ClientError::Refused { status, .. } if status.as_u16() == 413 => DepotErrorKind::TooLarge,
        ClientError::Refused { .. } => DepotErrorKind::Denied,
        _ => DepotErrorKind::Failed,
    };
    DepotError::new(kind, format!("the server's depot cannot be asked: {}", said(&error)))
}

fn nonsense() -> DepotError {
    DepotError::new(DepotErrorKind::Failed, "the server's depot answers something else")
}

impl Depot for RemoteDepot {
    fn save_cache(&self, save: SaveCache) -> Answers<'_, Saved> {
        Box::pin(self.save_there(save))
    }

    fn restore_cache(&self, restore: RestoreCache) -> Answers<'_, Option<Hit>> {
        Box::pin(self.restore_from_there(restore))
    }

    fn caches(&self, filter: CacheFilter) -> Answers<'_, Vec<Cache>> {
        Box::pin(self.told(Question::Caches(filter), Answer::caches))
    }

    fn remove_caches(&self, filter: CacheFilter) -> Answers<'_, Vec<Cache>> {
        Box::pin(self.told(Question::RemoveCaches(filter), Answer::caches))
    }

    fn lookups(&self, filter: LookupFilter) -> Answers<'_, Vec<Lookup>> {
        Box::pin(self.told(Question::Lookups(filter), |answer| match answer {
            Answer::Lookups(lookups) => Some(lookups),
            _ => None,
        }))
    }

    fn explain(&self, lookup: u64) -> Answers<'_, Option<Explanation>> {
        Box::pin(self.told(Question::Explain(lookup), |answer| match answer {
            Answer::Explained(explanation) => Some(explanation),
            _ => None,
        }))
    }

    fn save_artifact(&self, save: SaveArtifact) -> Answers<'_, SavedArtifact> {
        Box::pin(self.save_artifact_there(save))
    }

    fn artifacts(&self, filter: ArtifactFilter) -> Answers<'_, Vec<Artifact>> {
        Box::pin(self.told(Question::Artifacts(filter), Answer::artifacts))
    }

    fn restore_artifacts(&self, restore: RestoreArtifacts) -> Answers<'_, Vec<Artifact>> {
        Box::pin(self.restore_artifacts_from_there(restore))
    }

    fn remove_artifacts(&self, filter: ArtifactFilter) -> Answers<'_, Vec<Artifact>> {
        Box::pin(self.told(Question::RemoveArtifacts(filter), Answer::artifacts))
    }

    fn files(&self, of: Holding) -> Answers<'_, Option<Vec<FileEntry>>> {
        Box::pin(self.told(Question::Files(of), |answer| match answer {
            Answer::Files(files) => Some(files),
            _ => None,
        }))
    }

    fn usage(&self) -> Answers<'_, Usage> {
        Box::pin(self.told(Question::Usage, |answer| match answer {
            Answer::Usage(usage) => Some(usage),
            _ => None,
        }))
    }

    fn tend(&self) -> Answers<'_, Tended> {
        Box::pin(self.told(Question::Tend, |answer| match answer {
            Answer::Tended(tended) => Some(tended),
            _ => None,
        }))
    }
}

impl fmt::Debug for RemoteDepot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteDepot").field("client", &self.client).finish_non_exhaustive()
    }
}
