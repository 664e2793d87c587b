//! A service's JSON log line as text for people.

use console::{Style, style};
use serde_json::{Map, Value};

/// Fields that say nothing new to a person who sees the service's name beside the line.
const HIDDEN: [&str; 12] = [
    "timestamp",
    "level",
    "message",
    "target",
    "service",
    "instance",
    "version",
    "span",
    "spans",
    "span_id",
    "trace_flags",
    "fields",
];

/// `12:34:56.789 INFO order confirmed order_id=…` for a JSON object; any other line as it is.
pub(crate) fn pretty(line: &str) -> String {
    let Ok(Value::Object(entry)) = serde_json::from_str::<Value>(line) else {
        return line.to_owned();
    };
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let nested = entry.get("fields").and_then(Value::as_object);
    let message = entry.get("message").or_else(|| nested?.get("message")).and_then(Value::as_str);
    let mut out = format!(
        "{} {} {}",
        style(time_of_day(text("timestamp"))).dim(),
        level_style(text("level")).apply_to(format!("{:<5}", text("level"))),
        message.unwrap_or_default(),
    );
    push_fields(&mut out, &entry);
    push_fields(&mut out, nested.unwrap_or(&Map::new()));
    out
}

fn push_fields(out: &mut String, fields: &Map<String, Value>) {
    for (name, value) in fields.iter().filter(|(name, _)| !HIDDEN.contains(&name.as_str())) {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                value.to_string()
            }
        };
        out.push_str(&format!(" {}{value}", style(format_args!("{name}=")).dim()));
    }
}

/// `12:34:56.789` of an RFC 3339 timestamp, as far as it has that much.
fn time_of_day(timestamp: &str) -> &str {
    let time = timestamp.split_once('T').map_or(timestamp, |(_, time)| time);
    let end = time.find(['Z', '+']).unwrap_or(time.len());
    time.get(..end.min(12)).unwrap_or(time)
}

fn level_style(level: &str) -> Style {
    match level {
        "ERROR" => Style::new().red().bold(),
        "WARN" => Style::new().yellow(),
        "INFO" => Style::new().green(),
        _ => Style::new().dim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: &str) -> String {
        console::strip_ansi_codes(&pretty(line)).into_owned()
    }

    #[test]
    fn shows_what_matters() {
        let line = r#"{"timestamp":"2026-01-02T03:04:05.678901Z","level":"INFO","service":"order-service",
            "message":"order confirmed","order_id":"o-1","attempt":2,"span_id":"00"}"#;
        assert_eq!(plain(line), "03:04:05.678 INFO  order confirmed attempt=2 order_id=o-1");
    }

    #[test]
    fn understands_nested_fields() {
        let line = r#"{"level":"WARN","fields":{"message":"slow","ms":7},"target":"x"}"#;
        assert_eq!(plain(line), " WARN  slow ms=7");
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        for line in ["thread 'main' panicked", "{broken", "[1]", "", "{\"a\""] {
            assert_eq!(pretty(line), line);
        }
        assert_eq!(time_of_day("äöü"), "äöü");
    }
}
