//! Real PostgreSQL servers for tests and benchmarks: started from the installed programs, in a
//! folder of their own, and gone with the process that started them, however that ends.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::{env, fs, process};

use super::address::Address;
use super::schema::quoted;

/// A running server.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    user: Option<Ids>,
    settings: Settings,
    server: Mutex<Option<Server>>,
    databases: AtomicU32,
}

/// How a server is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// What was committed is on the disk. Needed where the server is killed; slower.
    pub durable: bool,
    /// Whatever else the server is to be told, as `work_mem=8MB`.
    pub more: &'static [&'static str],
    /// A certificate and its key in PEM, for encrypted connections.
    pub identity: Option<(&'static str, &'static str)>,
}

/// What went wrong around a local server.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error(
        "no PostgreSQL server is installed: neither `postgres` on the PATH nor \
         /usr/lib/postgresql/*/bin nor `pg_config --bindir` has one; apt-get install postgresql"
    )]
    NotInstalled,
    #[error("neither `postgres` nor `nobody` is a user here, and PostgreSQL does not run as root")]
    NoUser,
    #[error("{what}")]
    Io { what: String, source: io::Error },
    #[error("{what}:\n{log}")]
    Failed { what: &'static str, log: String },
    #[error("the local server does not serve")]
    Store(#[from] ports::store::StoreError),
    #[error("the local server does not do as it is told")]
    Database(#[from] tokio_postgres::Error),
}

/// Whom the server runs as when this process is root's.
#[derive(Debug, Clone, Copy)]
struct Ids {
    user: u32,
    group: u32,
}

/// A server's keeper: a shell that kills it once this process says so or is no more.
#[derive(Debug)]
struct Server {
    keeper: Child,
    word: ChildStdin,
}

/// The keeper's orders are read from its input, whose end means that the starter is gone. Its
/// output says when the server is ready.
const KEEPER: &str = r#"
trap '' PIPE
folder=$1; shift
"$@" >>"$folder/log" 2>&1 </dev/null &
server=$!
pid=$folder/data/postmaster.pid
# A server that was killed has left its own file there.
until grep -q "^$server$" "$pid" 2>/dev/null && grep -q '^ready' "$pid" 2>/dev/null; do
    if ! kill -0 $server 2>/dev/null; then echo failed; exit 1; fi
    sleep 0.02
done
echo ready
word=gone
read -r word
case $word in
kill)
    children=$(cat /proc/$server/task/$server/children)
    kill -KILL $server $children
    # As long as one of them lives, no other server starts on its data.
    for child in $children; do
        while grep -q '^State:[[:space:]]*[^ZX]' /proc/$child/status 2>/dev/null; do
            sleep 0.01
        done
    done ;;
*) kill -QUIT $server ;;
esac
wait $server
case $word in kill|stop) ;; *) rm -rf "$folder" ;; esac
"#;

