//! Actions that nearly everybody uses: their inputs, their outputs, and their last days.
//!
//! Inputs and outputs are those of all versions that still run, so that none is missed.

/// What is known of an action.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    /// The newest version when this was written.
    pub(super) newest: &'static str,
    /// Versions before it are refused.
    pub(super) refused_before: u32,
    /// Versions before it were made for a Node.js that is gone.
    pub(super) old_before: u32,
    /// Each with whether it must be given.
    pub(super) inputs: Option<&'static [(&'static str, bool)]>,
    /// All that there are; nothing where an action sets what it likes.
    pub(super) outputs: Option<&'static [&'static str]>,
}

impl Known {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(name))
    }
}

/// Inputs that are executed.
pub(super) const SCRIPTS: &[(&str, &str)] = &[
    ("actions/github-script", "script"),
    ("addnab/docker-run-action", "run"),
    ("appleboy/ssh-action", "script"),
    ("azure/cli", "inlineScript"),
    ("azure/powershell", "inlineScript"),
    ("coactions/setup-xvfb", "run"),
    ("gabrielbb/xvfb-action", "run"),
    ("nick-fields/retry", "command"),
    ("reactivecircus/android-emulator-runner", "script"),
];

/// An action of which only the end of its old versions is known.
const fn old(name: &'static str, newest: &'static str, old_before: u32) -> Known {
    Known { name, newest, refused_before: 0, old_before, inputs: None, outputs: None }
}

