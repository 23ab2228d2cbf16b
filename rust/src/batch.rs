//! Batches: checks NumPy arrays, and spreads blocks of their rows over threads.

use crate::embedding::{self, PAYLOAD};
use crate::errors::exact;
use crate::kernel;
use crate::random::{Draws, Seed};
use numpy::{
    PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray3, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Most elements of a row. With so many, sizes are far from an overflow.
const MOST_ELEMENTS: usize = 1 << 16;

/// How often the calling thread looks for Ctrl-C and reports progress, in milliseconds.
static REPORT_INTERVAL: AtomicU64 = AtomicU64::new(50);

/// The rows of a batch, and a mask that says which of them are valid.
pub type Masked<'py> = (Bound<'py, PyArray3<u8>>, Bound<'py, PyArray1<bool>>);

/// How to run a batch: on how many threads, and what to call with the progress.
pub struct Run {
    threads: usize,
    progress: Option<Py<PyAny>>,
}

impl Run {
    /// `threads` is None for all CPUs that this process may use. Raises `ValueError` for 0.
    pub fn new(threads: Option<usize>, progress: Option<Py<PyAny>>) -> PyResult<Self> {
        let allowed = || thread::available_parallelism().map_or(1, usize::from);
        match threads.unwrap_or_else(allowed) {
            0 => Err(PyValueError::new_err("threads must be at least 1, or None for all CPUs")),
            threads => Ok(Run { threads, progress }),
        }
    }

    /// Call `work(index, block)` for each of `blocks`, without the GIL. A batch has `items` rows,
    /// and a block has `rows` of them.
    ///
    /// The calling thread works too. Between its blocks it lets Python handle signals and calls
    /// `progress(done, items)`. If either raises, the other threads stop at the end of their block.
    /// Threads live for this call only, so that no thread is left behind that a fork could break.
    pub fn blocks<W: Send>(
        &self,
        py: Python<'_>,
        (items, rows): (usize, usize),
        blocks: impl Iterator<Item = W> + Send,
        work: impl Fn(usize, W) + Sync,
    ) -> PyResult<()> {
        let queue = Mutex::new(blocks.enumerate());
        let stop = AtomicBool::new(false);
        let done = AtomicUsize::new(0);
        let step = || {
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            let next = queue.lock().expect("another thread of this batch panicked").next();
            let Some((index, block)) = next else { return false };
            work(index, block);
            done.fetch_add(1, Ordering::Relaxed);
            true
        };
        let report = |done: usize| -> PyResult<()> {
            Python::attach(|py| {
                py.check_signals()?;
                if let Some(progress) = &self.progress {
                    progress.call1(py, (done.min(items), items))?;
                }
                Ok(())
            })
        };
        let own_share = || -> PyResult<()> {
            let interval = Duration::from_millis(REPORT_INTERVAL.load(Ordering::Relaxed));
            let mut last = Instant::now();
            while step() {
                if last.elapsed() >= interval {
                    report(done.load(Ordering::Relaxed) * rows)?;
                    last = Instant::now();
                }
            }
            Ok(())
        };
        let others = self.threads.min(items.div_ceil(rows)).saturating_sub(1);
        py.detach(|| {
            thread::scope(|scope| {
                for _ in 0..others {
                    // If the system refuses another thread, those that run do the work.
                    let _ = thread::Builder::new().spawn_scoped(scope, || while step() {});
                }
                let outcome = own_share();
                stop.store(outcome.is_err(), Ordering::Relaxed);
                outcome
            })
        })?;
        report(items)
    }
}

/// Check that an object is a C-contiguous `uint8` array of shape (items, elements, width), and
/// return it read-only. Raises `TypeError` or `ValueError`, which say what was expected.
pub fn view<'py>(
    array: &Bound<'py, PyAny>,
    elements: usize,
    width: usize,
) -> PyResult<PyReadonlyArray3<'py, u8>> {
    if !(1..=MOST_ELEMENTS).contains(&elements) {
        let problem = format!("the number of elements must be 1 to {MOST_ELEMENTS}");
        return Err(PyValueError::new_err(problem));
    }
    let expected = format!("a C-contiguous uint8 array of shape (items, {elements}, {width})");
    let untyped = array.cast::<PyUntypedArray>().map_err(|_| {
        PyTypeError::new_err(format!("expected {expected}, not {}", array.get_type()))
    })?;
    let wrong = || {
        let (dtype, shape) = (untyped.dtype(), untyped.shape());
        let order = if untyped.is_c_contiguous() { "" } else { " that is not C-contiguous" };
        PyValueError::new_err(format!("expected {expected}, not {dtype} of shape {shape:?}{order}"))
    };
    let typed = array.cast::<PyArray3<u8>>().map_err(|_| wrong())?;
    if typed.shape()[1..] != [elements, width] || !typed.is_c_contiguous() {
        return Err(wrong());
    }
    typed.try_readonly().map_err(|_| PyValueError::new_err("the array is being written to"))
}

