//! `docs/SCALING.md` says what the model says, and the model begins with what others say.

use std::fs;

use super::{
    capacity::{Given, Needs},
    inputs::{File, INSTRUCTIONS, Input, Origin, file, flat, path, read},
};

const DOCUMENT: &str = "docs/SCALING.md";

fn given(file: &File) -> Given {
    Given(file.inputs.iter().map(|input| (input.name.clone(), input.values.clone())).collect())
}

/// A figure with as many digits as can be meant, its thousands set apart.
fn figure(value: f64) -> String {
    if value < 9.95 && value.fract() > 0.001 {
        return format!("{value:.1}");
    }
    let unit = 10_f64.powf((value.max(1.0).log10().floor() - 1.0).max(0.0));
    grouped((value / unit).round() * unit)
}

/// All digits of a whole number, its thousands set apart.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let groups: Vec<_> =
        digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group)).collect();
    groups.join(",")
}

/// As it was given.
fn exact(value: f64) -> String {
    if value.fract() == 0.0 { grouped(value) } else { value.to_string() }
}

fn bytes(value: f64) -> String {
    let units = [("TB", 1e12), ("GB", 1e9)];
    let (unit, size) = units.into_iter().find(|(_, size)| value >= *size).unwrap_or(("MB", 1e6));
    format!("{} {unit}", figure(value / size))
}

/// An input as it was given, or counted.
fn given_as(input: &Input) -> String {
    let values: Vec<_> = input.values.iter().map(|value| exact(*value)).collect();
    format!("{} {}", values.join(", "), input.unit)
}

fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let head: Vec<_> = head.iter().map(|&cell| cell.to_owned()).collect();
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    row(&head) + &rule + &rows.map(|cells| row(&cells)).collect::<String>()
}

fn journals(file: &File) -> String {
    let given = given(file);
    let rows = file.commit_ms.iter().map(|&commit| {
        let bounds = given.journal(commit);
        let (by, lowest) = bounds.lowest();
        let all = [bounds.commits, bounds.leader, bounds.stream, lowest].map(figure);
        [vec![format!("{} ms", exact(commit))], all.into(), vec![by.to_owned()]].concat()
    });
    let head = ["a commit takes", "commits", "leader", "stream", "the journal, orders/s", "bound by its"];
    table(&head, rows)
}

fn parts(file: &File) -> String {
    let mut parts = given(file).parts();
    parts.sort_by(|one, other| one.1.total_cmp(&other.1));
    let rows = parts
        .into_iter()
        .map(|(part, rate, why)| vec![part.to_owned(), figure(rate), figure(rate * 60.0), why.to_owned()]);
    table(&["one of", "orders/s", "orders/min", "bound by"], rows)
}

/// How one of the things that are needed is told.
type Tell = fn(&Needs) -> String;

/// One row for each of them.
const NEEDS: [(&str, Tell); 13] = [
    ("orders/s", |needs| figure(needs.rate)),
    ("cores of the services", |needs| figure(needs.service_cores)),
    ("cores of the brokers", |needs| figure(needs.broker_cores)),
    ("clusters", |needs| exact(needs.clusters)),
    ("ORDERS: journals", |needs| exact(needs.journals)),
    ("INVENTORY: journals", |needs| exact(needs.stock_journals)),
    ("databases of order-service", |needs| exact(needs.read_models)),
    ("databases of audit-service", |needs| exact(needs.trails)),
    ("payment-services", |needs| exact(needs.payment_services)),
    ("memory of all leaders of ORDERS", |needs| bytes(needs.remembered_bytes)),
    ("memory of each broker for ids", |needs| bytes(needs.ids_bytes)),
    ("ORDERS on the disk, one copy", |needs| bytes(needs.journal_bytes)),
    ("everything on disks, a day", |needs| bytes(needs.disk_bytes_a_day)),
];

fn capacity(file: &File) -> String {
    let given = given(file);
    let needs: Vec<_> = file.orders_per_minute.iter().map(|rate| given.needs(rate / 60.0)).collect();
    let rates = file.orders_per_minute.iter().map(|rate| grouped(*rate));
    let head: Vec<_> = std::iter::once("orders/min".to_owned()).chain(rates).collect();
    let rows = NEEDS
        .into_iter()
        .map(|(what, tell)| std::iter::once(what.to_owned()).chain(needs.iter().map(tell)).collect());
    table(&head.iter().map(String::as_str).collect::<Vec<_>>(), rows)
}

