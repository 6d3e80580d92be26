//! How much a workflow may ask of its reader. Where GitHub has a limit, it is GitHub's.

/// What a job's token may do where the workflow does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPolicy {
    /// Contents and packages can be read.
    Restricted,
    /// Everything can be written, but for tokens of identity.
    Permissive,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    pub limits: Limits,
    /// Nothing if it is not known, and called workflows are not held against it.
    pub policy: Option<TokenPolicy>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The size of a file, in UTF-16 units.
    pub file: usize,
    /// Lists and mappings within one another.
    pub depth: usize,
    /// What the values of all files take in memory, as GitHub reckons it.
    pub result: usize,
    /// Values in a file once every alias is expanded.
    pub values: usize,
    /// Anchors in a file.
    pub anchors: usize,
    /// Different files, the first one included.
    pub files: usize,
    /// Jobs in all files.
    pub jobs: usize,
    /// Calls within calls.
    pub calls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file: 1 << 20,
            depth: 50,
            result: 10 << 20,
            values: 500_000,
            anchors: 10_000,
            files: 51,
            jobs: 10_000,
            // Ten levels of workflows, the first one included.
            calls: 9,
        }
    }
}

impl Limits {
    pub(super) fn yaml(&self) -> model::yaml::Limits {
        model::yaml::Limits {
            // Of UTF-8, which may take three bytes for one unit.
            bytes: self.file.saturating_mul(3),
            // Beyond ours, so that ours is told and not this.
            depth: self.depth + 50,
            nodes: self.values,
            text: self.result,
            anchors: self.anchors,
        }
    }
}
