//! States at rest: versioned, so that what an older Highroad wrote is understood for ever.

mod part;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use part::Part;

/// A state that is stored between decisions.
pub trait Persisted: Sized {
    /// Writes the newest version.
    fn save(&self) -> String;

    /// Reads any released version.
    fn load(text: &str) -> Result<Self, LoadError>;
}

/// Why a stored state does not load.
#[derive(Debug, thiserror::Error)]
#[error("the stored state cannot be read by this version")]
pub struct LoadError(#[from] serde_json::Error);

/// Declares the versioned form of a state: its versions from the first to the newest.
/// A new version of a state adds a variant here and a `From` the variant before it.
macro_rules! versions {
    ($(#[doc = $doc:literal])+ $stored:ident for $state:ident { $newest:ident($form:ty) }) => {
        $(#[doc = $doc])+
        #[derive(Debug, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum $stored<S = $form> {
            $newest(S),
        }

        impl $crate::persisted::Persisted for $state {
            fn save(&self) -> String {
                $crate::persisted::write(&$stored::$newest(self))
            }

            fn load(text: &str) -> Result<Self, $crate::persisted::LoadError> {
                let $stored::$newest(state) = $crate::persisted::read::<$stored>(text)?;
                Ok(state)
            }
        }
    };
}

pub(crate) use versions;

/// For fields that are left out of a stored form while nothing is in them.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

pub(crate) fn write(stored: &impl Serialize) -> String {
    serde_json::to_string(stored).expect("states are plain data with text keys")
}

pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, LoadError> {
    Ok(serde_json::from_str(text)?)
}
