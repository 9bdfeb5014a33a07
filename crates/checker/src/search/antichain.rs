//! Sets of configurations in which nothing is kept that something else in the set makes superfluous.

use std::hash::Hasher;

use super::bits::Bits;
use super::space::Mix;

/// How far an order of the operations has come.
///
/// Everything that has returned is in it and nothing that was not called is, so the open operations are all that is left to
/// say: which of those with a reply are in it, by place, and which of the unknown ones, by place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Configuration<K, U> {
    pub(super) known: K,
    pub(super) used: U,
    pub(super) state: u32,
    /// The event that comes next, in sets that hold configurations of several.
    pub(super) event: u32,
}

/// A configuration, and how it came about.
#[derive(Clone, Debug)]
pub(super) struct Node<K, U> {
    pub(super) at: Configuration<K, U>,
    /// The node it was made from, in the same set, or [`super::timeline::NONE`].
    pub(super) parent: u32,
    /// The operation that made it.
    pub(super) by: u32,
    /// Unknown operations taken since the last return.
    pub(super) spent: u32,
    /// Its order, where orders are kept.
    pub(super) trace: u32,
    /// Nothing has made it superfluous yet.
    pub(super) alive: bool,
    /// Position in the table of the chain it is in, and the next in the chain.
    position: u32,
    next: u32,
}

/// Configurations, none of which is dominated by another.
///
/// Dominance. Let A and B agree in `known`, `state` and `event`, and A have used a subset of the unknown operations that B has
/// used. Then whatever completes B completes A: the operations that follow B in such an order are all still free to be
/// taken after A, from the same state, and an unknown operation never has to be taken. So B is superfluous.
#[derive(Debug)]
pub(super) struct Antichain<K, U> {
    pub(super) nodes: Vec<Node<K, U>>,
    /// Heads of chains of nodes with one hash of (known, state): node + 1, or 0. A power of two long.
    table: Vec<u32>,
    /// Without dominance, only equal configurations count as the same.
    dominance: bool,
}

impl<K: Bits, U: Bits> Antichain<K, U> {
    pub(super) fn new(dominance: bool) -> Self {
        Self { nodes: Vec::new(), table: vec![0; 64], dominance }
    }

    pub(super) fn clear(&mut self) {
        if self.nodes.len() * 4 < self.table.len() {
            for node in &self.nodes {
                self.table[node.position as usize] = 0;
            }
        } else {
            self.table.fill(0);
        }
        self.nodes.clear();
    }

    /// Adds a configuration and gives its number, unless it is there already or dominated.
    pub(super) fn insert(&mut self, at: Configuration<K, U>, how: (u32, u32, u32, u32)) -> Option<u32> {
        let mut position = self.position(&at);
        let mut next = self.table[position];
        while next != 0 {
            let node = &mut self.nodes[next as usize - 1];
            next = node.next;
            if !node.alive
                || node.at.state != at.state
                || node.at.event != at.event
                || node.at.known != at.known
            {
                continue;
            }
            if node.at.used == at.used || (self.dominance && node.at.used.is_subset(&at.used)) {
                return None;
            }
            node.alive = !(self.dominance && at.used.is_subset(&node.at.used));
        }
        if self.nodes.len() * 2 > self.table.len() {
            self.grow();
            position = self.position(&at);
        }
        let number = u32::try_from(self.nodes.len()).expect("a budget keeps configurations below 2^32");
        let head = std::mem::replace(&mut self.table[position], number + 1);
        let (parent, by, spent, trace) = how;
        let position = u32::try_from(position).expect("the table is at most four times the nodes");
        self.nodes.push(Node { at, parent, by, spent, trace, alive: true, position, next: head });
        Some(number)
    }

    /// The configurations in it.
    pub(super) fn alive(&self) -> impl Iterator<Item = &Node<K, U>> {
        self.nodes.iter().filter(|node| node.alive)
    }

    #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
    fn position(&self, at: &Configuration<K, U>) -> usize {
        let mut hash = Mix::default();
        hash.write_u64(u64::from(at.event) << 32 | u64::from(at.state));
        for &word in at.known.words() {
            hash.add(word);
        }
        hash.finish() as usize & (self.table.len() - 1)
    }

    fn grow(&mut self) {
        self.table = vec![0; self.table.len() * 4];
        for index in 0..self.nodes.len() {
            let position = self.position(&self.nodes[index].at);
            let node = &mut self.nodes[index];
            node.position = u32::try_from(position).expect("the table is at most four times the nodes");
            let number = u32::try_from(index + 1).expect("a budget keeps configurations below 2^32");
            node.next = std::mem::replace(&mut self.table[position], number);
        }
    }
}
