//! The simulation: the fleet's real code in a made-up world, thousands of times, and a verdict on each.
//!
//! One seed is one world: a broker in memory (`testkit::simulated`), a card gateway, disks, clocks that may be wrong,
//! callers, nine processes of the five services, and a nemesis. Deciders, journals, workers, handlers, breaker, group
//! commit, projections and their SQL are those of production; what is simulated stands behind the traits `Log`,
//! `Gateway` and `Channel`. Time is virtual, and everything random follows from the seed, so that a seed that fails
//! fails again.
//!
//! **Fails**: whatever `orderfleet verify` calls a violation; what has not settled within some minutes of virtual time
//! after all trouble is over; dead letters other than those of the poison; and the few things of `verdict`.
//!
//! **Is no failure**: a caller who is never told anything, and whose order exists all the same; a customer told twice
//! by a channel that cannot tell repetitions apart; a double charge at a gateway that ignores idempotency keys when two
//! processes work on one payment at the same time (stopped, cut off or slow ones: `plan` leaves those out there).
//!
//! **What could make two runs of a seed differ**, and why it does not: hash maps, `select!`, ids and jitter draw from
//! `getrandom` or the system call behind it, and the breaker asks `clock_gettime` (all are `entropy`'s here); tokio
//! counts its runtimes in a static (each seed of a campaign is a process of its own); SQLite answers from threads of its
//! own (`database` lets nothing happen meanwhile). `pool` runs some seeds twice to see that it is so.
//!
//! | what | where |
//! |---|---|
//! | the world; what a seed draws | `world`, `plan`, `chance` |
//! | a process: how it lives and dies; its parts | `body`, `process`, `services`, `role` |
//! | the seams | `tap`, `tap_consumer`, `till`, `post`, `handler`, `database` |
//! | the other side of the gateway | `bank` |
//! | who calls, who makes trouble, who poisons and repairs | `shopper`, `nemesis`, `poison`, `operator` |
//! | one seed; its verdict; its story | `run`, `verdict`, `databases`, `trace` |
//! | many seeds; guards switched off; what must happen | `campaign`, `pool`, `controls`, `sabotage`, `rare` |

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it reports to whoever started it, as a test runner does"
)]

mod bank;
mod body;
mod campaign;
mod chance;
mod cli;
mod controls;
mod database;
mod databases;
mod handler;
mod nemesis;
mod operator;
mod plan;
mod poison;
mod pool;
mod post;
mod process;
mod rare;
mod role;
mod run;
mod sabotage;
mod services;
mod shopper;
mod tap;
mod tap_consumer;
mod till;
mod trace;
mod verdict;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::main() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
