//! The kernels on scalar code.

use super::Portable;
use crate::kernel::cover::{Cover, decode_all, encode_all};
use crate::kernel::digits::Digits;
use crate::kernel::field::operate;
use crate::kernel::fixed_base::{Column, Table, add_multiples};
use crate::kernel::kernels::{Kernels, generator_in};
use crate::kernel::layout::Layout;
use crate::kernel::variable_base::subtract_multiples;
use curve25519_dalek::ristretto::RistrettoPoint;
use std::sync::OnceLock;
use zeroize::Zeroizing;

impl Kernels for Portable {
    /// One at a time: this backend gains nothing from chains of squarings side by side.
    const DECODED_TOGETHER: usize = 1;

    fn table(element: &RistrettoPoint) -> Table<Portable> {
        Table::of(element)
    }

    fn generator() -> &'static Table<Portable> {
        static TABLE: OnceLock<Table<Portable>> = OnceLock::new();
        generator_in(&TABLE)
    }

    fn decode(input: &[u8], layout: Layout, valid: &mut [bool]) -> Zeroizing<Vec<Cover<Portable>>> {
        decode_all::<Portable, 1>(input, layout, valid)
    }

    fn encode(points: &[Cover<Portable>], output: &mut [u8], layout: Layout) {
        encode_all(points, output, layout);
    }

    fn add_multiples(
        table: &Table<Portable>,
        digits: &[Digits<Portable>],
        points: Column<'_, Portable>,
    ) {
        add_multiples(table, digits, points);
    }

    fn subtract_multiples(
        element: &Cover<Portable>,
        digits: &[Digits<Portable>],
        points: &mut [Cover<Portable>],
    ) {
        subtract_multiples(element, digits, points);
    }

    fn field_operations(square: bool, count: usize) {
        operate::<Portable>(square, count);
    }
}
