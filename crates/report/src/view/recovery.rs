//! How long all members took to answer again after each fault: a dot where the fault ended.

use super::numbers;
use super::timeline::{Clock, Line, Plot};
use crate::material::Material;

/// Dots that are drawn, the slowest ones; a thousand would be a solid line.
const DOTS_MAX: usize = 400;

/// Nothing where no fault was waited for.
pub(super) fn plot(material: &Material, clock: &Clock) -> Option<Plot> {
    let ended = |fault: &crate::material::FaultRun| {
        Some((clock.share(fault.until?), fault.recovered_ms? as f64 / 1e3))
    };
    let mut found: Vec<(f64, f64)> = material.faults.iter().filter_map(ended).collect();
    let all = found.len();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.truncate(DOTS_MAX);
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let highest = found.iter().map(|(_, seconds)| *seconds).reduce(f64::max)?;
    let top = numbers::ceiling(highest.max(0.001));
    let about = match all - found.len() {
        0 => "until all members answered, at the end of each fault".to_owned(),
        more => {
            format!("until all members answered, at the end of each fault; {more} quick ones are left out")
        }
    };
    Some(Plot {
        title: "Time to recovery".to_owned(),
        about,
        stacked: false,
        told: false,
        top: (top, numbers::duration_s(top)),
        bottom: (0.0, "0".to_owned()),
        lines: vec![Line {
            label: "all members answer".to_owned(),
            colour: "recovery".to_owned(),
            thin: false,
            // A gap after each, so that nothing is drawn between them.
            points: found.iter().flat_map(|(at, seconds)| [(*at, Some(*seconds)), (*at, None)]).collect(),
            texts: found
                .iter()
                .flat_map(|(_, seconds)| [numbers::duration_s(*seconds), numbers::duration_s(*seconds)])
                .collect(),
        }],
    })
}
