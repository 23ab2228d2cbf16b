//! Group operations on blocks of rows.
//!
//! A row is a sequence of 32-byte encodings: a message M_1 .. M_n, or a blob A, B_1 .. B_n. Each
//! function reads the rows of `input` and writes those of `output`. `valid[i]` says whether row i
//! was canonical. The output of a row that was not is all zero; other rows are not affected.
//!
//! There are two backends, which give the same bytes: `portable`, and `ifma` for processors that
//! have AVX-512 IFMA. They differ in how they calculate in the field (`field`) and how they look up
//! multiples in a table; `kernels` asks for nothing else. Everything else is written once. From the
//! bottom to the top it is `layout`, `roots`, the curves of `point` and `cover`, `digits`,
//! `fixed_base`, `variable_base`, and `blocks`, which puts them together. `backend` chooses a
//! backend, `key` keeps tables, and `plain` serves keys that have no tables yet.

// Loops count limbs, lanes and chains, because one index serves several arrays.
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

/// Return the number of rows of `width` elements in a block, which one thread takes at a time. They
/// are enough that the one inversion of a block costs little, and few enough that its points stay
/// in a cache.
pub fn rows_of_block(width: usize) -> usize {
    (512 / width / 8 * 8).max(8)
}

/// Initialize the static values now, while no other thread waits for them. If the process forked
/// while a thread makes one, the child would inherit a lock that nobody releases.
pub fn prepare() {
    std::sync::LazyLock::force(&variable_base::WINDOWS);
}

/// Return whether a row begins with the identity. Only zeros encode it.
pub fn is_identity(row: &[u8]) -> bool {
    row[..ELEMENT] == [0; ELEMENT]
}
