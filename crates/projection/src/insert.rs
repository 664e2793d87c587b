//! Many rows by one statement.

use std::fmt::Write;

use sqlx::{Any, AnyConnection, AssertSqlSafe, any::AnyArguments, query::Query};

use crate::store::Backend;

/// Rows per statement. Few sizes, so that each statement is prepared once and then found again.
const SIZES: [usize; 4] = [128, 32, 8, 1];

/// A query that is being filled with values.
pub type Binding<'q> = Query<'q, Any, AnyArguments>;

/// An insert of any number of rows: `INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) …`.
#[derive(Debug, Clone, Copy)]
pub struct Insert {
    /// Everything before the rows: `INSERT INTO t (a, b) VALUES`.
    pub head: &'static str,
    /// How many values a row has; at most 200.
    pub columns: usize,
    /// Everything after the rows, such as `ON CONFLICT …`.
    pub tail: &'static str,
}

impl Insert {
    /// Inserts the rows, in order; `bind` adds the values of one row to the query.
    ///
    /// # Errors
    /// The database would not. Some of the rows may have been inserted.
    pub async fn execute<T: Sync>(
        &self,
        tx: &mut AnyConnection,
        mut rows: &[T],
        bind: impl for<'q> Fn(Binding<'q>, &T) -> Binding<'q> + Send,
    ) -> Result<(), sqlx::Error> {
        let backend = Backend::of(tx);
        for size in SIZES {
            while rows.len() >= size {
                let (now, later) = rows.split_at(size);
                let query = sqlx::query(AssertSqlSafe(self.statement(backend, size)));
                now.iter().fold(query, &bind).execute(&mut *tx).await?;
                rows = later;
            }
        }
        Ok(())
    }

    fn statement(&self, backend: Backend, rows: usize) -> String {
        let mut statement = String::with_capacity(self.head.len() + rows * self.columns * 7);
        statement.push_str(self.head);
        // To SQLite a number is a name, which it looks up among all the others, for each value.
        let unnumbered = format!("({})", vec!["?"; self.columns].join(", "));
        for row in 0..rows {
            statement.push_str(if row == 0 { " " } else { ", " });
            match backend {
                Backend::Sqlite => statement.push_str(&unnumbered),
                Backend::Postgres => numbered(&mut statement, row * self.columns, self.columns),
            }
        }
        statement.push(' ');
        statement.push_str(self.tail);
        statement
    }
}

/// Adds the placeholders of a row, after those of the rows before it.
fn numbered(statement: &mut String, before: usize, columns: usize) {
    for column in 1..=columns {
        let opening = if column == 1 { "(" } else { ", " };
        // Writing to a string does not fail.
        write!(statement, "{opening}${}", before + column).unwrap_or_default();
    }
    statement.push(')');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_placeholder() {
        let insert =
            Insert { head: "INSERT INTO t (a, b) VALUES", columns: 2, tail: "ON CONFLICT DO NOTHING" };
        for (backend, statement) in [
            (Backend::Postgres, "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING"),
            (Backend::Sqlite, "INSERT INTO t (a, b) VALUES (?, ?), (?, ?) ON CONFLICT DO NOTHING"),
        ] {
            assert_eq!(insert.statement(backend, 2), statement);
        }
    }
}
