//! `nats keys`: a key for each user. The seed is the secret; the server needs only the public part.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use clap::Args as ClapArgs;
use messaging::jetstream::UserKey;
use serde_json::json;

use super::accounts::{users, variable};
use crate::ui::Ui;

/// The public keys, as variables for the server's environment.
const PUBLIC: &str = "public.env";

/// Arguments of `nats keys`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Where to; created when missing. Files that are there are never overwritten.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Makes the keys, or none at all.
pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<()> {
    let dir = &args.dir;
    let made: Vec<_> = users(true).into_iter().map(|user| (user, UserKey::generate())).collect();
    let files = made.iter().map(|(user, _)| seed_file(dir, user)).chain([dir.join(PUBLIC)]);
    for file in files {
        ensure!(
            !file.exists(),
            "{} exists; keys are never overwritten, name another directory",
            file.display()
        );
    }
    let create = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    create.with_context(|| format!("cannot create {}", dir.display()))?;
    let mut public = String::new();
    for (user, key) in &made {
        write(&seed_file(dir, user), 0o600, &format!("{}\n", key.seed()?))?;
        public.push_str(&format!("{}={}\n", variable(user, "NKEY"), key.public()));
        ui.object(&json!({ "user": user, "seed": seed_file(dir, user), "public": key.public() }));
        ui.say(format!("{user:<21} {}", seed_file(dir, user).display()));
    }
    write(&dir.join(PUBLIC), 0o644, &public)?;
    ui.say(format!(
        "The public keys are in {}; give each seed to its service alone.",
        dir.join(PUBLIC).display()
    ));
    Ok(())
}

/// The public key of each user, from the directory that [`run`] has made; `restoring` needs one more.
pub(super) fn public(dir: &Path, restoring: bool) -> anyhow::Result<BTreeMap<&'static str, String>> {
    let path = dir.join(PUBLIC);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let known: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let key_of = |user: &'static str| {
        let name = variable(user, "NKEY");
        let key = known.get(name.as_str()).with_context(|| format!("{} has no {name}", path.display()))?;
        Ok((user, (*key).to_owned()))
    };
    users(restoring).into_iter().map(key_of).collect()
}

fn seed_file(dir: &Path, user: &str) -> PathBuf {
    dir.join(format!("{user}.nk"))
}

fn write(path: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cli::Color;

    #[test]
    fn keys_are_made_once_and_only_their_owner_reads_them() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let args = Args { dir: dir.path().join("keys") };
        let ui = Ui::new(false, Color::Never);
        run(&args, &ui)?;
        let first = public(&args.dir, true)?;
        assert_eq!(first.len(), users(true).len());
        for (user, key) in &first {
            assert!(key.starts_with('U') && key.len() == 56, "{user} {key}");
            let seed = seed_file(&args.dir, user);
            assert_eq!(fs::metadata(&seed)?.permissions().mode() & 0o777, 0o600);
            assert!(fs::read_to_string(&seed)?.starts_with("SU"));
        }
        let refusal = run(&args, &ui).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refusal.contains("never overwritten"), "{refusal}");
        assert_eq!(public(&args.dir, true)?, first, "nothing was changed");
        Ok(())
    }

    #[test]
    fn a_directory_with_too_few_keys_is_refused() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let refusal = |restoring| public(dir.path(), restoring).err().map(|error| error.to_string());
        let write = |names: &[&str]| {
            let lines: String =
                names.iter().map(|name| format!("{}=UABC\n", variable(name, "NKEY"))).collect();
            fs::write(dir.path().join(PUBLIC), lines)
        };
        write(&["order-service"])?;
        let first = refusal(false).unwrap_or_default();
        assert!(first.contains("has no INVENTORY_SERVICE_NKEY"), "{first}");
        // Whoever restores is let in for that alone, and may be added later.
        write(&users(false))?;
        let last = refusal(true).unwrap_or_default();
        assert!(refusal(false).is_none() && last.contains("has no RESTORE_NKEY"), "{last}");
        Ok(())
    }
}
