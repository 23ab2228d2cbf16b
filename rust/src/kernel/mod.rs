//! Group operations on blocks of rows.
//!
//! A row is a run of 32-byte encodings: a message M_1 .. M_n, or a blob A, B_1 .. B_n. Each function
//! reads the rows of `input` and writes those of `output`, and `valid[i]` tells whether row i was
//! canonical; the output of a row that was not is all zero and says nothing about the others.
//!
//! There are two backends, which give the same bytes: `portable`, and `ifma` for processors that have
//! AVX-512 IFMA. They differ in how they calculate in the field (`field`) and look up multiples in a
//! table, which is all that `kernels` asks of them. All else is written once: from the bottom `layout`,
//! `roots`, the curves of `point` and `cover`, `digits`, `fixed_base`, `variable_base`, and `blocks`,
//! which puts them together. `backend` chooses, `key` keeps tables, and `plain` serves keys that have
//! none yet.

// Limbs, lanes and chains are counted: several arrays have the same index.
#![allow(clippy::needless_range_loop)]

mod backend;
mod blocks;
mod cover;
mod digits;
mod field;
mod fixed_base;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod kernels;
mod key;
mod layout;
mod plain;
mod point;
mod portable;
mod roots;
#[cfg(test)]
mod tests;
mod variable_base;

pub use backend::{Tables, backend, use_backend};
pub use blocks::Block;
pub use key::Public;

/// Bytes of an encoded element.
pub const ELEMENT: usize = 32;

/// Bytes that an element carries (SPEC 6.1).
pub const PAYLOAD: usize = 30;

/// Rows of `width` elements in a block: the unit that one thread takes at a time. Enough that the one
/// inversion of a block costs little, and few enough that its points stay in a cache.
pub fn rows_of_block(width: usize) -> usize {
    (512 / width / 8 * 8).max(8)
}

/// Make what is made once, while no other thread waits for it: a process that forks meanwhile would
/// leave its child a lock that nobody opens.
pub fn prepare() {
    std::sync::LazyLock::force(&variable_base::WINDOWS);
}

/// Whether a row begins with the identity. Only zeros encode it.
pub fn is_identity(row: &[u8]) -> bool {
    row[..ELEMENT] == [0; ELEMENT]
}
