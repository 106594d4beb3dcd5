// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SECOND_NS, TimeNs, blockTimeNs} from "../types/Time.sol";

/// How long the chain was behind the venue in this month.
struct LateBudget {
    /// Number of the 30-day month since the Unix epoch.
    uint64 month;
    /// What of the month's budget is used.
    uint64 usedNs;
}

using LateBudgets for LateBudget global;

/// @title Batches that end more than 15 minutes before their block draw on 24 hours a month
/// @dev What counts is the time for which the chain was behind, once: a batch is charged its excess
/// over 15 minutes, but never more than the time since the batch before it was posted. So after one
/// outage of three hours the batches that catch up use three hours together, not three each.
library LateBudgets {
    /// The batch ends too long before its block and the month's budget does not cover it.
    /// @param neededNs what the batch would be charged
    /// @param leftNs what is left this month
    error TooLate(uint64 neededNs, uint64 leftNs);

    uint64 internal constant GRACE_NS = 15 * 60 * SECOND_NS;
    uint64 internal constant MONTH_NS = 30 * 24 * 3600 * SECOND_NS;
    uint64 internal constant BUDGET_NS = 24 * 3600 * SECOND_NS;

    /// @param end of the batch: not after the block's time, the caller has checked it
    /// @param lastPosted when the batch before it was posted
    function charge(LateBudget storage self, TimeNs end, TimeNs lastPosted) internal {
        uint64 now_ = TimeNs.unwrap(blockTimeNs());
        uint64 behind = now_ - TimeNs.unwrap(end);
        if (behind <= GRACE_NS) return;
        uint64 needed = behind - GRACE_NS;
        uint64 sinceLastPost = now_ - TimeNs.unwrap(lastPosted);
        if (sinceLastPost < needed) needed = sinceLastPost;

        uint64 left = leftNs(self);
        require(needed <= left, TooLate(needed, left));
        self.month = _month(now_);
        self.usedNs = BUDGET_NS - left + needed;
    }

    /// What of this month's budget is left.
    function leftNs(LateBudget storage self) internal view returns (uint64) {
        bool isThisMonth = self.month == _month(TimeNs.unwrap(blockTimeNs()));
        return isThisMonth ? BUDGET_NS - self.usedNs : BUDGET_NS;
    }

    function _month(uint64 timeNs) private pure returns (uint64) {
        return timeNs / MONTH_NS;
    }
}
