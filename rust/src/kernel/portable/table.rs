//! Tables that each look-up scans from end to end.

use super::field::Portable;
use crate::kernel::digits::Digit;
use crate::kernel::field::Field;
use crate::kernel::fixed_base::{NielsLimbs, Tabular};
use crate::kernel::point::Niels;
use subtle::ConstantTimeEq;

/// Bits of a window. 4, 5 and 6 were measured: 5 is as fast as 6, and the table is little more than
/// half as large.
const BITS: u32 = 5;
const ENTRIES: usize = 1 << (BITS - 1);

/// A `Niels` point whose elements are packed.
type Entry = [[u64; 4]; 3];

impl Tabular for Portable {
    const BITS: u32 = BITS;

    type Multiples = [Entry; ENTRIES];

    fn tabulate(multiples: &[NielsLimbs]) -> [Entry; ENTRIES] {
        std::array::from_fn(|k| multiples[k].map(|limbs| Portable(limbs).pack()))
    }

    #[inline(always)]
    fn choose(multiples: &[Entry; ENTRIES], digit: Digit<Portable>) -> Niels<Portable> {
        let [sum, difference, t2d] = scan(multiples, digit.index.0 as u8).map(Portable::unpack);
        Niels {
            sum: Portable::select(sum, difference, digit.negative),
            difference: Portable::select(difference, sum, digit.negative),
            t2d: t2d.negate_if(digit.negative),
        }
    }
}

/// Return the entry at `index`. It is not inlined, because only then do compilers use vector
/// registers.
#[inline(never)]
fn scan(multiples: &[Entry; ENTRIES], index: u8) -> Entry {
    let mut chosen = [[0; 4]; 3];
    for (k, entry) in multiples.iter().enumerate() {
        let mask = u64::from((k as u8).ct_eq(&index).unwrap_u8()).wrapping_neg();
        for (chosen, entry) in chosen.as_flattened_mut().iter_mut().zip(entry.as_flattened()) {
            *chosen |= entry & mask;
        }
    }
    chosen
}
