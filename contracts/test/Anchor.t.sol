// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Anchor} from "../src/Anchor.sol";
import {Batch, BatchHeader, DataMode, IAnchor} from "../src/interfaces/IAnchor.sol";
import {LateBudgets} from "../src/libraries/LateBudget.sol";
import {AccountIndex} from "../src/types/AccountIndex.sol";
import {BatchIndex} from "../src/types/BatchIndex.sol";
import {InboxCursor} from "../src/types/InboxCursor.sol";
import {Root} from "../src/types/Root.sol";
import {TimeNs, blockTimeNs} from "../src/types/Time.sol";
import {SETTLEMENT_TOKEN} from "../src/types/TokenId.sol";
import {Venue} from "./support/Venue.sol";

/// Posting: a good header, and each thing that can be wrong with it.
contract AnchorPostTest is Venue {
    Root private constant NEXT = Root.wrap(keccak256("next"));

    function test_calldata_batch_is_recorded() public {
        deposit(alice, 5 * USD);
        BatchHeader memory made = header(NEXT);
        bytes memory data = "the batch";
        bytes32 leaf = keccak256(abi.encodePacked(bytes1(0), uint32(0), data));
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = keccak256(abi.encodePacked(bytes1(0x02), uint32(data.length), leaf));
        vm.expectEmit(address(anchor));
        emit IAnchor.BatchPosted(made.index, NEXT, made, DataMode.Calldata, data.length, hashes);
        vm.prank(poster);
        anchor.postCalldata(made, data);
        vm.assertEq(uint256(DataMode.Calldata), 2, "as batches.md numbers it");
        _checkRecorded(made, keccak256(abi.encode(made, DataMode.Calldata, data.length, hashes)));
    }

    function test_blob_batch_is_recorded_with_each_blobs_hash() public {
        bytes32[] memory hashes = new bytes32[](3);
        for (uint256 i = 0; i < 3; ++i) {
            hashes[i] = bytes32(uint256(1) << 248 | uint256(keccak256(abi.encode(i))) >> 8);
        }
        vm.blobhashes(hashes);
        BatchHeader memory made = header(NEXT);
        vm.expectEmit(address(anchor));
        emit IAnchor.BatchPosted(made.index, NEXT, made, DataMode.Blobs, 0, hashes);
        vm.prank(poster);
        anchor.postBlobs(made);
        vm.assertEq(uint256(DataMode.Blobs), 1, "as batches.md numbers it");
        _checkRecorded(made, keccak256(abi.encode(made, DataMode.Blobs, 0, hashes)));
    }

    function test_batch_without_data_is_refused() public {
        BatchHeader memory made = header(NEXT);
        vm.startPrank(poster);
        vm.expectRevert(IAnchor.NoData.selector);
        anchor.postCalldata(made, "");
        vm.expectRevert(IAnchor.NoData.selector);
        anchor.postBlobs(made);
        anchor.postCalldata(made, hex"00");
    }

    function test_batch_out_of_order_is_refused() public {
        BatchHeader memory made = header(NEXT);
        uint64[3] memory wrong = [0, 2, type(uint64).max];
        for (uint256 i = 0; i < 3; ++i) {
            made.index = BatchIndex.wrap(wrong[i]);
            _expectRefused(made, abi.encodeWithSelector(IAnchor.WrongIndex.selector, made.index, 1));
        }
        made.index = BatchIndex.wrap(1);
        post(made);
        _expectRefused(made, abi.encodeWithSelector(IAnchor.WrongIndex.selector, 1, 2)); // again
    }

    function test_batch_on_another_root_is_refused() public {
        BatchHeader memory made = header(NEXT);
        Root right = made.previousRoot;
        made.previousRoot = NEXT;
        _expectRefused(
            made, abi.encodeWithSelector(IAnchor.WrongPreviousRoot.selector, NEXT, right)
        );
        made.previousRoot = right;
        post(made);
    }

    function test_zero_root_is_refused() public {
        _expectRefused(header(Root.wrap(0)), abi.encodeWithSelector(IAnchor.ZeroRoot.selector));
        vm.expectRevert(IAnchor.ZeroRoot.selector);
        new Anchor(roles, inbox, Root.wrap(0), WINDOW_SECONDS);
        post(header(Root.wrap(bytes32(uint256(1)))));
    }

    function test_batch_without_inputs_is_refused() public {
        BatchHeader memory made = header(NEXT);
        made.inputCount = 0;
        _expectRefused(made, abi.encodeWithSelector(IAnchor.NoInputs.selector));
        made.inputCount = type(uint32).max;
        post(made);
    }

    function test_other_inbox_hash_than_the_queues_is_refused() public {
        deposit(alice, 5 * USD);
        bytes32 afterFirst = inbox.headHash();
        deposit(bob, 6 * USD);
        BatchHeader memory made = header(NEXT);
        made.inboxHash = afterFirst; // the hash of one item, the cursor of two
        _expectRefused(
            made, abi.encodeWithSelector(IAnchor.InboxHashDiffers.selector, 2, afterFirst)
        );
        made.inboxCursor = InboxCursor.wrap(3); // more items than there are
        _expectRefused(
            made, abi.encodeWithSelector(IAnchor.InboxHashDiffers.selector, 3, afterFirst)
        );
        made.inboxCursor = InboxCursor.wrap(0);
        _expectRefused(
            made, abi.encodeWithSelector(IAnchor.InboxHashDiffers.selector, 0, afterFirst)
        );
        made.inboxCursor = InboxCursor.wrap(1);
        post(made);
    }

    function test_cursor_that_goes_back_is_refused() public {
        deposit(alice, 5 * USD);
        bytes32 afterFirst = inbox.headHash();
        deposit(bob, 6 * USD);
        post(header(NEXT));
        BatchHeader memory made = header(NEXT);
        made.inboxCursor = InboxCursor.wrap(1);
        made.inboxHash = afterFirst;
        _expectRefused(made, abi.encodeWithSelector(IAnchor.CursorGoesBack.selector, 1, 2));
        post(header(NEXT));
    }

    function test_batch_that_leaves_an_overdue_item_is_refused() public {
        deposit(alice, 5 * USD);
        vm.warp(START + 1 days);
        BatchHeader memory made = header(NEXT);
        made.inboxCursor = InboxCursor.wrap(0);
        made.inboxHash = bytes32(0);
        post(made); // at the deadline the item may still wait
        vm.warp(START + 1 days + 1);
        made = header(NEXT);
        made.inboxCursor = InboxCursor.wrap(0);
        made.inboxHash = bytes32(0);
        _expectRefused(made, abi.encodeWithSelector(IAnchor.ItemIsOverdue.selector, 0));
        post(header(NEXT)); // one that takes it comes late, but before anyone froze
    }

    function test_batch_that_ends_in_the_future_is_refused() public {
        BatchHeader memory made = header(NEXT);
        TimeNs now_ = blockTimeNs();
        made.lastTime = TimeNs.wrap(TimeNs.unwrap(now_) + 1);
        _expectRefused(
            made, abi.encodeWithSelector(IAnchor.EndsInFuture.selector, made.lastTime, now_)
        );
        made.lastTime = now_;
        post(made);
    }

    function test_batch_that_starts_before_the_last_ended_is_refused() public {
        post(header(NEXT));
        TimeNs last = blockTimeNs();
        vm.warp(START + 10);
        BatchHeader memory made = header(NEXT);
        made.firstTime = TimeNs.wrap(TimeNs.unwrap(last) - 1);
        _expectRefused(
            made, abi.encodeWithSelector(IAnchor.TimeGoesBack.selector, made.firstTime, last)
        );
        made.firstTime = last;
        post(made);
    }

    function test_batch_that_ends_before_it_starts_is_refused() public {
        BatchHeader memory made = header(NEXT);
        made.lastTime = TimeNs.wrap(TimeNs.unwrap(made.firstTime) - 1);
        _expectRefused(
            made,
            abi.encodeWithSelector(IAnchor.TimeGoesBack.selector, made.lastTime, made.firstTime)
        );
    }

    function test_paused_posting_is_refused_until_it_is_resumed() public {
        vm.prank(guardian);
        vm.expectEmit(address(anchor));
        emit IAnchor.PostingPaused(true);
        anchor.pausePosting();
        vm.assertTrue(anchor.postingPaused(), "paused");
        _expectRefused(header(NEXT), abi.encodeWithSelector(IAnchor.PostingIsPaused.selector));
        vm.prank(guardian);
        anchor.resumePosting();
        post(header(NEXT));
    }

    function _checkRecorded(BatchHeader memory made, bytes32 commitment) private view {
        Batch memory kept = anchor.batch(made.index);
        vm.assertEq(Root.unwrap(kept.stateRoot), Root.unwrap(made.stateRoot), "root");
        vm.assertEq(kept.commitment, commitment, "commitment");
        vm.assertEq(
            InboxCursor.unwrap(kept.inboxCursor), InboxCursor.unwrap(made.inboxCursor), "cursor"
        );
        vm.assertEq(TimeNs.unwrap(kept.lastTime), TimeNs.unwrap(made.lastTime), "last time");
        vm.assertEq(TimeNs.unwrap(kept.posted), TimeNs.unwrap(blockTimeNs()), "posted");
        vm.assertTrue(anchor.lastBatch() == made.index, "the head");
    }

    function _expectRefused(BatchHeader memory made, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(poster);
        anchor.postCalldata(made, hex"01");
    }
}

