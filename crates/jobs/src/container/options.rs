//! `options:` – what `docker create` understands, as far as it makes sense for a job.

mod amounts;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, HostConfig, ResourcesUlimits,
};

use super::health::Check;
use super::image::Pull;
use crate::context::Pairs;

/// A container's options, understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Options {
    pub(super) body: ContainerCreateBody,
    pub(super) host: HostConfig,
    pub(super) env: Pairs,
    pub(super) ports: Vec<String>,
    pub(super) volumes: Vec<String>,
    pub(super) aliases: Vec<String>,
    pub(super) entrypoint: Option<String>,
    pub(super) name: Option<String>,
    pub(super) platform: Option<String>,
    pub(super) pull: Pull,
    pub(super) check: Check,
    /// Those that give the container more than a sandbox allows.
    pub(super) powerful: Vec<String>,
}

/// Those that take no value.
const FLAGS: &[&str] =
    &["--init", "--no-healthcheck", "--privileged", "--read-only", "--rm", "--detach"];
const SHORT: &[(&str, &str)] = &[
    ("-c", "--cpu-shares"),
    ("-d", "--detach"),
    ("-e", "--env"),
    ("-h", "--hostname"),
    ("-l", "--label"),
    ("-m", "--memory"),
    ("-p", "--publish"),
    ("-u", "--user"),
    ("-v", "--volume"),
    ("-w", "--workdir"),
];
/// What gives a container more of the machine than its own folders.
const POWERFUL: &[&str] = &[
    "--cap-add",
    "--device",
    "--gpus",
    "--ipc",
    "--pid",
    "--privileged",
    "--security-opt",
    "--sysctl",
    "--userns",
];

