//! Where the database is and how it is spoken to: what a URL says, and the connection it leads to.

use std::fmt;
use std::time::Duration;

use ports::store::{StoreError, StoreErrorKind};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config};

use super::error::explain;
use super::tls::{Tls, Trust};

/// A database, taken from `postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTIONS`.
#[derive(Clone)]
pub(super) struct Address {
    config: Config,
    tls: Tls,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let malformed = |why: &str| {
            StoreError::new(
                StoreErrorKind::Failed,
                format!("not the URL of a PostgreSQL database: {why}"),
            )
        };
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(malformed("expected postgres://USER:PASSWORD@HOST:PORT/DATABASE"));
        }
        // The driver knows neither how to verify a certificate nor where the roots are.
        let (base, options) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(decoded(value)),
                _ => rest.push(option),
            }
        }
        let roots = roots.or_else(|| std::env::var("PGSSLROOTCERT").ok());
        let (mode, trust) = match (mode.unwrap_or("prefer"), &roots) {
            ("disable", _) => (SslMode::Disable, Trust::Anyone),
            ("prefer" | "allow", _) => (SslMode::Prefer, Trust::Anyone),
            // As everywhere in PostgreSQL: with roots at hand they are asked.
            ("require", None) => (SslMode::Require, Trust::Anyone),
            ("require" | "verify-ca", _) => (SslMode::Require, Trust::Signed),
            ("verify-full", _) => (SslMode::Require, Trust::Named),
            (other, _) => return Err(malformed(&format!("`sslmode={other}` is not known"))),
        };
        let mut config: Config = format!("{base}?{}", rest.join("&"))
            .parse()
            .map_err(|error: tokio_postgres::Error| malformed("see below").because(error))?;
        config.ssl_mode(mode);
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_application_name().is_none() {
            config.application_name("highroad");
        }
        // A server that vanished without a word is noticed in seconds, not in hours.
        config.keepalives_idle(Duration::from_secs(15));
        config.keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3);
        config.tcp_user_timeout(Duration::from_secs(30));
        let tls = Tls::new(trust, roots.as_deref())?;
        Ok(Self { config, tls })
    }

    /// A connection that lives until the client is dropped.
    pub(super) async fn connect(&self) -> Result<Client, StoreError> {
        let connected = self.config.connect(self.tls.clone()).await;
        let (client, connection) = connected.map_err(|error| explain(error, self).connecting())?;
        tokio::spawn(async move {
            // Whoever waits for an answer is told, and handles it.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the database ended");
            }
        });
        Ok(client)
    }

    /// Host and port, or the folder of the socket.
    pub(super) fn place(&self) -> String {
        let ports = self.config.get_ports();
        let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let hosts = self.config.get_hosts().iter().enumerate().map(|(index, host)| match host {
            Host::Tcp(name) => format!("{name}:{}", port(index)),
            Host::Unix(folder) => format!("{}:{}", folder.display(), port(index)),
        });
        hosts.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn user(&self) -> &str {
        self.config.get_user().unwrap_or("?")
    }

    pub(super) fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_else(|| self.user())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at {}", self.database(), self.place())
    }
}

/// Without the password.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text that a percent-encoded one stands for; what is not well encoded stands for itself.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('%') {
        bytes.extend(before.bytes());
        let byte = behind.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    bytes.extend(rest.bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_its_place_but_never_its_password() {
        let address = Address::parse("postgres://ada:secret@db.example:6000/roads").unwrap();
        assert_eq!(format!("{address:?}"), "`roads` at db.example:6000");
        let address =
            Address::parse("postgresql://ada@a,b:5433/roads?application_name=x&sslmode=require");
        assert_eq!(address.unwrap().place(), "a:5432, b:5433");
        let error = Address::parse("host=a user=ada").unwrap_err().to_string();
        assert!(error.ends_with("expected postgres://USER:PASSWORD@HOST:PORT/DATABASE"), "{error}");
        let error = Address::parse("postgres://a/b?sslmode=maybe").unwrap_err().to_string();
        assert!(error.ends_with("`sslmode=maybe` is not known"), "{error}");
    }

    #[test]
    fn encoded_paths_are_decoded() {
        for (text, path) in [("/a%20b%2Fc", "/a b/c"), ("50%", "50%"), ("%zz", "%zz"), ("", "")] {
            assert_eq!(decoded(text), path);
        }
    }
}
