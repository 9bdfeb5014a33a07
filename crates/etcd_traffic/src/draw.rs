//! Decisions from draws: numbers below a bound, one of several, random text.
//!
//! The draws come from outside, one for each decision at the moment of the decision: who makes them (a platform, a
//! seed) is none of this crate's business, and none is kept for later.

/// Characters of random keys and values.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Eight characters take 48 bits of a draw; the bias from its 64 bits is below one in ten thousand.
const CHARACTERS_PER_DRAW: usize = 8;
/// Length of random text, in draws: 16 characters, so that no two are ever the same by chance.
const DRAWS_PER_TEXT: usize = 2;
/// A driver makes 1 to 100 requests.
const REQUESTS_MAX: u64 = 100;

/// Where values are not all tiny, one put of so many has a large one.
const LARGE_ODDS: u64 = 24;
/// How large values of a crowd are, from the least to the most, and how many in twenty crowds have such.
const LARGE: [(u64, usize, usize); 2] = [(4, 1 << 10, 64 << 10), (1, 64 << 10, 512 << 10)];

/// The sizes of values: tiny ones, and in some crowds now and then a large one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// The least and the most of a large one, in bytes.
    large: Option<(usize, usize)>,
}

impl Sizes {
    /// The most bytes of a tiny value.
    pub(crate) const TINY_MAX: usize = CHARACTERS_PER_DRAW * DRAWS_PER_TEXT;

    pub(crate) fn draw(draw: &mut impl Draw) -> Self {
        let mut left = draw.below(20);
        let found = LARGE.iter().find(|(share, ..)| {
            let here = left < *share;
            left = left.saturating_sub(*share);
            here
        });
        Self { large: found.map(|(_, least, most)| (*least, *most)) }
    }

    /// Bytes of the next value, at least 1.
    pub(crate) fn next(self, draw: &mut impl Draw) -> usize {
        let (least, most) = match self.large {
            Some(large) if draw.below(LARGE_ODDS) == 0 => large,
            _ => (1, Self::TINY_MAX),
        };
        least + usize::try_from(draw.below((most - least + 1) as u64)).unwrap_or(0)
    }
}

/// A source of draws, uniform over all values of `u64`.
pub trait Draw {
    /// One draw.
    fn draw(&mut self) -> u64;

    /// A number from 0 to `bound` - 1; 0 when `bound` is 0.
    fn below(&mut self, bound: u64) -> u64 {
        // Draws from the incomplete last stretch are thrown away: they would favour small numbers.
        let limit = u64::MAX - u64::MAX % bound.max(1);
        // A source that never gets below the limit is no source of draws; the bound keeps it from holding us up.
        let fair = (0..64).map(|_| self.draw()).find(|draw| *draw < limit);
        fair.unwrap_or(0) % bound.max(1)
    }

    /// Takes one of `items` out, at random; `None` when there is none.
    fn take<T>(&mut self, items: &mut Vec<T>) -> Option<T> {
        if items.is_empty() {
            return None;
        }
        let index = self.below(items.len() as u64);
        usize::try_from(index).ok().map(|index| items.swap_remove(index))
    }

    /// 16 random letters and digits.
    fn text(&mut self) -> String {
        let mut text = String::with_capacity(CHARACTERS_PER_DRAW * DRAWS_PER_TEXT);
        for _ in 0..DRAWS_PER_TEXT {
            let mut rest = self.draw();
            for _ in 0..CHARACTERS_PER_DRAW {
                text.push(char::from(ALPHABET[(rest % 62) as usize]));
                rest /= 62;
            }
        }
        text
    }

    /// How many requests a driver makes: 1 to 100.
    fn requests(&mut self) -> u32 {
        u32::try_from(self.below(REQUESTS_MAX)).unwrap_or(0) + 1
    }
}

/// Any source of draws, for what is compiled once and not again for each command.
pub type Source<'d> = &'d mut dyn FnMut() -> u64;

impl<F: FnMut() -> u64> Draw for F {
    fn draw(&mut self) -> u64 {
        self()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Different numbers, spread over all of `u64`.
    fn spread() -> impl FnMut() -> u64 {
        let mut n = 0_u64;
        move || {
            n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
            n.wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ (n >> 29)
        }
    }

    #[test]
    fn texts_are_sixteen_letters_and_digits_and_differ() {
        let mut draw = spread();
        let texts: BTreeSet<String> = (0..1_000).map(|_| draw.text()).collect();
        assert_eq!(texts.len(), 1_000);
        for text in &texts {
            assert!(text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
        }
        let used: BTreeSet<char> = texts.iter().flat_map(|text| text.chars()).collect();
        assert_eq!(used.len(), 62, "every character occurs");
    }

    #[test]
    fn requests_are_one_to_a_hundred() {
        let mut draw = spread();
        let counts: BTreeSet<u32> = (0..5_000).map(|_| draw.requests()).collect();
        assert_eq!(counts, (1..=100).collect());
    }

    #[test]
    fn below_throws_away_what_would_favour_small_numbers() {
        let mut draws = vec![5, u64::MAX].into_iter();
        let mut last = move || draws.next_back().unwrap();
        assert_eq!(last.below(3), 2, "the first draw, the greatest of all, does not count");
        assert_eq!((|| u64::MAX).below(3), 0, "a broken source does not hold us up");
        assert_eq!((|| 7).below(0), 0);
    }

    #[test]
    fn values_are_tiny_and_in_some_crowds_now_and_then_large() {
        let mut draw = spread();
        let crowds: Vec<Sizes> = (0..1_000).map(|_| Sizes::draw(&mut draw)).collect();
        for (large, share) in
            [(None, 750), (Some((1 << 10, 64 << 10)), 200), (Some((64 << 10, 512 << 10)), 50)]
        {
            let count = crowds.iter().filter(|sizes| sizes.large == large).count();
            assert!(count.abs_diff(share) < 50, "{large:?}: {count}");
            let sizes: Vec<usize> = (0..1_000).map(|_| Sizes { large }.next(&mut draw)).collect();
            let tiny = sizes.iter().filter(|size| (1..=16).contains(*size)).count();
            let (least, most) = large.unwrap_or((1, 0));
            let large_ones = sizes.iter().filter(|size| (least..=most).contains(*size)).count();
            assert_eq!(tiny + large_ones, 1_000);
            assert_eq!(tiny == 1_000, large.is_none(), "{large:?}: {tiny} tiny");
        }
    }

    #[test]
    fn taking_empties_the_list() {
        let (mut draw, mut items) = (spread(), vec![1, 2, 3]);
        let mut taken: Vec<i32> = std::iter::from_fn(|| draw.take(&mut items)).collect();
        taken.sort_unstable();
        assert_eq!(taken, [1, 2, 3]);
    }
}