impl Options {
    /// Reads the text of `options:`. What is not known is refused by its name.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = words(text)?.into_iter();
        while let Some(word) = words.next() {
            let (name, inline) = split(&word)?;
            if POWERFUL.contains(&name) {
                options.powerful.push(name.to_owned());
            }
            if FLAGS.contains(&name) {
                let is_on = match inline {
                    None | Some("true") => true,
                    Some("false") => false,
                    Some(other) => return Err(format!("`{name}` is on or off, not `{other}`")),
                };
                options.switch(name, is_on);
                continue;
            }
            let missing = || format!("`{name}` needs a value");
            let value = match inline {
                Some(value) => value.to_owned(),
                None if !is_known(name) => return Err(refusal(name)),
                None => words.next().ok_or_else(missing)?,
            };
            options.take(name, &value).map_err(|why| match why {
                Wrong::Unknown => refusal(name),
                Wrong::Value(why) => format!("`{name} {value}`: {why}"),
            })?;
        }
        Ok(options)
    }

    fn switch(&mut self, name: &str, is_on: bool) {
        match name {
            "--init" => self.host.init = Some(is_on),
            "--no-healthcheck" => self.check.is_off = is_on,
            "--privileged" => self.host.privileged = Some(is_on),
            "--read-only" => self.host.readonly_rootfs = Some(is_on),
            // It is in the background and removed at the end anyway.
            _ => {}
        }
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Wrong> {
        let (body, host, check) = (&mut self.body, &mut self.host, &mut self.check);
        let text = || Some(value.to_owned());
        match name {
            "--user" => body.user = text(),
            "--hostname" => body.hostname = text(),
            "--domainname" => body.domainname = text(),
            "--workdir" => body.working_dir = text(),
            "--entrypoint" => self.entrypoint = text(),
            "--stop-signal" => body.stop_signal = text(),
            "--name" => self.name = text(),
            "--platform" => self.platform = text(),
            "--network-alias" | "--net-alias" => self.aliases.push(value.to_owned()),
            "--publish" => self.ports.push(value.to_owned()),
            "--expose" => push(&mut body.exposed_ports, amounts::exposed(value)?),
            "--volume" => self.volumes.push(value.to_owned()),
            "--env" => self.env.push(amounts::pair(value)?),
            "--label" => {
                let (key, value) = value.split_once('=').unwrap_or((value, ""));
                body.labels.get_or_insert_default().insert(key.to_owned(), value.to_owned());
            }
            "--cpus" => host.nano_cpus = Some(amounts::billionths(value)?),
            "--cpu-shares" => host.cpu_shares = Some(amounts::whole(value)?),
            "--cpu-period" => host.cpu_period = Some(amounts::whole(value)?),
            "--cpu-quota" => host.cpu_quota = Some(amounts::whole(value)?),
            "--cpuset-cpus" => host.cpuset_cpus = text(),
            "--memory" => host.memory = Some(amounts::bytes(value)?),
            "--memory-reservation" => host.memory_reservation = Some(amounts::bytes(value)?),
            "--memory-swap" => {
                host.memory_swap = Some(if value == "-1" { -1 } else { amounts::bytes(value)? });
            }
            "--shm-size" => host.shm_size = Some(amounts::bytes(value)?),
            "--pids-limit" => host.pids_limit = Some(amounts::whole(value)?),
            "--oom-score-adj" => host.oom_score_adj = Some(amounts::whole(value)?),
            "--ulimit" => {
                let (name, soft, hard) = amounts::ulimit(value)?;
                let limit =
                    ResourcesUlimits { name: Some(name), soft: Some(soft), hard: Some(hard) };
                push(&mut host.ulimits, limit);
            }
            "--tmpfs" => {
                let (path, how) = value.split_once(':').unwrap_or((value, ""));
                host.tmpfs.get_or_insert_default().insert(path.to_owned(), how.to_owned());
            }
            "--sysctl" => {
                let (key, value) = amounts::pair(value)?;
                host.sysctls.get_or_insert_default().insert(key, value);
            }
            "--add-host" => push(&mut host.extra_hosts, value.to_owned()),
            "--dns" => push(&mut host.dns, value.to_owned()),
            "--dns-search" => push(&mut host.dns_search, value.to_owned()),
            "--group-add" => push(&mut host.group_add, value.to_owned()),
            "--cap-add" => push(&mut host.cap_add, value.to_owned()),
            "--cap-drop" => push(&mut host.cap_drop, value.to_owned()),
            "--security-opt" => push(&mut host.security_opt, value.to_owned()),
            "--device" => push(&mut host.devices, device(value)),
            "--gpus" => push(&mut host.device_requests, gpus(value)?),
            "--ipc" => host.ipc_mode = text(),
            "--pid" => host.pid_mode = text(),
            "--userns" => host.userns_mode = text(),
            "--health-cmd" => check.command = text(),
            "--health-interval" => check.interval = Some(amounts::duration(value)?),
            "--health-timeout" => check.timeout = Some(amounts::duration(value)?),
            "--health-start-period" => check.start_period = Some(amounts::duration(value)?),
            "--health-start-interval" => {
                amounts::duration(value)?;
            }
            "--health-retries" => {
                let retries = amounts::whole(value)?;
                check.retries = u32::try_from(retries).ok();
            }
            "--pull" => {
                self.pull = match value {
                    "always" => Pull::Always,
                    "missing" => Pull::Missing,
                    "never" => Pull::Never,
                    _ => return Err(Wrong::Value("`always`, `missing` or `never`".to_owned())),
                };
            }
            _ => return Err(Wrong::Unknown),
        }
        Ok(())
    }
}

/// What is wrong with an option.
enum Wrong {
    Unknown,
    Value(String),
}

impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Self::Value(why)
    }
}

/// Whether an option of this name takes a value, found by giving it one.
fn is_known(name: &str) -> bool {
    !matches!(Options::default().take(name, "1"), Err(Wrong::Unknown))
}

fn refusal(name: &str) -> String {
    match name {
        "--network" | "--net" => format!(
            "`{name}` is not supported: a job has a network of its own, and `--network-alias` gives a \
             name in it"
        ),
        _ => format!("the option `{name}` is not supported"),
    }
}

