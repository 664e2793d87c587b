//! How a connection proves who it is, and knows that it has the right broker.
//!
//! Everything secret stands in files, which are read again whenever a connection is made: a password, key or
//! certificate that is replaced is used from the next one on.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use async_nats::{
    Auth, ConnectOptions,
    rustls::{
        self,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};
use nkeys::{KeyPair, KeyPairType};

/// What a connection shows and what it trusts. By default it shows nothing and trusts every broker.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// Who we are.
    pub credentials: Credentials,
    /// Whom we trust, and over what.
    pub tls: Tls,
}

/// How to prove who we are.
#[derive(Debug, Clone, Default)]
pub enum Credentials {
    /// Not at all.
    #[default]
    None,
    /// By a name and a password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// By a name and a password that stands alone in a file.
    PasswordFile {
        /// The name.
        user: String,
        /// The file.
        file: PathBuf,
    },
    /// By a key; the file holds its seed.
    NkeyFile(PathBuf),
    /// By a token that somebody has signed, and the key it is for; both stand in the file.
    CredsFile(PathBuf),
}

/// Encryption. Asked for as soon as anything here is set, or the address begins with `tls://`.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Authorities to trust, in a PEM file; those of the system if there is none.
    pub authorities: Option<PathBuf>,
    /// What to show to a broker that asks: a certificate and its key, in PEM files.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The broker says nothing before the handshake.
    pub first: bool,
}

impl Tls {
    fn is_asked_for(&self) -> bool {
        self.authorities.is_some() || self.certificate.is_some() || self.first
    }
}

/// A text that nothing prints.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Whether there is nothing to hide.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A part of [`Security`] that is not what it should be. The text repeats nothing of a file's content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", .file.display())]
pub struct SecurityError {
    /// Which part.
    pub part: Part,
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The password.
    Password,
    /// The seed of a key.
    Nkey,
    /// A token and its key.
    Creds,
    /// The authorities to trust.
    Authorities,
    /// The certificate to show.
    Certificate,
    /// The key of that certificate.
    CertificateKey,
}

impl Security {
    /// Reads every file, to find out now what would be wrong later.
    ///
    /// # Errors
    /// A file cannot be read, or does not hold what it should.
    pub fn check(&self) -> Result<(), SecurityError> {
        self.credentials.prove(&[])?;
        if let Some(file) = &self.tls.authorities {
            certificates(Part::Authorities, file)?;
        }
        if let Some((certificate, key)) = &self.tls.certificate {
            check_pair(certificate, key)?;
        }
        Ok(())
    }

    /// The client's options that follow. The files are read later, at each connection.
    pub(super) fn options(&self) -> ConnectOptions {
        let mut options = ConnectOptions::new();
        if !matches!(self.credentials, Credentials::None) {
            let credentials = self.credentials.clone();
            options = ConnectOptions::with_auth_callback(move |nonce| {
                let proof = credentials.prove(&nonce);
                std::future::ready(proof.map_err(async_nats::AuthError::new))
            });
        }
        if let Some(file) = &self.tls.authorities {
            options = options.add_root_certificates(file.clone());
        }
        if let Some((certificate, key)) = &self.tls.certificate {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        if self.tls.first {
            options = options.tls_first();
        }
        options.require_tls(self.tls.is_asked_for())
    }
}

impl Credentials {
    /// What the broker is shown; it has sent `nonce` to be signed.
    fn prove(&self, nonce: &[u8]) -> Result<Auth, SecurityError> {
        let mut auth = Auth::new();
        match self {
            Self::None => {}
            Self::Password { user, password: Secret(password) } => {
                (auth.username, auth.password) = (Some(user.clone()), Some(password.clone()));
            }
            Self::PasswordFile { user, file } => {
                let text = read(Part::Password, file)?;
                let password = text.trim_end_matches(['\r', '\n']);
                if password.is_empty() {
                    return Err(wrong(Part::Password, file, "it is empty"));
                }
                (auth.username, auth.password) = (Some(user.clone()), Some(password.to_owned()));
            }
            Self::NkeyFile(file) => {
                let text = read(Part::Nkey, file)?;
                let seed =
                    text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
                let key = user_key(seed)
                    .ok_or_else(|| wrong(Part::Nkey, file, "it holds no seed of a user's nkey (SU…)"))?;
                auth.nkey = Some(key.public_key());
                auth.signature = Some(signed(&key, nonce, Part::Nkey, file)?);
            }
            Self::CredsFile(file) => {
                let text = read(Part::Creds, file)?;
                let token = between(&text, "NATS USER JWT");
                let token = token.ok_or_else(|| wrong(Part::Creds, file, "it holds no NATS USER JWT"))?;
                let key = user_key(between(&text, "USER NKEY SEED"));
                let key = key.ok_or_else(|| wrong(Part::Creds, file, "it holds no USER NKEY SEED (SU…)"))?;
                auth.jwt = Some(token.to_owned());
                auth.signature = Some(signed(&key, nonce, Part::Creds, file)?);
            }
        }
        Ok(auth)
    }

