//! Actions that need no network, because the worker itself does what they do.

mod artifact;
mod cache;
mod call;
mod checkout;
mod dependencies;
mod inputs;
mod setup;
mod version;

use model::pipeline::{StepSheet, Tree};

use crate::action::{Reference, Repository};
use crate::context::{Pairs, View};
use crate::worker::{Frame, Job, Post, Said, Site, Stage, Went, details};
use call::Call;

/// One of them, whatever version of it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Builtin {
    Checkout,
    Cache,
    RestoreCache,
    SaveCache,
    UploadArtifact,
    DownloadArtifact,
    SetupNode,
    SetupPython,
    SetupGo,
    SetupJava,
    /// `dtolnay/rust-toolchain`, whose version is the toolchain.
    RustToolchain,
    /// `actions-rs/toolchain` and `actions-rust-lang/setup-rust-toolchain`.
    RustByInput,
}

const PLACES: &[(&str, Builtin)] = &[
    ("actions/checkout", Builtin::Checkout),
    ("actions/cache", Builtin::Cache),
    ("actions/cache/restore", Builtin::RestoreCache),
    ("actions/cache/save", Builtin::SaveCache),
    ("actions/upload-artifact", Builtin::UploadArtifact),
    ("actions/download-artifact", Builtin::DownloadArtifact),
    ("actions/setup-node", Builtin::SetupNode),
    ("actions/setup-python", Builtin::SetupPython),
    ("actions/setup-go", Builtin::SetupGo),
    ("actions/setup-java", Builtin::SetupJava),
    ("dtolnay/rust-toolchain", Builtin::RustToolchain),
    ("actions-rs/toolchain", Builtin::RustByInput),
    ("actions-rust-lang/setup-rust-toolchain", Builtin::RustByInput),
];

impl Builtin {
    pub(crate) fn find(repository: &Repository) -> Option<Self> {
        let place = repository.place();
        PLACES.iter().find(|(known, _)| *known == place).map(|(_, builtin)| *builtin)
    }

    /// When what it does at the end is done, for those that do something then.
    fn post_condition(self) -> Option<&'static str> {
        match self {
            Self::Cache | Self::SetupNode | Self::SetupPython | Self::SetupGo | Self::SetupJava => {
                Some("success()")
            }
            _ => None,
        }
    }

    fn run(self, call: &mut Call<'_, '_>) -> Result<(), String> {
        match self {
            Self::Checkout => checkout::run(call),
            Self::Cache => cache::restore(call, cache::Notes::State),
            Self::RestoreCache => cache::restore(call, cache::Notes::Outputs),
            Self::SaveCache => cache::save(call),
            Self::UploadArtifact => artifact::upload(call),
            Self::DownloadArtifact => artifact::download(call),
            Self::SetupNode => setup::node(call),
            Self::SetupPython => setup::python(call),
            Self::SetupGo => setup::go(call),
            Self::SetupJava => setup::java(call),
            Self::RustToolchain | Self::RustByInput => setup::rust(call, self),
        }
    }

    fn run_post(self, call: &mut Call<'_, '_>) -> Result<(), String> {
        match self {
            Self::Cache => cache::save_at_end(call),
            _ => dependencies::save_at_end(call),
        }
    }
}

impl Job<'_> {
    pub(crate) fn run_builtin(
        &self,
        builtin: Builtin,
        sheet: &StepSheet,
        repository: &Repository,
        with: &Tree,
        view: &mut View<'_>,
        frame: &Frame,
        site: &Site,
        said: &mut Said,
    ) -> Went {
        let inputs = match self.inputs(&inputs::of(builtin), with, view, site, said) {
            Ok(inputs) => inputs,
            Err(trouble) => return self.went_wrong(site, &trouble),
        };
        let shown = Reference::Repository(repository.clone()).to_string();
        self.say(site.number, &details::action(&shown, &inputs, &view.env));
        if let Some(condition) = builtin.post_condition() {
            let stage = Stage::Builtin { builtin, repository: repository.clone(), inputs: inputs.clone() };
            self.add_post(Post::new(stage, condition, sheet, frame, site));
        }
        let mut call = Call { job: self, view, site, repository, inputs: &inputs, said };
        let done = builtin.run(&mut call);
        self.builtin_went(done, site, said)
    }

    pub(crate) fn run_builtin_post(
        &self,
        builtin: Builtin,
        repository: &Repository,
        inputs: &Pairs,
        view: &View<'_>,
        site: &Site,
        said: &mut Said,
    ) -> Went {
        let mut call = Call { job: self, view, site, repository, inputs, said };
        let done = builtin.run_post(&mut call);
        self.builtin_went(done, site, said)
    }

    fn builtin_went(&self, done: Result<(), String>, site: &Site, said: &Said) -> Went {
        self.keep_state(site, said);
        match done {
            Ok(()) => Went::Well,
            Err(_) if site.halt.is_cancelled() && !site.survives() => {
                self.error(site.number, "The operation was canceled.");
                Went::Cancelled
            }
            Err(why) => self.went_wrong(site, &why),
        }
    }
}
