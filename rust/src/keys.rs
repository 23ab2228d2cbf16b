//! Keys as Python classes, with the tables that the core caches for them.

use crate::batch::{Masked, Run, decode_seed, map_rows, view};
use crate::embedding::{self, PAYLOAD};
use crate::errors::{exact, invalid_encoding};
use crate::frame;
use crate::group::{decode_element, decode_scalar};
use crate::kernel::{self, Public, Tables};
use crate::random::Draws;
use curve25519_dalek::Scalar;
use numpy::{PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Split `bytes` into one or more 32-byte encodings.
fn encodings<'a>(
    py: Python<'_>,
    field: &str,
    bytes: &'a [u8],
) -> PyResult<std::slice::ChunksExact<'a, u8>> {
    if bytes.is_empty() || !bytes.len().is_multiple_of(32) {
        return Err(invalid_encoding(py, field, "must be a positive multiple of 32 bytes"));
    }
    Ok(bytes.chunks_exact(32))
}

/// The public elements X_1 .. X_n of a key, and their tables.
#[pyclass(frozen, module = "billboard._core")]
pub struct EncryptionKey(Public);

impl EncryptionKey {
    /// Return a checked batch of rows of `elements` elements, and the tables for it, if they pay.
    fn prepared<'py>(
        &self,
        array: &Bound<'py, PyAny>,
        elements: usize,
    ) -> PyResult<(PyReadonlyArray3<'py, u8>, Option<Arc<Tables>>)> {
        let rows = view(array, elements, 32)?.shape()[0];
        let tables = self.tables(array.py(), rows);
        // Check the array again: while tables were made, another thread may have reshaped it.
        Ok((view(array, elements, 32)?, tables))
    }

    /// Return the tables for a batch of `rows` rows, if they pay.
    fn tables(&self, py: Python<'_>, rows: usize) -> Option<Arc<Tables>> {
        if !self.0.tables_pay(rows) {
            return None;
        }
        Some(self.0.cached_tables().unwrap_or_else(|| {
            let tables = py.detach(|| self.0.make_tables());
            self.0.keep_tables(Arc::clone(&tables));
            tables
        }))
    }
}

#[pymethods]
impl EncryptionKey {
    /// Make a key from n encodings of 32 bytes; none may be the identity. Raises
    /// `InvalidEncodingError`.
    #[new]
    #[pyo3(signature = (elements, /))]
    fn new(py: Python<'_>, elements: &[u8]) -> PyResult<Self> {
        let mut points = Vec::new();
        for (j, encoding) in encodings(py, "public elements", elements)?.enumerate() {
            let field = format!("X_{}", j + 1);
            let point = decode_element(py, &field, encoding)?;
            if encoding == [0; 32] {
                return Err(invalid_encoding(py, &field, "is the identity"));
            }
            points.push(point);
        }
        Ok(EncryptionKey(Public::new(points)))
    }

    /// The number n.
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Encrypt (items, n, 32) messages to (items, n + 1, 32) blobs. Bad rows are zero and masked.
    #[pyo3(signature = (messages, seed, threads = None, progress = None))]
    fn encrypt<'py>(
        &self,
        py: Python<'py>,
        messages: &Bound<'py, PyAny>,
        seed: &[u8],
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Masked<'py>> {
        let seed = decode_seed(py, seed)?;
        let run = Run::new(threads, progress)?;
        let (input, tables) = self.prepared(messages, self.0.len())?;
        map_rows(py, &run, &input, (self.0.len() + 1, 32), |first, input, output, valid| {
            let draws = &mut Draws::new(&seed);
            self.0.encrypt(tables.as_deref(), draws, first, input, output, valid);
        })
    }

    /// Rerandomize (items, n + 1, 32) blobs. Bad rows are zero and masked.
    #[pyo3(signature = (array, seed, threads = None, progress = None))]
    fn rerandomize<'py>(
        &self,
        py: Python<'py>,
        array: &Bound<'py, PyAny>,
        seed: &[u8],
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Masked<'py>> {
        let seed = decode_seed(py, seed)?;
        let run = Run::new(threads, progress)?;
        let (input, tables) = self.prepared(array, self.0.len() + 1)?;
        map_rows(py, &run, &input, (self.0.len() + 1, 32), |first, input, output, valid| {
            let draws = &mut Draws::new(&seed);
            self.0.rerandomize(tables.as_deref(), draws, first, input, output, valid);
        })
    }
}

