// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Milliseconds since the Unix epoch, of the inbox's deadlines. 48 bits reach the year 10889.
type TimeMs is uint48;

/// Nanoseconds since the Unix epoch, of the state machine.
type TimeNs is uint64;

using {isBeforeMs as <, plusMs, laterMs} for TimeMs global;
using {isBeforeNs as <, isAfterNs as >} for TimeNs global;

uint48 constant HOUR_MS = 3_600_000;
uint64 constant SECOND_NS = 1_000_000_000;

/// The block's time. A block has whole seconds.
function blockTimeMs() view returns (TimeMs) {
    return TimeMs.wrap(uint48(block.timestamp * 1000));
}

/// The block's time. 64 bits of nanoseconds reach the year 2554.
function blockTimeNs() view returns (TimeNs) {
    return TimeNs.wrap(uint64(block.timestamp * SECOND_NS));
}

function isBeforeMs(TimeMs left, TimeMs right) pure returns (bool) {
    return TimeMs.unwrap(left) < TimeMs.unwrap(right);
}

function plusMs(TimeMs time, uint48 deltaMs) pure returns (TimeMs) {
    return TimeMs.wrap(TimeMs.unwrap(time) + deltaMs);
}

function laterMs(TimeMs left, TimeMs right) pure returns (TimeMs) {
    return TimeMs.unwrap(left) < TimeMs.unwrap(right) ? right : left;
}

function isBeforeNs(TimeNs left, TimeNs right) pure returns (bool) {
    return TimeNs.unwrap(left) < TimeNs.unwrap(right);
}

function isAfterNs(TimeNs left, TimeNs right) pure returns (bool) {
    return TimeNs.unwrap(left) > TimeNs.unwrap(right);
}
