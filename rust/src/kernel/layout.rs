//! Where the points of a block of rows lie.

use super::ELEMENT;
use super::field::Field;

/// Where the points of rows of `width` elements lie: all columns of the first group, then of the next.
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

    /// The offset of the encoding in the first lane of point `i`.
    #[inline(always)]
    pub fn offset(&self, i: usize) -> usize {
        (i / self.width * self.lanes * self.width + i % self.width) * ELEMENT
    }

    /// Bytes from lane to lane.
    #[inline(always)]
    pub fn stride(&self) -> usize {
        self.width * ELEMENT
    }

    /// The row in the first lane of point `i`.
    #[inline(always)]
    pub fn row(&self, i: usize) -> usize {
        i / self.width * self.lanes
    }
}