/// The secret scalars x_1 .. x_n of a key. They are zeroized when freed.
#[pyclass(frozen, module = "billboard._core")]
pub struct DecryptionKey(Zeroizing<Vec<Scalar>>);

#[pymethods]
impl DecryptionKey {
    /// Make a key from n encodings of 32 bytes; none may be 0. Raises `InvalidEncodingError`.
    #[new]
    #[pyo3(signature = (scalars, /))]
    fn new(py: Python<'_>, scalars: &[u8]) -> PyResult<Self> {
        let mut decoded = Zeroizing::new(Vec::with_capacity(scalars.len() / 32));
        for (j, encoding) in encodings(py, "secret scalars", scalars)?.enumerate() {
            let field = format!("x_{}", j + 1);
            let scalar = Zeroizing::new(decode_scalar(py, &field, encoding)?);
            if scalar.ct_eq(&Scalar::ZERO).into() {
                return Err(invalid_encoding(py, &field, "is 0"));
            }
            decoded.push(*scalar);
        }
        Ok(DecryptionKey(decoded))
    }

    /// The number n.
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Return x_1 || .. || x_n, to save the key.
    fn secret_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = self.0.iter().flat_map(Scalar::to_bytes).collect();
        PyBytes::new(py, &Zeroizing::<Vec<u8>>::new(bytes))
    }

    fn __repr__(&self) -> &'static str {
        "<DecryptionKey>"
    }

    /// Decrypt (items, n + 1, 32) blobs to (items, n, 32) messages. Bad rows are zero and masked.
    #[pyo3(signature = (array, threads = None, progress = None))]
    fn decrypt<'py>(
        &self,
        py: Python<'py>,
        array: &Bound<'py, PyAny>,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Masked<'py>> {
        let input = view(array, self.0.len() + 1, 32)?;
        let run = Run::new(threads, progress)?;
        map_rows(py, &run, &input, (self.0.len(), 32), |_, input, output, valid| {
            kernel::backend().decrypt(&self.0, input, output, valid);
        })
    }

    /// Open (items, n + 1, 32) blobs to (items, n, 30) frames that are valid at `now_hours`, in
    /// hours since 1970 (SPEC 6.4). All other rows are zero and masked.
    #[pyo3(signature = (array, key_hash, now_hours, threads = None, progress = None))]
    fn open<'py>(
        &self,
        py: Python<'py>,
        array: &Bound<'py, PyAny>,
        key_hash: &[u8],
        now_hours: u32,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Masked<'py>> {
        let key_hash = exact(py, "key hash", key_hash)?;
        let n = self.0.len();
        let input = view(array, n + 1, 32)?;
        let run = Run::new(threads, progress)?;
        map_rows(py, &run, &input, (n, PAYLOAD), |_, input, output, valid| {
            let mut messages = Zeroizing::new(vec![0u8; 32 * n * valid.len()]);
            kernel::backend().decrypt(&self.0, input, &mut messages, valid);
            let rows = messages.chunks_exact(32 * n).zip(output.chunks_exact_mut(PAYLOAD * n));
            for ((message, frame), opened) in rows.zip(valid) {
                for (element, data) in message.chunks_exact(32).zip(frame.chunks_exact_mut(PAYLOAD))
                {
                    embedding::extract(element, data);
                }
                *opened &= frame::is_valid(frame, &key_hash, now_hours);
                if !*opened {
                    frame.fill(0);
                }
            }
        })
    }
}
