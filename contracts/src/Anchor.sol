// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RoleGated} from "./RoleGated.sol";
import {GUARDIAN, POSTER, Roles} from "./Roles.sol";
import {Batch, BatchHeader, DataMode, IAnchor} from "./interfaces/IAnchor.sol";
import {IInbox} from "./interfaces/IInbox.sol";
import {ChunkTree} from "./libraries/ChunkTree.sol";
import {LateBudget} from "./libraries/LateBudget.sol";
import {BatchIndex} from "./types/BatchIndex.sol";
import {InboxCursor} from "./types/InboxCursor.sol";
import {Root} from "./types/Root.sol";
import {SECOND_NS, TimeNs, blockTimeNs} from "./types/Time.sol";

/// @title The chain's copy of the venue's states
/// @dev Hazards:
/// - Nothing here checks that `stateRoot` follows from the data. Until disputes exist (Referee), a
///   dishonest poster can make any root final after the window: see docs/settlement.md.
/// - The header's cursor, hash and times are the poster's word; the inbox and the block bound them,
///   the state's globals leaf has the same figures, and a dispute will compare the two.
/// - Blobs leave the chain's nodes after about 18 days. Only their hashes are kept.
/// - A block's time is whole seconds and its proposer's word, within the chain's rules.
contract Anchor is IAnchor, RoleGated {
    struct Progress {
        uint64 last;
        uint64 lastFinal;
        bool paused;
        bool frozen;
    }

    IInbox public immutable inbox;
    uint64 public immutable windowNs;

    Progress private _progress;
    LateBudget private _lateBudget;
    mapping(BatchIndex => Batch) private _batches;

    /// @param genesis root of the state before the first batch, which is final from the start
    /// @param windowSeconds how long a batch waits before it can become final
    constructor(Roles roles_, IInbox inbox_, Root genesis, uint32 windowSeconds) RoleGated(roles_) {
        require(!genesis.isZero(), ZeroRoot());
        inbox = inbox_;
        windowNs = windowSeconds * SECOND_NS;
        Batch storage first = _batches[BatchIndex.wrap(0)];
        first.stateRoot = genesis;
        first.posted = blockTimeNs();
    }

    /// @inheritdoc IAnchor
    function postBlobs(BatchHeader calldata header) external onlyRole(POSTER) {
        uint256 count = 0;
        while (blobhash(count) != bytes32(0)) ++count;
        require(count != 0, NoData());
        bytes32[] memory hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = blobhash(i);
        }
        _post(header, DataMode.Blobs, 0, hashes);
    }

    /// @inheritdoc IAnchor
    function postCalldata(BatchHeader calldata header, bytes calldata data)
        external
        onlyRole(POSTER)
    {
        require(data.length != 0, NoData());
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = ChunkTree.hashOf(data);
        _post(header, DataMode.Calldata, data.length, hashes);
    }

    /// @inheritdoc IAnchor
    function finalise(BatchIndex index) external {
        Progress memory progress = _progress;
        BatchIndex last = BatchIndex.wrap(progress.last);
        require(!(index > last), NoSuchBatch(index, last));
        require(index > BatchIndex.wrap(progress.lastFinal), AlreadyFinal(index));
        Batch storage batch_ = _batches[index];
        TimeNs end = TimeNs.wrap(TimeNs.unwrap(batch_.posted) + windowNs);
        require(!(blockTimeNs() < end), WindowIsOpen(index, end));
        // Windows end in the order of posting, so all batches before this one are ready too.
        _progress.lastFinal = BatchIndex.unwrap(index);
        emit BatchFinalised(index, batch_.stateRoot);
    }

    /// @inheritdoc IAnchor
    function freeze() external {
        Progress memory progress = _progress;
        require(!progress.frozen, IsFrozen());
        BatchIndex last = BatchIndex.wrap(progress.last);
        InboxCursor item = _batches[last].inboxCursor;
        require(inbox.isOverdue(item), NothingOverdue(item));
        _progress.frozen = true;
        emit Frozen(last, item);
        inbox.close();
    }

    /// @inheritdoc IAnchor
    function pausePosting() external onlyRole(GUARDIAN) {
        _progress.paused = true;
        emit PostingPaused(true);
    }

    /// @inheritdoc IAnchor
    function resumePosting() external onlyRole(GUARDIAN) {
        _progress.paused = false;
        emit PostingPaused(false);
    }

    /// @inheritdoc IAnchor
    function finalRoot(BatchIndex index) external view returns (Root) {
        BatchIndex final_ = lastFinal();
        require(!(index > final_), NotFinal(index, final_));
        return _batches[index].stateRoot;
    }

    /// @inheritdoc IAnchor
    function batch(BatchIndex index) external view returns (Batch memory) {
        BatchIndex last = lastBatch();
        require(!(index > last), NoSuchBatch(index, last));
        return _batches[index];
    }

    /// @inheritdoc IAnchor
    function lastBatch() public view returns (BatchIndex) {
        return BatchIndex.wrap(_progress.last);
    }

    /// @inheritdoc IAnchor
    function lastFinal() public view returns (BatchIndex) {
        return BatchIndex.wrap(_progress.lastFinal);
    }

    /// @inheritdoc IAnchor
    function frozen() external view returns (bool) {
        return _progress.frozen;
    }

    /// @inheritdoc IAnchor
    function postingPaused() external view returns (bool) {
        return _progress.paused;
    }

    /// @inheritdoc IAnchor
    function lateBudgetLeftNs() external view returns (uint64) {
        return _lateBudget.leftNs();
    }

    function _post(
        BatchHeader calldata header,
        DataMode mode,
        uint256 dataBytes,
        bytes32[] memory dataHashes
    ) private {
        Progress memory progress = _progress;
        require(!progress.frozen, IsFrozen());
        require(!progress.paused, PostingIsPaused());
        BatchIndex last = BatchIndex.wrap(progress.last);
        require(header.index == last.next(), WrongIndex(header.index, last.next()));

        Batch storage before = _batches[last];
        _checkRoots(header, before);
        _checkInbox(header, before);
        _checkTimes(header, before);
        _lateBudget.charge(header.lastTime, before.posted);

        _progress.last = BatchIndex.unwrap(header.index);
        _batches[header.index] = Batch({
            stateRoot: header.stateRoot,
            commitment: keccak256(abi.encode(header, mode, dataBytes, dataHashes)),
            inboxCursor: header.inboxCursor,
            lastTime: header.lastTime,
            posted: blockTimeNs()
        });
        emit BatchPosted(header.index, header.stateRoot, header, mode, dataBytes, dataHashes);
    }

    function _checkRoots(BatchHeader calldata header, Batch storage before) private view {
        Root expected = before.stateRoot;
        require(header.previousRoot == expected, WrongPreviousRoot(header.previousRoot, expected));
        require(!header.stateRoot.isZero(), ZeroRoot());
        require(header.inputCount != 0, NoInputs());
    }

    function _checkInbox(BatchHeader calldata header, Batch storage before) private view {
        InboxCursor cursor = header.inboxCursor;
        InboxCursor last = before.inboxCursor;
        require(!(cursor < last), CursorGoesBack(cursor, last));
        require(
            inbox.hashMatches(cursor, header.inboxHash), InboxHashDiffers(cursor, header.inboxHash)
        );
        require(!inbox.isOverdue(cursor), ItemIsOverdue(cursor));
    }

    function _checkTimes(BatchHeader calldata header, Batch storage before) private view {
        TimeNs last = before.lastTime;
        require(!(header.firstTime < last), TimeGoesBack(header.firstTime, last));
        require(
            !(header.lastTime < header.firstTime), TimeGoesBack(header.lastTime, header.firstTime)
        );
        TimeNs blockTime = blockTimeNs();
        require(!(header.lastTime > blockTime), EndsInFuture(header.lastTime, blockTime));
    }
}