/// Call `numpy.zeros`, which raises `MemoryError` if memory is short.
fn zeros<'py>(
    py: Python<'py>,
    shape: impl IntoPyObject<'py>,
    dtype: &str,
) -> PyResult<Bound<'py, PyAny>> {
    py.import("numpy")?.call_method1("zeros", (shape, dtype))
}

/// Run `work(first row, input rows, output rows, valid)` over all rows of `input`, block by block.
/// Returns a new array of shape (items, elements, width) and a mask of shape (items,).
pub fn map_rows<'py>(
    py: Python<'py>,
    run: &Run,
    input: &PyReadonlyArray3<'py, u8>,
    (elements, width): (usize, usize),
    work: impl Fn(usize, &[u8], &mut [u8], &mut [bool]) + Sync,
) -> PyResult<Masked<'py>> {
    let items = input.shape()[0];
    let row_in = input.shape()[1] * input.shape()[2];
    let rows = kernel::rows_of_block(elements.max(input.shape()[1]));
    let output = zeros(py, (items, elements, width), "uint8")?.cast_into::<PyArray3<u8>>()?;
    let valid = zeros(py, items, "bool")?.cast_into::<PyArray1<bool>>()?;
    {
        let (mut output, mut valid) = (output.readwrite(), valid.readwrite());
        let input = input.as_slice()?;
        let blocks = input
            .chunks(rows * row_in)
            .zip(output.as_slice_mut()?.chunks_mut(rows * elements * width))
            .zip(valid.as_slice_mut()?.chunks_mut(rows));
        run.blocks(py, (items, rows), blocks, |index, ((input, output), valid)| {
            work(index * rows, input, output, valid);
        })?;
    }
    Ok((output, valid))
}

/// Run `work(input rows, valid)` over all rows of `input`. Returns a mask of shape (items,).
pub fn mask_rows<'py>(
    py: Python<'py>,
    run: &Run,
    input: &PyReadonlyArray3<'py, u8>,
    work: impl Fn(&[u8], &mut [bool]) + Sync,
) -> PyResult<Bound<'py, PyArray1<bool>>> {
    let &[items, elements, width] = input.shape() else { unreachable!("`view` checks the shape") };
    let rows = kernel::rows_of_block(elements);
    let valid = zeros(py, items, "bool")?.cast_into::<PyArray1<bool>>()?;
    {
        let mut valid = valid.readwrite();
        let input = input.as_slice()?.chunks(rows * elements * width);
        let blocks = input.zip(valid.as_slice_mut()?.chunks_mut(rows));
        run.blocks(py, (items, rows), blocks, |_, (input, valid)| work(input, valid))?;
    }
    Ok(valid)
}

/// Return the name of the backend that batches run on: "portable" or "ifma".
#[pyfunction]
pub fn backend() -> &'static str {
    kernel::backend().name()
}

