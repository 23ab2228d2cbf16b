//! The places of the points of a block of rows.

use super::ELEMENT;
use super::field::Field;

/// The order of the points of rows of `width` elements: all columns of the first group of rows,
/// then all of the next. A point has one row in each lane.
#[derive(Clone, Copy)]
pub struct Layout {
    pub lanes: usize,
    pub width: usize,
    pub points: usize,
}

impl Layout {
    pub fn new<F: Field>(rows: usize, width: usize) -> Layout {
        debug_assert!(rows.is_multiple_of(F::LANES));
        Layout { lanes: F::LANES, width, points: rows / F::LANES * width }
    }

    /// Return the offset in bytes of the encoding in the first lane of point `i`.
    #[inline(always)]
    pub fn offset(&self, i: usize) -> usize {
        (i / self.width * self.lanes * self.width + i % self.width) * ELEMENT
    }

    /// Return the bytes from one lane to the next.
    #[inline(always)]
    pub fn stride(&self) -> usize {
        self.width * ELEMENT
    }

    /// Return the row in the first lane of point `i`.
    #[inline(always)]
    pub fn row(&self, i: usize) -> usize {
        i / self.width * self.lanes
    }
}
