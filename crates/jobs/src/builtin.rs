//! Actions that need no network, because the worker itself does what they do.

mod artifact;
mod cache;
mod call;
mod checkout;
mod dependencies;
mod inputs;
mod setup;
mod version;

use model::pipeline::Tree;

use crate::action::Repository;
use crate::context::Pairs;
use crate::worker::{self, Job, Post, Running, Stage, Went, details};
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
            Self::Cache => {
                cache::save_at_end(call);
                Ok(())
            }
            _ => dependencies::save_at_end(call),
        }
    }
}

impl Job<'_> {
    pub(crate) fn run_builtin(
        &self,
        builtin: Builtin,
        repository: &Repository,
        with: &Tree,
        step: &mut Running<'_, '_>,
    ) -> Went {
        let site = step.site;
        let known = inputs::of(builtin);
        let given = match worker::inputs(&known, with, step.view) {
            Ok(given) => given,
            Err(trouble) => return self.went_wrong(site, &trouble),
        };
        self.check_inputs(&known, &given, site, step.said);
        let shown = repository.to_string();
        self.say(site.number, &details::action(&shown, &given, &step.view.env));
        if let Some(condition) = builtin.post_condition() {
            let (repository, inputs) = (repository.clone(), given.clone());
            let stage = Stage::Builtin { builtin, repository, inputs };
            self.add_post(Post::new(stage, condition, step));
        }
        let done = builtin.run(&mut Call::new(self, repository, &given, step));
        self.hand_over_folders();
        self.builtin_went(done, step)
    }

    pub(crate) fn run_builtin_post(
        &self,
        builtin: Builtin,
        repository: &Repository,
        inputs: &Pairs,
        step: &mut Running<'_, '_>,
    ) -> Went {
        let done = builtin.run_post(&mut Call::new(self, repository, inputs, step));
        self.builtin_went(done, step)
    }

    fn builtin_went(&self, done: Result<(), String>, step: &Running<'_, '_>) -> Went {
        let site = step.site;
        self.keep_state(site, step.said);
        match done {
            Ok(()) => Went::Well,
            Err(_) if site.is_halted() => {
                self.error(site.number, "The operation was canceled.");
                Went::Cancelled
            }
            Err(why) => self.went_wrong(site, &why),
        }
    }
}
