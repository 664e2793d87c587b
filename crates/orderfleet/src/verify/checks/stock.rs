//! V3: the stock adds up at every moment, nothing is promised or sold twice, and what the orders became
//! is what happened to their pieces.

use std::collections::BTreeMap;

use events::{
    OrderId,
    catalogue::{INVENTORY, REQUESTS},
    orders::Quantity,
    requests::StockChange,
};
use uuid::Uuid;

use super::Case;
use crate::verify::{
    book::{Life, Seen},
    evidence::{Adjust, Adjusted, Fact, Level, Recorded, StockEvidence},
    report::{CheckId, CheckResult, Findings},
};

/// Runs the check.
pub(super) fn check(case: &Case<'_, '_>) -> CheckResult {
    let mut findings = Findings::default();
    for (order, life) in case.book.whole_lives() {
        steps(order, life, &mut findings);
        pieces(order, life, &mut findings);
        reasons(order, life, &mut findings);
    }
    adjustments(case, &mut findings);
    let messages = case.book.evidence.messages(INVENTORY.name).iter();
    let messages: Vec<&Recorded> =
        messages.filter(|message| !case.book.is_written_off(INVENTORY.name, message)).collect();
    findings.examined(messages.len());
    levels(case, &messages, &mut findings);
    case.debts(CheckId::V3, &mut findings);
    if let Some(why) = case.book.not_judged() {
        findings.partial(why);
    }
    findings.result(CheckId::V3, "movements")
}

/// Each step at most once, and only after the one it needs.
fn steps(order: OrderId, life: &Life<'_>, findings: &mut Findings) {
    let released = |returned| life.released.iter().filter(|seen| seen.fact.returned == returned).count();
    let (freed, returned) = (released(false), released(true));
    let (reserved, committed) = (life.reserved.len(), life.committed.len());
    let short = life.rejected.iter().filter(|seen| seen.fact.short).count();
    let mut wrong = |holds: bool, what: &str| {
        if !holds {
            findings.broken([order.to_string()], what);
        }
    };
    wrong(reserved <= 1, "the order's stock was set aside more than once");
    wrong(short <= 1, "the order was refused its stock more than once");
    wrong(reserved == 0 || life.rejected.is_empty(), "the order's stock was both set aside and refused");
    wrong(committed <= 1, "the order's stock was booked out more than once");
    wrong(freed <= 1, "the order's stock was freed more than once");
    wrong(returned <= 1, "the order's stock came back more than once");
    wrong(committed == 0 || freed == 0, "the order's stock was both booked out and freed");
    wrong(committed <= reserved, "stock was booked out that had not been set aside");
    wrong(freed <= reserved, "stock was freed that had not been set aside");
    wrong(returned <= committed, "stock came back that had not been booked out");
    wrong(life.confirmed.is_empty() || reserved > 0, "the order is confirmed without stock set aside");
}

/// The pieces are those of the order, all the way.
fn pieces(order: OrderId, life: &Life<'_>, findings: &mut Findings) {
    let Some(created) = life.created.first() else { return };
    let wanted = sum(&created.fact.lines);
    let reserved = life.reserved.iter().map(|seen| (&seen.fact.lines, "set aside"));
    let committed = life.committed.iter().map(|seen| (&seen.fact.lines, "booked out"));
    let released = life.released.iter().map(|seen| (&seen.fact.lines, "given back"));
    for (lines, what) in reserved.chain(committed).chain(released) {
        if sum(lines) != wanted {
            findings.broken([order.to_string()], format!("other pieces were {what} than ordered"));
        }
    }
}

/// Stock moves for a reason: booked out when confirmed, freed or returned when cancelled.
fn reasons(order: OrderId, life: &Life<'_>, findings: &mut Findings) {
    let stirred = !life.reserved.is_empty() || !life.rejected.is_empty();
    if stirred && life.created.is_empty() {
        findings.broken([order.to_string()], "stock was set aside for an order that does not exist");
    }
    if life.rejected.iter().any(|seen| !seen.fact.short) && life.cancelled.is_empty() {
        findings.broken([order.to_string()], "the order was refused its stock, but nothing was short");
    }
    if !life.committed.is_empty() && life.confirmed.is_empty() {
        findings.broken([order.to_string()], "stock was booked out for an order that is not confirmed");
    }
    if !life.released.is_empty() && life.cancelled.is_empty() {
        findings.broken([order.to_string()], "stock was given back for an order that is not cancelled");
    }
}