/// The full name of an option, and its value where that is in the same word.
fn split(word: &str) -> Result<(&str, Option<&str>), String> {
    if word.starts_with("--") {
        return Ok(match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        });
    }
    let is_option = word.len() > 1 && word.starts_with('-') && word.is_char_boundary(2);
    if !is_option {
        return Err(format!("`{word}` is no option"));
    }
    let (short, rest) = word.split_at(2);
    let known = SHORT.iter().find(|(known, _)| *known == short);
    let (_, name) = known.ok_or_else(|| format!("the option `{short}` is not supported"))?;
    let value = rest.strip_prefix('=').unwrap_or(rest);
    Ok((name, Some(value).filter(|value| !value.is_empty())))
}

fn device(value: &str) -> DeviceMapping {
    let mut parts = value.splitn(3, ':');
    let outside = parts.next().unwrap_or_default();
    DeviceMapping {
        path_on_host: Some(outside.to_owned()),
        path_in_container: Some(parts.next().unwrap_or(outside).to_owned()),
        cgroup_permissions: Some(parts.next().unwrap_or("rwm").to_owned()),
    }
}

fn gpus(value: &str) -> Result<DeviceRequest, String> {
    let count = match value {
        "all" => -1,
        number => number.parse().map_err(|_| "`all` or a number of devices".to_owned())?,
    };
    Ok(DeviceRequest {
        count: Some(count),
        capabilities: Some(vec![vec!["gpu".to_owned()]]),
        ..DeviceRequest::default()
    })
}

fn push<T>(list: &mut Option<Vec<T>>, item: T) {
    list.get_or_insert_default().push(item);
}

/// Splits at blanks. Quotes of both kinds hold blanks together, and a backslash keeps a quote.
pub(crate) fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match (next, quote) {
            ('\\', None | Some('"')) if matches!(rest.peek(), Some('"' | '\'' | '\\')) => {
                word.get_or_insert_default().extend(rest.next());
            }
            (mark, Some(open)) if mark == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(next);
                word.get_or_insert_default();
            }
            (blank, None) if blank.is_whitespace() => words.extend(word.take()),
            (other, _) => word.get_or_insert_default().push(other),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn words_are_held_together_by_quotes() {
        let split = |text: &str| words(text).expect("sound");
        assert_eq!(
            split("--a \"b c\" --d='e f'\n-g\\\"h 'it\\s' \"\""),
            ["--a", "b c", "--d=e f", "-g\"h", "it\\s", ""]
        );
        assert!(words("'a").is_err());
    }

    #[test]
    fn the_options_of_everyday_are_understood() {
        let options = Options::read(
            "--cpus 1.5 -m 512m --user=1001:1001 -e A=1 --env B=x=y -v /a:/b:ro -p 80:8080 \
             --health-cmd \"pg_isready -U me\" --health-interval 10s --health-timeout=5s \
             --health-retries 5 --network-alias db --privileged --ulimit nofile=10:20 --rm \
             --shm-size=1g -u0",
        )
        .expect("all known");
        assert_eq!(options.host.nano_cpus, Some(1_500_000_000));
        assert_eq!(options.host.memory, Some(512 << 20));
        assert_eq!(options.host.shm_size, Some(1 << 30));
        assert_eq!(options.body.user.as_deref(), Some("0"));
        assert_eq!(options.env, [("A".into(), "1".into()), ("B".into(), "x=y".into())]);
        assert_eq!(
            (options.volumes, options.ports),
            (vec!["/a:/b:ro".into()], vec!["80:8080".into()])
        );
        assert_eq!(options.check.command.as_deref(), Some("pg_isready -U me"));
        assert_eq!(options.check.interval, Some(Duration::from_secs(10)));
        assert_eq!(options.check.retries, Some(5));
        assert_eq!(options.powerful, ["--privileged"]);
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        let refused = |text: &str| Options::read(text).expect_err("refused");
        assert_eq!(
            refused("--cpus 1 --storage-opt size=1"),
            "the option `--storage-opt` is not supported"
        );
        assert_eq!(refused("-t"), "the option `-t` is not supported");
        assert_eq!(refused("alpine"), "`alpine` is no option");
        assert_eq!(refused("--memory"), "`--memory` needs a value");
        assert!(refused("--network host").contains("a network of its own"));
        assert!(refused("--memory lots").starts_with("`--memory lots`: "));
        assert!(refused("--env FROM_OUTSIDE").contains("NAME=VALUE"));
    }
}
