//! The accounts of a nats-server as a part of its configuration: who its users are, and what each may do.

use std::collections::{BTreeMap, BTreeSet};

use messaging::permissions::{Permissions, RESTORE, SYSTEM, identities, of_the_server};

/// The account of the fleet: its streams, and everybody who works on them.
const FLEET: &str = "FLEET";
/// The server's own account.
const SERVER: &str = "SYS";

const HEADER: &str = "\
# Who may connect, and what each may do. Made by `orderfleet nats config`; change that instead of this file.
# Include it in the configuration of a nats-server: include ./accounts.conf
";

/// How users prove who they are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Proof<'a> {
    /// By a password, which the server finds in its environment.
    Password,
    /// By a key of which the server has the public part in its environment.
    Key,
    /// By a key of which the public part is known here, by user.
    Known(&'a BTreeMap<&'static str, String>),
}

impl Proof<'_> {
    /// What the server has to find in its environment, as a comment.
    fn environment(self, restoring: bool) -> String {
        let (suffix, form) = match self {
            Self::Password => (
                "PASSWORD",
                "# Letters and digits, beginning with a letter: the server reads them as if they stood here.\n",
            ),
            Self::Key => ("NKEY", ""),
            Self::Known(_) => return String::new(),
        };
        let names: String =
            users(restoring).iter().map(|user| format!("#   {}\n", variable(user, suffix))).collect();
        format!("#\n# The server must find these in its environment:\n{names}{form}")
    }

    fn line(self, user: &str) -> String {
        match self {
            Self::Password => format!("user: {user:?}, password: ${}", variable(user, "PASSWORD")),
            Self::Key => format!("nkey: ${}", variable(user, "NKEY")),
            Self::Known(keys) => format!("nkey: {}", keys.get(user).map(String::as_str).unwrap_or_default()),
        }
    }
}

/// Every user, in the order of the file; `restoring` counts the one in who is let in for a restore.
pub(super) fn users(restoring: bool) -> Vec<&'static str> {
    let always = identities().into_iter().map(|identity| identity.name).chain([SYSTEM]);
    always.chain(restoring.then_some(RESTORE)).collect()
}

/// `ORDER_SERVICE_PASSWORD` is the variable of the password of `order-service`.
pub(super) fn variable(user: &str, suffix: &str) -> String {
    format!("{}_{suffix}", user.to_uppercase().replace('-', "_"))
}

/// The accounts as the server reads them; `restoring` lets somebody in who may do anything to the fleet's streams.
pub(super) fn render(proof: Proof<'_>, restoring: bool) -> String {
    let mut fleet: String =
        identities().iter().map(|one| user(&proof.line(one.name), &one.permissions())).collect();
    if restoring {
        fleet.push_str(&format!("      {{ {} }}\n", proof.line(RESTORE)));
    }
    let server = user(&proof.line(SYSTEM), &of_the_server());
    format!(
        "{HEADER}{}\naccounts {{\n  {FLEET} {{\n    jetstream: enabled\n    users: [\n{fleet}    ]\n  }}\n  {SERVER} {{\n    \
         users: [\n{server}    ]\n  }}\n}}\nsystem_account: {SERVER}\n",
        proof.environment(restoring)
    )
}

fn user(proof: &str, permissions: &Permissions) -> String {
    let Permissions { publish, never, subscribe } = permissions;
    let never = if never.is_empty() { String::new() } else { list("deny", never) };
    format!(
        "      {{\n        {proof}\n        permissions {{\n          publish {{\n{}{never}          }}\n          \
         subscribe {{\n{}          }}\n        }}\n      }}\n",
        list("allow", publish),
        list("allow", subscribe)
    )
}

fn list(name: &str, subjects: &BTreeSet<String>) -> String {
    let lines: String = subjects.iter().map(|subject| format!("              {subject:?}\n")).collect();
    format!("            {name}: [\n{lines}            ]\n")
}
