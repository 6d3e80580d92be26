//! Road signs: a state is always a shape, a colour and a word, the same everywhere.

use clap::builder::styling::{AnsiColor, Style};

/// The states that a sign can stand for. The word is for whoever shows it to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Healthy, promoted.
    Well,
    Moving,
    /// For a person, or for a time.
    Waiting,
    /// Also rolled back, failed.
    Stopped,
    Unknown,
}

impl Sign {
    /// The columns of a shape with the space behind it.
    pub(crate) const WIDTH: usize = 2;

    pub(crate) fn shape(self) -> &'static str {
        match self {
            Self::Well => "●",
            Self::Moving => "❯",
            Self::Waiting => "◆",
            // The nearest to an octagon that the fonts of terminals have.
            Self::Stopped => "⬣",
            Self::Unknown => "○",
        }
    }

    /// Whether its word is to be seen from afar too: calm where nobody has to look.
    pub(crate) fn is_loud(self) -> bool {
        matches!(self, Self::Well | Self::Waiting | Self::Stopped)
    }

    pub(crate) fn style(self) -> Style {
        match self {
            Self::Well => AnsiColor::Green.on_default(),
            Self::Moving => AnsiColor::Blue.on_default(),
            Self::Waiting => AnsiColor::Yellow.on_default(),
            Self::Stopped => AnsiColor::Red.on_default().bold(),
            Self::Unknown => Style::new().dimmed(),
        }
    }
}
