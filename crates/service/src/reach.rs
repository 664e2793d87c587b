//! Where the broker is and how to prove who we are, from flags or environment: the same words for every process.

use std::path::PathBuf;

use messaging::jetstream::{ConnectError, Credentials, Part, Secret, Security, SecurityError, Tls};

/// What these settings stand under in every help.
const HEADING: &str = "Broker";

const URL: &str = "NATS_URL (--nats-url)";
const USER: &str = "NATS_USER (--nats-user)";
const PASSWORD: &str = "NATS_PASSWORD (--nats-password)";
const PASSWORD_FILE: &str = "NATS_PASSWORD_FILE (--nats-password-file)";
const NKEY_FILE: &str = "NATS_NKEY_FILE (--nats-nkey-file)";
const CREDS_FILE: &str = "NATS_CREDS_FILE (--nats-creds-file)";
const CA_FILE: &str = "NATS_CA_FILE (--nats-ca-file)";
const CERT_FILE: &str = "NATS_CERT_FILE (--nats-cert-file)";
const KEY_FILE: &str = "NATS_KEY_FILE (--nats-key-file)";

/// How to reach the broker, and how to prove who we are.
///
/// A variable that is set to nothing counts as not set. Files are read again at each connection, so that what is
/// replaced is used without a restart.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ReachArgs {
    /// Broker addresses, separated by commas: nats://host:port, or tls://host:port for TLS
    #[arg(long, global = true, help_heading = HEADING, env = "NATS_URL", hide_env_values = true)]
    #[arg(value_name = "URL,…", default_value = "nats://127.0.0.1:4222")]
    pub nats_url: String,

    /// User at the broker, with a password
    #[arg(long, global = true, help_heading = HEADING, env = "NATS_USER", hide_env_values = true)]
    #[arg(value_name = "NAME")]
    nats_user: Option<String>,

    /// Password of that user; better given by the variable, because others can see a command line
    #[arg(long, global = true, help_heading = HEADING, env = "NATS_PASSWORD", hide_env_values = true)]
    #[arg(value_name = "PASSWORD", value_parser = secret)]
    nats_password: Option<Secret>,

    /// File that holds the password of that user and nothing else
    #[arg(long, global = true, help_heading = HEADING, env = "NATS_PASSWORD_FILE", hide_env_values = true)]
    #[arg(value_name = "FILE")]
    nats_password_file: Option<String>,

    /// File that holds the seed of an nkey (SU…), instead of user and password
    #[arg(long, global = true, help_heading = HEADING, env = "NATS_NKEY_FILE", hide_env_values = true)]
    #[arg(value_name = "FILE")]
    nats_nkey_file: Option<String>,

    /// File with a user's JWT and its seed (.creds), instead of user and password
    #[arg(long, global = true, help_heading = HEADING, env = "NATS_CREDS_FILE", hide_env_values = true)]
    #[arg(value_name = "FILE")]
    nats_creds_file: Option<String>,

    /// Authorities that may vouch for the broker, in a PEM file; by default those the system trusts
    #[arg(long, global = true, help_heading = HEADING, env = "NATS_CA_FILE", hide_env_values = true)]
    #[arg(value_name = "FILE")]
    nats_ca_file: Option<String>,

    /// Certificate to show to the broker, in a PEM file
    #[arg(long, global = true, help_heading = HEADING, env = "NATS_CERT_FILE", hide_env_values = true)]
    #[arg(value_name = "FILE")]
    nats_cert_file: Option<String>,

    /// Private key of that certificate, in a PEM file
    #[arg(long, global = true, help_heading = HEADING, env = "NATS_KEY_FILE", hide_env_values = true)]
    #[arg(value_name = "FILE")]
    nats_key_file: Option<String>,

    /// Whether TLS begins before the broker has said anything: true or false
    #[arg(long, global = true, help_heading = HEADING, env = "NATS_TLS_FIRST", hide_env_values = true)]
    #[arg(value_name = "BOOL", value_parser = boolean)]
    nats_tls_first: Option<bool>,
}

/// What is wrong with these settings; names the setting and repeats no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReachError(String);

impl ReachArgs {
    /// The variables that say who a process is and whom it trusts; all but the address.
    pub const CREDENTIALS: [&str; 9] = [
        "NATS_USER",
        "NATS_PASSWORD",
        "NATS_PASSWORD_FILE",
        "NATS_NKEY_FILE",
        "NATS_CREDS_FILE",
        "NATS_CA_FILE",
        "NATS_CERT_FILE",
        "NATS_KEY_FILE",
        "NATS_TLS_FIRST",
    ];

    /// A broker at an address that lets everybody in.
    #[must_use]
    pub fn open(url: impl Into<String>) -> Self {
        Self::default().at(url)
    }

