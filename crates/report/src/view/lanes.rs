//! Operations as lanes, a lane for each client, on an axis that is wide where much happens and narrow where nothing
//! does: what lay twenty seconds apart is seen together, and order and overlap are exact.

use std::collections::BTreeMap;

use history::Nanos;
use serde::Serialize;

use super::numbers;
use super::timeline::{Band, Clock};
use crate::material::Material;
use crate::witness::{Shown, Witness};

/// Clients that get lanes of their own; operations of others share what room is left.
const OWN_LANES: usize = 12;
/// Pixels of the narrowest gap between two moments: what begins and ends next to each other can still be pointed at.
const GAP_PX: f64 = 9.0;
/// The widest gap, in units of the narrowest.
const GAP_MAX: f64 = 12.0;
/// The least width of an operation that the violation is about: its name fits.
const CORE_GAPS: f64 = 20.0;
/// From so long on a gap is named.
const BREAK_NS: u64 = 250_000_000;
/// The distance of labels on the axis.
const TICK_PX: f64 = 150.0;

/// All lanes on one axis. Places on it are from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lanes {
    /// The width at which everything can be pointed at.
    pub width_px: u32,
    /// What keys held, then the clients.
    pub lanes: Vec<Lane>,
    /// Faults in effect.
    pub faults: Vec<Band>,
    /// Where nothing of this happened for long.
    pub breaks: Vec<Stretch>,
    /// Labels of the axis.
    pub ticks: Vec<Tick>,
}

/// One client, or one key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lane {
    /// Whose it is.
    pub label: String,
    /// More, in small print.
    pub more: String,
    /// Shows what a key held, rather than operations.
    pub state: bool,
    /// From the left to the right.
    pub blocks: Vec<Block>,
}

/// An operation or a state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Block {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub until: f64,
    /// What is written on it.
    pub text: String,
    /// The operation's place in the list of rows; for a state, of its writer.
    pub row: usize,
}

/// A named stretch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stretch {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub until: f64,
    /// How long it is.
    pub label: String,
}

/// A labelled place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tick {
    /// The place.
    pub at: f64,
    /// Its moment.
    pub label: String,
}

/// From moments to places.
struct Scale {
    moments: Vec<u64>,
    /// Units from the left.
    places: Vec<f64>,
}

impl Scale {
    fn new(operations: &[Shown]) -> Self {
        let mut moments: Vec<u64> = operations
            .iter()
            .flat_map(|shown| [Some(shown.invoked), shown.returned])
            .flatten()
            .map(|t| t.0)
            .collect();
        moments.sort_unstable();
        moments.dedup();
        // What is open goes on beyond the last moment.
        let end = moments.last().copied().unwrap_or(0) + 1_000_000;
        moments.push(end);
        let mut gaps: Vec<f64> = moments.windows(2).map(|pair| gap(pair[1] - pair[0])).collect();
        for shown in operations.iter().filter(|shown| shown.core) {
            let from = moments.partition_point(|moment| *moment < shown.invoked.0);
            let until = moments.partition_point(|moment| *moment < shown.returned.map_or(end, |t| t.0));
            let width: f64 = gaps[from..until].iter().sum();
            if width > 0.0 && width < CORE_GAPS {
                gaps[from..until].iter_mut().for_each(|gap| *gap *= CORE_GAPS / width);
            }
        }
        let mut places = vec![0.0];
        for gap in gaps {
            places.push(places[places.len() - 1] + gap);
        }
        Self { moments, places }
    }

    fn width(&self) -> f64 {
        self.places.last().copied().unwrap_or(1.0).max(1.0)
    }

    fn place(&self, t: u64) -> f64 {
        let after = self.moments.partition_point(|moment| *moment <= t);
        if after == 0 {
            return 0.0;
        }
        if after == self.moments.len() {
            return 1.0;
        }
        let (from, until) = (self.moments[after - 1], self.moments[after]);
        let within = (t - from) as f64 / (until - from) as f64;
        (self.places[after - 1] + within * (self.places[after] - self.places[after - 1])) / self.width()
    }
}

/// Ten times as long is three units more.
fn gap(ns: u64) -> f64 {
    (1.0 + (1.0 + ns as f64 / 50_000.0).log2() * 0.9).min(GAP_MAX)
}

pub(super) fn lanes(witness: &Witness, key: Option<&str>, material: &Material, clock: &Clock) -> Lanes {
    let scale = Scale::new(&witness.operations);
    let mut lanes = Vec::new();
    lanes.extend(key.and_then(|key| state(witness, key, &scale)));
    lanes.extend(clients(witness, &scale));
    let (first, last) = (scale.moments[0], scale.moments[scale.moments.len() - 1]);
    let meets =
        |from: Nanos, until: Option<Nanos>| from.0 <= last && until.is_none_or(|until| until.0 >= first);
    let faults = material.faults.iter().filter(|fault| meets(fault.from, fault.until));
    let faults = faults.map(|fault| Band {
        from: scale.place(fault.from.0),
        until: fault.until.map_or(1.0, |until| scale.place(until.0)),
        label: fault.label.clone(),
        about: format!(
            "fault {}: {} on {}, from {}",
            fault.id,
            fault.what,
            fault.members.join(", "),
            numbers::moment_s(clock.s(fault.from))
        ),
        fault: fault.id,
    });
    Lanes {
        width_px: (scale.width() * GAP_PX) as u32,
        lanes,
        faults: faults.collect(),
        breaks: breaks(&scale),
        ticks: ticks(&scale, clock),
    }
}

