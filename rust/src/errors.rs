//! Errors that the core raises from `billboard.errors`.

use pyo3::prelude::*;

/// Make an `InvalidEncodingError(field, problem)`.
pub fn invalid_encoding(py: Python<'_>, field: &str, problem: &str) -> PyErr {
    let raised = py
        .import("billboard.errors")
        .and_then(|module| module.getattr("InvalidEncodingError"))
        .and_then(|class| class.call1((field, problem)));
    match raised {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// Return `bytes` as an array of `N` bytes. Raises `InvalidEncodingError` if there are not as many.
pub fn exact<const N: usize>(py: Python<'_>, field: &str, bytes: &[u8]) -> PyResult<[u8; N]> {
    bytes.try_into().map_err(|_| {
        invalid_encoding(py, field, &format!("must be {N} bytes, not {}", bytes.len()))
    })
}
