//! Files that are what they should be, and files that are not.

use testkit::certificates::{Authority, Identity};

use super::*;

fn file(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn creds(token: &str, seed: &str) -> String {
    format!(
        "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

#[test]
fn what_is_shown_is_what_the_files_say() {
    let dir = tempfile::tempdir().unwrap();
    let password = file(&dir, "password", "two words\r\n");
    let auth = Credentials::PasswordFile { user: "ada".to_owned(), file: password }.prove(b"nonce").unwrap();
    assert_eq!((auth.username.as_deref(), auth.password.as_deref()), (Some("ada"), Some("two words")));

    let key = KeyPair::new_user();
    let seed = key.seed().unwrap();
    let nkey = file(&dir, "nkey", &format!("# a key\n\n  {seed}\n"));
    let auth = Credentials::NkeyFile(nkey).prove(b"nonce").unwrap();
    assert_eq!(auth.nkey, Some(key.public_key()));
    assert!(key.verify(b"nonce", &auth.signature.unwrap()).is_ok());

    let auth = Credentials::CredsFile(file(&dir, "creds", &creds("a.b.c", &seed))).prove(b"nonce").unwrap();
    assert_eq!((auth.jwt.as_deref(), auth.nkey), (Some("a.b.c"), None));
    assert!(key.verify(b"nonce", &auth.signature.unwrap()).is_ok());
}

#[test]
fn files_that_are_missing_or_garbled_are_named_and_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let seed = KeyPair::new_user().seed().unwrap();
    let account = KeyPair::new_account().seed().unwrap();
    let password = |file| Credentials::PasswordFile { user: "ada".to_owned(), file };
    let table = [
        (Part::Password, password(dir.path().join("nothing")), "cannot be read"),
        (Part::Password, password(file(&dir, "empty", "\n")), "empty"),
        (Part::Nkey, Credentials::NkeyFile(file(&dir, "word", "sesame")), "no seed"),
        (Part::Nkey, Credentials::NkeyFile(file(&dir, "account", &account)), "no seed of a user"),
        (Part::Creds, Credentials::CredsFile(file(&dir, "seed", &seed)), "NATS USER JWT"),
        (Part::Creds, Credentials::CredsFile(file(&dir, "half", &creds("a.b.c", "sesame"))), "SEED"),
        (Part::Creds, Credentials::CredsFile(file(&dir, "token", &creds("", &seed))), "NATS USER JWT"),
    ];
    for (part, credentials, problem) in table {
        let error = Security { credentials, ..Security::default() }.check().unwrap_err();
        let text = error.to_string();
        assert_eq!(error.part, part, "{text}");
        assert!(text.contains(problem) && text.contains(dir.path().to_str().unwrap()), "{text}");
        assert!(!text.contains("sesame") && !text.contains(&seed), "{text}");
    }
}

#[test]
fn certificates_are_checked_with_their_keys() {
    let authority = Authority::new();
    let Identity { certificate, key } = authority.vouch_for("client");
    let other = authority.vouch_for("other").key;
    let dir = tempfile::tempdir().unwrap();
    let garbled = file(&dir, "garbled", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let check = |authorities: &Path, certificate: &Path, key: &Path| {
        let certificate = Some((certificate.to_owned(), key.to_owned()));
        let tls = Tls { authorities: Some(authorities.to_owned()), certificate, first: false };
        Security { tls, ..Security::default() }.check().map_err(|error| error.part)
    };
    assert_eq!(check(&authority.file(), &certificate, &key), Ok(()));
    assert_eq!(check(&key, &certificate, &key), Err(Part::Authorities));
    assert_eq!(check(&authority.file(), &key, &key), Err(Part::Certificate));
    assert_eq!(check(&authority.file(), &garbled, &key), Err(Part::Certificate), "it is no fault of the key");
    assert_eq!(check(&authority.file(), &certificate, &certificate), Err(Part::CertificateKey));
    assert_eq!(check(&authority.file(), &certificate, &other), Err(Part::CertificateKey));
}

#[test]
fn nothing_prints_a_password() {
    let credentials = Credentials::Password { user: "ada".to_owned(), password: "sesame".to_owned().into() };
    let security = Security { credentials, ..Security::default() };
    assert!(!format!("{security:?} {}", security.credentials.whom()).contains("sesame"));
}
