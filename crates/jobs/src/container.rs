//! Containers: jobs in one, services beside them, and actions that are one, on Docker or Podman.
//!
//! An engine is spoken to through its socket by everybody who has a use for it; nothing of it is
//! kept between jobs but the images.

mod address;
mod build;
mod engine;
mod health;
mod image;
mod leftovers;
mod mounts;
mod options;
mod place;
mod process;
mod run;
mod tar;
mod wanted;

pub(crate) use build::build;
pub(crate) use engine::{Engine, EngineError, Until};
pub(crate) use image::provide;
pub(crate) use leftovers::{Owner, sweep};
pub(crate) use mounts::Mounts;
pub(crate) use options::words;
pub(crate) use place::{Network, Place};
pub(crate) use process::{Command, Remote};
pub(crate) use run::{Reach, Spec};
pub(crate) use wanted::{Wanted, read};
