// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestToken} from "../src/TestToken.sol";
import {BatchHeader} from "../src/interfaces/IAnchor.sol";
import {AccountProof} from "../src/libraries/StateRoot.sol";
import {AccountIndex} from "../src/types/AccountIndex.sol";
import {BatchIndex} from "../src/types/BatchIndex.sol";
import {Root} from "../src/types/Root.sol";
import {SETTLEMENT_TOKEN, TokenId} from "../src/types/TokenId.sol";
import {Venue} from "./support/Venue.sol";

/// What whole transactions cost, calldata included: test/snapshots/gas/custody.json. Each call is a
/// transaction of its own here.
/// forge-config: default.isolate = true
contract GasTest is Venue {
    uint256 private constant DEPOSIT_MAX = 90_000;
    uint256 private constant CLAIM_MAX = 120_000;

    function setUp() public override {
        super.setUp();
        deposit(bob, 5 * USD);
        TestToken(address(token)).mint(alice, USD);
    }

    function test_deposit() public {
        deposit(alice, 5 * USD);
        uint256 gas = vm.snapshotGasLastCall("custody", "deposit");
        vm.assertLt(gas, DEPOSIT_MAX, "deposit");
    }

    function test_deposit_with_every_byte_set() public {
        TestToken(address(token)).mint(alice, type(uint96).max);
        uint256 fee = inbox.feeWei();
        vm.prank(alice);
        vault.deposit{value: fee}(
            SETTLEMENT_TOKEN, type(uint96).max, alice, AccountIndex.wrap(type(uint32).max)
        );
        uint256 gas = vm.snapshotGasLastCall("custody", "deposit, every byte set");
        vm.assertLt(gas, DEPOSIT_MAX, "deposit");
    }

    /// A token with a spot market: its lot and scale are read too.
    function test_deposit_and_claim_of_a_coin() public {
        TestToken coin = new TestToken("Coin", "COIN", 18);
        TokenId number = TokenId.wrap(1);
        vm.prank(timelock);
        vault.registerToken(number, coin, 1e5, 1e10);
        coin.mint(alice, 2e18);
        coin.mint(address(vault), 1e18);
        vm.prank(alice);
        coin.approve(address(vault), type(uint256).max);
        uint256 fee = inbox.feeWei();
        vm.prank(alice);
        vault.deposit{value: fee}(number, 1e18, alice, NEW_ACCOUNT);
        vm.snapshotGasLastCall("custody", "deposit of a coin");
        ledger.setClaimable(1, 1, 1e8);
        BatchIndex index = makeFinal(ledger.root());
        AccountProof memory proof = ledger.proof(1);
        vault.claim(index, proof, number);
        vm.snapshotGasLastCall("custody", "claim of a coin, few accounts");
    }

    function test_forced_withdrawal() public {
        uint256 fee = inbox.feeWei();
        vm.prank(alice);
        inbox.forceWithdrawal{value: fee}(AccountIndex.wrap(77), SETTLEMENT_TOKEN, USD);
        vm.snapshotGasLastCall("custody", "forced withdrawal");
    }

    function test_claim_few_accounts() public {
        ledger.setClaimable(1, 0, USD);
        BatchIndex index = makeFinal(ledger.root());
        AccountProof memory proof = ledger.proof(1);
        vault.claim(index, proof, SETTLEMENT_TOKEN);
        vm.assertLt(vm.snapshotGasLastCall("custody", "claim, few accounts"), CLAIM_MAX, "claim");
    }

    /// The dearest: the leaf's words are full, no sibling is empty, the owner never had the token.
    function test_claim_full_tree() public {
        (AccountProof memory proof, Root root) = _fullProof();
        BatchIndex index = makeFinal(root);
        vault.claim(index, proof, SETTLEMENT_TOKEN);
        vm.assertLt(vm.snapshotGasLastCall("custody", "claim, full tree"), CLAIM_MAX, "claim");
    }

    function test_post_calldata() public {
        uint16[3] memory sizes = [uint16(1024), 10_240, 40_960];
        string[3] memory names = ["1 kB", "10 kB", "40 kB"];
        for (uint256 i = 0; i < sizes.length; ++i) {
            ledger.touch();
            BatchHeader memory made = header(ledger.root());
            bytes memory data = _noise(sizes[i]);
            vm.prank(poster);
            anchor.postCalldata(made, data);
            vm.snapshotGasLastCall("custody", string.concat("post calldata, ", names[i]));
        }
    }

    function test_finalise() public {
        post(header(Root.wrap(keccak256("next"))));
        vm.warp(block.timestamp + WINDOW_SECONDS);
        anchor.finalise(BatchIndex.wrap(1));
        vm.snapshotGasLastCall("custody", "finalise");
    }

    function test_freeze() public {
        vm.warp(block.timestamp + 1 days + 1);
        anchor.freeze();
        vm.snapshotGasLastCall("custody", "freeze");
    }

    function _fullProof() private pure returns (AccountProof memory proof, Root root) {
        proof.account = AccountIndex.wrap((1 << 28) - 1);
        for (uint256 i = 0; i < 9; ++i) {
            proof.words[i] = keccak256(abi.encode("word", i)) >> 8;
        }
        proof.words[0] = keccak256("owner") >> 64;
        for (uint256 i = 4; i < 8; ++i) {
            proof.words[i] = bytes32(uint256(USD + i));
        }
        bytes32 node = keccak256(abi.encodePacked(bytes1(0), proof.words));
        for (uint256 height = 0; height < 28; ++height) {
            proof.siblings[height] = keccak256(abi.encode("sibling", height));
            node = keccak256(abi.encodePacked(proof.siblings[height], node));
        }
        for (uint256 i = 0; i < 5; ++i) {
            proof.otherRoots[i] = keccak256(abi.encode("other", i));
        }
        root = Root.wrap(keccak256(abi.encodePacked(node, proof.otherRoots)));
    }

    function _noise(uint256 length) private pure returns (bytes memory data) {
        data = new bytes(length);
        for (uint256 i = 0; i < length; i += 32) {
            bytes32 word = keccak256(abi.encode(i));
            for (uint256 j = 0; j < 32 && i + j < length; ++j) {
                data[i + j] = word[j];
            }
        }
    }
}

/// Blobs belong to the test's own transaction, so this one is measured inside it: the execution
/// alone, to which 21,000 and the header's calldata (about 2,300) come.
contract BlobGasTest is Venue {
    function test_post_blobs() public {
        uint8[2] memory counts = [1, 6];
        string[2] memory names = ["1 blob", "6 blobs"];
        post(header(ledger.root()));
        for (uint256 i = 0; i < counts.length; ++i) {
            bytes32[] memory hashes = new bytes32[](counts[i]);
            for (uint256 j = 0; j < counts[i]; ++j) {
                hashes[j] = keccak256(abi.encode(j));
            }
            vm.blobhashes(hashes);
            ledger.touch();
            BatchHeader memory made = header(ledger.root());
            vm.prank(poster);
            anchor.postBlobs(made);
            string memory name = string.concat("post blobs, ", names[i], ", execution only");
            vm.snapshotGasLastCall("custody", name);
        }
    }
}
