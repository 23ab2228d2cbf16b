//! What a backend has of its own.

use super::cover::Cover;
use super::digits::Digits;
use super::fixed_base::{Column, Table, Tabular};
use super::layout::Layout;
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::RistrettoPoint;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// The functions that take all the time. A field whose instructions have to be enabled runs them in
/// functions that enable them; the bodies are `decode_all` and so on, elsewhere in the kernel.
pub trait Kernels: Tabular + 'static {
    /// Lanes that are best decoded together.
    const DECODED_TOGETHER: usize;

    /// The table of an element. Takes a fraction of a millisecond.
    fn table(element: &RistrettoPoint) -> Table<Self>;

    /// The table of G, of which there is one for all keys.
    fn generator() -> &'static Table<Self>;

    /// Decode all points, and clear `valid` of rows that are not canonical. Of these, a point is any
    /// four field elements.
    fn decode(input: &[u8], layout: Layout, valid: &mut [bool]) -> Zeroizing<Vec<Cover<Self>>>;

    /// Encode all points.
    fn encode(points: &[Cover<Self>], output: &mut [u8], layout: Layout);

    /// To each point of a column add twice the product of its digits and the element of the table.
    fn add_multiples(table: &Table<Self>, digits: &[Digits<Self>], points: Column<'_, Self>);

    /// From each point subtract twice the product of its digits and one element.
    fn subtract_multiples(
        element: &Cover<Self>,
        digits: &[Digits<Self>],
        points: &mut [Cover<Self>],
    );

    /// Multiply, or else square, in the field `count` times in all: what everything consists of.
    fn field_operations(square: bool, count: usize);
}

/// The table of G in `cell`. It is made outside of the lock, and twice if two threads come at once: a
/// process that forks meanwhile must not leave its child a lock that nobody opens.
pub fn generator_in<F: Kernels>(cell: &'static OnceLock<Table<F>>) -> &'static Table<F> {
    cell.get().unwrap_or_else(|| {
        let table = F::table(&RISTRETTO_BASEPOINT_POINT);
        cell.get_or_init(|| table)
    })
}