/// Run the batches of this process on another backend, for tests and comparisons. Raises
/// `ValueError` if the name is unknown or the processor lacks its instructions.
#[pyfunction]
pub fn use_backend(name: &str) -> PyResult<()> {
    kernel::use_backend(name)
        .map_err(|problem| PyValueError::new_err(format!("backend {name:?}: {problem}")))
}

/// Set how often batches of this process look for Ctrl-C and report progress, in milliseconds; with
/// 0, after each block. Returns the interval before. For tests, which must not depend on how long a
/// batch takes.
#[pyfunction]
pub fn use_report_interval(milliseconds: u64) -> u64 {
    REPORT_INTERVAL.swap(milliseconds, Ordering::Relaxed)
}

/// Multiply `count` times in the field, or square if `square`, on the backend in use. For
/// benchmarks, which compare an operation with its multiplications alone.
#[pyfunction]
pub fn field_operations(py: Python<'_>, square: bool, count: usize) {
    py.detach(|| kernel::backend().field_operations(square, count));
}

pub fn decode_seed(py: Python<'_>, seed: &[u8]) -> PyResult<Seed> {
    Ok(Zeroizing::new(exact(py, "seed", seed)?))
}

/// Return which rows of an (items, elements, 32) array are blobs (SPEC 6.3): a bool array of shape
/// (items,).
#[pyfunction]
#[pyo3(signature = (array, elements, threads = None, progress = None))]
pub fn validate<'py>(
    py: Python<'py>,
    array: &Bound<'py, PyAny>,
    elements: usize,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyArray1<bool>>> {
    let input = view(array, elements, 32)?;
    let run = Run::new(threads, progress)?;
    mask_rows(py, &run, &input, |input, valid| {
        kernel::backend().validate(elements, input, valid);
    })
}

/// Embed each 30 bytes of an (items, n, 30) array in an element (SPEC 6.1). Returns an array of
/// shape (items, n, 32).
#[pyfunction]
#[pyo3(signature = (data, n, seed, threads = None, progress = None))]
pub fn embed<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyAny>,
    n: usize,
    seed: &[u8],
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let seed = decode_seed(py, seed)?;
    let input = view(data, n, PAYLOAD)?;
    let run = Run::new(threads, progress)?;
    let (output, _) = map_rows(py, &run, &input, (n, 32), |first, input, output, _| {
        embedding::embed_vartime(input, output, Draws::new(&seed), first * n);
    })?;
    Ok(output)
}

/// Return the 30 bytes that each element of an (items, n, 32) array carries, as (items, n, 30).
#[pyfunction]
#[pyo3(signature = (array, n))]
pub fn extract<'py>(
    py: Python<'py>,
    array: &Bound<'py, PyAny>,
    n: usize,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let input = view(array, n, 32)?;
    let run = Run::new(Some(1), None)?;
    let (output, _) = map_rows(py, &run, &input, (n, PAYLOAD), |_, input, output, _| {
        for (element, data) in input.chunks_exact(32).zip(output.chunks_exact_mut(PAYLOAD)) {
            embedding::extract(element, data);
        }
    })?;
    Ok(output)
}

/// Return the scalars that `encrypt` and `rerandomize` of a batch draw from `seed`, as an array of
/// shape (count, 32). For a test, or for a proof about the batch.
#[pyfunction]
#[pyo3(signature = (seed, count))]
pub fn scalars_from_seed<'py>(
    py: Python<'py>,
    seed: &[u8],
    count: usize,
) -> PyResult<Bound<'py, PyArray2<u8>>> {
    let seed = decode_seed(py, seed)?;
    let output = zeros(py, (count, 32), "uint8")?.cast_into::<PyArray2<u8>>()?;
    {
        let mut output = output.readwrite();
        let scalars = Draws::new(&seed).scalars(0, count);
        for (encoding, scalar) in output.as_slice_mut()?.chunks_exact_mut(32).zip(scalars.iter()) {
            encoding.copy_from_slice(scalar.as_bytes());
        }
    }
    Ok(output)
}
