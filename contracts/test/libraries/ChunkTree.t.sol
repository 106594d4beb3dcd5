// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ChunkTree} from "../../src/libraries/ChunkTree.sol";
import {Test} from "../support/Test.sol";

contract ChunkTreeTest is Test {
    string private corpus = vm.readFile("test/data/chunks.json");

    function hashOf(bytes calldata data) external pure returns (bytes32) {
        return ChunkTree.hashOf(data);
    }

    function test_every_hash_of_the_corpus() public view {
        uint256 count = 0;
        while (vm.keyExistsJson(corpus, _key(count, ""))) {
            bytes memory data = _data(vm.parseJsonUint(corpus, _key(count, ".length")));
            bytes32 expected = vm.parseJsonBytes32(corpus, _key(count, ".hash"));
            vm.assertEq(this.hashOf(data), expected, _key(count, ""));
            ++count;
        }
        vm.assertEq(count, 11, "the corpus has 11 hashes");
    }

    /// The last chunk ends where the data end, whatever follows them in the calldata.
    function test_bytes_behind_the_data_do_not_count() public view {
        bytes memory call_ = abi.encodeCall(this.hashOf, (hex"01"));
        bytes32 clean = this.hashOf(hex"01");
        call_[call_.length - 1] = 0xff; // in the padding of the argument
        (bool ok, bytes memory result) = address(this).staticcall(call_);
        vm.assertTrue(ok, "the call");
        vm.assertEq(abi.decode(result, (bytes32)), clean, "bytes behind the data were hashed");
    }

    /// Zeros at the end are data: the length is hashed.
    function test_longer_data_have_another_hash() public view {
        vm.assertTrue(this.hashOf(hex"00") != this.hashOf(hex"0000"), "one and two zeros");
        vm.assertTrue(
            this.hashOf(new bytes(1024)) != this.hashOf(new bytes(2048)), "one and two chunks"
        );
    }

    /// The two children of a node, given as data, are another tree.
    function test_node_is_no_leaf() public view {
        bytes memory data = _data(2048);
        bytes memory children = new bytes(64);
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory chunk = new bytes(1024);
            for (uint256 j = 0; j < 1024; ++j) {
                chunk[j] = data[i * 1024 + j];
            }
            bytes32 leaf = keccak256(abi.encodePacked(bytes1(0), uint32(i), chunk));
            for (uint256 j = 0; j < 32; ++j) {
                children[i * 32 + j] = leaf[j];
            }
        }
        bytes32 top = keccak256(abi.encodePacked(bytes1(0x01), children));
        bytes32 right = keccak256(abi.encodePacked(bytes1(0x02), uint32(2048), top));
        vm.assertEq(this.hashOf(data), right, "by the definition");
        vm.assertTrue(this.hashOf(children) != right, "the children as data");
    }

    function testFuzz_a_changed_byte_changes_the_hash(uint16 length, uint16 position, uint8 change)
        public
        view
    {
        uint256 bytes_ = bound(length, 1, 5000);
        bytes memory data = _data(bytes_);
        bytes32 before = this.hashOf(data);
        vm.assertEq(this.hashOf(_data(bytes_)), before, "the same data again");
        uint256 offset = bound(position, 0, bytes_ - 1);
        vm.assume(change != 0);
        data[offset] = bytes1(uint8(data[offset]) ^ change);
        vm.assertTrue(this.hashOf(data) != before, "one byte was changed");
    }

    function _data(uint256 length) private pure returns (bytes memory data) {
        data = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            data[i] = bytes1(uint8((7 * i + 3) % 256));
        }
    }

    function _key(uint256 position, string memory field) private pure returns (string memory) {
        return string.concat(".chunks[", vm.toString(position), "]", field);
    }
}
