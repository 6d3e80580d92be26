//! `actions/cache`, and its halves `restore` and `save`.

use std::path::PathBuf;

use model::pipeline::CacheMode;
use ports::depot::{DepotErrorKind, Hit, Limits, RestoreCache, SaveCache, Saved, Scope, Source};

use super::call::{Call, Trouble};
use crate::glob::{Globs, Options};

/// Where restoring notes which key it looked for and which it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notes {
    /// For the saving at the end.
    State,
    /// For other steps.
    Outputs,
}

const KEY: &str = "CACHE_KEY";
const FOUND: &str = "CACHE_RESULT";

pub(super) fn restore(call: &mut Call<'_, '_>, notes: Notes) -> Result<(), String> {
    let key = call.needed("key")?.to_owned();
    if notes == Notes::State {
        call.note(KEY, key.clone());
    } else {
        call.output("cache-primary-key", key.clone());
    }
    let restore_keys = call.lines("restore-keys");
    call.needed("path")?;
    let lookup_only = call.flag("lookup-only")?;
    let paths = paths(call);
    let found = look_up(call, &key, &restore_keys, &paths, lookup_only)?;
    let Some(hit) = found else {
        // The output is left unset: workflows compare it with 'true'.
        if call.flag("fail-on-cache-miss")? {
            return Err(format!(
                "Failed to restore cache entry. Exiting as fail-on-cache-miss is set. Input key: {key}"
            ));
        }
        let keys: Vec<&str> =
            std::iter::once(&key).chain(&restore_keys).map(String::as_str).collect();
        call.say(&format!("Cache not found for input keys: {}", keys.join(", ")));
        return Ok(());
    };
    let found = hit.cache.key.clone();
    if notes == Notes::State {
        call.note(FOUND, found.clone());
    } else {
        call.output("cache-matched-key", found.clone());
    }
    call.output("cache-hit", is_exact(&key, &found).to_string());
    let done = if lookup_only { "found and can be restored" } else { "restored" };
    call.say(&format!("Cache {done} from key: {found}"));
    Ok(())
}

/// What `actions/cache` does when all steps went well.
pub(super) fn save_at_end(call: &mut Call<'_, '_>) {
    let Some(key) = call.noted(KEY) else {
        return call.say("[warning]Key is not specified.");
    };
    if call.noted(FOUND).is_some_and(|found| is_exact(&key, &found)) {
        return call
            .say(&format!("Cache hit occurred on the primary key {key}, not saving cache."));
    }
    let paths = paths(call);
    keep(call, &key, &paths);
}

pub(super) fn save(call: &mut Call<'_, '_>) -> Result<(), String> {
    let key = call.needed("key")?.to_owned();
    call.needed("path")?;
    let paths = paths(call);
    if !mode(call).saves() {
        keep(call, &key, &paths);
    } else if !keep(call, &key, &paths) {
        call.warn("Cache save failed.");
    }
    Ok(())
}

/// Looks for a cache. Trouble with the depot is a miss: the job can do without.
pub(super) fn look_up(
    call: &mut Call<'_, '_>,
    key: &str,
    restore_keys: &[String],
    paths: &[String],
    lookup_only: bool,
) -> Result<Option<Hit>, String> {
    let mode = mode(call);
    if !mode.restores() {
        call.say(&format!("Nothing is restored: the job's `cache-mode` is `{}`", mode.name()));
        return Ok(None);
    }
    let restore = RestoreCache {
        scope: scope(call),
        key: key.to_owned(),
        restore_keys: restore_keys.to_vec(),
        paths: paths.iter().map(|path| portable(call, path)).collect(),
        into: (!lookup_only).then(|| call.roots()),
    };
    match call.wait(call.job.bench.depot.restore_cache(restore)) {
        Ok(found) => Ok(found),
        Err(Trouble::Depot(error)) if error.kind == DepotErrorKind::Invalid => {
            Err(Trouble::Depot(error).to_string())
        }
        Err(Trouble::Given(why)) => Err(why),
        Err(trouble) => {
            call.warn(format!("Failed to restore: {trouble}"));
            Ok(None)
        }
    }
}

