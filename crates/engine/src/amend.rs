//! amend and renew (rules 3.2).

use merkat_settle::Order;
use merkat_settle::ops::{MicroOp, OrderOpen};
use merkat_values::refusal::{code, field, require};
use merkat_values::{Address, Refusal};

use crate::command::SignedOrder;
use crate::engine::Engine;
use crate::events::Event;
use crate::place::check_first_version;

/// what an order may never change.
fn check_terms(old: &Order, new: &Order) -> Result<(), Refusal> {
    require(
        new.listing == old.listing,
        code::X02_CHANGED_TERMS,
        field::LISTING,
    )?;
    require(new.side == old.side, code::X02_CHANGED_TERMS, field::SIDE)?;
    require(
        new.flags == old.flags,
        code::X02_CHANGED_TERMS,
        field::FLAGS,
    )
}

impl Engine {
    /// A new body for a resting order.
    pub(crate) fn amend(&mut self, signed: &SignedOrder, signer: &Address) -> Result<(), Refusal> {
        let order = &signed.order;
        self.authorise_order(signed, signer)?;
        let none = Refusal::new(code::X01_ORDER_NOT_OPEN, field::COUNTER);
        let index = order
            .key()
            .and_then(|key| self.orders.find(key))
            .ok_or(none)?;
        let (old, filled) = (
            self.orders.detail(index).order,
            self.orders.detail(index).filled,
        );
        let left_before = self.orders.slab[index].remaining;
        self.check_row(old.listing)?;
        check_terms(&old, order)?;
        self.check_price(order)?;
        self.check_size(order)?;
        let newer = order.version > old.version;
        require(newer, code::X03_VERSION_NOT_LARGER, field::VERSION)?;
        self.check_expiry(order)?;
        self.check_scope(order)?;
        require(!order.renews(), code::O10_BAD_RENEWS, field::RENEWS)?;
        self.check_account(order)?;
        self.check_not_halted(order)?;
        require(order.size > filled, code::X04_BELOW_FILLED, field::SIZE)?;
        let left = order.size - filled;
        self.effective_limit(order)?;
        let reducing = self.order_reduces(order, left, left_before);
        self.check_not_stale(order, reducing)?;
        if order.limit_price != old.limit_price {
            self.check_post_only(order)?;
        }
        self.change_order(index, left, order.limit_price);
        if !self.margin_suffices(order.account, reducing) {
            self.change_order(index, left_before, old.limit_price);
            return Err(Refusal::new(code::O22_INSUFFICIENT_MARGIN, field::SIZE));
        }
        self.replace_body(index, signed, &old);
        Ok(())
    }

    /// The effect of an amendment whose new terms are already counted in the sums.
    fn replace_body(&mut self, index: u32, signed: &SignedOrder, old: &Order) {
        let order = &signed.order;
        let kept_priority = order.limit_price == old.limit_price && order.size <= old.size;
        let tick = self.instrument(order.listing).tick;
        if !kept_priority {
            let book = &mut self.books[order.listing as usize - 1];
            book.remove(&mut self.orders.slab, index);
            self.orders.slab[index].ticks = order.limit_price / tick;
        }
        let detail = self.orders.detail_mut(index);
        (detail.order, detail.signature) = (*order, signed.signature);
        let key = detail.key;
        self.event(Event::Amended {
            key,
            version: order.version,
            limit_price: order.limit_price,
            size: order.size,
            kept_priority,
        });
        if !kept_priority {
            self.trade_and_rest(index);
        } else if order.expiry_ns != old.expiry_ns {
            self.orders.watch_expiry(index);
        }
    }

    /// A new order in the place of a resting one.
    pub(crate) fn renew(&mut self, signed: &SignedOrder, signer: &Address) -> Result<(), Refusal> {
        let order = &signed.order;
        self.authorise_order(signed, signer)?;
        let none = Refusal::new(code::X01_ORDER_NOT_OPEN, field::COUNTER);
        let index = order
            .renewed_key()
            .and_then(|key| self.orders.find(key))
            .ok_or(none)?;
        let (old, old_key) = (
            self.orders.detail(index).order,
            self.orders.detail(index).key,
        );
        let left = self.orders.slab[index].remaining;
        self.check_row(old.listing)?;
        require(
            old.expiry_ns > self.time_ns,
            code::X07_RENEW_EXPIRED,
            field::RENEWS,
        )?;
        check_terms(&old, order)?;
        let same_price = order.limit_price == old.limit_price;
        require(same_price, code::X05_RENEWAL_DIFFERS, field::LIMIT_PRICE)?;
        require(order.size == left, code::X05_RENEWAL_DIFFERS, field::SIZE)?;
        self.check_expiry(order)?;
        self.check_renewal_scope(index, order)?;
        check_first_version(order)?;
        self.check_account(order)?;
        let key = self.check_new_key(order)?;

        if self.orders.detail(index).opened_version > 0 {
            self.open_order(index);
        }
        let signature = signed.signature;
        self.emit(&MicroOp::OrderOpen(OrderOpen {
            order: *order,
            signature,
        }));
        self.orders.rename(index, key);
        let detail = self.orders.detail_mut(index);
        (detail.order, detail.signature) = (*order, signature);
        (detail.filled, detail.opened_version) = (0, order.version);
        self.orders.watch_expiry(index);
        self.event(Event::Renewed {
            old: old_key,
            new: key,
            remaining: left,
        });
        Ok(())
    }
}
