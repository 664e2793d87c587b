//! Log lines: one flat JSON object each.

use std::{io::Write, sync::OnceLock};

use opentelemetry::trace::{SpanContext, TraceContextExt};
use serde::{Serializer, ser::SerializeMap};
use serde_json::Value;
use time::{OffsetDateTime, format_description::FormatItem, macros::format_description};
use tracing::{
    Dispatch, Event, Subscriber,
    dispatcher::WeakDispatch,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    fmt::MakeWriter,
    layer::Context,
    registry::{LookupSpan, SpanRef},
};

use super::fields::Fields;
use crate::clock::Clock;

/// RFC 3339 in UTC with microseconds.
const TIMESTAMP: &[FormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// Members a field cannot take the place of; such a field is left out.
const RESERVED: [&str; 6] = ["timestamp", "level", "service", "target", "trace_id", "span_id"];

/// Writes each event as one line: the standard members, then the event's own fields, then those of the spans it
/// happened in. Of several fields with one name the innermost is kept.
pub(super) struct JsonLayer<W> {
    service: &'static str,
    clock: Clock,
    writer: W,
    /// Leads from a span to its OpenTelemetry ids. Set once the subscriber is complete.
    dispatch: OnceLock<WeakDispatch>,
}

impl<W> JsonLayer<W> {
    pub(super) fn new(service: &'static str, clock: Clock, writer: W) -> JsonLayer<W> {
        JsonLayer { service, clock, writer, dispatch: OnceLock::new() }
    }

    /// The ids of the innermost span that has any; spans below the tracer's level have none.
    fn ids<S>(&self, event: &Event<'_>, context: &Context<'_, S>) -> Option<SpanContext>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let dispatch = self.dispatch.get()?.upgrade()?;
        let ids = |span: SpanRef<'_, S>| {
            let context = tracing_opentelemetry::get_otel_context(&span.id(), &dispatch)?;
            Some(context.span().span_context().clone()).filter(SpanContext::is_valid)
        };
        context.event_scope(event)?.find_map(ids)
    }

    fn line<S>(&self, event: &Event<'_>, context: &Context<'_, S>) -> serde_json::Result<Vec<u8>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let mut own = Fields::default();
        event.record(&mut own);
        let mut line = Vec::with_capacity(512);
        let mut json = serde_json::Serializer::new(&mut line);
        let mut map = json.serialize_map(None)?;

        let timestamp = OffsetDateTime::from(self.clock.now()).format(TIMESTAMP).unwrap_or_default();
        map.serialize_entry("timestamp", &timestamp)?;
        map.serialize_entry("level", event.metadata().level().as_str())?;
        map.serialize_entry("service", self.service)?;
        map.serialize_entry("target", target(event, &mut own).as_str())?;
        if let Some(message) = own.take("message") {
            map.serialize_entry("message", &message)?;
        }
        if let Some(ids) = self.ids(event, context) {
            map.serialize_entry("trace_id", &ids.trace_id().to_string())?;
            map.serialize_entry("span_id", &ids.span_id().to_string())?;
        }
        let mut flat = Flat { map: &mut map, seen: RESERVED.to_vec() };
        flat.put(&own)?;
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                flat.put(fields)?;
            }
        }
        map.end()?;
        line.push(b'\n');
        Ok(line)
    }
}

/// Where the event comes from. Records of the `log` crate carry it, and more of their origin, in fields.
fn target(event: &Event<'_>, own: &mut Fields) -> String {
    for origin in ["log.module_path", "log.file", "log.line"] {
        own.take(origin);
    }
    match own.take("log.target") {
        Some(Value::String(target)) => target,
        _ => event.metadata().target().to_owned(),
    }
}

/// Writes fields, each name once.
struct Flat<'a, M> {
    map: &'a mut M,
    seen: Vec<&'static str>,
}

impl<M: SerializeMap> Flat<'_, M> {
    fn put(&mut self, fields: &Fields) -> Result<(), M::Error> {
        for (name, value) in fields.iter() {
            if !self.seen.contains(&name) {
                self.seen.push(name);
                self.map.serialize_entry(name, value)?;
            }
        }
        Ok(())
    }
}