/// An adjustment is made at most as often as it was asked for.
fn adjustments(case: &Case<'_, '_>, findings: &mut Findings) {
    for (id, adjustment) in &case.book.adjustments {
        let Some(made) = adjustment.adjusted.first() else { continue };
        if !case.book.is_recent(made.message) {
            continue;
        }
        let wishes: Vec<_> = adjustment.wished.iter().chain(&adjustment.put_back).copied().collect();
        for made in adjustment.adjusted.iter().filter(|_| !wishes.is_empty()) {
            as_asked(*id, made.fact, &wishes, findings);
        }
        // What was put back is asked for once, however often and where it stands.
        let asked = adjustment.wished.len().max(usize::from(!adjustment.put_back.is_empty()));
        let made_times = adjustment.adjusted.len();
        if asked == 0 && case.book.has_aged(REQUESTS.name) {
            continue;
        }
        let sku = adjustment.wished.first().map_or(&made.fact.sku, |wish| &wish.fact.sku);
        if made_times > asked {
            let ids = [id.to_string(), sku.clone()];
            findings
                .broken(ids, format!("stock was adjusted {made_times} times, but asked for {asked} times"));
        }
    }
}

/// What was made is what one of the requests under its identity asked for.
fn as_asked(id: Uuid, made: &Adjusted, wishes: &[Seen<'_, Adjust>], findings: &mut Findings) {
    let fits = |wish: &Seen<'_, Adjust>| match wish.fact.change {
        StockChange::By(by) => made.delta == by,
        StockChange::To(to) => made.on_hand == to,
    };
    let here: Vec<_> = wishes.iter().filter(|wish| wish.fact.sku == made.sku).collect();
    let ids = || [id.to_string(), made.sku.clone()];
    if here.is_empty() {
        let asked = wishes.first().map_or("", |wish| wish.fact.sku.as_str());
        findings.broken(ids(), format!("the adjustment was asked for {asked}, made for {}", made.sku));
    } else if !here.into_iter().any(fits) {
        let Adjusted { delta, on_hand, .. } = made;
        findings.broken(ids(), format!("nobody had asked for a change by {delta} to {on_hand} pieces"));
    }
}

/// Folds every movement: no level may ever be negative, nor more be set aside than there is.
fn levels(case: &Case<'_, '_>, messages: &[&Recorded], findings: &mut Findings) {
    let asked = case.book.evidence.stock.as_ref();
    let mut levels = match asked {
        _ if !case.book.has_aged(INVENTORY.name) => BTreeMap::new(),
        Some(stock) => levels_before(messages, stock),
        None => {
            findings.partial(format!("{} has lost its beginning: levels are not judged", INVENTORY.name));
            return;
        }
    };
    if asked.is_none() {
        findings.partial("stock moved all the while, so the inventory service's levels are not compared");
    }
    let mut compared = asked.is_none();
    for message in messages {
        if let Some(stock) = asked.filter(|stock| !compared && stock.at < message.sequence) {
            compare(&levels, &stock.levels, findings);
            compared = true;
        }
        fold(&mut levels, message, findings);
    }
    if let Some(stock) = asked.filter(|_| !compared) {
        compare(&levels, &stock.levels, findings);
    }
}

/// The levels at the beginning of a stream that has lost its own: those of today without what moved since.
fn levels_before<'a>(messages: &[&'a Recorded], stock: &'a StockEvidence) -> BTreeMap<&'a str, Level> {
    let mut levels: BTreeMap<&str, Level> =
        stock.levels.iter().map(|(sku, level)| (sku.as_str(), *level)).collect();
    for message in messages.iter().take_while(|message| message.sequence <= stock.at) {
        for (sku, on_hand, reserved) in movements(&message.fact) {
            let level = levels.entry(sku).or_default();
            level.on_hand -= on_hand;
            level.reserved -= reserved;
        }
    }
    levels
}

