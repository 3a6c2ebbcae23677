//! Units: the positions that a strategy masks together.

use kernels::Draws;

use super::{Count, Wanted};

/// Units of one copy of a sequence: a token, word, span or n-gram each, of which no two share a position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Units {
    positions: Vec<usize>,
    ends: Vec<usize>,
    /// How often a draw met what was chosen before; each strategy says what that means for it.
    pub collisions: usize,
}

impl Units {
    /// Adds a unit of these positions, ascending, of which there is at least one.
    pub fn push(&mut self, unit: &[usize]) {
        self.positions.extend_from_slice(unit);
        self.ends.push(self.positions.len());
    }

    /// Makes units of one position each.
    pub fn single(positions: impl Iterator<Item = usize>) -> Self {
        let positions: Vec<usize> = positions.collect();
        Self {
            ends: (1..=positions.len()).collect(),
            positions,
            collisions: 0,
        }
    }

    /// Returns the units, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[usize]> {
        (0..self.ends.len()).map(|unit| self.get(unit))
    }

    /// Returns the number of units.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no units.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the positions of all units, unit after unit.
    pub fn positions(&self) -> &[usize] {
        &self.positions
    }

    /// Returns the positions of a unit.
    ///
    /// # Panics
    /// When there is no such unit.
    pub fn get(&self, unit: usize) -> &[usize] {
        let start = unit.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.positions[start..self.ends[unit]]
    }

    /// Returns the same units in random order.
    pub(super) fn shuffled(&self, draws: &mut Draws) -> Self {
        let mut order: Vec<usize> = (0..self.len()).collect();
        draws.shuffle(&mut order);
        let mut shuffled = Self {
            collisions: self.collisions,
            ..Self::default()
        };
        for unit in order {
            shuffled.push(self.get(unit));
        }
        shuffled
    }
}

/// Deals units, each whole, out to the copies.
///
/// Where counts are exact the units are laid in random order, token by token, on a line, which is cut where the sizes end. A unit
/// belongs to the copy in whose piece one of its tokens, drawn uniformly, lies; beyond the last piece it stays unmasked. So the mean number
/// of tokens of each copy is the size asked for, whatever the lengths of the units, and the number itself is off by less than two
/// units. (BERT's script passes over words that no longer fit, which favours short ones; DinkyTrain counts words and not tokens.)
///
/// Where each unit is drawn by itself, one number u decides: copy j has the units with (j − 1) · corrupt ≤ u < j · corrupt, the
/// last up to the rate of prediction.
pub(super) fn deal(units: &Units, wanted: &Wanted<'_>, draws: &mut Draws) -> Vec<Units> {
    let mut copies = vec![Units::default(); wanted.sizes.len()];
    if wanted.count == Count::Bernoulli {
        let ends = wanted.rates.thresholds();
        for unit in units.iter() {
            let u = draws.uniform();
            let copy = ends.partition_point(|&end| end <= u);
            if let Some(copy) = copies.get_mut(copy) {
                copy.push(unit);
            }
        }
        return copies;
    }
    let ends: Vec<usize> = wanted
        .sizes
        .iter()
        .scan(0, |end, size| {
            *end += size;
            Some(*end)
        })
        .collect();
    let last = ends.last().copied().unwrap_or(0);
    let mut start = 0;
    for unit in units.shuffled(draws).iter() {
        if start >= last {
            break;
        }
        let token = start + draws.index(unit.len());
        let copy = ends.partition_point(|&end| end <= token);
        if let Some(copy) = copies.get_mut(copy) {
            copy.push(unit);
        }
        start += unit.len();
    }
    copies
}
