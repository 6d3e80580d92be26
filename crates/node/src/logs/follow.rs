//! Lines as they are asked for: those of the past, then those that come.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use model::id::InstanceId;
use model::intent::Group;
use ports::clock::pause;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

use super::line::{LogLine, Structured};
use super::query::LogQuery;
use super::reader::{Entry, Reader};
use crate::supervisor::watched::watched;

/// How often logs are looked at where the kernel does not tell of changes.
const ROUND: Duration = Duration::from_millis(200);

/// An instance whose log is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Printing {
    pub(crate) instance: InstanceId,
    pub(crate) group: Group,
    pub(crate) version: String,
    pub(crate) log: PathBuf,
}

/// Whose logs there are now.
pub(crate) type Find = Box<dyn Fn() -> Vec<Printing> + Send + Sync>;

/// Lines of logs, one after the other.
pub struct LogStream {
    query: LogQuery,
    find: Find,
    changed: watch::Receiver<u64>,
    bell: Option<Bell>,
    logs: Vec<Open>,
    ready: VecDeque<LogLine>,
    /// There may be logs that are not open yet.
    is_stale: bool,
}

#[derive(Debug)]
struct Open {
    of: Printing,
    reader: Reader,
    /// What the bell calls it.
    watch: Option<i32>,
    /// There may be more of it than was read.
    is_behind: bool,
}

impl std::fmt::Debug for LogStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogStream").field("query", &self.query).finish_non_exhaustive()
    }
}

impl LogStream {
    pub(crate) fn open(query: LogQuery, find: Find, changed: watch::Receiver<u64>) -> Self {
        let bell = if query.follow { Bell::new().ok() } else { None };
        let (logs, ready) = (Vec::new(), VecDeque::new());
        let mut stream = Self { query, find, changed, bell, logs, ready, is_stale: false };
        stream.changed.mark_unchanged();
        let most = stream.query.last.unwrap_or(LogQuery::MOST).min(LogQuery::MOST);
        let mut past = Vec::new();
        for mut log in stream.new_logs() {
            let entries = log.reader.last(most, stream.query.since);
            // Lines of one log stay in their order, also when the clock was set back meanwhile.
            let mut latest = Timestamp::MIN;
            past.extend(entries.into_iter().map(|entry| {
                latest = latest.max(entry.at);
                (latest, log.of.line(entry))
            }));
            stream.logs.push(log);
        }
        past.sort_by_key(|(at, _)| *at);
        let surplus = past.len().saturating_sub(most);
        stream.ready.extend(past.into_iter().skip(surplus).map(|(_, line)| line));
        stream
    }

    /// The next line; when nobody follows, none after the last.
    pub async fn next(&mut self) -> Option<LogLine> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(line);
            }
            if !self.query.follow {
                return None;
            }
            self.look();
            if self.ready.is_empty() && !self.logs.iter().any(|log| log.is_behind) {
                self.wait().await;
            }
        }
    }

    /// The lines that are there without waiting.
    pub fn ready(&mut self) -> Vec<LogLine> {
        if self.query.follow {
            self.look();
        }
        self.ready.drain(..).collect()
    }

    fn look(&mut self) {
        // Before the logs are looked at: what is printed from here on rings again.
        let rung = self.bell.as_ref().map(Bell::silence);
        if std::mem::take(&mut self.is_stale) {
            let new = self.new_logs();
            self.logs.extend(new);
        }
        for log in &mut self.logs {
            let has_rung = match (&rung, log.watch) {
                (Some(Rung::By(watches)), Some(watch)) => watches.contains(&watch),
                _ => true,
            };
            if has_rung || log.is_behind {
                let entries = log.reader.more();
                log.is_behind = !entries.is_empty();
                self.ready.extend(entries.into_iter().map(|entry| log.of.line(entry)));
            }
        }
    }

    fn new_logs(&mut self) -> Vec<Open> {
        let mut printing = (self.find)();
        printing.retain(|it| self.query.fits(it.instance, &it.group, &it.version));
        // A log that is gone has nothing more to say.
        self.logs.retain(|log| printing.iter().any(|it| it.instance == log.of.instance));
        printing.retain(|it| !self.logs.iter().any(|log| log.of.instance == it.instance));
        let open = |of: Printing| {
            let watch = self.bell.as_ref().and_then(|bell| bell.watch(&of.log));
            Open { reader: Reader::new(of.log.clone()), of, watch, is_behind: true }
        };
        printing.into_iter().map(open).collect()
    }

    async fn wait(&mut self) {
        let bell = async {
            match &self.bell {
                Some(bell) => bell.rings().await,
                None => pause(ROUND).await,
            }
        };
        let changed = async {
            if self.changed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let is_stale = tokio::select! {
            () = bell => false,
            () = changed => true,
        };
        self.is_stale |= is_stale;
    }
}

impl Printing {
    fn line(&self, entry: Entry) -> LogLine {
        LogLine {
            at: entry.at,
            instance: self.instance,
            group: self.group.clone(),
            version: self.version.clone(),
            source: entry.source,
            structured: Structured::read(&entry.text),
            text: entry.text,
            split: entry.split,
        }
    }
}

/// Rings when a log is written to.
#[derive(Debug)]
struct Bell(AsyncFd<OwnedFd>);

impl Bell {
    fn new() -> io::Result<Self> {
        let handle = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self(watched(handle)?))
    }

    fn watch(&self, folder: &Path) -> Option<i32> {
        // One that is not there yet is written to when its instance is there.
        let _ = std::fs::create_dir(folder);
        let flags = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::ONLYDIR;
        inotify::add_watch(self.0.get_ref(), folder, flags).ok()
    }

    async fn rings(&self) {
        // Who wakes up looks at everything that has rung by then.
        if let Ok(mut ready) = self.0.readable().await {
            ready.clear_ready();
        }
    }

    /// Who has rung. It rings again when there is more.
    fn silence(&self) -> Rung {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(self.0.get_ref(), &mut buffer);
        let mut rung = BTreeSet::new();
        while let Ok(event) = reader.next() {
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                return Rung::ByAll;
            }
            rung.insert(event.wd());
        }
        Rung::By(rung)
    }
}

enum Rung {
    By(BTreeSet<i32>),
    /// There was too much to say who.
    ByAll,
}
