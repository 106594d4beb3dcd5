//! A sparse tree of leaf hashes with a fixed depth of at most 92 levels.
//!
//! In memory only the places where two leaves part are nodes: two arenas of 32-bit indices, one of leaves (80 bytes
//! each), one of branches (56 bytes), so memory grows with the leaves and not with the depth. What the tree commits to
//! is not compressed: every node keeps, beside its own hash, that hash lifted through the empty levels up to the child of
//! the branch above it, so an edge costs its levels once and not with every root.

use crate::hash::{Hash, ZERO_HASH, node_hash};
use crate::node::{Branch, Key, Leaf, NodeId, Path, Stale};
use crate::recompute::Scratch;

/// Levels of the deepest tree (the orders: hour 20, account 28, session 4, counter 40 bits).
pub const MAXIMUM_DEPTH: u8 = 92;

/// A sparse tree; see the module's text. Keys are below 2^depth; a leaf whose hash is zero is absent.
#[derive(Clone, Debug)]
pub struct SparseTree {
    pub(crate) depth: u8,
    pub(crate) root: NodeId,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) branches: Vec<Branch>,
    free_leaves: Vec<u32>,
    free_branches: Vec<u32>,
    pub(crate) scratch: Scratch,
}

impl SparseTree {
    /// An empty tree of this depth.
    ///
    /// # Panics
    /// If the depth is above 92.
    #[must_use]
    pub fn new(depth: u8) -> Self {
        Self::with_capacity(depth, 0)
    }

    /// An empty tree with room for this many leaves.
    ///
    /// # Panics
    /// If the depth is above 92.
    #[must_use]
    pub fn with_capacity(depth: u8, leaves: usize) -> Self {
        assert!(
            depth <= MAXIMUM_DEPTH,
            "depth {depth} is above {MAXIMUM_DEPTH}"
        );
        Self {
            depth,
            root: NodeId::NONE,
            leaves: Vec::with_capacity(leaves),
            branches: Vec::with_capacity(leaves),
            free_leaves: Vec::new(),
            free_branches: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// Levels of the tree.
    #[must_use]
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// How many leaves are not zero.
    #[must_use]
    pub fn len(&self) -> usize {
        self.leaves.len() - self.free_leaves.len()
    }

    /// Whether every leaf is zero.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root == NodeId::NONE
    }

    /// The leaf hash at a key, zero if it is absent.
    ///
    /// # Panics
    /// If the key has more than `depth` bits.
    #[must_use]
    pub fn get(&self, key: u128) -> Hash {
        self.assert_key(key);
        if self.is_empty() {
            return ZERO_HASH;
        }
        let mut node = self.root;
        while !node.is_leaf() {
            let branch = &self.branches[node.index()];
            node = branch.children[self.bit(key, branch.depth)];
        }
        let leaf = &self.leaves[node.index()];
        if leaf.key.value() == key {
            leaf.hash
        } else {
            ZERO_HASH
        }
    }

    /// Writes the leaf hash at a key; zero removes the leaf. The root is computed when it is next asked for.
    ///
    /// # Panics
    /// If the key has more than `depth` bits.
    pub fn set(&mut self, key: u128, leaf_hash: Hash) {
        self.assert_key(key);
        if leaf_hash == ZERO_HASH {
            self.remove_below(key, self.depth);
            return;
        }
        if self.is_empty() {
            self.root = self.add_leaf(key, leaf_hash);
            return;
        }
        let mut path = Path::new();
        let mut node = self.root;
        let parting = loop {
            let parting = self.parting(node, key);
            if node.is_leaf() || parting < self.node_depth(node) {
                break parting;
            }
            path.push(node);
            let branch = &self.branches[node.index()];
            node = branch.children[self.bit(key, branch.depth)];
        };
        if parting == self.depth {
            let leaf = &mut self.leaves[node.index()];
            if leaf.hash == leaf_hash {
                return;
            }
            leaf.hash = leaf_hash;
            leaf.stale = Stale::Changed;
        } else {
            let leaf = self.add_leaf(key, leaf_hash);
            let branch = self.add_branch(key, parting, leaf, node);
            self.mark_moved(node);
            self.replace_child(path.last(), key, branch);
        }
        self.mark_changed(path);
    }

    /// Removes every leaf whose key starts with the `bits` bits of `prefix` and tells how many there were.
    ///
    /// # Panics
    /// If `bits` is above the depth or `prefix` has more than `bits` bits.
    pub fn remove_prefix(&mut self, prefix: u128, bits: u8) -> usize {
        assert!(
            bits <= self.depth,
            "{bits} bits of a prefix in a tree of depth {}",
            self.depth
        );
        assert!(
            prefix >> bits == 0,
            "prefix {prefix:#x} has more than {bits} bits"
        );
        self.remove_below(prefix << (self.depth - bits), bits)
    }

    /// The leaves by ascending key.
    pub fn leaves(&self) -> impl Iterator<Item = (u128, Hash)> + '_ {
        let mut waiting = if self.is_empty() {
            Vec::new()
        } else {
            vec![self.root]
        };
        std::iter::from_fn(move || {
            loop {
                let node = waiting.pop()?;
                if node.is_leaf() {
                    let leaf = &self.leaves[node.index()];
                    return Some((leaf.key.value(), leaf.hash));
                }
                let [left, right] = self.branches[node.index()].children;
                waiting.extend([right, left]);
            }
        })
    }

