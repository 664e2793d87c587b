//! The ledger's rules by value, and its file across restarts and torn writes.

use std::{fs, path::Path};

use super::*;
use crate::{
    entry::{Amounts, DeclineCode},
    ledger_file::OpenLedgerError,
};

fn charge(order: &str, amount: i64) -> Draft {
    Draft {
        id_tag: 0xABCD_EF01_2345_6789,
        time_ms: 1_700_000_000_000,
        idempotency_key: order.to_owned(),
        order_id: order.to_owned(),
        customer_id: Some("c-1".to_owned()),
        amount,
        currency: "EUR".to_owned(),
        operation: Operation::Capture { payment_method: "tok_visa".to_owned() },
    }
}

fn declined(order: &str, amount: i64) -> Draft {
    let operation =
        Operation::Decline { payment_method: "tok_visa".to_owned(), code: DeclineCode::CardDeclined };
    Draft { operation, ..charge(order, amount) }
}

fn refund(key: &str, of: &Entry, amount: i64) -> Draft {
    Draft {
        idempotency_key: key.to_owned(),
        order_id: of.order_id.clone(),
        operation: Operation::Refund { charge: of.id.clone() },
        ..charge("", amount)
    }
}

fn open(path: &Path) -> Ledger {
    let (file, entries) = LedgerFile::open(path).unwrap();
    Ledger::restore(Some(file), entries)
}

#[test]
fn a_key_books_once() {
    let mut ledger = Ledger::default();
    let first = ledger.book(charge("o-1", 500), true).unwrap();
    let second = ledger.book(charge("o-1", 500), true).unwrap();
    assert!(!first.replayed && second.replayed);
    assert_eq!(first.entry, second.entry);
    assert_eq!(ledger.totals().captured, 1);
}

#[test]
fn a_replay_keeps_the_outcome_it_had() {
    let mut ledger = Ledger::default();
    ledger.book(declined("o-1", 500), true).unwrap();
    let again = ledger.book(charge("o-1", 500), true).unwrap();
    assert!(matches!(again.entry.operation, Operation::Decline { .. }));
}

#[test]
fn a_key_for_another_request_is_refused() {
    let mut ledger = Ledger::default();
    let first = ledger.book(charge("o-1", 500), true).unwrap().entry;
    let others = [
        charge("o-1", 501),
        Draft { currency: "USD".to_owned(), ..charge("o-1", 500) },
        Draft { customer_id: None, ..charge("o-1", 500) },
        Draft { order_id: "o-2".to_owned(), ..charge("o-1", 500) },
        refund("o-1", &first, 500),
    ];
    for other in others {
        assert!(matches!(ledger.book(other, true), Err(LedgerError::KeyReused)));
    }
    assert_eq!(ledger.page(0, 10).len(), 1);
}

#[test]
fn keys_that_are_not_honoured_book_again() {
    let mut ledger = Ledger::default();
    ledger.book(charge("o-1", 500), false).unwrap();
    ledger.book(charge("o-1", 500), false).unwrap();
    assert_eq!(ledger.under_key("o-1").count(), 2);
    assert_eq!(ledger.of_order("o-1").map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn refunds_stay_within_the_capture() {
    let mut ledger = Ledger::default();
    let charge = ledger.book(charge("o-1", 500), true).unwrap().entry;
    ledger.book(refund("r-1", &charge, 300), true).unwrap();
    assert!(matches!(ledger.book(refund("r-2", &charge, 201), true), Err(LedgerError::RefundTooLarge(200))));
    ledger.book(refund("r-2", &charge, 200), true).unwrap();
    assert!(matches!(ledger.book(refund("r-3", &charge, 1), true), Err(LedgerError::AlreadyRefunded(_))));
    assert!(ledger.book(refund("r-1", &charge, 300), true).unwrap().replayed);
    assert_eq!(ledger.refunded(&charge), 500);
    assert_eq!(ledger.totals().amounts["EUR"], Amounts { captured: 500, refunded: 500 });
}

#[test]
fn only_a_captured_charge_can_be_refunded() {
    let mut ledger = Ledger::default();
    let declined = ledger.book(declined("o-1", 500), true).unwrap().entry;
    assert!(matches!(ledger.book(refund("r-1", &declined, 1), true), Err(LedgerError::NoSuchCharge(_))));
    for id in
        ["", "ch_", "ch_000000000000000000000009", "ch_00000000000000000000000x", "ch_żółć0000000000000001"]
    {
        assert!(matches!(ledger.captured(id), Err(LedgerError::NoSuchCharge(_))), "{id}");
    }
}

#[test]
fn a_restart_keeps_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.jsonl");
    let mut before = open(&path);
    let captured = before.book(charge("o-1", 500), true).unwrap().entry;
    before.book(declined("o-2", 700), true).unwrap();
    before.book(refund("r-1", &captured, 200), true).unwrap();
    let (entries, totals) = (before.page(0, 10), before.totals().clone());
    drop(before);

    let mut after = open(&path);
    assert_eq!(after.page(0, 10), entries);
    assert_eq!(*after.totals(), totals);
    assert!(after.book(charge("o-1", 500), true).unwrap().replayed);
    assert!(matches!(after.book(refund("r-2", &captured, 301), true), Err(LedgerError::RefundTooLarge(300))));
}

#[test]
fn a_torn_last_line_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.jsonl");
    let mut ledger = open(&path);
    ledger.book(charge("o-1", 500), true).unwrap();
    ledger.book(charge("o-2", 700), true).unwrap();
    drop(ledger);
    let whole = fs::read(&path).unwrap();

    for torn in [whole.len() - 1, whole.len() - 20] {
        fs::write(&path, &whole[..torn]).unwrap();
        let mut ledger = open(&path);
        assert_eq!(ledger.page(0, 10).len(), 1);
        assert!(!ledger.book(charge("o-2", 700), true).unwrap().replayed);
        drop(ledger);
        assert_eq!(fs::read(&path).unwrap(), whole, "the booking after the cut continues whole lines");
    }
}

#[test]
fn damage_before_the_last_line_is_not_mended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.jsonl");
    let mut ledger = open(&path);
    ledger.book(charge("o-1", 500), true).unwrap();
    ledger.book(charge("o-2", 700), true).unwrap();
    drop(ledger);
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{{}}\n{whole}")).unwrap();
    assert!(matches!(LedgerFile::open(&path), Err(OpenLedgerError::Corrupt { line: 1, .. })));
}

#[test]
fn a_ledger_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.jsonl");
    let owner = open(&path);
    assert!(matches!(LedgerFile::open(&path), Err(OpenLedgerError::InUse(_))));
    drop(owner);
    open(&path);
}
