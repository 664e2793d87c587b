//! Asking an operator before anything is changed.

use std::io::{self, IsTerminal};

use tokio::sync::oneshot;

use super::Misuse;
use crate::ui::Ui;

/// Who does it, and whether they have to be asked.
#[derive(Debug, clap::Args)]
pub(super) struct Consent {
    /// Who does this, for the audit trail [default: $USER or $LOGNAME].
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,

    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

impl Consent {
    /// Who does it.
    pub(super) fn operator(&self) -> Result<String, Misuse> {
        let login = || ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        let operator = self.operator.clone().or_else(login).filter(|name| !name.trim().is_empty());
        operator.ok_or_else(|| Misuse("say who does this, for the audit trail: --operator NAME".to_owned()))
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
