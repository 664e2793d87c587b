//! Everything this program prints. Results go to stdout, progress and errors to stderr; nothing else may print.

use std::{
    fmt::Display,
    future::Future,
    io::{self, ErrorKind, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use console::style;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{cli::Color, slow::unless_quick};

const SPINNER_TICK: Duration = Duration::from_millis(100);
const BAR: &str = "{spinner:.cyan} {msg} {wide_bar:.cyan/dim} {human_pos}/{human_len} {per_sec} {eta:.dim}";

/// The way to print. Clones share the terminal.
#[derive(Debug, Clone)]
pub struct Ui {
    json: bool,
    spinner: Arc<Mutex<Option<ProgressBar>>>,
    closed: CancellationToken,
}

impl Ui {
    /// Prints text for people, or with `json` one object per line; colours as asked for.
    #[must_use]
    pub fn new(json: bool, color: Color) -> Self {
        match color {
            Color::Auto => {}
            Color::Always => set_colors(true),
            Color::Never => set_colors(false),
        }
        Self { json, spinner: Arc::default(), closed: CancellationToken::new() }
    }

    /// True when the reader is a program.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Cancelled when nobody reads stdout any more, as after `| head`.
    #[must_use]
    pub fn closed(&self) -> CancellationToken {
        self.closed.clone()
    }

    /// A line of the result.
    pub fn line(&self, text: impl Display) {
        self.above_the_spinner(|| {
            if let Err(error) = writeln!(io::stdout().lock(), "{text}")
                && error.kind() == ErrorKind::BrokenPipe
            {
                self.closed.cancel();
            }
        });
    }

    /// One object of the result, for programs; prints nothing for people.
    pub fn object(&self, value: &Value) {
        if self.json {
            self.line(value);
        }
    }

    /// A line of the result for people; prints nothing for programs.
    pub fn say(&self, text: impl Display) {
        if !self.json {
            self.line(text);
        }
    }

    /// Shows that something has begun and goes on until the next step or [`Ui::done`]: a spinner on a terminal, else a
    /// line on stderr.
    pub fn step(&self, text: impl Display) {
        if !self.spin(&text) {
            self.note(text);
        }
    }

    /// Does something that is quick as a rule, and is no part of a step. When it is not, a terminal shows to people what
    /// is waited for meanwhile.
    pub async fn patiently<T>(&self, whom: impl Display, work: impl Future<Output = T>) -> T {
        let mut shown = None;
        let slow = || {
            self.waiting_for(whom);
            shown = Some(Shown(self));
        };
        unless_quick(work, slow).await
    }

    /// Shows on a terminal, to people, what is waited for until the next step or [`Ui::done`].
    pub fn waiting_for(&self, whom: impl Display) {
        if !self.json {
            self.spin(format_args!("waiting for {whom}"));
        }
    }

    /// A spinner in the place of the present one; false where there is no terminal.
    fn spin(&self, text: impl Display) -> bool {
        let spinner = ProgressBar::new_spinner().with_message(text.to_string());
        if spinner.is_hidden() {
            return false;
        }
        // A template that does not parse leaves the default one.
        if let Ok(template) = ProgressStyle::with_template("{spinner:.cyan} {msg} {elapsed:.dim}") {
            spinner.set_style(template);
        }
        spinner.enable_steady_tick(SPINNER_TICK);
        self.replace_spinner(Some(spinner));
        true
    }

    /// Says how far the present step has come; shown on a terminal only.
    pub fn update(&self, text: impl Display) {
        let spinner = self.spinner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(spinner) = spinner {
            spinner.set_message(text.to_string());
        }
    }

    /// A step of known length: a bar on a terminal, else a line on stderr. It takes the place of the present step.
    pub fn progress(&self, total: u64, text: impl Display) -> Bar {
        let bar = ProgressBar::new(total).with_message(text.to_string());
        if bar.is_hidden() {
            self.note(text);
        } else {
            // A template that does not parse leaves the default one.
            if let Ok(template) = ProgressStyle::with_template(BAR) {
                bar.set_style(template);
            }
            bar.enable_steady_tick(SPINNER_TICK);
            self.replace_spinner(Some(bar.clone()));
        }
        Bar { ui: self.clone(), bar }
    }

    /// Ends the present step.
    pub fn done(&self) {
        self.replace_spinner(None);
    }

    /// A remark beside the result, on stderr; nothing for programs.
    pub fn note(&self, text: impl Display) {
        if !self.json {
            self.stderr(text);
        }
    }

    /// Asks on stderr; the answer stands behind it.
    pub fn question(&self, text: impl Display) {
        self.done();
        // Whoever cannot be asked will not answer.
        drop(write!(io::stderr().lock(), "{text}"));
    }

    /// Something that needs attention, on stderr.
    pub fn warn(&self, text: impl Display) {
        self.stderr(format_args!("{} {text}", style("warning:").yellow().bold().for_stderr()));
    }

    /// Why the program failed, on stderr, the outermost reason first.
    pub fn error(&self, error: &anyhow::Error) {
        self.done();
        let mut reasons = error.chain();
        let first = reasons.next().map(ToString::to_string).unwrap_or_default();
        self.stderr(format_args!("{} {first}", style("error:").red().bold().for_stderr()));
        for reason in reasons {
            self.stderr(format_args!("  {} {reason}", style("because").dim().for_stderr()));
        }
    }

    fn stderr(&self, text: impl Display) {
        // There is nobody left to tell when stderr is closed.
        self.above_the_spinner(|| drop(writeln!(io::stderr().lock(), "{text}")));
    }

    fn above_the_spinner(&self, print: impl FnOnce()) {
        let spinner = self.spinner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match spinner {
            Some(spinner) => spinner.suspend(print),
            None => print(),
        }
    }

    fn replace_spinner(&self, next: Option<ProgressBar>) {
        let before =
            std::mem::replace(&mut *self.spinner.lock().unwrap_or_else(PoisonError::into_inner), next);
        if let Some(before) = before {
            before.finish_and_clear();
        }
    }
}

/// What is shown while somebody is waited for, or until nobody waits any more.
struct Shown<'a>(&'a Ui);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.0.done();
    }
}

/// How far a step of known length has come.
#[derive(Debug)]
pub struct Bar {
    ui: Ui,
    bar: ProgressBar,
}

impl Bar {
    /// So much of it is done.
    pub fn at(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// It is over.
    pub fn done(self) {
        self.ui.done();
    }
}

fn set_colors(on: bool) {
    console::set_colors_enabled(on);
    console::set_colors_enabled_stderr(on);
}
