//! Native core of billboard: ristretto255, batches over NumPy arrays, and the frame codec.
//!
//! `kernel` has the group operations on batches, on one of two backends. `batch` spreads blocks of
//! rows over threads. The rest is the interface to Python.

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
mod merkle;
#[cfg(feature = "python")]
mod multiples;
#[cfg(feature = "python")]
mod signatures;

#[cfg(feature = "python")]
#[pyo3::pymodule]
mod _core {
    use pyo3::exceptions::PyValueError;
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::batch::{
        backend, embed, extract, field_operations, scalars_from_seed, use_backend,
        use_report_interval, validate,
    };
    #[pymodule_export]
    use crate::frame::{decode_frame, encode_frame, encode_handle_frame};
    #[pymodule_export]
    use crate::group::{Element, Scalar};
    #[pymodule_export]
    use crate::keys::{DecryptionKey, EncryptionKey};
    #[pymodule_export]
    use crate::merkle::{complete_hash, leaf_hashes};
    #[pymodule_export]
    use crate::multiples::{
        diversify, multiply, multiply_generator, recognize_keys, rerandomize_keys,
    };
    #[pymodule_export]
    use crate::signatures::{Ed25519Key, verify_vartime};

    /// Use the backend in BILLBOARD_BACKEND, if it is set, for tests and comparisons.
    #[pymodule_init]
    fn init(_module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::kernel::prepare();
        let Some(name) = std::env::var_os("BILLBOARD_BACKEND") else { return Ok(()) };
        crate::kernel::use_backend(&name.to_string_lossy()).map_err(|problem| {
            PyValueError::new_err(format!("BILLBOARD_BACKEND is {name:?}: {problem}"))
        })
    }
}