fn breaks(scale: &Scale) -> Vec<Stretch> {
    let pairs = scale.moments.windows(2).filter(|pair| pair[1] - pair[0] >= BREAK_NS);
    pairs
        .map(|pair| Stretch {
            from: scale.place(pair[0]),
            until: scale.place(pair[1]),
            label: numbers::duration_ns(pair[1] - pair[0]),
        })
        .collect()
}

fn ticks(scale: &Scale, clock: &Clock) -> Vec<Tick> {
    let distance = TICK_PX / (scale.width() * GAP_PX);
    let mut ticks: Vec<Tick> = Vec::new();
    for moment in &scale.moments[..scale.moments.len() - 1] {
        let at = scale.place(*moment);
        if ticks.last().is_none_or(|last| at - last.at >= distance) {
            ticks.push(Tick { at, label: numbers::moment_s(clock.s(Nanos(*moment))) });
        }
    }
    ticks
}

/// What the key held by what was acknowledged: writes in the order of their revisions, each from when it was known.
fn state(witness: &Witness, key: &str, scale: &Scale) -> Option<Lane> {
    let mut writes: Vec<(usize, &Shown)> = (witness.operations.iter().enumerate())
        .filter(|(_, shown)| {
            shown.call == "put" && shown.key == key && shown.outcome == "ok" && shown.revision.is_some()
        })
        .collect();
    writes.sort_by_key(|(_, shown)| shown.revision);
    let mut blocks: Vec<Block> = Vec::new();
    let mut known = 0.0;
    for (row, shown) in writes {
        let from = scale.place(shown.returned.unwrap_or(shown.invoked).0).max(known);
        known = from;
        if let Some(last) = blocks.last_mut() {
            last.until = from;
        }
        let value = shown.asked.split_once(" = ").map_or(shown.asked.as_str(), |(_, value)| value);
        let text = format!("{value} @{}", shown.revision.unwrap_or_default());
        blocks.push(Block { from, until: 1.0, text, row });
    }
    let lane = || Lane {
        label: key.to_owned(),
        more: "as acknowledged".to_owned(),
        state: true,
        blocks: Vec::new(),
    };
    (!blocks.is_empty()).then(|| Lane { blocks, ..lane() })
}

fn clients(witness: &Witness, scale: &Scale) -> Vec<Lane> {
    let mut by_client: BTreeMap<(usize, u32), Vec<usize>> = BTreeMap::new();
    for (row, shown) in witness.operations.iter().enumerate() {
        by_client.entry((shown.place.0, shown.client)).or_default().push(row);
    }
    let mut clients: Vec<Vec<usize>> = by_client.into_values().collect();
    let core = |rows: &[usize]| rows.iter().any(|row| witness.operations[*row].core);
    clients.sort_by_key(|rows| (!core(rows), rows[0]));
    let rest =
        clients.split_off(clients.len().min(OWN_LANES.max(clients.iter().filter(|rows| core(rows)).count())));
    clients.sort_by_key(|rows| rows[0]);
    let block = |row: usize| {
        let shown = &witness.operations[row];
        Block {
            from: scale.place(shown.invoked.0),
            until: shown.returned.map_or(1.0, |returned| scale.place(returned.0)),
            text: shown.asked.clone(),
            row,
        }
    };
    let mut lanes: Vec<Lane> = (clients.into_iter())
        .map(|rows| {
            let shown = &witness.operations[rows[0]];
            Lane {
                label: format!("{} #{}", short(&shown.command), shown.command_number),
                more: format!("client {}", shown.client),
                state: false,
                blocks: rows.into_iter().map(block).collect(),
            }
        })
        .collect();
    let mut shared: Vec<Vec<Block>> = Vec::new();
    let mut rows: Vec<usize> = rest.into_iter().flatten().collect();
    rows.sort_unstable();
    for block in rows.into_iter().map(block) {
        let free = shared.iter_mut().find(|lane| lane.last().is_none_or(|last| last.until <= block.from));
        match free {
            Some(lane) => lane.push(block),
            None => shared.push(vec![block]),
        }
    }
    lanes.extend(shared.into_iter().map(|blocks| Lane {
        label: "other clients".to_owned(),
        more: String::new(),
        state: false,
        blocks,
    }));
    lanes
}

/// A command's file name without its kind: the template is the same for all, and the kind is told elsewhere.
fn short(command: &str) -> &str {
    let file = command.rsplit('/').next().unwrap_or(command);
    let kinds = ["parallel_driver_", "serial_driver_", "singleton_driver_", "anytime_", "first_"];
    kinds.iter().find_map(|kind| file.strip_prefix(kind)).unwrap_or(file)
}
