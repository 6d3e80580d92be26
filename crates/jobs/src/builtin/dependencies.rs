//! What the set-up actions cache when their input `cache` asks for it.

use super::cache;
use super::call::Call;
use crate::context::hash_files;

const KEY: &str = "dependencies-key";
const FOUND: &str = "dependencies-found";
const PATHS: &str = "dependencies-paths";

/// What is to be cached.
#[derive(Debug)]
pub(super) struct Dependencies {
    /// How the key begins: `node-cache-Linux-x64-npm`.
    pub(super) prefix: String,
    /// Patterns of the files that say what is needed; the first that match something count.
    pub(super) said_by: Vec<Vec<String>>,
    /// What is kept.
    pub(super) paths: Vec<String>,
    /// Whether something else with the same prefix is better than nothing.
    pub(super) nearly: bool,
}

/// Restores what is cached; at the end it is saved if it was not there.
pub(super) fn restore(call: &mut Call<'_, '_>, wanted: &Dependencies) -> Result<(), String> {
    let given = call.lines("cache-dependency-path");
    let said_by = if given.is_empty() { wanted.said_by.clone() } else { vec![given] };
    let mut hash = String::new();
    for patterns in &said_by {
        hash = hash_files(patterns, call.base(), &call.site.end())
            .map_err(|error| error.to_string())?;
        if !hash.is_empty() {
            break;
        }
    }
    if hash.is_empty() {
        let names: Vec<String> = said_by.into_iter().flatten().collect();
        return Err(format!(
            "Dependencies lock file is not found in {}. Supported file patterns: {}",
            call.workspace().display(),
            names.join(",")
        ));
    }
    let key = format!("{}-{hash}", wanted.prefix);
    let nearly = if wanted.nearly { vec![wanted.prefix.clone()] } else { Vec::new() };
    call.note(KEY, key.clone());
    call.note(PATHS, wanted.paths.join("\n"));
    call.output("cache-primary-key", key.clone());
    let found = cache::look_up(call, &key, &nearly, &wanted.paths, false)?;
    let is_exact = found.as_ref().is_some_and(|hit| cache::is_exact(&key, &hit.cache.key));
    call.output("cache-hit", is_exact.to_string());
    match found {
        Some(hit) => {
            call.note(FOUND, hit.cache.key.clone());
            call.output("cache-matched-key", hit.cache.key.clone());
            call.say(&format!("Cache restored from key: {}", hit.cache.key));
        }
        None => call.say(&format!("Cache is not found for the key {key}")),
    }
    Ok(())
}

pub(super) fn save_at_end(call: &mut Call<'_, '_>) -> Result<(), String> {
    let (Some(key), Some(paths)) = (call.noted(KEY), call.noted(PATHS)) else { return Ok(()) };
    if call.flag("cache-read-only")? {
        return Ok(());
    }
    if call.noted(FOUND).is_some_and(|found| cache::is_exact(&key, &found)) {
        call.say(&format!("Cache hit occurred on the primary key {key}, not saving cache."));
        return Ok(());
    }
    let paths: Vec<String> = paths.lines().map(str::to_owned).collect();
    cache::keep(call, &key, &paths);
    Ok(())
}
