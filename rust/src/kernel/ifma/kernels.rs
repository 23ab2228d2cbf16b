//! The kernels on AVX-512 IFMA.

use super::{Ifma, LANES};
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

/// Functions that enable the instructions for everything that is inlined into them.
mod enabled {
    use super::*;

    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn table(element: &RistrettoPoint) -> Table<Ifma> {
        Table::of(element)
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn decode(input: &[u8], layout: Layout, valid: &mut [bool]) -> Zeroizing<Vec<Cover<Ifma>>> {
        decode_all::<Ifma, 2>(input, layout, valid)
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn encode(points: &[Cover<Ifma>], output: &mut [u8], layout: Layout) {
        encode_all(points, output, layout);
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn add(table: &Table<Ifma>, digits: &[Digits<Ifma>], points: Column<'_, Ifma>) {
        add_multiples(table, digits, points);
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn subtract(element: &Cover<Ifma>, digits: &[Digits<Ifma>], points: &mut [Cover<Ifma>]) {
        subtract_multiples(element, digits, points);
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn field_operations(square: bool, count: usize) {
        operate::<Ifma>(square, count);
    }
}

// SAFETY, of all calls below: the caller has found this field available.
impl Kernels for Ifma {
    const DECODED_TOGETHER: usize = 2 * LANES;

    fn table(element: &RistrettoPoint) -> Table<Ifma> {
        unsafe { enabled::table(element) }
    }

    fn generator() -> &'static Table<Ifma> {
        static TABLE: OnceLock<Table<Ifma>> = OnceLock::new();
        generator_in(&TABLE)
    }

    fn decode(input: &[u8], layout: Layout, valid: &mut [bool]) -> Zeroizing<Vec<Cover<Ifma>>> {
        unsafe { enabled::decode(input, layout, valid) }
    }

    fn encode(points: &[Cover<Ifma>], output: &mut [u8], layout: Layout) {
        unsafe { enabled::encode(points, output, layout) }
    }

    fn add_multiples(table: &Table<Ifma>, digits: &[Digits<Ifma>], points: Column<'_, Ifma>) {
        unsafe { enabled::add(table, digits, points) }
    }

    fn subtract_multiples(
        element: &Cover<Ifma>,
        digits: &[Digits<Ifma>],
        points: &mut [Cover<Ifma>],
    ) {
        unsafe { enabled::subtract(element, digits, points) }
    }

    fn field_operations(square: bool, count: usize) {
        unsafe { enabled::field_operations(square, count) }
    }
}
