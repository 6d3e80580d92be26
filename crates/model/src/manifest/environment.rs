//! An environment of a service: what must come before, how a release goes in, when, and who agrees.

use jiff::SignedDuration;
use jiff::civil::Weekday;

use crate::name::EnvironmentName;
use crate::shape;
use crate::shape::{Decode, FromText, Map, Misfit, OneOrMany, Spanned, Whole};
use crate::source::{Finding, Span};

use super::{Clock, Command, Host, HttpPath, Party, Period, Setting, Strategy, VariableName, Zone};

shape! {
    /// An environment on the road of a service. Nothing in it is required.
    pub struct Environment {
        /// The environments that must be healthy with a release before it comes here. Without
        /// it that is the one written above; `[]` is none.
        after: Option<OneOrMany<Spanned<EnvironmentName>>>,
        /// The names under which users reach the service here.
        hosts: OneOrMany<Spanned<Host>>,
        /// How many run side by side here, instead of what `run` says.
        instances: Option<Whole<1, 1000>>,
        /// Variables for here, beside those of `run.env` and in their place.
        config: Map<VariableName, Setting>,
        /// How a release takes over here. Without it, the policy says by the risk of the change.
        strategy: Option<Strategy>,
        /// Who must agree before a release comes here. Without it, the policy says by the risk
        /// of the change. A number alone is how many.
        approvals: Option<Approvals>,
        /// When a release may begin to come here. Without any, always.
        windows: OneOrMany<Window>,
        /// What must hold before users meet a release here.
        verify: OneOrMany<Verify>,
        /// How long a release must stay well here before it goes on to what follows.
        soak: SignedDuration = "0s",
    }
}

shape! {
    /// Who must agree. A number alone is how many.
    #[short = "count"]
    #[check = enough]
    pub struct Approvals {
        /// How many different people; the author of the change is none of them.
        count: Whole<0, 20> = "1",
        /// Who may: teams, roles or e-mail addresses. Without any, everybody who may release.
        from: Vec<Party>,
        /// Who must be among them: at least one of each team or role named here.
        including: Vec<Party>,
    }
}

fn enough(approvals: &Approvals, place: Span, cx: &mut Decode) {
    let (count, including) = (approvals.count.get() as usize, approvals.including.len());
    if including > count {
        let message = format!("{count} approvals cannot include {including} different parties");
        cx.report(
            Finding::error("too-few-approvals", message, place)
                .label("asks for more than it counts")
                .hint(format!("set `count` to at least {including}")),
        );
    }
}

shape! {
    /// A stretch of the week. It may run past midnight: `from: 22:00`, `to: 04:00` belongs to the
    /// day it begins on.
    #[check = opens]
    pub struct Window {
        /// Days (`mon`) or runs of days (`mon-fri`).
        days: OneOrMany<DayRange> = "mon-sun",
        /// When it opens.
        from: Clock = "00:00",
        /// When it closes.
        to: Clock = "24:00",
        /// The time zone that the clock hangs in.
        zone: Zone = "UTC",
    }
}

fn opens(window: &Window, place: Span, cx: &mut Decode) {
    if window.from == window.to {
        let message = "a window that closes when it opens is never open";
        cx.report(
            Finding::error("empty-window", message, place)
                .label("`from` and `to` are the same")
                .hint("leave both out for the whole day"),
        );
    }
    if window.days.is_empty() {
        let message = "a window without days is never open";
        cx.report(Finding::error("empty-window", message, place).label("no days"));
    }
}

shape! {
    /// Something to try on a release before users meet it. A path alone is asked over HTTP.
    #[short = "http"]
    #[check = answers]
    pub struct Verify {
        ..verification: Verification,
        /// The status that the path must answer with.
        status: Option<Spanned<Whole<100, 599>>>,
        /// How long it may take.
        timeout: Period = "30s",
    }
}

fn answers(verify: &Verify, _: Span, cx: &mut Decode) {
    if let (Verification::Command(_), Some(status)) = (&verify.verification, &verify.status) {
        let message = "a command ends with 0 and has no status to answer with";
        cx.report(Finding::error("wrong-value", message, status.span).label("belongs to `http`"));
    }
}

shape! {
    /// What is tried.
    pub enum Verification {
        /// A path that must answer, with the status 200 unless another is named.
        Http(HttpPath) = "http",
        /// A command that must end with 0. It finds the release at the address in `TARGET`.
        Command(Command) = "command",
    }
}

/// A day or a run of days, which may go past Sunday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayRange {
    pub first: Weekday,
    pub last: Weekday,
}

impl DayRange {
    pub fn contains(self, day: Weekday) -> bool {
        let (first, last, day) = (
            self.first.to_monday_zero_offset(),
            self.last.to_monday_zero_offset(),
            day.to_monday_zero_offset(),
        );
        if first <= last { (first..=last).contains(&day) } else { day >= first || day <= last }
    }
}

impl FromText for DayRange {
    const WHAT: &'static str = "a day or a run of days";
    const HOW: &'static str =
        "write `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`, or a run such as `mon-fri`";
    const PATTERN: Option<&'static str> =
        Some("^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?$");

    fn from_text(text: &str) -> Result<Self, Misfit> {
        const DAYS: [(&str, Weekday); 7] = [
            ("mon", Weekday::Monday),
            ("tue", Weekday::Tuesday),
            ("wed", Weekday::Wednesday),
            ("thu", Weekday::Thursday),
            ("fri", Weekday::Friday),
            ("sat", Weekday::Saturday),
            ("sun", Weekday::Sunday),
        ];
        let day = |text: &str| DAYS.iter().find(|(name, _)| *name == text).map(|(_, day)| *day);
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        if let (Some(first), Some(last)) = (day(first), day(last)) {
            return Ok(Self { first, last });
        }
        let short = |text: &str| -> Option<&str> {
            let text = text.trim().to_lowercase();
            DAYS.iter().map(|(name, _)| *name).find(|name| text.starts_with(name))
        };
        match (short(first), short(last)) {
            (Some(one), Some(other)) if one == other => Err(Misfit::hint(format!("write `{one}`"))),
            (Some(first), Some(last)) => Err(Misfit::hint(format!("write `{first}-{last}`"))),
            _ => Err(Misfit::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_days_may_go_past_sunday() {
        let days = |text: &str| {
            let range = DayRange::from_text(text).unwrap();
            Weekday::Monday.cycle_forward().take(7).filter(|day| range.contains(*day)).count()
        };
        assert_eq!(days("mon"), 1);
        assert_eq!(days("mon-fri"), 5);
        assert_eq!(days("fri-mon"), 4);
        assert_eq!(days("mon-sun"), 7);
        let hint = |text: &str| DayRange::from_text(text).unwrap_err().hint;
        assert_eq!(hint("Monday").as_deref(), Some("write `mon`"));
        assert_eq!(hint("Mon - Fri").as_deref(), Some("write `mon-fri`"));
        assert_eq!(hint("weekdays"), None);
    }
}
