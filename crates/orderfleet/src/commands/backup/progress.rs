//! How far a backup has come, on the terminal.

use std::sync::{Mutex, PoisonError};

use crate::{
    backup::Progress,
    ui::{Bar, Ui},
};

/// Shows a bar for each step.
pub(in crate::commands) fn teller(ui: &Ui) -> impl Fn(Progress<'_>) + Send + Sync + 'static {
    let (ui, now) = (ui.clone(), Mutex::new(None::<(String, Bar)>));
    move |Progress { step, done, total }| {
        let mut now = now.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(&*now, Some((shown, _)) if shown == step) {
            *now = Some((step.to_owned(), ui.progress(total, step)));
        }
        if let Some((_, bar)) = &*now {
            bar.at(done.min(total));
        }
    }
}
