//! A Podman of the tests' own: its own storage, its own networks, its own socket.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::support::Machine;

/// What all tests use: a busybox, and a file that says where it is.
pub(crate) const IMAGE: &str = "localhost/highroad-test:2";
/// The service ends by itself when nobody has asked it anything for so many seconds.
const IDLE: &str = "60";

/// One at a time: an engine does one thing at a time well, and networks are shared by the machine.
static TURN: Mutex<()> = Mutex::new(());

/// The engine, and the turn to use it.
pub(crate) struct Engine {
    folder: PathBuf,
    _turn: MutexGuard<'static, ()>,
    _lock: File,
}

/// A machine whose jobs find the engine; `None`, said aloud, where there is no Podman.
pub(crate) fn machine() -> Option<(Machine, Engine)> {
    let engine = match Engine::find() {
        Ok(engine) => engine,
        Err(why) => {
            eprintln!("skipped: this machine cannot run containers: {why}");
            return None;
        }
    };
    // Later than the engine: from now on every orphan is taken for one of the job's.
    let mut machine = Machine::new();
    let address = format!("unix://{}", engine.socket().display());
    machine.bench.host.variables.push(("DOCKER_HOST".to_owned(), address));
    Some((machine, engine))
}

impl Engine {
    fn find() -> Result<Self, String> {
        if !has("podman") || !has("busybox") {
            return Err("there is no podman, or no busybox to make an image of".to_owned());
        }
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("podman");
        fs::create_dir_all(&folder).expect("made");
        let lock = File::create(folder.join("lock")).expect("made");
        lock.lock().expect("other tests end");
        let engine = Self { folder, _turn: turn, _lock: lock };
        if !engine.answers() {
            engine.start()?;
        }
        Ok(engine)
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("podman.sock")
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = UnixStream::connect(self.socket()) else { return false };
        let mut begin = [0; 12];
        stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n").is_ok()
            && stream.read_exact(&mut begin).is_ok()
            && begin.ends_with(b" 200")
    }

    fn start(&self) -> Result<(), String> {
        let _ = self.try_podman(&["rm", "--force", "--all", "--time", "0"]);
        for state in ["run", "tmp", "networks"] {
            // What it remembers of processes may be of another boot, or of another namespace.
            let _ = fs::remove_dir_all(self.folder.join(state));
        }
        self.choose_runtime()?;
        // Its parent ends at once, so that it is nobody's child who sweeps up after a job. What
        // runs in the background of a shell ignores SIGINT, and so would all its containers.
        let start =
            "exec env --default-signal=INT,QUIT setsid --fork \"$@\" </dev/null >\"$0\" 2>&1";
        let status = Command::new("sh")
            .arg("-c")
            .arg(start)
            .arg(self.folder.join("log"))
            .arg("podman")
            .args(self.global())
            .args(["system", "service", "--time", IDLE])
            .arg(format!("unix://{}", self.socket().display()))
            .env("CONTAINERS_CONF", self.folder.join("containers.conf"))
            .status();
        assert!(status.expect("sh").success());
        for _ in 0..300 {
            if self.answers() {
                return Ok(());
            }
            let nap = Command::new("sleep").arg("0.05").status();
            assert!(nap.expect("sleep").success());
        }
        Err(fs::read_to_string(self.folder.join("log")).unwrap_or_default())
    }

    /// Which of the runtimes works here differs with the kernel's control groups.
    fn choose_runtime(&self) -> Result<(), String> {
        let mut why = "there is neither crun nor runc".to_owned();
        for runtime in ["crun", "runc"].into_iter().filter(|runtime| has(runtime)) {
            let networks = self.folder.join("networks");
            let conf = format!(
                "[containers]\ndefault_ulimits = [\"nofile=4096:4096\", \"nproc=4096:4096\"]\n\
                 [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n\
                 runtime = \"{runtime}\"\n\
                 [network]\nnetwork_backend = \"netavark\"\nnetwork_config_dir = \"{}\"\n",
                networks.display()
            );
            fs::create_dir_all(&networks).expect("made");
            fs::write(self.folder.join("containers.conf"), conf).expect("written");
            if !self.try_podman(&["image", "exists", IMAGE]).status.success() {
                self.make_image()?;
            }
            let tried = self.try_podman(&["run", "--rm", IMAGE, "true"]);
            if tried.status.success() {
                return Ok(());
            }
            why = String::from_utf8_lossy(&tried.stderr).into_owned();
        }
        Err(why)
    }

    fn make_image(&self) -> Result<(), String> {
        let script = r#"set -e
            cd "$(mktemp -d)"
            mkdir -p bin etc tmp root proc sys dev usr/bin
            cp "$(command -v busybox)" bin/busybox
            for name in $(busybox --list); do
              [ -e "bin/$name" ] || ln -s busybox "bin/$name"
            done
            echo root:x:0:0:root:/root:/bin/sh > etc/passwd
            echo "in the container" > etc/place
            chmod 755 .; chmod 1777 tmp
            tar -c . | "$@"
            rm -rf "$PWD""#;
        let import = ["import", "--change", "ENV PATH=/bin:/usr/bin", "-", IMAGE];
        let made = Command::new("sh")
            .args(["-c", script, "sh", "podman"])
            .args(self.global())
            .args(import)
            .env("CONTAINERS_CONF", self.folder.join("containers.conf"))
            .output()
            .expect("sh");
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        if made.status.success() { Ok(()) } else { Err(said) }
    }

    /// Asks the same engine without Highroad.
    #[track_caller]
    pub(crate) fn podman(&self, arguments: &[&str]) -> String {
        // By the service: what this process itself started, a job would take for its own.
        let address = format!("unix://{}", self.socket().display());
        let output = Command::new("podman")
            .args(["--remote", "--url", &address])
            .args(arguments)
            .output()
            .expect("podman");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "podman {arguments:?}: {said}");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    fn try_podman(&self, arguments: &[&str]) -> Output {
        Command::new("podman")
            .args(self.global())
            .args(arguments)
            .env("CONTAINERS_CONF", self.folder.join("containers.conf"))
            .stdin(Stdio::null())
            .output()
            .expect("podman")
    }

    fn global(&self) -> Vec<String> {
        let folder = |name: &str| self.folder.join(name).to_string_lossy().into_owned();
        let words = ["--storage-driver", "vfs", "--root"].map(str::to_owned);
        let mut words = words.to_vec();
        words.extend([folder("root"), "--runroot".to_owned(), folder("run")]);
        words.extend(["--tmpdir".to_owned(), folder("tmp")]);
        words
    }

    /// Nothing of any job is there any more.
    #[track_caller]
    pub(crate) fn is_clean(&self) {
        let of_jobs = ["--filter", "label=highroad.job", "--format", "{{.Names}}"];
        let containers = self.podman(&[&["ps", "--all"], &of_jobs[..]].concat());
        assert_eq!(containers, "");
        let networks = self.podman(&["network", "ls", "--format", "{{.Name}}"]);
        assert!(!networks.contains("highroad"), "{networks}");
    }
}

fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
        || Path::new("/usr/sbin").join(program).is_file()
}
