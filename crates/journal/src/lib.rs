//! Durability: the segmented, hash-chained journal with group commit, snapshots and replay.
#![forbid(unsafe_code)]
