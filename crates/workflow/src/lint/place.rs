//! Where a part of a text stands in the file.

use model::source::{Source, Span};

use crate::syntax::Text;

/// The place of a part, or that of the whole text where it is not written as it is.
pub(super) fn of(text: &Text, source: &Source, part: Span) -> Span {
    let whole = text.span();
    let place = text.place(source, part);
    if place != whole || part.end - part.start == text.raw().len() {
        return place;
    }
    // In a block the lines are indented; which time the part comes is the same there and here.
    let (raw, shown) = (text.raw(), source.slice(whole));
    let Some(wanted) = raw.get(part.start..part.end).filter(|wanted| !wanted.is_empty()) else {
        return whole;
    };
    let before = raw[..part.start].matches(wanted).count();
    let Some((at, _)) = shown.match_indices(wanted).nth(before) else { return whole };
    Span::new(whole.start + at, whole.start + at + wanted.len())
}