    /// The same at another address.
    #[must_use]
    pub fn at(self, url: impl Into<String>) -> Self {
        Self { nats_url: url.into(), ..self }
    }

    /// With a user and a password.
    #[must_use]
    pub fn user(self, name: &str, password: &str) -> Self {
        let password = Some(Secret::from(password.to_owned()));
        Self { nats_user: Some(name.to_owned()), nats_password: password, ..self }
    }

    /// What the connection shows and trusts. Files are looked at when it is begun.
    ///
    /// # Errors
    /// The settings contradict one another, or only say half of what they should.
    pub fn security(&self) -> Result<Security, ReachError> {
        Ok(Security { credentials: self.credentials()?, tls: self.tls()? })
    }

    fn credentials(&self) -> Result<Credentials, ReachError> {
        let user = set(self.nats_user.as_ref());
        let password = self.nats_password.clone().filter(|password| !password.is_empty());
        let file = path(self.nats_password_file.as_ref());
        let (nkey, creds) = (path(self.nats_nkey_file.as_ref()), path(self.nats_creds_file.as_ref()));
        let by_password = user.is_some() || password.is_some() || file.is_some();
        let kinds = [(by_password, USER), (nkey.is_some(), NKEY_FILE), (creds.is_some(), CREDS_FILE)];
        let given: Vec<&str> = kinds.iter().filter(|(given, _)| *given).map(|(_, name)| *name).collect();
        if let [one, other, ..] = given[..] {
            return Err(ReachError(format!(
                "{one} and {other} are both set; one kind of credentials is enough"
            )));
        }
        match (user, password, file) {
            (Some(_), Some(_), Some(_)) => {
                Err(ReachError(format!("{PASSWORD} and {PASSWORD_FILE} are both set; which one is it?")))
            }
            (Some(user), Some(password), None) => Ok(Credentials::Password { user, password }),
            (Some(user), None, Some(file)) => Ok(Credentials::PasswordFile { user, file }),
            (Some(_), None, None) => {
                Err(ReachError(format!("{USER} is set without {PASSWORD} or {PASSWORD_FILE}")))
            }
            (None, Some(_), _) => Err(ReachError(format!("{PASSWORD} is set without {USER}"))),
            (None, None, Some(_)) => Err(ReachError(format!("{PASSWORD_FILE} is set without {USER}"))),
            (None, None, None) => Ok(match (nkey, creds) {
                (Some(file), _) => Credentials::NkeyFile(file),
                (None, Some(file)) => Credentials::CredsFile(file),
                (None, None) => Credentials::None,
            }),
        }
    }

    fn tls(&self) -> Result<Tls, ReachError> {
        let certificate = match (path(self.nats_cert_file.as_ref()), path(self.nats_key_file.as_ref())) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (Some(_), None) => return Err(ReachError(format!("{CERT_FILE} is set without {KEY_FILE}"))),
            (None, Some(_)) => return Err(ReachError(format!("{KEY_FILE} is set without {CERT_FILE}"))),
            (None, None) => None,
        };
        let authorities = path(self.nats_ca_file.as_ref());
        Ok(Tls { authorities, certificate, first: self.nats_tls_first.unwrap_or(false) })
    }
}

impl From<ConnectError> for ReachError {
    fn from(error: ConnectError) -> Self {
        match &error {
            ConnectError::SecretInAddress => Self(format!(
                "{URL} must not contain credentials, which logs would show; use {USER} with {PASSWORD} or {PASSWORD_FILE}"
            )),
            ConnectError::Security(SecurityError { part, .. }) => {
                Self(format!("{}: {error}", setting_of(*part)))
            }
            ConnectError::BadAddress(_) | ConnectError::Setup(_) => Self(format!("{URL}: {error}")),
        }
    }
}

fn setting_of(part: Part) -> &'static str {
    match part {
        Part::Password => PASSWORD_FILE,
        Part::Nkey => NKEY_FILE,
        Part::Creds => CREDS_FILE,
        Part::Authorities => CA_FILE,
        Part::Certificate => CERT_FILE,
        Part::CertificateKey => KEY_FILE,
    }
}

/// Compose files and charts set variables to nothing when they mean not to set them.
fn set(value: Option<&String>) -> Option<String> {
    value.filter(|value| !value.is_empty()).cloned()
}

fn path(value: Option<&String>) -> Option<PathBuf> {
    set(value).map(PathBuf::from)
}

/// Never fails, so that no message can repeat the text.
#[expect(clippy::unnecessary_wraps, reason = "what clap calls")]
fn secret(text: &str) -> Result<Secret, String> {
    Ok(Secret::from(text.to_owned()))
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "" | "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests;