/// What nobody else says. What is measured or of the code is quoted in the file.
fn inputs(file: &File) -> String {
    let rows = file.inputs.iter().filter_map(|input| {
        let from = match &input.from {
            Origin::Measured(_) | Origin::Code(_) => return None,
            Origin::Counted(_) => format!("counted: `{INSTRUCTIONS}`"),
            Origin::Source(address) => format!("<{address}>"),
            Origin::Estimated(how) => format!("**estimate**: {how}"),
            Origin::Assumed(why) => format!("**assumption**: {why}"),
        };
        Some(vec![given_as(input), input.what.clone(), from])
    });
    table(&["figure", "what", "from"], rows)
}

/// The document with its tables written anew.
fn written(document: &str, file: &File) -> String {
    let tables = [
        ("journals", journals(file)),
        ("parts", parts(file)),
        ("capacity", capacity(file)),
        ("inputs", inputs(file)),
    ];
    tables.into_iter().fold(document.to_owned(), |document, (name, table)| {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
        let (before, rest) =
            document.split_once(&begin).unwrap_or_else(|| panic!("{DOCUMENT} has no {begin}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{DOCUMENT} has no {end}"));
        format!("{before}{begin}{table}{end}{after}")
    })
}

#[test]
fn the_tables_are_what_the_model_says() {
    let document = read(DOCUMENT);
    let updated = written(&document, &file());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path(DOCUMENT), &updated).unwrap();
    } else {
        assert!(
            document == updated,
            "{DOCUMENT} is older than docs/scaling.json or {INSTRUCTIONS}; run this with UPDATE=1"
        );
    }
}

/// What the text works out for the reader.
fn phrases(given: &Given) -> Vec<String> {
    let (late, repeat) = (given.of("late_days") * 86_400.0, given.of("repeat_minutes") * 60.0);
    let streams = 20_000.0 * given.of("stream_bytes") / 1e6;
    let batch = given.enough() * given.of("journal_bytes") / 2.0 / 1e6;
    let open_an_hour = |a_minute: f64| a_minute * 60.0 * given.of("open_bytes") / 1e9;
    let parts = given.parts();
    let carries = |part: &str| {
        let found = parts.iter().find(|(name, ..)| *name == part);
        found.unwrap_or_else(|| panic!("no part is called {part}")).1 * 60.0
    };
    // Of two of a kind, that which gives first.
    let in_turn = |kind: &str, two: [(&str, &str); 2]| {
        let mut two = two.map(|(name, part)| (carries(part), name));
        two.sort_by(|one, other| one.0.total_cmp(&other.0));
        let [(low, first), (high, second)] = two;
        format!("| {} | the {kind} of {first}; from {} that of {second}", figure(low), figure(high))
    };
    let (measured, a_tick) = (given.of("kept_up"), given.of("events_of_an_input"));
    vec![
        format!("about {} orders a minute", figure(given.one_fleet() * 60.0)),
        format!("{} a second, {} a minute", exact(measured), figure(measured * 60.0)),
        format!("| {} | the two cores of the machine", figure(measured * 60.0)),
        format!("| {} | the gateway's limit", figure(carries("the card gateway, by default"))),
        in_turn("projector", [("the read model", "order's read model"), ("the trail", "the audit trail")]),
        in_turn("leader", [("ORDERS", "ORDERS"), ("INVENTORY", "INVENTORY")]),
        format!(
            "at most {} messages, of which the leader fills {}",
            exact(given.of("batch")),
            exact(given.enough())
        ),
        format!("A full batch is about {batch:.1} MB"),
        format!("at 20,000 orders/s each server writes {} MB/s", figure(streams)),
        format!("{:.1} for each settled one", given.of("never_paid") / 1_000.0 * late / repeat),
        format!("about one in {}", exact(1_000.0 / given.of("never_paid"))),
        format!(
            "{:.1} GB an hour in ORDERS at 10,000 orders/min, {:.0} GB at 100,000",
            open_an_hour(1e4),
            open_an_hour(1e5)
        ),
        format!("at most {} a tick, a tick a second: beyond {} orders/min", a_tick, exact(a_tick * 60.0)),
        format!("{} % kept free", exact(given.of("spare"))),
    ]
}

#[test]
fn the_text_says_what_the_model_says() {
    let given = given(&file());
    let document = flat(&read(DOCUMENT));
    for phrase in phrases(&given) {
        assert!(document.contains(&phrase), "{DOCUMENT} does not say: {phrase}");
    }
    let hours = 4.0 * 2_f64.powi(30) / (given.of("journal_bytes") * 10_000.0 * 60.0);
    assert!(document.contains("less than five hours") && (4.0..5.0).contains(&hours), "{hours} hours");
}

#[test]
fn figures_have_as_many_digits_as_can_be_meant() {
    let figures = [0.25, 1.0, 4.02, 9.96, 12.4, 167.0, 13_690.0, 1_000_000.0].map(figure);
    assert_eq!(figures, ["0.2", "1", "4.0", "10", "12", "170", "14,000", "1,000,000"]);
}
