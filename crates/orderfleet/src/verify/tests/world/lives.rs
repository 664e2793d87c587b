//! Whole lives of orders, or their first part.

use events::{
    OrderId,
    catalogue::{INVENTORY, ORDERS},
    notifications::Template,
    orders::CancelReason,
    requests::StockChange,
};
use uuid::Uuid;

use super::{PRICE, World, charge};
use crate::verify::evidence::{AdjustRefused, CancelRefused};

impl World {
    /// Everything that can happen in a healthy fleet has happened, each to an order of its own.
    pub(in crate::verify::tests) fn busy() -> (Self, Vec<OrderId>) {
        let mut world = Self::new();
        let mut orders =
            vec![world.paid(), world.rejected(), world.declined(), world.cancelled_before_stock()];
        orders.extend([
            world.cancelled_before_payment(),
            world.returned(),
            world.placed_twice(),
            world.expired(),
        ]);
        let refused = world.wish_adjustment("A", StockChange::By(-1_000));
        world.push(&INVENTORY, refused, AdjustRefused { adjustment: refused });
        let nowhere = world.next_order();
        let wish = world.wish_cancel(nowhere);
        world.push(&ORDERS, wish, CancelRefused { order: nowhere });
        world.fence(&ORDERS, 2);
        orders.push(world.paid());
        (world, orders)
    }

    pub(in crate::verify::tests) fn awaiting_payment(&mut self) -> OrderId {
        let order = self.placed();
        self.create(order);
        self.reserve(order);
        order
    }

    pub(in crate::verify::tests) fn paid(&mut self) -> OrderId {
        let order = self.awaiting_payment();
        self.capture(order);
        let confirmed = self.confirm(order);
        self.commit(order);
        self.notify(order, confirmed, Template::OrderConfirmed);
        order
    }

    /// Cancelled, and the customer told.
    pub(in crate::verify::tests) fn end(&mut self, order: OrderId, cause: Uuid, reason: CancelReason) {
        let cancelled = self.cancel(order, cause, reason);
        self.notify(order, cancelled, Template::OrderCancelled);
    }

    /// The money of a cancelled order goes back, and the customer is told.
    pub(in crate::verify::tests) fn refund(&mut self, order: OrderId) {
        self.ask_refund(order);
        self.give_back(order, PRICE);
        let refunded = self.refunded(order);
        self.notify(order, refunded, Template::OrderRefunded);
    }

    fn rejected(&mut self) -> OrderId {
        let order = self.placed();
        self.create(order);
        self.reject(order);
        self.end(order, Uuid::nil(), CancelReason::OutOfStock);
        order
    }

    pub(in crate::verify::tests) fn declined(&mut self) -> OrderId {
        let order = self.awaiting_payment();
        self.decline(order);
        self.end(order, Uuid::nil(), CancelReason::PaymentDeclined);
        self.release(order, false);
        order
    }

    fn cancelled_before_stock(&mut self) -> OrderId {
        let order = self.placed();
        self.create(order);
        let wish = self.wish_cancel(order);
        self.end(order, wish, CancelReason::Customer);
        self.reserve(order);
        self.release(order, false);
        self.decline(order);
        order
    }

    /// Too late for the charge, which goes back.
    pub(in crate::verify::tests) fn cancelled_before_payment(&mut self) -> OrderId {
        let order = self.awaiting_payment();
        let wish = self.wish_cancel(order);
        self.end(order, wish, CancelReason::Customer);
        self.release(order, false);
        self.capture(order);
        self.refund(order);
        order
    }

    /// Cancelled after it was confirmed.
    pub(in crate::verify::tests) fn returned(&mut self) -> OrderId {
        let order = self.paid();
        let wish = self.wish_cancel(order);
        self.end(order, wish, CancelReason::Customer);
        self.release(order, true);
        self.refund(order);
        let again = self.wish_cancel(order);
        self.push(&ORDERS, again, CancelRefused { order });
        order
    }

    fn placed_twice(&mut self) -> OrderId {
        let order = self.placed();
        self.place(order);
        self.create(order);
        self.reserve(order);
        self.capture(order);
        // Told again after the broker had forgotten the first time.
        self.captured(order, &charge(order), PRICE);
        let confirmed = self.confirm(order);
        self.commit(order);
        self.notify(order, confirmed, Template::OrderConfirmed);
        order
    }

    fn expired(&mut self) -> OrderId {
        let order = self.awaiting_payment();
        self.end(order, Uuid::nil(), CancelReason::Expired);
        self.release(order, false);
        self.decline(order);
        order
    }
}
