//! The portable backend: scalar code for any 64-bit processor.

mod field;
mod kernels;
mod table;
mod word;

pub use field::Portable;