/// Late batches and the month's budget for them.
contract AnchorLateTest is Venue {
    uint256 private constant GRACE = 15 minutes;

    function setUp() public override {
        super.setUp();
        post(header(ledger.root())); // on time: charges count from here
    }

    function test_fifteen_minutes_are_free() public {
        vm.warp(START + GRACE);
        _postEndingAt(START);
        vm.assertEq(anchor.lateBudgetLeftNs(), 24 hours * 1e9, "budget");
    }

    function test_later_ones_draw_on_the_budget() public {
        vm.warp(START + GRACE + 1);
        _postEndingAt(START);
        vm.assertEq(anchor.lateBudgetLeftNs(), (24 hours - 1) * 1e9, "one second was used");
    }

    /// An outage of three hours costs three hours, however many batches catch up.
    function test_one_outage_is_charged_once() public {
        vm.warp(START + GRACE + 3 hours);
        for (uint256 i = 0; i < 10; ++i) {
            _postEndingAt(START + i * 60);
        }
        vm.assertEq(anchor.lateBudgetLeftNs(), 21 hours * 1e9, "budget");
        vm.warp(block.timestamp + 100); // still behind: the time goes on being charged
        _postEndingAt(START + 600);
        vm.assertEq(anchor.lateBudgetLeftNs(), (21 hours - 100) * 1e9, "100 s more");
    }

    function test_beyond_the_budget_late_ones_are_refused_and_timely_ones_are_not() public {
        vm.warp(START + GRACE + 24 hours);
        _postEndingAt(START);
        vm.assertEq(anchor.lateBudgetLeftNs(), 0, "all of it is used");
        vm.warp(block.timestamp + 1);
        BatchHeader memory made = _headerEndingAt(START);
        vm.expectRevert(abi.encodeWithSelector(LateBudgets.TooLate.selector, 1e9, 0));
        vm.prank(poster);
        anchor.postCalldata(made, hex"01");
        _postEndingAt(block.timestamp - GRACE);
    }

    function test_more_than_the_budget_at_once_is_refused() public {
        vm.warp(START + GRACE + 24 hours + 1);
        BatchHeader memory made = _headerEndingAt(START);
        vm.expectRevert(
            abi.encodeWithSelector(
                LateBudgets.TooLate.selector, (24 hours + 1) * 1e9, 24 hours * 1e9
            )
        );
        vm.prank(poster);
        anchor.postCalldata(made, hex"01");
        _postEndingAt(START + 1);
    }

    function test_next_month_has_a_budget_of_its_own() public {
        vm.warp(START + GRACE + 24 hours);
        _postEndingAt(START);
        uint256 month = 30 days;
        vm.warp((block.timestamp / month + 1) * month - 1);
        _postEndingAt(block.timestamp);
        vm.assertEq(anchor.lateBudgetLeftNs(), 0, "the last second of the month");
        vm.warp(block.timestamp + 1);
        vm.assertEq(anchor.lateBudgetLeftNs(), 24 hours * 1e9, "the next month");
        uint256 end = block.timestamp;
        vm.warp(block.timestamp + GRACE + 1 hours);
        _postEndingAt(end);
        vm.assertEq(anchor.lateBudgetLeftNs(), 23 hours * 1e9, "an hour of it is used");
    }

    /// Whatever is posted, a month never sees more than 24 hours charged, and what is charged is
    /// never more than the time that went by.
    function testFuzz_charges_stay_within_the_budget(uint32[8] memory waits, uint32[8] memory ends)
        public
    {
        uint256 last = START;
        uint256 begin = START;
        for (uint256 i = 0; i < 8; ++i) {
            vm.warp(block.timestamp + waits[i] % 20 hours);
            last = bound(ends[i], last, block.timestamp);
            BatchHeader memory made = _headerEndingAt(last);
            uint64 before = anchor.lateBudgetLeftNs();
            vm.prank(poster);
            try anchor.postCalldata(made, hex"01") {
                bool late = block.timestamp - last > GRACE;
                vm.assertTrue(late || anchor.lateBudgetLeftNs() == before, "charged a timely one");
            } catch {
                vm.assertTrue(block.timestamp - last > GRACE, "a timely one was refused");
                last = TimeNs.unwrap(anchor.batch(anchor.lastBatch()).lastTime) / 1e9;
            }
            uint256 used = 24 hours * 1e9 - anchor.lateBudgetLeftNs();
            vm.assertLe(used, (block.timestamp - begin) * 1e9, "more than the time that went by");
        }
    }

    function _headerEndingAt(uint256 time) private view returns (BatchHeader memory made) {
        made = header(ledger.root());
        made.firstTime = anchor.batch(anchor.lastBatch()).lastTime;
        made.lastTime = secondsToNs(time);
    }

    function _postEndingAt(uint256 time) private {
        post(_headerEndingAt(time));
    }
}