    /// Who we say we are, for people; a key and a token say it only to the broker.
    pub(super) fn whom(&self) -> String {
        match self {
            Self::None => "anybody without credentials".to_owned(),
            Self::Password { user, .. } | Self::PasswordFile { user, .. } => {
                format!("the user {user:?} with this password")
            }
            Self::NkeyFile(file) | Self::CredsFile(file) => format!("the credentials in {}", file.display()),
        }
    }
}

fn wrong(part: Part, file: &Path, problem: impl fmt::Display) -> SecurityError {
    SecurityError { part, file: file.to_owned(), problem: problem.to_string() }
}

/// Read in place, not by another thread: such a file is short, and connections are rare.
fn read(part: Part, file: &Path) -> Result<String, SecurityError> {
    std::fs::read_to_string(file).map_err(|error| wrong(part, file, format!("cannot be read: {error}")))
}

fn user_key(seed: Option<&str>) -> Option<KeyPair> {
    let key = KeyPair::from_seed(seed?).ok()?;
    matches!(key.key_pair_type(), KeyPairType::User).then_some(key)
}

fn signed(key: &KeyPair, nonce: &[u8], part: Part, file: &Path) -> Result<Vec<u8>, SecurityError> {
    key.sign(nonce).map_err(|error| wrong(part, file, format!("its key cannot sign: {error}")))
}

/// The first line after `-----BEGIN <title>-----`.
fn between<'a>(text: &'a str, title: &str) -> Option<&'a str> {
    let begin = format!("BEGIN {title}");
    let mut lines = text.lines().map(str::trim).skip_while(|line| !line.contains(&begin)).skip(1);
    lines.find(|line| !line.is_empty()).filter(|line| !line.starts_with('-'))
}

fn certificates(part: Part, file: &Path) -> Result<Vec<CertificateDer<'static>>, SecurityError> {
    let text = read(part, file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err(wrong(part, file, "it holds no certificate in PEM form")),
    }
}

fn check_pair(certificate: &Path, key: &Path) -> Result<(), SecurityError> {
    let chain = certificates(Part::Certificate, certificate)?;
    let text = read(Part::CertificateKey, key)?;
    let private = PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|_| wrong(Part::CertificateKey, key, "it holds no private key in PEM form"))?;
    let provider = rustls::crypto::ring::default_provider();
    let Err(error) = rustls::sign::CertifiedKey::from_der(chain, private, &provider) else { return Ok(()) };
    Err(if let rustls::Error::InvalidCertificate(problem) = error {
        wrong(Part::Certificate, certificate, format!("TLS cannot use it: {problem}"))
    } else if let rustls::Error::InconsistentKeys(_) = error {
        let problem = format!("it is not the key of the certificate in {}", certificate.display());
        wrong(Part::CertificateKey, key, problem)
    } else {
        wrong(Part::CertificateKey, key, format!("TLS cannot use it: {error}"))
    })
}

#[cfg(test)]
mod tests;
