//! Subjects and filters as the server reads them: `*` is one token, `>` all that follow.

/// Whether a filter lets a subject through.
pub(super) fn matches(filter: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in filter.split('.') {
        match (wanted, tokens.next()) {
            (_, None) => return false,
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(token)) if wanted == token => {}
            (_, Some(_)) => return false,
        }
    }
    tokens.next().is_none()
}

/// Whether any of the filters lets it through; no filter lets everything through.
pub(super) fn any_matches(filters: &[String], subject: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| matches(filter, subject))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_token_by_token() {
        assert!(matches("orders.>", "orders.created") && matches("orders.>", "orders.a.b"));
        assert!(!matches("orders.>", "orders") && !matches("orders.>", "order.created"));
        assert!(matches("a.*.c", "a.b.c") && !matches("a.*.c", "a.b.d") && !matches("a.*", "a.b.c"));
        assert!(matches("a.b", "a.b") && !matches("a.b", "a") && !matches("a", "a.b"));
        assert!(any_matches(&[], "anything") && !any_matches(&["a".to_owned()], "b"));
    }
}
