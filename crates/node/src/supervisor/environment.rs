//! The variables of an instance, and its command with them filled in.

use model::manifest::{Command, UnsetVariable};
use model::workload::Workload;

use crate::keeper::user::User;

/// Where programs are looked for if nobody says.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What an instance is given: nothing of the node's own but where programs are, and who it is.
pub(super) fn variables(workload: &Workload, port: Option<u16>) -> Vec<(String, String)> {
    let own = |name: &str| std::env::var(name).ok();
    let mut variables = vec![
        ("PATH".to_owned(), own("PATH").unwrap_or_else(|| PATH.to_owned())),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
    ];
    let mut set = |name: &str, value: String| {
        // The later one counts, and a program that sees both may take either.
        variables.retain(|(other, _)| other != name);
        variables.push((name.to_owned(), value));
    };
    match workload.user.as_deref().and_then(User::find) {
        Some(user) => {
            set("HOME", user.home);
            set("LOGNAME", user.name.clone());
            set("USER", user.name);
        }
        None => {
            for name in ["HOME", "LOGNAME", "USER"] {
                if let Some(value) = own(name) {
                    set(name, value);
                }
            }
        }
    }
    set("HIGHROAD_VERSION", workload.version.clone());
    for (name, variable) in &workload.env {
        set(name, variable.reveal().to_owned());
    }
    if let Some(port) = port {
        set("PORT", port.to_string());
    }
    variables
}

pub(super) fn filled(
    command: &Command,
    variables: &[(String, String)],
) -> Result<Vec<String>, UnsetVariable> {
    let value = |name: &str| variables.iter().find(|(key, _)| key == name);
    command.filled(|name| value(name).map(|(_, value)| value.clone()))
}
