//! The book against a naive one (a sorted Vec) on random streams: same trades, same order of priority.

use merkat_engine::book::{BUY, Book, Node, SELL, Slab};
use merkat_engine::tape::TapeMatcher;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct NaiveOrder {
    id: usize,
    side: u8,
    ticks: i64,
    left: i64,
    arrival: usize,
}

/// Every order in one Vec, sorted anew whenever it is asked.
#[derive(Default)]
struct NaiveBook {
    orders: Vec<NaiveOrder>,
    arrivals: usize,
}

impl NaiveBook {
    fn side(&self, side: u8) -> Vec<NaiveOrder> {
        let mut orders: Vec<_> = self
            .orders
            .iter()
            .filter(|o| o.side == side)
            .cloned()
            .collect();
        orders.sort_by_key(|o| (if side == BUY { -o.ticks } else { o.ticks }, o.arrival));
        orders
    }

    fn take(
        &mut self,
        side: u8,
        ticks: i64,
        mut left: i64,
        trades: &mut Vec<(usize, i64, i64)>,
    ) -> i64 {
        for maker in self.side(1 - side) {
            let crosses = if side == BUY {
                maker.ticks <= ticks
            } else {
                maker.ticks >= ticks
            };
            if left == 0 || !crosses {
                break;
            }
            let size = left.min(maker.left);
            left -= size;
            trades.push((maker.id, maker.ticks, size));
            for order in &mut self.orders {
                if order.id == maker.id {
                    order.left -= size;
                }
            }
            self.orders.retain(|order| order.left > 0);
        }
        left
    }

    fn rest(&mut self, id: usize, side: u8, ticks: i64, left: i64) {
        self.arrivals += 1;
        self.orders.push(NaiveOrder {
            id,
            side,
            ticks,
            left,
            arrival: self.arrivals,
        });
    }
}

#[derive(Clone, Debug)]
enum Step {
    Limit { side: u8, ticks: i64, size: i64 },
    Cancel(prop::sample::Index),
    Shrink(prop::sample::Index),
}

fn ticks() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => 99_980i64..100_020,
        2 => 90_000i64..110_000,
        1 => 1i64..=(1 << 52),
        1 => Just(1),
        1 => Just(1 << 52),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..2, ticks(), 1i64..10).prop_map(|(side, ticks, size)| Step::Limit { side, ticks, size }),
        3 => any::<prop::sample::Index>().prop_map(Step::Cancel),
        1 => any::<prop::sample::Index>().prop_map(Step::Shrink),
    ]
}

struct Pair {
    book: Book,
    slab: Slab,
    index_of: Vec<u32>,
    naive: NaiveBook,
}

impl Pair {
    fn limit(&mut self, side: u8, ticks: i64, size: i64) {
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        let naive_left = self.naive.take(side, ticks, size, &mut expected);
        let mut left = size;
        while left > 0 {
            let Some(index) = self.book.best(1 - side) else {
                break;
            };
            let maker = &mut self.slab[index];
            if (side == BUY && maker.ticks > ticks) || (side == SELL && maker.ticks < ticks) {
                break;
            }
            let traded = left.min(maker.remaining);
            maker.remaining -= traded;
            left -= traded;
            found.push((maker.account as usize, maker.ticks, traded));
            if maker.remaining == 0 {
                self.book.remove(&mut self.slab, index);
                self.slab.remove(index);
            }
        }
        assert_eq!(found, expected, "trades differ from the naive book's");
        assert_eq!(left, naive_left, "what is left of the taker differs");
        let id = self.index_of.len();
        let mut index = u32::MAX;
        if left > 0 {
            index = self.slab.insert(Node::new(0, side, ticks, left, id as u32));
            self.book.insert(&mut self.slab, index);
            self.naive.rest(id, side, ticks, left);
        }
        self.index_of.push(index);
    }

