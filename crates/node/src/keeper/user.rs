//! Who a program runs as, looked up in the machine's own files.

use std::fs;

use rustix::process::{Gid, Uid, geteuid};

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    /// The other groups that it is in.
    pub(crate) groups: Vec<Gid>,
    pub(crate) home: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UserError {
    #[error("there is no user `{0}` on this machine (/etc/passwd)")]
    Unknown(String),
    #[error("only root can run an instance as `{0}`: start the node as root, or leave `user` out")]
    NotRoot(String),
}

impl User {
    /// The user to become; none if this process is that user already.
    pub(crate) fn to_become(name: &str) -> Result<Option<Self>, UserError> {
        let user = Self::find(name).ok_or_else(|| UserError::Unknown(name.to_owned()))?;
        if user.uid == geteuid() {
            return Ok(None);
        }
        if !geteuid().is_root() {
            return Err(UserError::NotRoot(name.to_owned()));
        }
        Ok(Some(user))
    }

    /// By name or number.
    pub(crate) fn find(name: &str) -> Option<Self> {
        let read = |file| fs::read(file).map(|it| String::from_utf8_lossy(&it).into_owned());
        Self::among(&read("/etc/passwd").ok()?, &read("/etc/group").unwrap_or_default(), name)
    }

    fn among(users: &str, groups: &str, name: &str) -> Option<Self> {
        let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let mut users = users.lines().map(fields);
        let user = users.find(|user| user.len() >= 7 && (user[0] == name || user[2] == name))?;
        let groups = groups.lines().map(fields).filter(|group| {
            group.len() >= 4 && group[3].split(',').any(|member| member == user[0])
        });
        let groups = groups.filter_map(|group| group[2].parse().ok()).map(Gid::from_raw);
        Some(Self {
            uid: Uid::from_raw(user[2].parse().ok()?),
            gid: Gid::from_raw(user[3].parse().ok()?),
            groups: groups.collect(),
            home: user[5].clone(),
            name: user[0].clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_with_its_groups() {
        let users = "root:x:0:0:root:/root:/bin/sh\n+nis\nshop:x:1000:1001:,,,:/srv/shop:/bin/sh\n";
        let groups = "wheel:x:10:root\nvideo:x:44:other,shop\nshop:x:1001:\n";
        let user = User::among(users, groups, "shop").unwrap();
        assert_eq!((user.uid.as_raw(), user.gid.as_raw()), (1000, 1001));
        assert_eq!((user.groups, &*user.home), (vec![Gid::from_raw(44)], "/srv/shop"));
        assert_eq!(User::among(users, groups, "1000").unwrap().name, "shop");
        assert_eq!(User::among(users, groups, "sho"), None);
    }
}
