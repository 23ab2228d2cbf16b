//! Native core of billboard: ristretto255, batches over NumPy arrays, and the frame codec.
//!
//! `kernel` is where group operations on batches happen; a second backend is a second module in
//! it. `batch` spreads blocks of rows over threads. The rest is the Python surface.

mod batch;
mod embedding;
mod errors;
mod frame;
mod group;
mod kernel;
mod keys;
mod random;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::batch::{embed, extract, scalars_from_seed, validate};
    #[pymodule_export]
    use crate::frame::{decode_frame, encode_frame};
    #[pymodule_export]
    use crate::group::{Element, Scalar};
    #[pymodule_export]
    use crate::keys::{DecryptionKey, EncryptionKey};
}
