//! Certificates for a test, from an authority that exists only in it.
#![expect(clippy::expect_used, reason = "a failed setup fails the test")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig, crypto,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// An authority nobody else trusts. Its files are gone when it is dropped.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    dir: tempfile::TempDir,
}

/// A certificate and its key, as PEM files.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// When the temporary directory cannot be written.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("no names are sound names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority of a test");
        let key = KeyPair::generate().expect("keys can be made");
        let certificate = params.self_signed(&key).expect("certificates can be made");
        let dir = tempfile::tempdir().expect("a temporary directory");
        write(&dir.path().join("authority.pem"), &certificate.pem());
        Self { issuer: Issuer::new(params, key), dir }
    }

    /// The authority's own certificate.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("authority.pem")
    }

    /// A certificate for a host, good for servers and clients.
    ///
    /// # Panics
    /// When that is no name of a host.
    #[must_use]
    pub fn vouch_for(&self, host: &str) -> Identity {
        let params = CertificateParams::new([host.to_owned()]).expect("the name of a host");
        let key = KeyPair::generate().expect("keys can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("certificates can be made");
        let path = |what: &str| self.dir.path().join(format!("{host}-{what}.pem"));
        let identity = Identity { certificate: path("certificate"), key: path("key") };
        write(&identity.certificate, &certificate.pem());
        write(&identity.key, &key.serialize_pem());
        identity
    }
}

impl Identity {
    /// A server that proves to be this one, and asks nobody who they are.
    ///
    /// # Panics
    /// When the authority is gone, and its files with it.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        let certificate = CertificateDer::from_pem_file(&self.certificate).expect("the certificate is there");
        let key = PrivateKeyDer::from_pem_file(&self.key).expect("its key is there");
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("the key is that of the certificate");
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("a temporary directory can be written");
}
