//! What the token of a job may do.

use std::fmt;

use model::source::Span;

/// What is granted; whatever is not named is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permissions {
    ReadAll,
    WriteAll,
    Named(Vec<(Scope, Access, Span)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    None,
    Read,
    Write,
}

/// Each scope with its name, and the highest access to it that there is.
macro_rules! scopes {
    ($($scope:ident $name:literal $most:ident,)*) => {
        /// In the order in which they are told.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scope {
            $($scope,)*
        }

        impl Scope {
            pub const ALL: &[Self] = &[$(Self::$scope,)*];

            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$scope => $name,)*
                }
            }

            /// The most that can be granted.
            pub const fn most(self) -> Access {
                match self {
                    $(Self::$scope => Access::$most,)*
                }
            }
        }
    };
}

scopes! {
    Actions "actions" Write,
    ArtifactMetadata "artifact-metadata" Write,
    Attestations "attestations" Write,
    Checks "checks" Write,
    CodeQuality "code-quality" Write,
    Contents "contents" Write,
    CopilotRequests "copilot-requests" Write,
    Deployments "deployments" Write,
    Discussions "discussions" Write,
    Drives "drives" Write,
    Issues "issues" Write,
    Packages "packages" Write,
    Pages "pages" Write,
    PullRequests "pull-requests" Write,
    RepositoryProjects "repository-projects" Write,
    Statuses "statuses" Write,
    SecurityEvents "security-events" Write,
    IdToken "id-token" Write,
    Models "models" Read,
    VulnerabilityAlerts "vulnerability-alerts" Read,
}

impl Permissions {
    pub fn access(&self, scope: Scope) -> Access {
        match self {
            Self::ReadAll => Access::Read,
            Self::WriteAll => scope.most(),
            Self::Named(named) => {
                let found = named.iter().find(|(named, ..)| *named == scope);
                found.map_or(Access::None, |(_, access, _)| *access)
            }
        }
    }
}

impl Scope {
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scope| scope.name() == name)
    }
}

impl Access {
    pub fn named(name: &str) -> Option<Self> {
        [Self::None, Self::Read, Self::Write].into_iter().find(|access| access.name() == name)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
