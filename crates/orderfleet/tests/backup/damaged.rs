//! What is no whole backup is refused before anything is touched, and it is said why.

use std::{
    fs,
    path::{Path, PathBuf},
};

use messaging::log::Log;
use sha2::{Digest, Sha256};
use testkit::Broker;

use crate::operator::{connect, message, run, set_up};

/// A backup of a broker with some messages.
async fn backup(broker: &Broker, parent: &Path) -> PathBuf {
    set_up(&broker.url()).await;
    let js = connect(&broker.url()).await;
    for number in 1..=100 {
        js.publish(&message("orders.created", number), None).await.unwrap();
    }
    let dir = parent.join("whole");
    run(&broker.url(), "backup", &dir, &[]).await.done();
    dir
}

fn copy(from: &Path, to: PathBuf) -> PathBuf {
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    to
}

/// Makes a changed manifest one that is whole.
fn sum_up(dir: &Path) {
    let sum = sha256(&fs::read(dir.join("manifest.json")).unwrap());
    fs::write(dir.join("manifest.sha256"), format!("{sum}  manifest.json\n")).unwrap();
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_nothing_is_restored() {
    let (from, to) = (testkit::broker().await, testkit::broker().await);
    let parent = tempfile::tempdir().unwrap();
    let whole = backup(&from, parent.path()).await;
    type Damage = fn(&Path);
    let damages: [(&str, Damage, &str); 8] = [
        (
            "flipped",
            |dir| change(&dir.join("ORDERS.snapshot"), |bytes| bytes[100] ^= 1),
            "ORDERS.snapshot is damaged: its SHA-256 is ",
        ),
        ("cut", |dir| change(&dir.join("ORDERS.snapshot"), |bytes| bytes.truncate(50)), "has 50 bytes, not "),
        ("gone", |dir| fs::remove_file(dir.join("PAYMENTS.snapshot")).unwrap(), "cannot read "),
        (
            "unfinished",
            |dir| fs::remove_file(dir.join("manifest.json")).unwrap(),
            "holds no finished backup: there is no manifest.json, which is written last",
        ),
        (
            "newer",
            |dir| {
                let path = dir.join("manifest.json");
                let text = fs::read_to_string(&path).unwrap().replace("\"format\": 1", "\"format\": 2");
                fs::write(path, text).unwrap();
            },
            "is of format 2, this program reads format 1",
        ),
        (
            "elsewhere",
            |dir| {
                let path = dir.join("manifest.json");
                let text =
                    fs::read_to_string(&path).unwrap().replace("ORDERS.snapshot", "../ORDERS.snapshot");
                fs::write(path, text).unwrap();
                sum_up(dir);
            },
            "is no file of a backup",
        ),
        (
            // Refunds that were never made would count as made.
            "skipping",
            |dir| {
                let path = dir.join("manifest.json");
                let text = fs::read_to_string(&path).unwrap();
                let skipping = text.replace("\"payment-refund\": 0", "\"payment-refund\": 9");
                assert_ne!(text, skipping);
                fs::write(path, skipping).unwrap();
            },
            "manifest.json is damaged: its SHA-256 is ",
        ),
        ("unsummed", |dir| fs::remove_file(dir.join("manifest.sha256")).unwrap(), "manifest.sha256"),
    ];
    for (name, damage, words) in damages {
        let dir = copy(&whole, parent.path().join(name));
        damage(&dir);
        run(&to.url(), "restore", &dir, &["--dry-run"]).await.failed(words);
        run(&to.url(), "restore", &dir, &[]).await.failed(words);
    }
    assert!(connect(&to.url()).await.stream_names().await.unwrap().is_empty());
    run(&to.url(), "restore", &whole, &[]).await.done();
}

/// A broker may refuse in the middle, for want of room or of sense in what it is given.
#[tokio::test]
async fn a_restore_that_fails_on_its_way_is_taken_back() {
    let (from, to) = (testkit::broker().await, testkit::broker().await);
    let parent = tempfile::tempdir().unwrap();
    let dir = backup(&from, parent.path()).await;
    let saved = fs::read(dir.join("NOTIFICATIONS.snapshot")).unwrap();
    let nonsense = vec![7; saved.len()];
    fs::write(dir.join("NOTIFICATIONS.snapshot"), &nonsense).unwrap();
    let manifest = dir.join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap().replace(&sha256(&saved), &sha256(&nonsense));
    fs::write(&manifest, text).unwrap();
    sum_up(&dir);
    let refusal = run(&to.url(), "restore", &dir, &[]).await;
    assert!(refusal.stderr.contains("cannot restore the stream NOTIFICATIONS"), "{}", refusal.stderr);
    refusal.failed("nothing was restored");
    assert!(connect(&to.url()).await.stream_names().await.unwrap().is_empty());
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_backup_goes_nowhere_but_into_a_directory_of_its_own() {
    let broker = testkit::broker().await;
    let parent = tempfile::tempdir().unwrap();
    let missing = parent.path().join("missing");
    run(&broker.url(), "backup", &missing, &[]).await.failed("the broker is not set up");
    assert!(!missing.exists(), "nothing was saved, so nothing is there");
    let dir = backup(&broker, parent.path()).await;
    run(&broker.url(), "backup", &dir, &[])
        .await
        .failed("is not empty; a backup goes into a directory of its own");
    let file = parent.path().join("file");
    fs::write(&file, "words").unwrap();
    run(&broker.url(), "backup", &file, &[]).await.failed("cannot create");
    run(&broker.url(), "restore", &parent.path().join("nowhere"), &[]).await.failed("cannot read");
}

#[tokio::test]
async fn a_full_disk_leaves_no_backup() {
    let broker = testkit::broker().await;
    let parent = tempfile::tempdir().unwrap();
    backup(&broker, parent.path()).await;
    let dir = parent.path().join("full");
    // A limit of the size of files is met as a full disk is: in the middle of a write.
    let output = tokio::process::Command::new("sh")
        .args(["-c", "ulimit -f 8; trap '' XFSZ; exec \"$0\" backup \"$1\" --nats-url \"$2\""])
        .args([env!("CARGO_BIN_EXE_orderfleet").as_ref(), dir.as_os_str()])
        .arg(broker.url())
        .output()
        .await
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot write ") && stderr.contains("no backup was taken into"), "{stderr}");
    run(&broker.url(), "restore", &dir, &["--dry-run"]).await.failed("holds no finished backup");
}
