//! `Scalar` and `Element` of ristretto255 (RFC 9496) as Python classes.

use crate::errors::{exact, invalid_encoding};
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar as DalekScalar;
use curve25519_dalek::traits::{Identity, IsIdentity};
use pyo3::exceptions::{PyTypeError, PyZeroDivisionError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyInt};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// An integer modulo l. Constant time. It is zeroized when freed, and never shown.
#[pyclass(frozen, module = "billboard._core")]
pub struct Scalar(pub Zeroizing<DalekScalar>);

impl Scalar {
    fn new(value: DalekScalar) -> Self {
        Scalar(Zeroizing::new(value))
    }
}

/// Decode a canonical scalar. Raises `InvalidEncodingError`.
pub fn decode_scalar(py: Python<'_>, field: &str, bytes: &[u8]) -> PyResult<DalekScalar> {
    let bytes = Zeroizing::new(exact::<32>(py, field, bytes)?);
    Option::from(DalekScalar::from_canonical_bytes(*bytes))
        .ok_or_else(|| invalid_encoding(py, field, "is not a canonical scalar"))
}

/// Decode a canonical element. Raises `InvalidEncodingError`.
pub fn decode_element(py: Python<'_>, field: &str, bytes: &[u8]) -> PyResult<RistrettoPoint> {
    CompressedRistretto(exact(py, field, bytes)?)
        .decompress()
        .ok_or_else(|| invalid_encoding(py, field, "is not a canonical element"))
}

/// Return the Python object that describes this group (SPEC 12).
fn group(py: Python<'_>) -> PyResult<Py<PyAny>> {
    static GROUP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let group = GROUP.get_or_try_init(py, || {
        let module = py.import("billboard.groups.ristretto255")?;
        module.getattr("RISTRETTO255").map(Bound::unbind)
    })?;
    Ok(group.clone_ref(py))
}

#[pymethods]
impl Scalar {
    /// Decode 32 little-endian bytes. Raises `InvalidEncodingError` for another length, or l or
    /// more.
    #[staticmethod]
    #[pyo3(signature = (data, /, field = "scalar"))]
    fn from_bytes(py: Python<'_>, data: &[u8], field: &str) -> PyResult<Self> {
        decode_scalar(py, field, data).map(Scalar::new)
    }

    /// Reduce 64 little-endian bytes modulo l. The scalar is uniform if the bytes are.
    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn from_uniform_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        let wide = Zeroizing::new(exact::<64>(py, "scalar", data)?);
        Ok(Scalar::new(DalekScalar::from_bytes_mod_order_wide(&wide)))
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.as_bytes())
    }

    fn __int__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.get_type::<PyInt>().call_method1("from_bytes", (self.__bytes__(py), "little"))
    }

    /// The group, ristretto255.
    #[getter(group)]
    fn get_group(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        group(py)
    }

    fn __add__(&self, other: &Scalar) -> Self {
        Scalar::new(*self.0 + *other.0)
    }

    fn __sub__(&self, other: &Scalar) -> Self {
        Scalar::new(*self.0 - *other.0)
    }

    fn __neg__(&self) -> Self {
        Scalar::new(-*self.0)
    }

    fn __mul__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        if let Ok(scalar) = other.cast::<Scalar>() {
            let product = Scalar::new(*self.0 * *scalar.get().0);
            return Ok(product.into_pyobject(py)?.into_any().unbind());
        }
        if let Ok(element) = other.cast::<Element>() {
            let product = Element(element.get().0 * *self.0);
            return Ok(product.into_pyobject(py)?.into_any().unbind());
        }
        Ok(py.NotImplemented())
    }

    fn __eq__(&self, other: &Scalar) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// Whether this is 0.
    #[getter]
    fn is_zero(&self) -> bool {
        self.0.ct_eq(&DalekScalar::ZERO).into()
    }

    /// Return 1 / self. Raises `ZeroDivisionError` for 0.
    fn invert(&self) -> PyResult<Self> {
        if self.is_zero() {
            return Err(PyZeroDivisionError::new_err("0 has no inverse modulo l"));
        }
        Ok(Scalar::new(self.0.invert()))
    }

    fn __repr__(&self) -> &'static str {
        "<Scalar>"
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a Scalar cannot be pickled or copied: use bytes and from_bytes"))
    }
}

/// An element of ristretto255. Operations are constant time unless their name says ``_vartime``.
#[pyclass(frozen, module = "billboard._core")]
pub struct Element(pub RistrettoPoint);

#[pymethods]
impl Element {
    /// Decode 32 bytes (RFC 9496, section 4.3.1). Raises `InvalidEncodingError` unless canonical.
    #[staticmethod]
    #[pyo3(signature = (data, /, field = "element"))]
    fn from_bytes(py: Python<'_>, data: &[u8], field: &str) -> PyResult<Self> {
        decode_element(py, field, data).map(Element)
    }

    /// Map 64 bytes to an element by the one-way map of RFC 9496, section 4.3.4.
    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn from_uniform_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        let wide = exact::<64>(py, "element", data)?;
        Ok(Element(RistrettoPoint::from_uniform_bytes(&wide)))
    }

    /// Return the neutral element.
    #[staticmethod]
    fn identity() -> Self {
        Element(RistrettoPoint::identity())
    }

    /// Return the generator G.
    #[staticmethod]
    fn generator() -> Self {
        Element(curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT)
    }

    /// Return scalar * G, from a fixed table.
    #[staticmethod]
    #[pyo3(signature = (scalar, /))]
    fn mul_generator(scalar: &Scalar) -> Self {
        Element(RistrettoPoint::mul_base(&scalar.0))
    }

    /// Return a * self + b * G, for public a and b. Variable time.
    #[pyo3(signature = (a, b, /))]
    fn mul_add_generator_vartime(&self, a: &Scalar, b: &Scalar) -> Self {
        Element(RistrettoPoint::vartime_double_scalar_mul_basepoint(&a.0, &self.0, &b.0))
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.compress().as_bytes())
    }

    /// The group, ristretto255.
    #[getter(group)]
    fn get_group(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        group(py)
    }

    fn __add__(&self, other: &Element) -> Self {
        Element(self.0 + other.0)
    }

    fn __sub__(&self, other: &Element) -> Self {
        Element(self.0 - other.0)
    }

    fn __neg__(&self) -> Self {
        Element(-self.0)
    }

    fn __mul__(&self, scalar: &Scalar) -> Self {
        Element(self.0 * *scalar.0)
    }

    fn __eq__(&self, other: &Element) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    fn __hash__(&self) -> isize {
        let bytes = self.0.compress().to_bytes();
        isize::from_le_bytes(*bytes.first_chunk().expect("an encoding has 32 bytes"))
    }

    /// Whether this is the neutral element.
    #[getter]
    fn is_identity(&self) -> bool {
        self.0.is_identity()
    }

    // It shows no bytes, because an element can be part of a blob or of its message.
    fn __repr__(&self) -> &'static str {
        "<Element>"
    }
}
