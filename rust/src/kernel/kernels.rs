//! The functions that each backend has of its own.

use super::cover::Cover;
use super::digits::Digits;
use super::fixed_base::{Column, Table, Tabular};
use super::layout::Layout;
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::RistrettoPoint;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// The functions that take nearly all of the time. If the instructions of a field must be enabled,
/// its backend calls the bodies (`decode_all` and so on, elsewhere in the kernel) in functions that
/// enable them.
pub trait Kernels: Tabular + 'static {
    /// The number of encodings that are best decoded together.
    const DECODED_TOGETHER: usize;

    /// Make the table of an element. This takes a fraction of a millisecond.
    fn table(element: &RistrettoPoint) -> Table<Self>;

    /// Return the table of G, which all keys share.
    fn generator() -> &'static Table<Self>;

    /// Decode all points, and clear `valid` for rows that are not canonical. In such a row a point
    /// may be any four field elements.
    fn decode(input: &[u8], layout: Layout, valid: &mut [bool]) -> Zeroizing<Vec<Cover<Self>>>;

    /// Encode all points.
    fn encode(points: &[Cover<Self>], output: &mut [u8], layout: Layout);

    /// Add to each point of a column twice the product of its digits and the element of the table.
    fn add_multiples(table: &Table<Self>, digits: &[Digits<Self>], points: Column<'_, Self>);

    /// Subtract from each point twice the product of its digits and `element`.
    fn subtract_multiples(
        element: &Cover<Self>,
        digits: &[Digits<Self>],
        points: &mut [Cover<Self>],
    );

    /// Multiply `count` times in all in the field, or square if `square`. For benchmarks.
    fn field_operations(square: bool, count: usize);
}

/// Return the table of G in `cell`. It is made outside of the lock, twice if two threads come at
/// once. So a fork meanwhile does not leave the child a lock that nobody releases.
pub fn generator_in<F: Kernels>(cell: &'static OnceLock<Table<F>>) -> &'static Table<F> {
    cell.get().unwrap_or_else(|| {
        let table = F::table(&RISTRETTO_BASEPOINT_POINT);
        cell.get_or_init(|| table)
    })
}
