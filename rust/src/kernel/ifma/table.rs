//! Tables in which a permutation of two vectors looks up sixteen words at once.

use super::field::Ifma;
use super::vector::{LANES, Words};
use crate::kernel::digits::Digit;
use crate::kernel::field::{Field, Word};
use crate::kernel::fixed_base::{NielsLimbs, Tabular};
use crate::kernel::point::Niels;

const BITS: u32 = 6;

/// The words of one limb of all multiples, by index.
#[repr(align(64))]
#[derive(Clone, Copy)]
struct Limb([[u64; LANES]; 4]);

/// The limbs of all multiples: 3,840 bytes.
pub struct Multiples([[Limb; 5]; 3]);

impl Tabular for Ifma {
    const BITS: u32 = BITS;

    type Multiples = Multiples;

    fn tabulate(multiples: &[NielsLimbs]) -> Multiples {
        let mut table = [[Limb([[0; LANES]; 4]); 5]; 3];
        for (k, multiple) in multiples.iter().enumerate() {
            for (coordinate, limbs) in table.iter_mut().zip(multiple) {
                for (limb, word) in coordinate.iter_mut().zip(limbs) {
                    limb.0[k / LANES][k % LANES] = *word;
                }
            }
        }
        Multiples(table)
    }

    #[inline(always)]
    fn choose(multiples: &Multiples, digit: Digit<Ifma>) -> Niels<Ifma> {
        let [sum, difference, t2d] = &multiples.0;
        let (sum, difference) = (look_up(sum, digit.index), look_up(difference, digit.index));
        let t2d = look_up(t2d, digit.index);
        Niels {
            sum: Ifma::select(sum, difference, digit.negative),
            difference: Ifma::select(difference, sum, digit.negative),
            t2d: Ifma::select(t2d, t2d.opposite(), digit.negative),
        }
    }
}

/// Return in each lane the element at its index, which is below 32.
#[inline(always)]
fn look_up(limbs: &[Limb; 5], index: Words) -> Ifma {
    let upper = index.has_any(Words::splat(16));
    let mut words = [index; 5];
    for (word, Limb(limb)) in words.iter_mut().zip(limbs) {
        let lower_half = Words::choose(index, &limb[0], &limb[1]);
        let upper_half = Words::choose(index, &limb[2], &limb[3]);
        *word = Words::select(lower_half, upper_half, upper);
    }
    Ifma(words)
}