/// Keeps files under a key, and tells whether they are kept now. Failing is no failure of the job.
pub(super) fn keep(call: &mut Call<'_, '_>, key: &str, paths: &[String]) -> bool {
    let mode = mode(call);
    if !mode.saves() {
        call.say(&format!("Nothing is saved: the job's `cache-mode` is `{}`", mode.name()));
        return false;
    }
    match try_keep(call, key, paths) {
        Ok(Saved::New { cache, added, skipped }) => {
            for left_out in skipped {
                call.say(&format!(
                    "[warning]Left out {}: {}",
                    left_out.path.display(),
                    left_out.because
                ));
            }
            call.say(&format!(
                "Cache Size: {} bytes in {} files, {added} bytes of them new",
                cache.size, cache.files
            ));
            call.say(&format!("Cache saved with key: {key}"));
            true
        }
        Ok(Saved::Taken(_)) => {
            call.say(&format!("Failed to save: the key {key} has a cache already"));
            false
        }
        Err(why) => {
            call.warn(format!("Failed to save: {why}"));
            false
        }
    }
}

fn try_keep(call: &Call<'_, '_>, key: &str, paths: &[String]) -> Result<Saved, String> {
    let globs = Globs::parse(&paths.join("\n"), call.base()).map_err(|error| error.to_string())?;
    // Folders are saved whole, so what is in them need not be looked for.
    let options = Options { follow_links: true, descend: false, skip_hidden: false };
    let found: Result<Vec<PathBuf>, _> =
        globs.walk(options).map(|found| found.map(|found| found.path)).collect();
    let found = found.map_err(|error| error.to_string())?;
    if found.is_empty() {
        return Err(
            "Path Validation Error: Path(s) specified in the action for caching do(es) not exist, \
                    hence no cache is being saved."
                .to_owned(),
        );
    }
    let save = SaveCache {
        repository: call.github("repository"),
        git_ref: call.github("ref"),
        key: key.to_owned(),
        paths: paths.iter().map(|path| portable(call, path)).collect(),
        source: Source { roots: call.roots(), paths: found, limits: Limits::default() },
        mutable: call.job.bench.mutable_caches,
    };
    call.wait(call.job.bench.depot.save_cache(save)).map_err(|trouble| trouble.to_string())
}

/// What the job may do with caches. Where nobody says, strangers who can start a run must not leave
/// anything in the caches of the default branch.
fn mode(call: &Call<'_, '_>) -> CacheMode {
    call.job.order.cache_mode.unwrap_or_else(|| {
        let on_default = scope(call).default.is_some_and(|branch| branch == call.github("ref"));
        let is_trusted = TRUSTED.contains(&call.github("event_name").as_str());
        if on_default && !is_trusted { CacheMode::Read } else { CacheMode::Write }
    })
}

/// Events that only those can cause who may write to the repository, or that nobody causes.
const TRUSTED: [&str; 7] = [
    "delete",
    "page_build",
    "push",
    "registry_package",
    "repository_dispatch",
    "schedule",
    "workflow_dispatch",
];

/// Whose caches the run may read.
fn scope(call: &Call<'_, '_>) -> Scope {
    let branch = |name: String| (!name.is_empty()).then(|| format!("refs/heads/{name}"));
    let event = call.view.github("event");
    let default = event
        .and_then(|event| event.get("repository")?.get("default_branch"))
        .map(|name| name.to_text().into_owned());
    Scope {
        repository: call.github("repository"),
        own: call.github("ref"),
        base: branch(call.github("base_ref")),
        default: default.and_then(branch),
    }
}

fn paths(call: &Call<'_, '_>) -> Vec<String> {
    let tidy = |line: String| match line.strip_prefix('!') {
        Some(rest) => format!("!{}", rest.trim_start()),
        None => line,
    };
    call.lines("path").into_iter().map(tidy).collect()
}

/// A path as any job would write it: every job has a workspace, a home and a temp folder of its own.
pub(super) fn portable(call: &Call<'_, '_>, path: &str) -> String {
    let (sign, path) = path.strip_prefix('!').map_or(("", path), |path| ("!", path));
    let folders = &call.job.bench.folders;
    let places = [(&folders.workspace, "."), (&folders.home, "~"), (&folders.temp, "$RUNNER_TEMP")];
    let found = places.into_iter().find_map(|(folder, short)| {
        let rest = path.strip_prefix(&*folder.to_string_lossy())?;
        (rest.is_empty() || rest.starts_with('/')).then(|| format!("{short}{rest}"))
    });
    format!("{sign}{}", found.as_deref().unwrap_or(path))
}

pub(super) fn is_exact(key: &str, found: &str) -> bool {
    key.to_lowercase() == found.to_lowercase()
}