impl<S, W> Layer<S> for JsonLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        // A layer belongs to one subscriber; a second registration cannot happen.
        self.dispatch.set(subscriber.downgrade()).ok();
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // There is nobody to tell that a log line could not be written.
        if let Ok(line) = self.line(event, &context) {
            self.writer.make_writer().write_all(&line).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex, PoisonError},
        time::{Duration, UNIX_EPOCH},
    };

    use opentelemetry::trace::TracerProvider;
    use serde_json::json;
    use tracing::{error, info, info_span, warn};
    use tracing_subscriber::{EnvFilter, layer::SubscriberExt, registry};

    use super::*;
    use crate::{
        config::TraceConfig,
        telemetry::{traces, with_all_spans},
    };

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `act` logs under `filter`, in a process that exports nothing.
    fn logged(filter: &str, act: impl FnOnce()) -> Vec<Value> {
        let sink = Sink::default();
        let writer = sink.clone();
        let (clock, _) = Clock::manual(UNIX_EPOCH + Duration::from_micros(1_700_000_000_000_042));
        let (provider, _) =
            traces::provider("probe-service", "0.0.0", &TraceConfig::default(), Clock::system());
        let json = JsonLayer::new("probe-service", clock, move || writer.clone());
        let filter = with_all_spans(EnvFilter::builder().parse(filter).unwrap());
        let subscriber =
            registry().with(traces::layer(provider.tracer("probe"))).with(json.with_filter(filter));
        tracing::subscriber::with_default(subscriber, act);
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_is_flat_and_complete() {
        let lines = logged("info", || info!(target: "probe::loop", attempt = 3, ok = true, "took over"));
        let expected = json!({
            "timestamp": "2023-11-14T22:13:20.000042Z",
            "level": "INFO",
            "service": "probe-service",
            "target": "probe::loop",
            "message": "took over",
            "attempt": 3,
            "ok": true,
        });
        assert_eq!(lines, [expected]);
    }

    #[test]
    fn trace_id_span_id_and_order_id_appear_although_nothing_is_exported() {
        let lines = logged("info", || {
            let outer =
                info_span!("place", order_id = "o-1", stage = "outer", otel.kind = "server").entered();
            info!("first");
            let inner = info_span!("decide", stage = "inner").entered();
            info!("second");
            drop((inner, outer));
            info!("third");
        });

        let text = |line: usize, member: &str| lines[line][member].as_str().unwrap_or_default().to_owned();
        assert_eq!((text(0, "order_id"), text(1, "order_id")), ("o-1".into(), "o-1".into()));
        assert_eq!((text(0, "stage"), text(1, "stage")), ("outer".into(), "inner".into()));
        assert_eq!(text(0, "trace_id"), text(1, "trace_id"));
        assert_ne!(text(0, "span_id"), text(1, "span_id"));
        let is_hex = |id: &str| id.chars().all(|digit| matches!(digit, '0'..='9' | 'a'..='f'));
        assert!(text(0, "trace_id").len() == 32 && is_hex(&text(0, "trace_id")), "{lines:?}");
        assert!(text(0, "span_id").len() == 16 && is_hex(&text(0, "span_id")), "{lines:?}");
        assert!(lines[0].get("otel.kind").is_none());
        assert!(lines[2].get("trace_id").is_none() && lines[2].get("order_id").is_none());
    }

    #[test]
    fn a_quiet_filter_keeps_the_fields_of_spans() {
        let lines = logged("warn", || {
            let _span = info_span!("place", order_id = "o-2").entered();
            info!("not shown");
            warn!("shown");
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["order_id"], "o-2");
        assert!(lines[0].get("trace_id").is_some());
    }

    #[test]
    fn late_and_colliding_fields_are_settled() {
        let lines = logged("info", || {
            let span = info_span!("place", order_id = tracing::field::Empty).entered();
            span.record("order_id", "o-3");
            info!(order_id = "o-4", level = "mine", "own field wins, standard members stay");
            let cause = io::Error::other(io::Error::other("inner"));
            error!(error = &cause as &(dyn std::error::Error + 'static), "with \"quotes\"\nand lines");
        });
        assert_eq!((&lines[0]["order_id"], &lines[0]["level"]), (&json!("o-4"), &json!("INFO")));
        assert_eq!(lines[1]["order_id"], "o-3");
        assert_eq!(lines[1]["error"], "inner");
        assert_eq!(lines[1]["message"], "with \"quotes\"\nand lines");
    }
}
