//! Tests of the kernel: against a slow big-integer reference, curve25519-dalek, and RFC 9496.

mod cover;
mod field;
mod integer;
mod portable;
mod table;

use crate::random::{Seed, Stream};
use curve25519_dalek::ristretto::RistrettoPoint;
use zeroize::Zeroizing;

fn seed(byte: u8) -> Seed {
    Zeroizing::new([byte; 32])
}

fn random_element(random: &mut Stream) -> RistrettoPoint {
    RistrettoPoint::mul_base(&random.scalar())
}

fn random_bytes(random: &mut Stream) -> [u8; 32] {
    // The low 256 bits of a scalar lack the top; two make all bytes random.
    let (low, high) = (random.scalar(), random.scalar());
    std::array::from_fn(|i| if i < 16 { low.as_bytes()[i] } else { high.as_bytes()[i - 16] })
}