    /// Siblings of a key from the leaf's level to the top, `depth` of them; also for a key that is absent.
    /// Computes the root first where it is stale.
    ///
    /// # Panics
    /// If the key has more than `depth` bits.
    #[must_use]
    pub fn proof(&mut self, key: u128) -> Vec<Hash> {
        self.assert_key(key);
        self.root();
        let mut siblings = vec![ZERO_HASH; usize::from(self.depth)];
        if self.is_empty() {
            return siblings;
        }
        let mut node = self.root;
        loop {
            let parting = self.parting(node, key);
            if parting < self.node_depth(node) {
                // The key would stand on an edge: the node at its end, lifted to the parting, is the last sibling.
                let sibling = self.lift(node, parting + 1);
                siblings[usize::from(self.depth - 1 - parting)] = sibling;
                return siblings;
            }
            if node.is_leaf() {
                return siblings;
            }
            let branch = &self.branches[node.index()];
            let side = self.bit(key, branch.depth);
            let sibling = self.lifted(branch.children[1 - side]);
            siblings[usize::from(self.depth - 1 - branch.depth)] = sibling;
            node = branch.children[side];
        }
    }

    fn remove_below(&mut self, low: u128, bits: u8) -> usize {
        if self.is_empty() {
            return 0;
        }
        let mut path = Path::new();
        let mut node = self.root;
        while self.node_depth(node) < bits {
            let depth = self.node_depth(node);
            if self.parting(node, low) < depth {
                return 0;
            }
            path.push(node);
            node = self.branches[node.index()].children[self.bit(low, depth)];
        }
        if self.parting(node, low) < bits {
            return 0;
        }
        match path.pop() {
            None => self.root = NodeId::NONE,
            Some(parent) => {
                let [left, right] = self.branches[parent].children;
                let sibling = if left == node { right } else { left };
                self.mark_moved(sibling);
                self.replace_child(path.last(), low, sibling);
                self.free_branches.push(parent as u32);
            }
        }
        self.mark_changed(path);
        self.free_below(node)
    }

