//! Clients over HTTP and HTTPS: one TLS, and one idea of whom to trust.
//!
//! Trusted are the authorities of the system: those in the file `SSL_CERT_FILE` or the directory `SSL_CERT_DIR`, else
//! in the place where this system keeps them. A container without any can call no `https` address, and every `http` one.

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

use reqwest::{Certificate, ClientBuilder, blocking};
use rustls::{RootCertStore, crypto};

/// What the system trusts, read once.
static SYSTEM: LazyLock<Vec<Certificate>> = LazyLock::new(system);

/// A file of authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", .file.display())]
pub struct AuthoritiesError {
    file: PathBuf,
    problem: String,
}

/// Begins a client that trusts the authorities of the system.
#[expect(clippy::disallowed_methods, reason = "the one place that may")]
pub fn http_client() -> ClientBuilder {
    install();
    reqwest::Client::builder().tls_certs_only(SYSTEM.iter().cloned())
}

/// Begins a client that trusts the authorities in a PEM file, and no other.
///
/// # Errors
/// The file cannot be read, or holds no certificate.
#[expect(clippy::disallowed_methods, reason = "the one place that may")]
pub fn http_client_trusting(file: &Path) -> Result<ClientBuilder, AuthoritiesError> {
    let wrong = |problem: String| AuthoritiesError { file: file.to_owned(), problem };
    let text = std::fs::read(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let authorities = Certificate::from_pem_bundle(&text).unwrap_or_default();
    if authorities.is_empty() {
        return Err(wrong("holds no certificate in PEM form".to_owned()));
    }
    install();
    Ok(reqwest::Client::builder().tls_certs_only(authorities))
}

/// Whether there is any authority that [`http_client`] trusts.
#[must_use]
pub fn trusts_anybody() -> bool {
    !SYSTEM.is_empty()
}

/// As [`http_client`], for a thread that waits for its answers.
#[expect(clippy::disallowed_methods, reason = "the one place that may")]
pub(crate) fn blocking_http_client() -> blocking::ClientBuilder {
    install();
    blocking::Client::builder().tls_certs_only(SYSTEM.iter().cloned())
}

/// The cryptography of all TLS in this process that does not bring its own.
fn install() {
    // Whoever installed one before means the same: there is only one in the program.
    crypto::ring::default_provider().install_default().ok();
}

/// One bad certificate among a hundred must not cost the others.
fn system() -> Vec<Certificate> {
    let found = rustls_native_certs::load_native_certs().certs;
    let is_sound = |der: &_| RootCertStore::empty().add(Clone::clone(der)).is_ok();
    found.into_iter().filter(is_sound).filter_map(|der| Certificate::from_der(&der).ok()).collect()
}
