//! Whether a service is well. The check is made from here, by the same command: not every engine
//! makes it by itself, as Podman without systemd.

use std::time::Duration;

use bollard::models::{HealthConfig, ImageConfig};

use super::engine::{EngineError, Until};
use super::place::Place;

/// What `options:` says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Check {
    pub(super) command: Option<String>,
    pub(super) interval: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) start_period: Option<Duration>,
    pub(super) retries: Option<u32>,
    pub(super) is_off: bool,
}

/// A check with all that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probe {
    command: Vec<String>,
    timeout: Duration,
    pause: Duration,
    /// How long it may fail.
    patience: Duration,
}

const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES: u32 = 3;
/// A service that is well is noticed soon, whatever its interval.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Probe {
    /// What the options say, and the image for the rest; nothing if neither has a check.
    pub(super) fn of(check: &Check, image: &ImageConfig) -> Option<Self> {
        if check.is_off {
            return None;
        }
        let config = image.healthcheck.clone().unwrap_or_default();
        let command = match &check.command {
            Some(command) => shell(command),
            None => command(&config)?,
        };
        let known = |given: Option<Duration>, of_image: Option<i64>, otherwise| {
            let of_image = of_image.and_then(|nanoseconds| u64::try_from(nanoseconds).ok());
            let of_image = of_image.filter(|it| *it > 0).map(Duration::from_nanos);
            given.filter(|it| !it.is_zero()).or(of_image).unwrap_or(otherwise)
        };
        let interval = known(check.interval, config.interval, INTERVAL);
        let start = known(check.start_period, config.start_period, Duration::ZERO);
        let retries = config.retries.and_then(|retries| u32::try_from(retries).ok());
        let retries = check.retries.or(retries).filter(|it| *it > 0).unwrap_or(RETRIES);
        Some(Self {
            command,
            timeout: known(check.timeout, config.timeout, TIMEOUT),
            pause: interval.min(LONGEST_PAUSE),
            patience: start.saturating_add(interval.saturating_mul(retries)),
        })
    }

    /// Waits until the service is well. `Ok(Err)` says why it is not.
    pub(super) fn await_health(
        &self,
        place: &Place,
        until: &Until,
    ) -> Result<Result<(), String>, EngineError> {
        let engine = &place.engine;
        let end = engine.after(self.patience);
        loop {
            if let Some(code) = place.exit_code(until)? {
                return Ok(Err(format!("it ended with exit code {code}")));
            }
            let (is_well, said) = match place.ask(&self.command, None, self.timeout, until) {
                Ok((code, said)) => (code == 0, format!("exit code {code}\n{said}")),
                Err(EngineError::Cancelled) => return Err(EngineError::Cancelled),
                Err(error) => (false, error.to_string()),
            };
            if is_well {
                return Ok(Ok(()));
            }
            if engine.clock.now() >= end {
                let seconds = self.patience.as_secs();
                return Ok(Err(format!(
                    "its health check `{}` has failed for {seconds} seconds, at last with {}",
                    self.command.last().map(String::as_str).unwrap_or_default(),
                    said.trim_end()
                )));
            }
            engine.pause(self.pause, until)?;
        }
    }
}

/// The command of an image's own check.
fn command(config: &HealthConfig) -> Option<Vec<String>> {
    let (kind, words) = config.test.as_deref()?.split_first()?;
    match (kind.as_str(), words) {
        ("CMD", words) if !words.is_empty() => Some(words.to_vec()),
        ("CMD-SHELL", [command, ..]) => Some(shell(command)),
        _ => None,
    }
}

fn shell(command: &str) -> Vec<String> {
    ["/bin/sh", "-c", command].map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_count_before_the_image() {
        let config = HealthConfig {
            test: Some(vec!["CMD".to_owned(), "ready".to_owned()]),
            interval: Some(5_000_000_000),
            retries: Some(2),
            ..HealthConfig::default()
        };
        let image = ImageConfig { healthcheck: Some(config), ..ImageConfig::default() };
        let own = Probe::of(&Check::default(), &image).expect("the image's");
        assert_eq!(own.command, ["ready"]);
        assert_eq!((own.patience, own.timeout), (Duration::from_secs(10), TIMEOUT));
        let check = Check { command: Some("x".to_owned()), retries: Some(4), ..Check::default() };
        let given = Probe::of(&check, &image).expect("given");
        assert_eq!(given.command, ["/bin/sh", "-c", "x"]);
        assert_eq!(given.patience, Duration::from_secs(20));
        assert_eq!(Probe::of(&Check { is_off: true, ..check }, &image), None);
        assert_eq!(Probe::of(&Check::default(), &ImageConfig::default()), None);
    }
}
