//! Words in a commit's message that ask for no run.

const WORDS: [&str; 5] = ["[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]"];

/// Whether an event listens to them.
pub(super) fn heeds(event: &str) -> bool {
    matches!(event, "push" | "pull_request")
}

/// The words with which a message asks.
pub(super) fn asked(message: &str) -> Option<String> {
    let words = WORDS.iter().find(|words| message.contains(**words));
    words.map(|words| (*words).to_owned()).or_else(|| trailer(message))
}

/// `skip-checks: true` as the last line, two empty lines after the text.
fn trailer(message: &str) -> Option<String> {
    let message = message.trim_end().replace("\r\n", "\n");
    let (before, last) = message.rsplit_once('\n')?;
    let (key, value) = last.split_once(':')?;
    let asks = key == "skip-checks" && value.trim() == "true" && before.ends_with("\n\n");
    asks.then(|| last.to_owned())
}
