//! Which messages are wanted, in which order, and the SQL that says so.

use uuid::Uuid;

use crate::projection::sql;

/// Which messages are wanted: those that meet every condition given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this stream.
    pub stream: Option<&'static str>,
    /// Of this type.
    pub kind: Option<String>,
    /// About this aggregate.
    pub aggregate_id: Option<String>,
    /// About this order.
    pub order_id: Option<Uuid>,
    /// Of this trace, in lower-case hex.
    pub trace_id: Option<String>,
    /// Stored at this time, in microseconds since 1970, or later.
    pub since: Option<i64>,
    /// Stored before this time.
    pub until: Option<i64>,
}

/// The order of a listing, and where in it to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// By time of storage, then stream, then sequence; after a place, if one is given.
    Time(Option<Place>),
    /// By sequence, after this one. The filter must name the stream.
    Sequence(u64),
}

/// A place in a listing by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Time of storage, in microseconds since 1970.
    pub stored_at: i64,
    /// The stream.
    pub stream: String,
    /// The sequence.
    pub sequence: u64,
}

pub(super) enum Value {
    Text(String),
    Number(i64),
}

/// Conditions with their values, numbered as they come.
#[derive(Default)]
pub(super) struct Conditions {
    sql: String,
    pub(super) values: Vec<Value>,
}

impl Conditions {
    pub(super) fn of(filter: &Filter, start: &Start) -> Self {
        let mut conditions = Self::default();
        conditions.text("stream = ", filter.stream.map(str::to_owned));
        conditions.text("type = ", filter.kind.clone());
        conditions.text("trace_id = ", filter.trace_id.clone());
        conditions.text("order_id = ", filter.order_id.map(|order| order.to_string()));
        if let Some(aggregate) = &filter.aggregate_id {
            conditions.aggregate(aggregate);
        }
        for (before, time) in [("stored_at >= ", filter.since), ("stored_at < ", filter.until)] {
            if let Some(time) = time {
                conditions.add(before, Value::Number(time));
            }
        }
        match start {
            Start::Time(None) => {}
            Start::Time(Some(place)) => conditions.after(place),
            Start::Sequence(sequence) => conditions.add("sequence > ", Value::Number(sql(*sequence))),
        }
        conditions
    }

    /// ` AND …`, or nothing.
    pub(super) fn sql(&self) -> &str {
        &self.sql
    }

    fn add(&mut self, condition: &str, value: Value) {
        let number = self.number(value);
        self.and();
        self.sql.push_str(&format!("{condition}${number}"));
    }

    fn and(&mut self) {
        self.sql.push_str(" AND ");
    }

    fn number(&mut self, value: Value) -> usize {
        self.values.push(value);
        self.values.len()
    }

    fn text(&mut self, condition: &str, value: Option<String>) {
        if let Some(value) = value {
            self.add(condition, Value::Text(value));
        }
    }

    /// An aggregate that is an order is found by the index of orders.
    fn aggregate(&mut self, aggregate: &str) {
        match Uuid::parse_str(aggregate) {
            Ok(order) => self.add("order_id = ", Value::Text(order.to_string())),
            Err(_no_order) => {
                self.and();
                self.sql.push_str("(order_id IS NULL OR aggregate_id <> order_id)");
            }
        }
        self.add("aggregate_id = ", Value::Text(aggregate.to_owned()));
    }

    fn after(&mut self, place: &Place) {
        // Says nothing new, but something that an index can be searched by.
        self.add("stored_at >= ", Value::Number(place.stored_at));
        let stored_at = self.values.len();
        let stream = self.number(Value::Text(place.stream.clone()));
        let sequence = self.number(Value::Number(sql(place.sequence)));
        self.and();
        self.sql.push_str(&format!(
            "(stored_at > ${stored_at} OR stream > ${stream} OR stream = ${stream} AND sequence > ${sequence})"
        ));
    }
}

impl Start {
    /// What to put after `ORDER BY`.
    pub(super) fn order(&self) -> &'static str {
        match self {
            Self::Time(_) => "stored_at, stream, sequence",
            Self::Sequence(_) => "sequence",
        }
    }
}
