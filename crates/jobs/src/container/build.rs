//! Building the image of an action from its Dockerfile.
//!
//! The whole folder is what the image is built from; a `.dockerignore` is left to the engine.

use std::path::{Path, PathBuf};

use bollard::query_parameters::BuildImageOptions;
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};

use super::engine::{Engine, EngineError, Until};
use super::{image, tar};

/// Builds an image and gives its name, by which the next job finds what was built already.
/// `roots` are the folders in which the Dockerfile has to lie.
pub(crate) fn build(
    engine: &Engine,
    dockerfile: &Path,
    roots: &[PathBuf],
    reaches_out: bool,
    until: &Until,
    say: &mut dyn FnMut(&str),
) -> Result<String, EngineError> {
    let what = format!("the image of {} cannot be built", dockerfile.display());
    let wrong = |why: &dyn std::fmt::Display| EngineError::Said(what.clone(), why.to_string());
    let real = dockerfile.canonicalize().map_err(|error| wrong(&error))?;
    let is_own = roots.iter().any(|root| root.canonicalize().is_ok_and(|it| real.starts_with(it)));
    let (Some(folder), Some(file)) = (real.parent().filter(|_| is_own), real.file_name()) else {
        return Err(wrong(&"it leads out of the folders of the job and its actions"));
    };
    let archive = tar::pack(folder).map_err(|error| wrong(&error))?;
    let name = name(&archive, &file.to_string_lossy());
    say(&format!("Building {name} from {}", dockerfile.display()));
    let options = BuildImageOptions {
        dockerfile: file.to_string_lossy().into_owned(),
        t: Some(name.clone()),
        rm: true,
        forcerm: true,
        networkmode: (!reaches_out).then(|| "none".to_owned()),
        ..BuildImageOptions::default()
    };
    engine.wait_long(&what, until, async {
        let body = bollard::body_full(archive.into());
        let mut news = std::pin::pin!(engine.docker.build_image(options, None, Some(body)));
        while let Some(news) = news.next().await {
            let news = news?;
            for text in [news.stream, news.status].into_iter().flatten() {
                text.lines().filter(|line| !line.trim().is_empty()).for_each(&mut *say);
            }
            if let Some(error) = news.error_detail.and_then(|error| error.message) {
                return Err(bollard::errors::Error::DockerStreamError { error });
            }
        }
        Ok(())
    })?;
    match image::look(engine, &name, until)? {
        Some(_) => Ok(name),
        None => Err(wrong(&"the engine does not have it after building")),
    }
}

/// The same for the same files.
fn name(archive: &[u8], dockerfile: &str) -> String {
    let hash = Sha256::new().chain_update(archive).chain_update(dockerfile).finalize();
    let short = hash[..8].iter().fold(0, |short: u64, byte| short << 8 | u64::from(*byte));
    format!("localhost/highroad-action:{short:016x}")
}