fn fold<'a>(levels: &mut BTreeMap<&'a str, Level>, message: &'a Recorded, findings: &mut Findings) {
    let place = || format!("{}:{}", INVENTORY.name, message.sequence);
    for (sku, on_hand, reserved) in movements(&message.fact) {
        let level = levels.entry(sku).or_default();
        level.on_hand += on_hand;
        level.reserved += reserved;
        if level.reserved < 0 || level.on_hand < level.reserved {
            let Level { on_hand, reserved } = level;
            let ids = [sku.to_owned(), place()];
            findings.broken(ids, format!("{on_hand} on hand with {reserved} set aside"));
        }
    }
    if let Fact::Adjusted(adjusted) = &message.fact {
        let level = levels.entry(&adjusted.sku).or_default();
        if i64::try_from(adjusted.on_hand) != Ok(level.on_hand) {
            let (told, sum) = (adjusted.on_hand, level.on_hand);
            let ids = [adjusted.sku.clone(), place()];
            findings.broken(ids, format!("told as {told} on hand, but the movements add up to {sum}"));
        }
    }
}

/// What a fact changes: SKU, pieces on hand, pieces set aside.
fn movements(fact: &Fact) -> Vec<(&str, i64, i64)> {
    match fact {
        Fact::Reserved(reserved) => each(&reserved.lines, 0, 1),
        Fact::Committed(committed) => each(&committed.lines, -1, -1),
        Fact::Released(released) if released.returned => each(&released.lines, 1, 0),
        Fact::Released(released) => each(&released.lines, 0, -1),
        Fact::Adjusted(adjusted) => vec![(adjusted.sku.as_str(), adjusted.delta, 0)],
        Fact::Place(_)
        | Fact::Cancel(_)
        | Fact::Adjust(_)
        | Fact::Created(_)
        | Fact::Confirmed(_)
        | Fact::Cancelled(_)
        | Fact::RefundRequested(_)
        | Fact::CancelRefused(_)
        | Fact::Rejected(_)
        | Fact::AdjustRefused(_)
        | Fact::Captured(_)
        | Fact::Declined(_)
        | Fact::Refunded(_)
        | Fact::Notified(_)
        | Fact::Control(_)
        | Fact::Unreadable(_) => Vec::new(),
    }
}

fn each(lines: &[Quantity], on_hand: i64, reserved: i64) -> Vec<(&str, i64, i64)> {
    let moved = lines.iter().map(|line| {
        let pieces = i64::from(line.quantity);
        (line.sku.as_str(), on_hand * pieces, reserved * pieces)
    });
    moved.collect()
}

/// What the inventory service answers is what its journal adds up to.
fn compare(folded: &BTreeMap<&str, Level>, told: &BTreeMap<String, Level>, findings: &mut Findings) {
    let skus = folded.keys().copied().chain(told.keys().map(String::as_str));
    for sku in skus.collect::<std::collections::BTreeSet<&str>>() {
        let (sum, said) = (folded.get(sku).copied(), told.get(sku).copied());
        if sum.unwrap_or_default() != said.unwrap_or_default() {
            let words = |level: Option<Level>| match level {
                Some(Level { on_hand, reserved }) => format!("{on_hand} on hand with {reserved} set aside"),
                None => "nothing".to_owned(),
            };
            let message = format!("the service says {}, its journal adds up to {}", words(said), words(sum));
            findings.broken([sku.to_owned()], message);
        }
    }
}

/// Pieces by SKU: lines may be split.
fn sum(lines: &[Quantity]) -> BTreeMap<&str, u64> {
    let mut pieces = BTreeMap::new();
    for line in lines {
        *pieces.entry(line.sku.as_str()).or_default() += u64::from(line.quantity);
    }
    pieces
}