    fn check(&self) {
        for side in [BUY, SELL] {
            let found: Vec<_> = self
                .book
                .orders(&self.slab, side)
                .map(|index| {
                    (
                        self.slab[index].account as usize,
                        self.slab[index].remaining,
                    )
                })
                .collect();
            let expected: Vec<_> = self
                .naive
                .side(side)
                .iter()
                .map(|o| (o.id, o.left))
                .collect();
            assert_eq!(
                found, expected,
                "the priority of side {side} differs from the naive book's"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn same_trades_and_priority_as_the_naive_book(steps in prop::collection::vec(step(), 1..300)) {
        let mut pair = Pair {
            book: Book::new(), slab: Slab::default(), index_of: Vec::new(), naive: NaiveBook::default(),
        };
        for step in steps {
            match step {
                Step::Limit { side, ticks, size } => pair.limit(side, ticks, size),
                Step::Cancel(which) if !pair.naive.orders.is_empty() => {
                    let place = which.index(pair.naive.orders.len());
                    let id = pair.naive.orders.remove(place).id;
                    let index = pair.index_of[id];
                    pair.book.remove(&mut pair.slab, index);
                    pair.slab.remove(index);
                }
                Step::Shrink(which) if !pair.naive.orders.is_empty() => {
                    let place = which.index(pair.naive.orders.len());
                    pair.naive.orders[place].left = 1;
                    let index = pair.index_of[pair.naive.orders[place].id];
                    pair.slab[index].remaining = 1;
                }
                Step::Cancel(_) | Step::Shrink(_) => {}
            }
            pair.check();
        }
    }
}

#[test]
fn a_thousand_prices_across_the_whole_range_keep_their_order() {
    let (mut book, mut slab) = (Book::new(), Slab::default());
    let mut prices = Vec::new();
    let mut state = 1u64;
    for number in 0..20_000u32 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Spread over all magnitudes, so that near and far levels both occur and the window moves.
        let ticks = ((state >> 12) >> (state & 47)) as i64 + 1;
        let index = slab.insert(Node::new(0, SELL, ticks, 1, number));
        book.insert(&mut slab, index);
        prices.push((ticks, number));
    }
    prices.sort_unstable();
    for (ticks, number) in prices {
        let index = book.best(SELL).expect("orders are left");
        assert_eq!(
            (slab[index].ticks, slab[index].account),
            (ticks, number),
            "wrong best order"
        );
        book.remove(&mut slab, index);
        slab.remove(index);
    }
    assert!(
        book.best(SELL).is_none() && slab.is_empty(),
        "an order stayed behind"
    );
}

fn record(kind: u8, side: u8, quantity: u32, id: u64, price: i64) -> Vec<u8> {
    let mut bytes = vec![kind, side, 0, 0];
    bytes.extend(quantity.to_le_bytes());
    bytes.extend(id.to_le_bytes());
    bytes.extend(price.to_le_bytes());
    bytes
}

#[test]
fn a_tape_trades_at_the_resting_price_and_a_move_loses_priority() {
    let mut matcher = TapeMatcher::new();
    let tape = [
        record(0, 1, 5, 1, 100),
        record(0, 1, 5, 2, 100),
        record(3, 1, 0, 1, 100), // order 1 goes behind order 2
        record(1, 0, 5, 3, 101), // takes order 2 whole
        record(2, 1, 0, 1, 0),
        record(1, 0, 5, 4, 101), // nothing is left
    ]
    .concat();
    let summary = matcher.run(&tape).expect("a valid tape");
    assert_eq!(
        (summary.trades, summary.quantity, summary.notional),
        (1, 5, 500)
    );
    assert_eq!(
        matcher.resting(),
        0,
        "order 1 was cancelled, order 2 filled"
    );
}

#[test]
fn a_faulty_tape_names_its_record() {
    let mut matcher = TapeMatcher::new();
    let error = matcher
        .run(&[record(0, 0, 1, 1, 5), record(2, 0, 0, 9, 0)].concat())
        .unwrap_err();
    assert_eq!(error.record, 1, "{}", error.message);
    assert!(
        error.message.contains('9'),
        "the message names the id: {}",
        error.message
    );
    assert!(matcher.run(&[0u8; 23]).is_err(), "a cut record is refused");
}
