//! Fields of spans and events as JSON values.

use std::{error::Error, fmt::Debug};

use serde_json::Value;
use tracing::field::{Field, Visit};

/// Fields in the order they were recorded; a later value replaces an earlier one of the same name.
#[derive(Debug, Default)]
pub(super) struct Fields {
    values: Vec<(&'static str, Value)>,
}

impl Fields {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.values.iter().map(|(name, value)| (*name, value))
    }

    /// Takes the field called `name` out.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let index = self.values.iter().position(|(known, _)| *known == name)?;
        Some(self.values.remove(index).1)
    }

    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name();
        // `otel.*` steers the tracer and says nothing to a reader.
        if name.starts_with("otel.") {
            return;
        }
        match self.values.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.values.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        self.put(field, text.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}").into());
    }
}
