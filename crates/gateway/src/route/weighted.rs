//! Smooth weighted round-robin (nginx's algorithm): exact shares, spread evenly, per process.

use std::sync::{Mutex, PoisonError};

/// Hands out turns by weight.
#[derive(Debug)]
pub(crate) struct Shares {
    weights: Vec<i64>,
    total: i64,
    current: Mutex<Vec<i64>>,
}

impl Shares {
    /// Shares by weight; at least one weight must be positive for turns to be taken by weight.
    pub(crate) fn new(weights: impl IntoIterator<Item = u32>) -> Shares {
        let weights: Vec<i64> = weights.into_iter().map(i64::from).collect();
        let current = Mutex::new(vec![0; weights.len()]);
        Shares {
            total: weights.iter().sum(),
            weights,
            current,
        }
    }

    /// Whose turn it is, the first one's of equals. Never one of weight 0, unless all are.
    pub(crate) fn next(&self) -> usize {
        if self.weights.len() == 1 {
            return 0;
        }
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let mut best = None;
        for (index, (now, weight)) in current.iter_mut().zip(&self.weights).enumerate() {
            *now += weight;
            if *weight > 0 && best.is_none_or(|(_, most)| *now > most) {
                best = Some((index, *now));
            }
        }
        let best = best.map_or(0, |(index, _)| index);
        current[best] -= self.total;
        best
    }

    /// Whether a target takes turns at all.
    pub(crate) fn is_open(&self, index: usize) -> bool {
        self.weights[index] > 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Shares;

    #[test]
    fn turns_are_spread_evenly() {
        let shares = Shares::new([5, 1, 1]);
        let turns: Vec<_> = (0..7).map(|_| shares.next()).collect();
        let alone = turns.windows(2).filter(|w| w[0] != 0 && w[1] != 0).count();
        assert_eq!(alone, 0, "{turns:?}");
    }

    proptest! {
        #[test]
        fn each_gets_its_exact_share(weights in proptest::collection::vec(0u32..20, 1..6)) {
            let total: u32 = weights.iter().sum();
            prop_assume!(total > 0);
            let shares = Shares::new(weights.clone());
            let mut counts = vec![0; weights.len()];
            for _ in 0..total {
                counts[shares.next()] += 1;
            }
            prop_assert_eq!(counts, weights);
        }
    }
}
