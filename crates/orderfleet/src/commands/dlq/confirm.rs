//! Asking an operator before anything is changed.

use std::{
    env, fs,
    io::{self, IsTerminal},
};

use rustix::process::getuid;
use tokio::sync::oneshot;

use super::{Misuse, words};
use crate::ui::Ui;

/// Who does it, and whether they have to be asked.
#[derive(Debug, clap::Args)]
pub(super) struct Consent {
    /// Who does this, for the audit trail [default: whoever is logged in].
    #[arg(long, value_name = "NAME", value_parser = words::text)]
    operator: Option<String>,

    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

impl Consent {
    /// Who does it.
    pub(super) fn operator(&self) -> String {
        self.operator.clone().unwrap_or_else(login)
    }

    /// Whether it shall be done.
    pub(super) async fn given(&self, ui: &Ui, question: String) -> anyhow::Result<bool> {
        if self.yes {
            return Ok(true);
        }
        if !io::stdin().is_terminal() {
            let teach = format!("{question} Nobody can answer: standard input is no terminal; say --yes");
            return Err(Misuse(teach).into());
        }
        ui.question(format_args!("{question} [y/N] "));
        let (tell, told) = oneshot::channel();
        // A thread of its own: the program may end, on Ctrl-C, while it waits for somebody to type.
        std::thread::spawn(move || {
            let mut answer = String::new();
            tell.send(io::stdin().read_line(&mut answer).map(|_| answer))
        });
        let answer = told.await??;
        Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
    }
}

/// Who is logged in: by what the shell says, else as the system knows them.
fn login() -> String {
    let mut said = ["USER", "LOGNAME"].into_iter().filter_map(|name| env::var(name).ok());
    said.find(|name| !name.trim().is_empty()).unwrap_or_else(|| {
        let uid = getuid().as_raw();
        // A container may have no such file, or nobody of that number in it.
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        name_of(uid, &users).unwrap_or_else(|| format!("uid {uid}"))
    })
}

/// `alice:x:1000:1000:…`.
fn name_of(uid: u32, users: &str) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid) && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\n# none\n::7\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        assert_eq!(name_of(1_000, users).as_deref(), Some("alice"));
        assert_eq!(name_of(0, users).as_deref(), Some("root"));
        assert_eq!((name_of(1, users), name_of(7, users), name_of(0, "")), (None, None, None));
    }
}
