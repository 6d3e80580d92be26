//! `actions/upload-artifact` and `actions/download-artifact`.

use std::path::{Path, PathBuf};

use ports::depot::{
    ArtifactFilter, DepotErrorKind, Limits, RestoreArtifacts, SaveArtifact, SavedArtifact, Source,
    Which,
};

use super::call::{Call, Trouble};
use crate::glob::{Globs, Options};

pub(super) fn upload(call: &mut Call<'_, '_>) -> Result<(), String> {
    let written = call.needed("path")?.to_owned();
    let if_none = call.input("if-no-files-found").to_owned();
    if !matches!(if_none.as_str(), "warn" | "error" | "ignore") {
        return Err(format!(
            "Unrecognized if-no-files-found input. Provided: {if_none}. Available options: warn,error,ignore"
        ));
    }
    let keep_days = days(call.input("retention-days"))?;
    let (files, base) = find(call, &written)?;
    if files.is_empty() {
        let message = format!(
            "No files were found with the provided path: {written}. No artifacts will be uploaded."
        );
        match if_none.as_str() {
            "error" => return Err(message),
            "warn" => call.warn(message),
            _ => call.say(&message),
        }
        return Ok(());
    }
    let count = files.len();
    call.say(&format!(
        "With the provided path, there will be {count} file{} uploaded",
        if count == 1 { "" } else { "s" }
    ));
    let mut name = call.input("name").to_owned();
    if !call.flag("archive")? {
        let [file] = files.as_slice() else {
            return Err(format!(
                "When 'archive' is set to false, only a single file can be uploaded. Found {count} files to upload."
            ));
        };
        name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    }
    check_name(&name)?;
    let save = SaveArtifact {
        run: call.job.order.run.to_string(),
        name: name.clone(),
        source: Source { roots: call.roots(), paths: files, limits: Limits::default() },
        base,
        keep_days,
        overwrite: call.flag("overwrite")?,
    };
    let saved = call.wait(call.job.bench.depot.save_artifact(save));
    let SavedArtifact { artifact, added, skipped } = saved.map_err(|trouble| match trouble {
        Trouble::Depot(error) if error.kind == DepotErrorKind::Exists => format!(
            "an artifact with the name {name} is there already: choose another one, or set `overwrite: true`"
        ),
        other => other.to_string(),
    })?;
    for left_out in &skipped {
        call.say(&format!("[warning]Left out {}: {}", left_out.path.display(), left_out.because));
    }
    call.output("artifact-id", artifact.id.to_string());
    call.output("artifact-digest", artifact.digest.clone());
    // There is no page of its own for an artifact.
    call.output("artifact-url", "");
    call.say(&format!(
        "Artifact {name} has been successfully uploaded! {} bytes, {added} of them new, id {}, digest {}",
        artifact.size, artifact.id, artifact.digest
    ));
    Ok(())
}

pub(super) fn download(call: &mut Call<'_, '_>) -> Result<(), String> {
    let name = call.input("name").to_owned();
    let ids = call.input("artifact-ids").to_owned();
    if !name.is_empty() && !ids.is_empty() {
        return Err(
            "Inputs 'name' and 'artifact-ids' cannot be used together. Please specify only one."
                .to_owned(),
        );
    }
    let run = run(call)?;
    let which = if !name.is_empty() {
        Which::Named(name.clone())
    } else if !ids.is_empty() {
        Which::Ids(read_ids(&ids)?)
    } else if !call.input("pattern").is_empty() {
        Which::Matching(call.input("pattern").to_owned())
    } else {
        Which::All
    };
    let into = call.own_folder(call.input("path"))?;
    let filter = ArtifactFilter { run: Some(run.clone()), which: which.clone(), limit: usize::MAX };
    let found = call.wait(call.job.bench.depot.artifacts(filter));
    let found = found.map_err(|trouble| format!("Unable to download artifact(s): {trouble}"))?;
    if found.is_empty() && !name.is_empty() {
        return Err(format!("Unable to download artifact(s): Artifact '{name}' not found"));
    }
    if found.is_empty() && !ids.is_empty() {
        return Err("Unable to download artifact(s): None of the provided artifact IDs were found"
            .to_owned());
    }
    // Since version 5 a lone artifact gets no folder of its own.
    let is_lone = found.len() == 1 && call.major().is_none_or(|major| major >= 5);
    let apart = name.is_empty() && !call.flag("merge-multiple")? && !is_lone;
    let restored = if found.is_empty() {
        Vec::new()
    } else {
        let restore = RestoreArtifacts { run, which, into: into.clone(), apart };
        let restored = call.wait(call.job.bench.depot.restore_artifacts(restore));
        restored.map_err(|trouble| format!("Unable to download artifact(s): {trouble}"))?
    };
    for artifact in &restored {
        call.say(&format!(
            "- {} (ID: {}, Size: {}, Digest: {})",
            artifact.name, artifact.id, artifact.size, artifact.digest
        ));
    }
    call.say(&format!("Total of {} artifact(s) downloaded", restored.len()));
    call.output("download-path", into.to_string_lossy());
    Ok(())
}

