//! Group operations on a block of rows. This is the one place for a second backend: another module
//! with the functions of `portable`, chosen here at run time.
//!
//! A row is a run of 32-byte encodings: a message M_1 .. M_n, or a blob A, B_1 .. B_n. Each function
//! reads the rows of `input` and writes those of `output`, and `valid[i]` tells whether row i was
//! canonical; the output of a row that was not is all zero and says nothing about the others.
//!
//! From the bottom: `field` and `roots`, the curves of `point` and `cover`, `table`, and `portable`,
//! which puts them together; `plain` does the same row by row.

mod cover;
mod field;
mod plain;
mod point;
mod portable;
mod roots;
mod table;
#[cfg(test)]
mod tests;

pub use portable::{Public, Secret, decrypt, encrypt, rerandomize, validate};

/// Bytes of an encoded element.
const ELEMENT: usize = 32;

/// Whether a row begins with the identity. Only zeros encode it.
fn is_identity(row: &[u8]) -> bool {
    row[..ELEMENT] == [0; ELEMENT]
}
