//! Trouble that lasts for minutes: longer than the broker remembers the ids of what it has stored.

use std::ops::Range;

use super::Nemesis;
use crate::{
    bank::BankFaults,
    chance::pass,
    role::{Role, Seat},
};

/// Milliseconds that are longer than the broker remembers, and than inventory remembers an order that is settled.
const LONG: Range<u64> = 125_000..280_000;
/// How often a service dies that cannot stay alive: more often than a message may fail.
const DEATHS: u64 = 12;

impl Nemesis {
    /// A whole service is killed in the midst of what it was doing, and stays away.
    pub(super) async fn silence(&self) {
        let world = &self.world;
        let role = world.chance.pick(&[Role::Order, Role::Inventory, Role::Payment, Role::Notification]);
        for body in seats(role).filter_map(|seat| world.body(seat)) {
            body.kill_after(world.chance.number(0..60));
        }
        pass(world.chance.millis(1_000..15_000)).await;
        for body in seats(role).filter_map(|seat| world.body(seat)) {
            body.spare();
            body.kill("with its whole service");
        }
        pass(world.chance.millis(LONG)).await;
        for seat in seats(role) {
            self.start(seat).await;
        }
    }

    /// A process is stopped between two of its next steps, and goes on when everybody has forgotten it. None with a
    /// database: its threads do not sleep along, so what a transaction comes to whose deadline has passed meanwhile is
    /// not for a seed to say.
    pub(super) async fn doze(&self) {
        let world = &self.world;
        let seats: Vec<Seat> = Seat::ALL.into_iter().filter(|seat| !seat.role.has_database()).collect();
        let seat = world.chance.pick(&seats);
        let Some(body) = world.body(seat).filter(|body| !body.is_dead() && !body.is_frozen()) else { return };
        body.freeze_after(world.chance.number(0..40));
        pass(world.chance.millis(LONG)).await;
        body.spare();
        if body.is_frozen() {
            body.thaw();
        }
    }

    /// The payment service dies again and again while the gateway is down: of something else than its messages.
    pub(super) async fn crash_loop(&self) {
        let world = &self.world;
        world.bank.set_faults(BankFaults { outage: true, ..BankFaults::default() });
        for _ in 0..DEATHS {
            // What the dead had in hand is handed out again after half a minute.
            pass(world.chance.millis(500..45_000)).await;
            for seat in seats(Role::Payment) {
                if let Some(body) = world.body(seat) {
                    body.kill("once more");
                }
                self.start(seat).await;
            }
        }
        world.bank.set_faults(BankFaults::default());
    }
}

fn seats(role: Role) -> impl Iterator<Item = Seat> {
    Seat::ALL.into_iter().filter(move |seat| seat.role == role)
}
