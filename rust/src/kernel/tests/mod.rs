//! Tests of the kernel: against a slow big-integer reference, curve25519-dalek, and RFC 9496.
//!
//! Code that is written once for all fields is tested with each of them (`for_each_field`). Outside
//! of the functions that enable its instructions, `Ifma` is slow, but its results are right.

mod backend;
mod blocks;
mod cover;
mod field;
mod integer;
mod key;
mod multiplication;
mod operations;
mod point;
mod secrets;

use super::field::Field;
use crate::random::Draws;
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::RistrettoPoint;
use zeroize::Zeroizing;

/// Run each function as a test on each field that this processor can calculate in.
macro_rules! for_each_field {
    ($($name:ident)*) => {
        mod portable {
            $(#[test]
            fn $name() {
                super::$name::<crate::kernel::portable::Portable>();
            })*
        }

        #[cfg(target_arch = "x86_64")]
        mod ifma {
            $(#[test]
            fn $name() {
                if crate::kernel::ifma::is_available() {
                    super::$name::<crate::kernel::ifma::Ifma>();
                }
            })*
        }
    };
}
use for_each_field;

/// Deterministic randomness: the bytes of the draws of a seed, one after the other.
struct Random {
    draws: Draws,
    next: usize,
}

impl Random {
    fn new(seed: u8) -> Random {
        Random { draws: Draws::new(&Zeroizing::new([seed; 32])), next: 0 }
    }

    fn scalar(&mut self) -> Scalar {
        self.next += 1;
        *self.draws.scalar(0, self.next)
    }

    fn element(&mut self) -> RistrettoPoint {
        RistrettoPoint::mul_base(&self.scalar())
    }

    fn bytes(&mut self) -> [u8; 32] {
        // The top bits of a scalar are not random; two scalars make all bytes random.
        let (low, high) = (self.scalar(), self.scalar());
        std::array::from_fn(|i| if i < 16 { low.as_bytes()[i] } else { high.as_bytes()[i - 16] })
    }

    fn below(&mut self, bound: usize) -> usize {
        u32::from_le_bytes(std::array::from_fn(|i| self.bytes()[i])) as usize % bound
    }
}

/// Split `items` into groups of as many as the field has lanes. The last item fills up the last
/// group.
fn groups<F: Field, T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = items.chunks(F::LANES).map(<[T]>::to_vec).collect();
    if let (Some(group), Some(last)) = (groups.last_mut(), items.last()) {
        group.resize(F::LANES, last.clone());
    }
    groups
}

/// Return the bytes of the element in each lane.
fn lanes_of<F: Field>(element: F) -> Vec<[u8; 32]> {
    let mut bytes = vec![[0xa5; 32]; F::LANES];
    element.store(bytes.as_flattened_mut(), 32);
    bytes
}
