//! The inputs that built-in actions have, and what they are when nothing is given.

use super::Builtin;
use crate::action::Input;

pub(super) fn of(builtin: Builtin) -> Vec<Input> {
    let known: &[(&str, &str)] = match builtin {
        Builtin::Checkout => CHECKOUT,
        Builtin::Cache | Builtin::RestoreCache | Builtin::SaveCache => CACHE,
        Builtin::UploadArtifact => UPLOAD,
        Builtin::DownloadArtifact => DOWNLOAD,
        Builtin::SetupNode => NODE,
        Builtin::SetupPython => PYTHON,
        Builtin::SetupGo => GO,
        Builtin::SetupJava => JAVA,
        Builtin::RustToolchain | Builtin::RustByInput => RUST,
    };
    let input = |(name, default): &(&str, &str)| Input {
        name: (*name).to_owned(),
        required: false,
        default: Some((*default).to_owned()),
        deprecated: None,
    };
    known.iter().map(input).collect()
}

const CHECKOUT: &[(&str, &str)] = &[
    ("repository", "${{ github.repository }}"),
    ("ref", ""),
    ("token", ""),
    ("ssh-key", ""),
    ("ssh-known-hosts", ""),
    ("ssh-strict", "true"),
    ("ssh-user", "git"),
    ("persist-credentials", "true"),
    ("path", ""),
    ("clean", "true"),
    ("filter", ""),
    ("sparse-checkout", ""),
    ("sparse-checkout-cone-mode", "true"),
    ("fetch-depth", "1"),
    ("fetch-tags", "false"),
    ("show-progress", "true"),
    ("lfs", "false"),
    ("submodules", "false"),
    ("set-safe-directory", "true"),
    ("github-server-url", ""),
    ("allow-unsafe-pr-checkout", "false"),
];

const CACHE: &[(&str, &str)] = &[
    ("path", ""),
    ("key", ""),
    ("restore-keys", ""),
    ("upload-chunk-size", ""),
    ("enableCrossOsArchive", "false"),
    ("fail-on-cache-miss", "false"),
    ("lookup-only", "false"),
    ("save-always", "false"),
];

const UPLOAD: &[(&str, &str)] = &[
    ("name", "artifact"),
    ("path", ""),
    ("if-no-files-found", "warn"),
    ("retention-days", ""),
    ("compression-level", "6"),
    ("overwrite", "false"),
    ("include-hidden-files", "false"),
    ("archive", "true"),
];

const DOWNLOAD: &[(&str, &str)] = &[
    ("name", ""),
    ("artifact-ids", ""),
    ("path", ""),
    ("pattern", ""),
    ("merge-multiple", "false"),
    ("github-token", ""),
    ("repository", "${{ github.repository }}"),
    ("run-id", "${{ github.run_id }}"),
    ("skip-decompress", "false"),
    ("digest-mismatch", "error"),
];

const NODE: &[(&str, &str)] = &[
    ("node-version", ""),
    ("node-version-file", ""),
    ("architecture", ""),
    ("check-latest", "false"),
    ("registry-url", ""),
    ("scope", ""),
    ("token", ""),
    ("always-auth", ""),
    ("cache", ""),
    ("package-manager-cache", "true"),
    ("cache-dependency-path", ""),
    ("mirror", ""),
    ("mirror-token", ""),
];

const PYTHON: &[(&str, &str)] = &[
    ("python-version", ""),
    ("python-version-file", ""),
    ("cache", ""),
    ("architecture", ""),
    ("check-latest", "false"),
    ("token", ""),
    ("cache-dependency-path", ""),
    ("update-environment", "true"),
    ("allow-prereleases", "false"),
    ("freethreaded", "false"),
    ("pip-version", ""),
    ("pip-install", ""),
];

const GO: &[(&str, &str)] = &[
    ("go-version", ""),
    ("go-version-file", ""),
    ("check-latest", "false"),
    ("token", ""),
    ("cache", "true"),
    ("cache-dependency-path", ""),
    ("architecture", ""),
    ("go-download-base-url", ""),
];

const JAVA: &[(&str, &str)] = &[
    ("java-version", ""),
    ("java-version-file", ""),
    ("distribution", ""),
    ("java-package", "jdk"),
    ("architecture", ""),
    ("jdk-file", ""),
    ("jdkFile", ""),
    ("check-latest", "false"),
    ("force-download", "false"),
    ("set-default", "true"),
    ("verify-signature", "false"),
    ("verify-signature-public-key", ""),
    ("server-id", "github"),
    ("server-username", ""),
    ("server-username-env-var", ""),
    ("server-password", ""),
    ("server-password-env-var", ""),
    ("settings-path", ""),
    ("overwrite-settings", "true"),
    ("gpg-private-key", ""),
    ("gpg-passphrase", ""),
    ("gpg-passphrase-env-var", ""),
    ("cache", ""),
    ("cache-jdk", ""),
    ("cache-dependency-path", ""),
    ("cache-path", ""),
    ("cache-read-only", "false"),
    ("job-status", "${{ job.status }}"),
    ("token", ""),
    ("mvn-toolchain-id", ""),
    ("mvn-toolchain-vendor", ""),
    ("show-download-progress", "false"),
    ("problem-matcher", "true"),
];

const RUST: &[(&str, &str)] = &[
    ("toolchain", ""),
    ("target", ""),
    ("targets", ""),
    ("components", ""),
    ("default", "false"),
    ("override", "true"),
    ("profile", ""),
    ("rustflags", ""),
    ("cache", "false"),
    ("matcher", "true"),
    ("rust-src-dir", ""),
];
