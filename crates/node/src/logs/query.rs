//! Which lines somebody wants.

use jiff::Timestamp;
use model::id::InstanceId;
use model::intent::Group;
use model::name::Place;
use serde::{Deserialize, Serialize};

/// Which lines of which instances. What is not said does not narrow it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// So many of the last lines; [`LogQuery::MOST`] at most, and if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Go on with what is printed from now on.
    pub follow: bool,
}

impl LogQuery {
    /// More lines of the past are not read for one who asks.
    pub const MOST: usize = 10_000;

    pub(crate) fn fits(&self, instance: InstanceId, group: &Group, version: &str) -> bool {
        self.instance.is_none_or(|wanted| wanted == instance)
            && self.place.as_ref().is_none_or(|wanted| *wanted == group.place)
            && self.group.as_ref().is_none_or(|wanted| wanted == group)
            && self.version.as_ref().is_none_or(|wanted| wanted == version)
    }
}