    fn free_below(&mut self, node: NodeId) -> usize {
        let mut count = 0;
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            if node.is_leaf() {
                self.free_leaves.push(node.index() as u32);
                count += 1;
            } else {
                waiting.extend(self.branches[node.index()].children);
                self.free_branches.push(node.index() as u32);
            }
        }
        count
    }

    fn add_leaf(&mut self, key: u128, hash: Hash) -> NodeId {
        let leaf = Leaf {
            key: Key::new(key),
            lifted_depth: self.depth,
            stale: Stale::Changed,
            hash,
            lifted: ZERO_HASH,
        };
        if let Some(index) = self.free_leaves.pop() {
            self.leaves[index as usize] = leaf;
            return NodeId::leaf(index as usize);
        }
        self.leaves.push(leaf);
        NodeId::leaf(self.leaves.len() - 1)
    }

    /// A branch at the level where the key's leaf parts from another node.
    fn add_branch(&mut self, key: u128, depth: u8, leaf: NodeId, other: NodeId) -> NodeId {
        let unshared = self.depth - depth;
        let side = self.bit(key, depth);
        let branch = Branch {
            prefix: Key::new(key >> unshared << unshared),
            depth,
            lifted_depth: depth,
            stale: Stale::Changed,
            children: if side == 0 {
                [leaf, other]
            } else {
                [other, leaf]
            },
            lifted: ZERO_HASH,
        };
        if let Some(index) = self.free_branches.pop() {
            self.branches[index as usize] = branch;
            return NodeId::branch(index as usize);
        }
        self.branches.push(branch);
        NodeId::branch(self.branches.len() - 1)
    }

    /// Puts a node where the key leads below a branch, or at the top.
    fn replace_child(&mut self, parent: Option<usize>, key: u128, node: NodeId) {
        match parent {
            None => self.root = node,
            Some(parent) => {
                let side = self.bit(key, self.branches[parent].depth);
                self.branches[parent].children[side] = node;
            }
        }
    }

    fn mark_moved(&mut self, node: NodeId) {
        let stale = if node.is_leaf() {
            &mut self.leaves[node.index()].stale
        } else {
            &mut self.branches[node.index()].stale
        };
        *stale = (*stale).max(Stale::Moved);
    }

    /// Marks the branches of a path, from the lowest to the first whose ancestors are known to be marked.
    fn mark_changed(&mut self, mut path: Path) {
        while let Some(branch) = path.pop() {
            if self.branches[branch].stale == Stale::Changed {
                return;
            }
            self.branches[branch].stale = Stale::Changed;
        }
    }

    /// How many bits a key shares with the leaf's key or the branch's prefix (there: plus what it shares by chance with
    /// the zeros behind the prefix).
    fn parting(&self, node: NodeId, key: u128) -> u8 {
        let difference = self.node_key(node) ^ key;
        (difference.leading_zeros() - (u128::BITS - u32::from(self.depth))) as u8
    }

    pub(crate) fn node_key(&self, node: NodeId) -> u128 {
        if node.is_leaf() {
            self.leaves[node.index()].key.value()
        } else {
            self.branches[node.index()].prefix.value()
        }
    }

    pub(crate) fn node_depth(&self, node: NodeId) -> u8 {
        if node.is_leaf() {
            self.depth
        } else {
            self.branches[node.index()].depth
        }
    }

    pub(crate) fn lifted(&self, node: NodeId) -> Hash {
        if node.is_leaf() {
            self.leaves[node.index()].lifted
        } else {
            self.branches[node.index()].lifted
        }
    }

    /// The hash of the node at `level` on the edge above a fresh node.
    fn lift(&self, node: NodeId, level: u8) -> Hash {
        let mut hash = if node.is_leaf() {
            self.leaves[node.index()].hash
        } else {
            let [left, right] = self.branches[node.index()].children;
            node_hash(&self.lifted(left), &self.lifted(right))
        };
        let key = self.node_key(node);
        for depth in (level..self.node_depth(node)).rev() {
            hash = match self.bit(key, depth) {
                0 => node_hash(&hash, &ZERO_HASH),
                _ => node_hash(&ZERO_HASH, &hash),
            };
        }
        hash
    }

    /// The bit of a key that decides the way below a level: 0 left, 1 right.
    pub(crate) fn bit(&self, key: u128, depth: u8) -> usize {
        usize::from((key >> (self.depth - 1 - depth)) & 1 == 1)
    }

    fn assert_key(&self, key: u128) {
        assert!(
            key >> self.depth == 0,
            "key {key:#x} has more than {} bits",
            self.depth
        );
    }
}