/// What happens after posting: windows and the freeze.
contract AnchorFinaliseTest is Venue {
    Root private constant FIRST = Root.wrap(keccak256("first"));
    Root private constant SECOND = Root.wrap(keccak256("second"));
    BatchIndex private constant ONE = BatchIndex.wrap(1);
    BatchIndex private constant TWO = BatchIndex.wrap(2);

    function test_genesis_is_final_from_the_start() public {
        vm.assertTrue(anchor.finalRoot(BatchIndex.wrap(0)) == ledger.root(), "genesis");
        vm.expectRevert(abi.encodeWithSelector(IAnchor.AlreadyFinal.selector, 0));
        anchor.finalise(BatchIndex.wrap(0));
    }

    function test_batch_is_final_after_its_window_not_before() public {
        post(header(FIRST));
        TimeNs end = secondsToNs(START + WINDOW_SECONDS);
        vm.warp(START + WINDOW_SECONDS - 1);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.WindowIsOpen.selector, ONE, end));
        anchor.finalise(ONE);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NotFinal.selector, ONE, 0));
        anchor.finalRoot(ONE);
        vm.warp(START + WINDOW_SECONDS);
        vm.expectEmit(address(anchor));
        emit IAnchor.BatchFinalised(ONE, FIRST);
        vm.prank(stranger);
        anchor.finalise(ONE);
        vm.assertTrue(anchor.finalRoot(ONE) == FIRST, "the root");
        vm.expectRevert(abi.encodeWithSelector(IAnchor.AlreadyFinal.selector, ONE));
        anchor.finalise(ONE);
    }

    function test_finalising_a_batch_makes_those_before_it_final() public {
        post(header(FIRST));
        vm.warp(START + 60);
        post(header(SECOND));
        vm.warp(START + WINDOW_SECONDS);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAnchor.WindowIsOpen.selector, TWO, secondsToNs(START + 60 + WINDOW_SECONDS)
            )
        );
        anchor.finalise(TWO);
        vm.warp(START + 60 + WINDOW_SECONDS);
        anchor.finalise(TWO);
        vm.assertTrue(anchor.finalRoot(ONE) == FIRST, "the first too");
        vm.assertTrue(anchor.lastFinal() == TWO, "the last");
    }

    function test_batch_that_nobody_posted_is_refused() public {
        post(header(FIRST));
        vm.warp(START + 2 * WINDOW_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NoSuchBatch.selector, TWO, ONE));
        anchor.finalise(TWO);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NoSuchBatch.selector, TWO, ONE));
        anchor.batch(TWO);
        anchor.finalise(ONE);
    }

    function test_anyone_freezes_when_an_item_is_overdue_not_before() public {
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NothingOverdue.selector, 0));
        anchor.freeze(); // the inbox is empty
        deposit(alice, 5 * USD);
        vm.warp(START + 1 days);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NothingOverdue.selector, 0));
        anchor.freeze();
        vm.warp(START + 1 days + 1);
        vm.expectEmit(address(anchor));
        emit IAnchor.Frozen(BatchIndex.wrap(0), InboxCursor.wrap(0));
        vm.prank(stranger);
        anchor.freeze();
        vm.assertTrue(anchor.frozen(), "frozen");
        vm.assertTrue(inbox.closed(), "the inbox is closed");
        vm.expectRevert(IAnchor.IsFrozen.selector);
        anchor.freeze();
    }

    function test_item_that_was_taken_is_no_reason_to_freeze() public {
        deposit(alice, 5 * USD);
        post(header(FIRST));
        vm.warp(START + 2 days);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NothingOverdue.selector, 1));
        anchor.freeze();
        deposit(alice, 5 * USD);
        vm.warp(START + 3 days + 1);
        anchor.freeze();
    }

    function test_forced_withdrawal_that_is_not_served_freezes() public {
        uint256 fee = inbox.feeWei();
        vm.prank(alice);
        inbox.forceWithdrawal{value: fee}(AccountIndex.wrap(1), SETTLEMENT_TOKEN, USD);
        vm.warp(START + 1 days + 1);
        anchor.freeze();
        vm.assertTrue(anchor.frozen(), "frozen");
    }

    /// A pause is no way around the deadline.
    function test_paused_venue_freezes_too() public {
        deposit(alice, 5 * USD);
        vm.prank(guardian);
        anchor.pausePosting();
        vm.warp(START + 1 days + 1);
        anchor.freeze();
        vm.assertTrue(anchor.frozen(), "frozen");
    }

    function test_frozen_venue_posts_nothing_but_pending_batches_become_final() public {
        post(header(FIRST));
        deposit(alice, 5 * USD);
        vm.warp(START + 1 days + 1);
        anchor.freeze();
        BatchHeader memory made = header(SECOND);
        vm.startPrank(poster);
        vm.expectRevert(IAnchor.IsFrozen.selector);
        anchor.postCalldata(made, hex"01");
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = bytes32(uint256(1));
        vm.blobhashes(hashes);
        vm.expectRevert(IAnchor.IsFrozen.selector);
        anchor.postBlobs(made);
        vm.stopPrank();
        anchor.finalise(ONE);
        vm.assertTrue(anchor.finalRoot(ONE) == FIRST, "the pending one");
    }

    /// The guardian cannot undo a freeze.
    function test_resuming_does_not_thaw() public {
        deposit(alice, 5 * USD);
        vm.warp(START + 1 days + 1);
        anchor.freeze();
        vm.startPrank(guardian);
        anchor.pausePosting();
        anchor.resumePosting();
        vm.stopPrank();
        vm.assertTrue(anchor.frozen(), "still frozen");
    }
}
