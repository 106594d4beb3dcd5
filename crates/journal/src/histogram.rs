//! How many groups were written and how long each took, in buckets of an eighth of an octave.

use std::sync::atomic::{AtomicU64, Ordering};

const STEPS_BITS: u32 = 3;
const BUCKETS: usize = 64 << STEPS_BITS;

/// Counters of one journal since it was opened.
#[derive(Debug)]
pub struct GroupCounters {
    buckets: [AtomicU64; BUCKETS],
    bytes: AtomicU64,
    records: AtomicU64,
}

impl GroupCounters {
    pub(crate) fn new() -> Self {
        let buckets = [const { AtomicU64::new(0) }; BUCKETS];
        Self {
            buckets,
            bytes: AtomicU64::new(0),
            records: AtomicU64::new(0),
        }
    }

    pub(crate) fn add(&self, time_ns: u64, bytes: u64, records: u64) {
        self.buckets[bucket(time_ns)].fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.records.fetch_add(records, Ordering::Relaxed);
    }

    /// Groups written and synced.
    #[must_use]
    pub fn groups(&self) -> u64 {
        self.buckets
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }

    /// Bytes written, with padding.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Records written and synced.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Time in ns from taking a group to its sync that so many thousandths of all groups do not
    /// exceed, at most an eighth too high; 0 before the first group.
    #[must_use]
    pub fn time_ns_at(&self, thousandths: u64) -> u64 {
        let rank = (self.groups() * thousandths).div_ceil(1000);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count.load(Ordering::Relaxed);
            if seen >= rank && seen > 0 {
                return upper_bound(index);
            }
        }
        0
    }
}

/// Values below 8 have a bucket each, then each octave has 8 buckets.
fn bucket(value: u64) -> usize {
    if value < 1 << STEPS_BITS {
        return value as usize;
    }
    let shift = value.ilog2() - STEPS_BITS;
    ((shift as usize) << STEPS_BITS) + (value >> shift) as usize
}

fn upper_bound(bucket: usize) -> u64 {
    if bucket < 1 << STEPS_BITS {
        return bucket as u64;
    }
    let shift = (bucket >> STEPS_BITS) - 1;
    let top = (bucket - (shift << STEPS_BITS)) as u128;
    u64::try_from(((top + 1) << shift) - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, GroupCounters, bucket, upper_bound};

    #[test]
    fn every_value_lies_in_its_bucket_and_no_other() {
        for shift in 0..64 {
            for value in [
                1u64 << shift,
                (1u64 << shift) | ((1u64 << shift) / 3),
                u64::MAX >> shift,
            ] {
                let index = bucket(value);
                assert!(index < BUCKETS, "value {value} has bucket {index}");
                assert!(
                    value <= upper_bound(index),
                    "value {value} above its bucket {index}"
                );
                let below = index.checked_sub(1).map(upper_bound);
                assert!(
                    below.is_none_or(|bound| value > bound),
                    "value {value} fits lower"
                );
            }
        }
    }

    #[test]
    fn ranks_are_found() {
        let counters = GroupCounters::new();
        assert_eq!(counters.time_ns_at(500), 0, "no group, no time");
        for time_ns in [100, 100, 100, 5_000] {
            counters.add(time_ns, 512, 1);
        }
        assert!(
            (100..113).contains(&counters.time_ns_at(500)),
            "the median is about 100 ns"
        );
        assert!(
            (5_000..5_633).contains(&counters.time_ns_at(990)),
            "the slowest is about 5 us"
        );
        assert_eq!(
            (counters.groups(), counters.bytes(), counters.records()),
            (4, 2048, 4)
        );
    }
}
