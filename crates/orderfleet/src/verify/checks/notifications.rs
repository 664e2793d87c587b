//! V4: every outcome an order can have is told to the customer exactly once.

use std::collections::{BTreeSet, HashMap};

use events::{OrderId, catalogue::NOTIFICATIONS, notifications::Template};
use uuid::Uuid;

use super::Case;
use crate::verify::{
    evidence::Fact,
    report::{CheckId, CheckResult, Findings},
};

/// Runs the check.
pub(super) fn check(case: &Case<'_, '_>) -> CheckResult {
    let mut findings = Findings::default();
    let outcomes = outcomes(case);
    findings.examined(outcomes.len());
    for (about, notifications) in &case.book.notified {
        // The same event stored twice, long after the broker has forgotten the first, told nobody twice.
        let distinct: BTreeSet<Uuid> = notifications.iter().map(|seen| seen.message.id).collect();
        let Some(first) = notifications.first().filter(|seen| case.book.is_recent(seen.message)) else {
            continue;
        };
        let order = first.fact.order;
        let places = notifications.iter().map(|seen| place(seen.message.sequence));
        let ids: Vec<String> = std::iter::once(order.to_string()).chain(places).collect();
        if distinct.len() > 1 {
            let both = notifications.iter().any(|seen| seen.fact.sent != first.fact.sent);
            let how = if both { ", as told and as not told" } else { "" };
            findings.broken(ids, format!("one outcome was notified {} times{how}", distinct.len()));
            continue;
        }
        match outcomes.get(about) {
            None if case.book.horizon.is_none() => {
                findings
                    .broken(ids, format!("a notification about {about}, which is no outcome of an order"));
            }
            Some((of, template)) if *of != order || *template != first.fact.template => {
                findings
                    .broken(ids, format!("the notification does not fit the outcome it is about ({about})"));
            }
            None | Some(_) => {}
        }
    }
    case.debts(CheckId::V4, &mut findings);
    if let Some(why) = case.book.not_judged() {
        findings.partial(why);
    }
    findings.result(CheckId::V4, "outcomes")
}

/// Every event a customer has to be told about.
fn outcomes(case: &Case<'_, '_>) -> HashMap<Uuid, (OrderId, Template)> {
    let mut outcomes = HashMap::new();
    for (order, life) in &case.book.lives {
        for seen in &life.confirmed {
            outcomes.insert(seen.message.id, (*order, Template::OrderConfirmed));
        }
        for seen in &life.cancelled {
            outcomes.insert(seen.message.id, (*order, Template::OrderCancelled));
        }
        for seen in &life.refunded {
            outcomes.insert(seen.message.id, (*order, Template::OrderRefunded));
        }
    }
    // An operator may have mended an event under another id.
    for redriven in &case.book.evidence.redriven {
        let message = &redriven.message;
        let about = if let Fact::Confirmed(fact) = &message.fact {
            (fact.order, Template::OrderConfirmed)
        } else if let Fact::Cancelled(fact) = &message.fact {
            (fact.order, Template::OrderCancelled)
        } else if let Fact::Refunded(fact) = &message.fact {
            (fact.order, Template::OrderRefunded)
        } else {
            continue;
        };
        outcomes.entry(message.id).or_insert(about);
    }
    outcomes
}

fn place(sequence: u64) -> String {
    format!("{}:{sequence}", NOTIFICATIONS.name)
}
