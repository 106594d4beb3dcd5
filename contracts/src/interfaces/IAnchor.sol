// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchIndex} from "../types/BatchIndex.sol";
import {InboxCursor} from "../types/InboxCursor.sol";
import {Root} from "../types/Root.sol";
import {TimeNs} from "../types/Time.sol";

/// Where a batch's data are. The numbers are those of docs/spec/batches.md: 0 is no mode.
enum DataMode {
    None,
    Blobs,
    Calldata
}

/// What a batch claims.
struct BatchHeader {
    /// The number of the batch, one above the last.
    BatchIndex index;
    /// The state before its first input: the last batch's `stateRoot`.
    Root previousRoot;
    /// The state after its last input.
    Root stateRoot;
    /// How many inbox items that state has taken.
    InboxCursor inboxCursor;
    /// The hash of these items.
    bytes32 inboxHash;
    /// The state's time before the first input; of batch 1, after it (time_first in batches.md).
    TimeNs firstTime;
    /// The state's time after the last input.
    TimeNs lastTime;
    /// How many inputs, and so how many checkpoints, the data have.
    uint32 inputCount;
}

/// What the anchor keeps of a batch.
struct Batch {
    Root stateRoot;
    /// keccak(abi.encode(header, mode, dataBytes, dataHashes)): what a dispute opens.
    bytes32 commitment;
    InboxCursor inboxCursor;
    TimeNs lastTime;
    TimeNs posted;
}

/// @title The chain's copy of the venue's states
/// @notice The poster adds a batch; after its window anyone makes it final; anyone freezes the venue
/// when an inbox item is overdue. Claims are against final batches only.
interface IAnchor {
    /// A batch was posted.
    /// @param dataBytes length of the calldata; 0 in blob mode, where the data tell it themselves
    /// @param dataHashes versioned hash of each blob, or the one of the calldata (ChunkTree)
    event BatchPosted(
        BatchIndex indexed index,
        Root indexed stateRoot,
        BatchHeader header,
        DataMode mode,
        uint256 dataBytes,
        bytes32[] dataHashes
    );

    /// This batch and all before it are final.
    event BatchFinalised(BatchIndex indexed index, Root indexed stateRoot);

    /// The venue stopped: nothing is posted any more, pending batches go on to become final.
    /// @param lastBatch the last one that was posted
    /// @param overdueItem the first one that it has not taken
    event Frozen(BatchIndex lastBatch, InboxCursor overdueItem);

    /// The guardian stopped posting, or let it go on.
    event PostingPaused(bool paused);

    /// The venue is frozen.
    error IsFrozen();

    /// The guardian has paused posting.
    error PostingIsPaused();

    /// Batches are posted one after the other.
    error WrongIndex(BatchIndex index, BatchIndex expected);

    /// The batch starts from another state than the last one ended in.
    error WrongPreviousRoot(Root previousRoot, Root expected);

    /// Zero is the root of no state.
    error ZeroRoot();

    /// A batch has inputs.
    error NoInputs();

    /// A batch has data: at least one blob, or at least one byte of calldata.
    error NoData();

    /// Items that were taken stay taken.
    error CursorGoesBack(InboxCursor cursor, InboxCursor last);

    /// The batch has taken other items than the inbox has, or in another order.
    error InboxHashDiffers(InboxCursor cursor, bytes32 inboxHash);

    /// The item behind the batch's cursor should have been taken by now.
    error ItemIsOverdue(InboxCursor item);

    /// The batch ends after its block's time.
    error EndsInFuture(TimeNs lastTime, TimeNs blockTime);

    /// The batch starts before the last one ended, or ends before it starts.
    error TimeGoesBack(TimeNs time, TimeNs last);

    /// No such batch was posted.
    error NoSuchBatch(BatchIndex index, BatchIndex last);

    /// The batch's window is not over.
    error WindowIsOpen(BatchIndex index, TimeNs end);

    /// The batch is final already.
    error AlreadyFinal(BatchIndex index);

    /// The batch is not final yet.
    error NotFinal(BatchIndex index, BatchIndex lastFinal);

    /// No item is overdue: there is no reason to freeze.
    error NothingOverdue(InboxCursor firstOpenItem);

    /// @notice Post a batch whose data are this transaction's blobs. Poster only.
    function postBlobs(BatchHeader calldata header) external;

    /// @notice Post a batch with its data. Poster only.
    /// @param data the batch as docs/spec/batches.md section 1 has it
    function postCalldata(BatchHeader calldata header, bytes calldata data) external;

    /// @notice Make a batch, and all before it, final after its window. Anyone, frozen or not.
    function finalise(BatchIndex index) external;

    /// @notice Stop the venue because an inbox item is overdue. Anyone.
    function freeze() external;

    /// @notice Stop posting. Guardian only. Deadlines run on: a long pause ends in a freeze.
    function pausePosting() external;

    /// @notice Let posting go on. Guardian only.
    function resumePosting() external;

    /// @notice The root of a final batch; reverts for every other.
    function finalRoot(BatchIndex index) external view returns (Root);

    /// @notice What is kept of a batch that was posted.
    function batch(BatchIndex index) external view returns (Batch memory);

    /// @notice The last batch that was posted.
    function lastBatch() external view returns (BatchIndex);

    /// @notice The last batch that is final.
    function lastFinal() external view returns (BatchIndex);

    /// @notice Whether the venue is frozen.
    function frozen() external view returns (bool);

    /// @notice Whether the guardian has paused posting.
    function postingPaused() external view returns (bool);

    /// @notice How much of this month's 24 hours for late batches is left.
    function lateBudgetLeftNs() external view returns (uint64);
}
