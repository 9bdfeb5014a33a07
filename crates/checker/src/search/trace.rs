//! Orders of operations that share their beginnings, kept only where somebody will ask for one.

use super::timeline::NONE;

/// A forest of orders; each is named by its last operation's number here.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    on: bool,
    /// The operation before (or [`NONE`]), the operation, and the length of the order.
    links: Vec<(u32, u32, u32)>,
}

impl Trace {
    /// Keeps nothing.
    pub(super) fn off() -> Self {
        Self::default()
    }

    /// Keeps every order.
    pub(super) fn kept() -> Self {
        Self { on: true, links: Vec::new() }
    }

    pub(super) fn on(&self) -> bool {
        self.on
    }

    /// The order `trace` with one more operation.
    pub(super) fn extend(&mut self, trace: u32, number: u32) -> u32 {
        if !self.on {
            return NONE;
        }
        self.links.push((trace, number, self.length(trace) + 1));
        u32::try_from(self.links.len() - 1).expect("a budget keeps orders below 2^32")
    }

    /// How many operations the order has.
    pub(super) fn length(&self, trace: u32) -> u32 {
        self.links.get(trace as usize).map_or(0, |link| link.2)
    }

    /// The order, first operation first.
    pub(super) fn order(&self, mut trace: u32) -> Vec<u32> {
        let mut order = Vec::new();
        while let Some(&(before, number, _)) = self.links.get(trace as usize) {
            order.push(number);
            trace = before;
        }
        order.reverse();
        order
    }
}