/// Whose artifacts are wanted.
fn run(call: &Call<'_, '_>) -> Result<String, String> {
    let own = call.job.order.run.to_string();
    if call.input("github-token").is_empty() {
        return Ok(own);
    }
    let repository = call.input("repository");
    if !repository.eq_ignore_ascii_case(&call.github("repository")) {
        return Err(format!("artifacts of another repository cannot be had here: {repository}"));
    }
    let given = call.input("run-id");
    Ok(if given.is_empty() || given == call.github("run_id") { own } else { given.to_owned() })
}

fn read_ids(text: &str) -> Result<Vec<u64>, String> {
    let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty());
    let ids = ids.map(|id| {
        id.parse().map_err(|_| format!("Invalid artifact ID: '{id}'. Must be a number."))
    });
    let ids: Vec<u64> = ids.collect::<Result<_, _>>()?;
    if ids.is_empty() {
        return Err("No valid artifact IDs provided in 'artifact-ids' input".to_owned());
    }
    Ok(ids)
}

/// The files, and the folder in which the artifact's own paths begin.
fn find(call: &Call<'_, '_>, written: &str) -> Result<(Vec<PathBuf>, PathBuf), String> {
    let globs = Globs::parse(written, call.base()).map_err(|error| error.to_string())?;
    let skip_hidden = !call.flag("include-hidden-files")?;
    let mut files = Vec::new();
    for found in globs.walk(Options { follow_links: true, descend: true, skip_hidden }) {
        let found = found.map_err(|error| error.to_string())?;
        if !found.is_folder {
            files.push(found.path);
        }
    }
    let paths = globs.search_paths();
    let base = match (paths.as_slice(), files.as_slice()) {
        ([], _) => call.workspace().to_owned(),
        ([path], [file]) if path == file => parent(file),
        ([path], _) => path.clone(),
        (paths, _) => common(paths),
    };
    Ok((files, base))
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

/// The longest path that all of them begin with.
fn common(paths: &[PathBuf]) -> PathBuf {
    let (first, rest) = paths.split_first().expect("there are several");
    let shared =
        first.ancestors().find(|ancestor| rest.iter().all(|path| path.starts_with(ancestor)));
    shared.unwrap_or(Path::new("/")).to_owned()
}

fn days(text: &str) -> Result<Option<u32>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let days: u32 = text.parse().map_err(|_| "Invalid retention-days".to_owned())?;
    Ok(Some(days).filter(|days| *days > 0))
}

fn check_name(name: &str) -> Result<(), String> {
    const NOT_IN_NAMES: &[char] = &['"', ':', '<', '>', '|', '*', '?', '\r', '\n', '\\', '/'];
    if name.is_empty() {
        return Err("Provided artifact name input during validation is empty".to_owned());
    }
    match name.chars().find(|one| NOT_IN_NAMES.contains(one)) {
        Some(one) => Err(format!(
            "The artifact name is not valid: {name}. Contains the following character: {one:?}"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_begins_where_all_its_paths_begin() {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(common(&paths(&["/ws/a/b", "/ws/a/c/d"])), Path::new("/ws/a"));
        assert_eq!(common(&paths(&["/ws/a", "/home/x"])), Path::new("/"));
        assert!(
            check_name("a/b").is_err() && check_name("").is_err() && check_name("dist-1.0").is_ok()
        );
    }
}
