//! Native core of billboard: ristretto255, batches over NumPy arrays, and the frame codec.
//!
//! `kernel` is where group operations on batches happen; a second backend is a second module in
//! it. `batch` spreads blocks of rows over threads. The rest is the Python surface.

#![cfg_attr(not(feature = "python"), allow(dead_code, unused_imports))]

mod embedding;
mod kernel;
mod random;

#[cfg(feature = "python")]
mod batch;
#[cfg(feature = "python")]
mod errors;
#[cfg(feature = "python")]
mod frame;
#[cfg(feature = "python")]
mod group;
#[cfg(feature = "python")]
mod keys;

#[cfg(feature = "python")]
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use crate::batch::{embed, extract, scalars_from_seed, validate};
    #[pymodule_export]
    use crate::frame::{decode_frame, encode_frame, encode_handle_frame};
    #[pymodule_export]
    use crate::group::{Element, Scalar};
    #[pymodule_export]
    use crate::keys::{DecryptionKey, EncryptionKey};
}