impl Cluster {
    /// The one server of this process, which is not durable.
    ///
    /// Panics when it cannot be started: a test without its server has failed.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            Self::start(Settings::default()).unwrap_or_else(|error| panic!("{error}"))
        })
    }

    pub fn start(settings: Settings) -> Result<Self, LocalError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let programs = programs()?;
        let user = unprivileged()?;
        let parent = parent();
        sweep(&parent);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = parent.join(format!("{PREFIX}{}-{number}", process::id()));
        make_folder(&folder, user)?;
        let mut cluster = Self {
            programs,
            folder,
            port: 0,
            user,
            settings,
            server: Mutex::new(None),
            databases: AtomicU32::new(0),
        };
        cluster.initialize()?;
        // Somebody else may take the port between its choice and its use.
        for last in [false, false, true] {
            cluster.port = free_port()?;
            match cluster.restart() {
                Ok(()) => break,
                Err(error) if last => return Err(error),
                Err(_) => {}
            }
        }
        Ok(cluster)
    }

    /// The URL of a database, with all rights.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://highroad@127.0.0.1:{}/{database}", self.port)
    }

    /// The URL of a new, empty database.
    pub async fn database(&self) -> Result<String, LocalError> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let client = Address::parse(&self.url("postgres"))?.connect().await?;
        let create = format!("CREATE DATABASE {} TEMPLATE template0", quoted(&name));
        client.batch_execute(&create).await?;
        Ok(self.url(&name))
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills every process of the server at once, as a loss of power would.
    pub fn kill(&self) {
        self.end("kill");
    }

    /// Starts the server again, on the same port with the same data.
    pub fn restart(&self) -> Result<(), LocalError> {
        self.end("stop");
        let mut command = self.command("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(&self.folder);
        command.arg(self.programs.join("postgres")).arg("-D").arg(self.data());
        for setting in self.server_settings() {
            command.args(["-c", &setting]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Whoever interrupts the tests at the terminal must not interrupt the keeper.
        command.process_group(0);
        let mut keeper = command.spawn().map_err(io("cannot start a shell"))?;
        let word = keeper.stdin.take().expect("its input is piped");
        let output = keeper.stdout.take().expect("its output is piped");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).map_err(io("cannot hear the keeper"))?;
        if line.trim() != "ready" {
            keeper.wait().map_err(io("cannot wait for the keeper"))?;
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            return Err(LocalError::Failed { what: "PostgreSQL does not start", log });
        }
        *self.server() = Some(Server { keeper, word });
        Ok(())
    }

    /// Runs one of PostgreSQL's own programs, such as `pg_dump`.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<Output, LocalError> {
        let mut command = self.command(self.programs.join(program));
        command.args(arguments).output().map_err(io("cannot run a program of PostgreSQL"))
    }

    fn initialize(&self) -> Result<(), LocalError> {
        let data = self.data();
        let data = data.to_str().expect("the folder's name is ASCII");
        let options = ["-U", "highroad", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        let made = self.run("initdb", &[&["-D", data], &options[..]].concat())?;
        if !made.status.success() {
            let log = String::from_utf8_lossy(&made.stderr).into_owned();
            return Err(LocalError::Failed { what: "initdb has failed", log });
        }
        // One user with a password, to be refused with a wrong one.
        let rules = "host all guarded 127.0.0.1/32 scram-sha-256\n\
            local all all trust\nhost all all 127.0.0.1/32 trust\n";
        self.put("pg_hba.conf", rules)?;
        if let Some((certificate, key)) = self.settings.identity {
            self.put("server.crt", certificate)?;
            self.put("server.key", key)?;
        }
        Ok(())
    }

    fn put(&self, name: &str, text: &str) -> Result<(), LocalError> {
        let path = self.data().join(name);
        let put = || -> io::Result<()> {
            fs::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            self.user.map_or(Ok(()), |ids| chown(&path, Some(ids.user), Some(ids.group)))
        };
        put().map_err(io("cannot set the server up"))
    }

    fn server_settings(&self) -> Vec<String> {
        let switch = if self.settings.durable { "on" } else { "off" };
        let mut settings = vec![
            format!("port={}", self.port),
            format!("unix_socket_directories={}", self.folder.display()),
            format!("fsync={switch}"),
            format!("full_page_writes={switch}"),
        ];
        let fixed = ["listen_addresses=127.0.0.1", "max_connections=300", "shared_buffers=64MB"];
        settings.extend(fixed.map(str::to_owned));
        settings.extend(self.settings.more.iter().map(|&more| more.to_owned()));
        if self.settings.identity.is_some() {
            settings.push("ssl=on".to_owned());
        }
        settings
    }

    fn end(&self, word: &str) {
        let Some(mut server) = self.server().take() else { return };
        // A keeper that is no more has ended its server.
        drop(writeln!(server.word, "{word}"));
        drop(server.word);
        drop(server.keeper.wait());
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("LC_ALL", "C");
        if let Some(ids) = self.user {
            command.uid(ids.user).gid(ids.group);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn server(&self) -> MutexGuard<'_, Option<Server>> {
        self.server.lock().expect("nothing panics while it holds the server")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end("stop");
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// What the folders begin with; the starter's process id follows.
const PREFIX: &str = "highroad-postgres-";

/// The folder with the programs of the newest version that is installed.
fn programs() -> Result<PathBuf, LocalError> {
    let on_path = env::var_os("PATH")
        .into_iter()
        .flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let version = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.and_then(|name| name.parse::<u32>().ok())
    };
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<_> = installed.map(|entry| entry.path()).collect();
    installed.sort_by_key(version);
    let installed = installed.into_iter().rev().map(|path| path.join("bin"));
    let configured = Command::new("pg_config").arg("--bindir").output().ok();
    let configured = configured
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map(|text| PathBuf::from(text.trim()));
    on_path
        .chain(installed)
        .chain(configured)
        // A link to the server says where its other programs are.
        .filter_map(|folder| {
            Some(folder.join("postgres").canonicalize().ok()?.parent()?.to_owned())
        })
        .find(|folder| folder.join("initdb").is_file())
        .ok_or(LocalError::NotInstalled)
}

/// Whom root runs the server as; everybody else runs it themselves.
fn unprivileged() -> Result<Option<Ids>, LocalError> {
    let own = fs::metadata("/proc/self").map_err(io("cannot tell who this is"))?;
    if own.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(io("cannot read /etc/passwd"))?;
    let find = |name: &str| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let (found, _, user, group) =
                (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
            let ids = Ids { user: user.parse().ok()?, group: group.parse().ok()? };
            (found == name).then_some(ids)
        })
    };
    find("postgres").or_else(|| find("nobody")).map(Some).ok_or(LocalError::NoUser)
}

/// Where the folders are made. A socket's path has room for some hundred bytes only.
fn parent() -> PathBuf {
    let folder = env::temp_dir();
    if folder.as_os_str().len() < 50 { folder } else { PathBuf::from("/tmp") }
}

/// Removes what starters have left that are no more, and whose keepers were killed too.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let starter = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        if starter.is_some_and(|starter| !Path::new("/proc").join(starter).exists()) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

fn make_folder(folder: &Path, user: Option<Ids>) -> Result<(), LocalError> {
    let make = || -> io::Result<()> {
        fs::DirBuilder::new().mode(0o700).create(folder)?;
        user.map_or(Ok(()), |ids| chown(folder, Some(ids.user), Some(ids.group)))
    };
    make().map_err(io("cannot make a folder for the server"))
}

fn free_port() -> Result<u16, LocalError> {
    let bound = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(io("no port is free"))
}

fn io(what: &str) -> impl FnOnce(io::Error) -> LocalError {
    move |source| LocalError::Io { what: what.to_owned(), source }
}