const KNOWN: &[Known] = &[
    Known {
        inputs: Some(&[
            ("clean", false),
            ("fetch-depth", false),
            ("fetch-tags", false),
            ("filter", false),
            ("github-server-url", false),
            ("lfs", false),
            ("path", false),
            ("persist-credentials", false),
            ("ref", false),
            ("repository", false),
            ("set-safe-directory", false),
            ("show-progress", false),
            ("sparse-checkout", false),
            ("sparse-checkout-cone-mode", false),
            ("ssh-key", false),
            ("ssh-known-hosts", false),
            ("ssh-strict", false),
            ("ssh-user", false),
            ("submodules", false),
            ("token", false),
        ]),
        outputs: Some(&["commit", "ref"]),
        ..old("actions/checkout", "v6", 4)
    },
    Known {
        refused_before: 3,
        inputs: Some(&[
            ("enableCrossOsArchive", false),
            ("fail-on-cache-miss", false),
            ("key", true),
            ("lookup-only", false),
            ("path", true),
            ("restore-keys", false),
            ("save-always", false),
            ("upload-chunk-size", false),
        ]),
        outputs: Some(&["cache-hit"]),
        ..old("actions/cache", "v5", 4)
    },
    Known {
        inputs: Some(&[
            ("enableCrossOsArchive", false),
            ("fail-on-cache-miss", false),
            ("key", true),
            ("lookup-only", false),
            ("path", true),
            ("restore-keys", false),
        ]),
        outputs: Some(&["cache-hit", "cache-matched-key", "cache-primary-key"]),
        ..old("actions/cache/restore", "v5", 4)
    },
    Known {
        inputs: Some(&[
            ("enableCrossOsArchive", false),
            ("key", true),
            ("path", true),
            ("upload-chunk-size", false),
        ]),
        outputs: Some(&[]),
        ..old("actions/cache/save", "v5", 4)
    },
    Known {
        refused_before: 4,
        inputs: Some(&[
            ("archive", false),
            ("compression-level", false),
            ("if-no-files-found", false),
            ("include-hidden-files", false),
            ("name", false),
            ("overwrite", false),
            ("path", true),
            ("retention-days", false),
        ]),
        outputs: Some(&["artifact-digest", "artifact-id", "artifact-url"]),
        ..old("actions/upload-artifact", "v7", 4)
    },
    Known {
        refused_before: 4,
        inputs: Some(&[
            ("artifact-ids", false),
            ("digest-mismatch", false),
            ("github-token", false),
            ("merge-multiple", false),
            ("name", false),
            ("path", false),
            ("pattern", false),
            ("repository", false),
            ("run-id", false),
            ("skip-decompress", false),
        ]),
        outputs: Some(&["download-path"]),
        ..old("actions/download-artifact", "v8", 4)
    },
    Known {
        inputs: Some(&[
            ("base-url", false),
            ("debug", false),
            ("github-token", false),
            ("previews", false),
            ("result-encoding", false),
            ("retries", false),
            ("retry-exempt-status-codes", false),
            ("script", true),
            ("user-agent", false),
        ]),
        ..old("actions/github-script", "v8", 7)
    },
    Known {
        inputs: Some(&[
            ("always-auth", false),
            ("architecture", false),
            ("cache", false),
            ("cache-dependency-path", false),
            ("check-latest", false),
            ("mirror", false),
            ("mirror-token", false),
            ("node-version", false),
            ("node-version-file", false),
            ("package-manager-cache", false),
            ("registry-url", false),
            ("scope", false),
            ("token", false),
        ]),
        outputs: Some(&["cache-hit", "node-version"]),
        ..old("actions/setup-node", "v6", 4)
    },
    Known {
        inputs: Some(&[
            ("allow-prereleases", false),
            ("architecture", false),
            ("cache", false),
            ("cache-dependency-path", false),
            ("check-latest", false),
            ("freethreaded", false),
            ("pip-install", false),
            ("pip-version", false),
            ("python-version", false),
            ("python-version-file", false),
            ("token", false),
            ("update-environment", false),
        ]),
        outputs: Some(&["cache-hit", "python-path", "python-version"]),
        ..old("actions/setup-python", "v6", 5)
    },
    Known {
        inputs: Some(&[
            ("architecture", false),
            ("cache", false),
            ("cache-dependency-path", false),
            ("check-latest", false),
            ("go-download-base-url", false),
            ("go-version", false),
            ("go-version-file", false),
            ("token", false),
        ]),
        outputs: Some(&["cache-hit", "go-version"]),
        ..old("actions/setup-go", "v6", 5)
    },
    Known {
        inputs: Some(&[
            ("architecture", false),
            ("cache", false),
            ("cache-dependency-path", false),
            ("check-latest", false),
            ("distribution", true),
            ("gpg-passphrase", false),
            ("gpg-private-key", false),
            ("java-package", false),
            ("java-version", false),
            ("java-version-file", false),
            ("jdkFile", false),
            ("job-status", false),
            ("mvn-toolchain-id", false),
            ("mvn-toolchain-vendor", false),
            ("overwrite-settings", false),
            ("server-id", false),
            ("server-password", false),
            ("server-username", false),
            ("settings-path", false),
            ("token", false),
        ]),
        outputs: Some(&["cache-hit", "distribution", "path", "version"]),
        ..old("actions/setup-java", "v5", 4)
    },
    Known {
        inputs: Some(&[
            ("architecture", false),
            ("cache", false),
            ("cache-dependency-path", false),
            ("config-file", false),
            ("dotnet-quality", false),
            ("dotnet-version", false),
            ("global-json-file", false),
            ("owner", false),
            ("source-url", false),
            ("workloads", false),
        ]),
        outputs: Some(&["cache-hit", "dotnet-version"]),
        ..old("actions/setup-dotnet", "v5", 4)
    },
    Known {
        inputs: Some(&[
            ("bundler", false),
            ("bundler-cache", false),
            ("cache-version", false),
            ("ruby-version", false),
            ("rubygems", false),
            ("self-hosted", false),
            ("token", false),
            ("windows-toolchain", false),
            ("working-directory", false),
        ]),
        outputs: Some(&["ruby-prefix"]),
        ..old("ruby/setup-ruby", "v1", 0)
    },
    old("Swatinem/rust-cache", "v2", 2),
    old("actions-rs/audit-check", "v1", 2),
    old("actions-rs/cargo", "v1", 2),
    old("actions-rs/clippy-check", "v1", 2),
    old("actions-rs/toolchain", "v1", 2),
    old("actions/configure-pages", "v6", 4),
    old("actions/dependency-review-action", "v4", 4),
    old("actions/deploy-pages", "v5", 3),
    old("actions/labeler", "v6", 5),
    old("actions/stale", "v10", 9),
    old("docker/build-push-action", "v7", 5),
    old("docker/login-action", "v4", 3),
    old("docker/metadata-action", "v6", 5),
    old("docker/setup-buildx-action", "v4", 3),
    old("docker/setup-qemu-action", "v4", 3),
    old("golangci/golangci-lint-action", "v9", 4),
    old("softprops/action-gh-release", "v2", 2),
];
