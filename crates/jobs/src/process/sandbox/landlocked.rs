//! Files that may be changed and read, held by Landlock.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, LandlockStatus,
    PathBeneath, PathFd, PathFdError, Ruleset, RulesetAttr as _, RulesetCreated,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

use super::{Reach, Sandbox};

/// With an older one a file anywhere could be emptied.
const OLDEST: ABI = ABI::V3;

/// What newer kernels hold besides: operations of devices, and doors of other programs.
const NEWEST: ABI = ABI::V9;

/// What every program may write to: nothing of it stays.
const DEVICES: [&str; 8] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
];

pub(super) fn restrict(sandbox: &Sandbox) -> Result<(), String> {
    let wrong = |error: RulesetError| format!("Landlock refuses the sandbox: {error}");
    let (asked, besides) = match sandbox.read {
        Reach::Everywhere => (AccessFs::from_write(OLDEST), AccessFs::from_write(NEWEST)),
        Reach::Only(_) => (AccessFs::from_all(OLDEST), AccessFs::from_all(NEWEST)),
    };
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(asked)
        .map_err(|_| unsupported())?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(besides)
        .map_err(wrong)?
        .scope(Scope::from_all(NEWEST))
        .map_err(wrong)?
        .create()
        .map_err(wrong)?;
    for device in DEVICES {
        if let Ok(device) = PathFd::new(device) {
            rules = allow(rules, device, Path::new("/dev"), besides).map_err(wrong)?;
        }
    }
    for path in &sandbox.write {
        let opened = open(path)?;
        // A device made in the workspace would be a way to the whole disk.
        let access = besides & !(AccessFs::MakeBlock | AccessFs::MakeChar);
        rules = allow(rules, opened, path, access).map_err(wrong)?;
    }
    if let Reach::Only(paths) = &sandbox.read {
        for path in paths {
            let opened = open(path)?;
            rules = allow(rules, opened, path, AccessFs::from_read(NEWEST)).map_err(wrong)?;
        }
    }
    let status = rules.restrict_self().map_err(wrong)?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) | (_, LandlockStatus::NotEnabled) => Err(unsupported()),
        _ => Ok(()),
    }
}

fn allow(
    rules: RulesetCreated,
    opened: PathFd,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEWEST) };
    rules.add_rule(PathBeneath::new(opened, access))
}

fn open(path: &PathBuf) -> Result<PathFd, String> {
    PathFd::new(path).map_err(|error| match error {
        PathFdError::OpenCall { source, .. } => {
            format!("{} cannot be part of the sandbox: {source}", path.display())
        }
        error => format!("{} cannot be part of the sandbox: {error}", path.display()),
    })
}

fn unsupported() -> String {
    "this kernel cannot keep a job from changing files; it takes Linux 6.2 or newer with Landlock \
     switched on (lsm=…,landlock)"
        .to_owned()
}
