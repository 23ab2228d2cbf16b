//! Public keys: encrypt and rerandomize blocks of rows, with tables that are cached for all keys.

use super::backend::{Tables, backend};
use super::blocks::Block;
use super::{ELEMENT, is_identity, plain};
use crate::random::Draws;
use curve25519_dalek::ristretto::RistrettoPoint;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Most bytes that the tables of all keys together may take.
const CACHE: usize = 64 << 20;

/// The elements of a key, and their tables for one backend.
type Entry = (Arc<[RistrettoPoint]>, Arc<Tables>);

/// The keys that were used last; the latest is at the end.
static CACHED: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// The public elements X_1 .. X_n of a key.
pub struct Public {
    elements: Arc<[RistrettoPoint]>,
    rows_served: AtomicUsize,
}

impl Public {
    pub fn new(elements: Vec<RistrettoPoint>) -> Self {
        Public { elements: elements.into(), rows_served: AtomicUsize::new(0) }
    }

    /// The number n of elements.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    #[cfg(test)]
    pub fn elements(&self) -> &[RistrettoPoint] {
        &self.elements
    }

    fn table_size(&self) -> usize {
        self.len() * backend().table_size()
    }

    /// Return the tables of this key, if it has any. Only a thread that holds the GIL may call
    /// this, so that a fork never leaves the child a lock that nobody releases.
    pub fn cached_tables(&self) -> Option<Arc<Tables>> {
        let mut cached = CACHED.lock().expect("no holder of this lock panics");
        let at = cached.iter().position(|entry| self.is_key_of(entry))?;
        let entry = cached.remove(at);
        let tables = Arc::clone(&entry.1);
        cached.push(entry);
        Some(tables)
    }

    fn is_key_of(&self, (elements, tables): &Entry) -> bool {
        tables.backend() == backend() && *elements == self.elements
    }

    /// Count `rows` more rows, and return whether the key has then had enough for tables to pay.
    pub fn tables_pay(&self, rows: usize) -> bool {
        let before = self.rows_served.fetch_add(rows, Ordering::Relaxed);
        before.saturating_add(rows) >= backend().tables_pay_after() && self.table_size() <= CACHE
    }

    /// Make tables. This takes a fraction of a millisecond for each element.
    pub fn make_tables(&self) -> Arc<Tables> {
        Arc::new(backend().tables(&self.elements))
    }

    /// Keep tables, and drop those that were used longest ago if there is no room. Needs the GIL,
    /// as `cached_tables` does.
    pub fn keep_tables(&self, tables: Arc<Tables>) {
        let mut cached = CACHED.lock().expect("no holder of this lock panics");
        cached.retain(|entry| !self.is_key_of(entry));
        cached.push((Arc::clone(&self.elements), tables));
        let size = |(elements, tables): &Entry| elements.len() * tables.backend().table_size();
        while cached.iter().map(size).sum::<usize>() > CACHE {
            cached.remove(0);
        }
    }

    /// Encrypt messages to blobs: A = rG, B_j = M_j + r X_j with r != 0 (SPEC 6.2). The rows are
    /// those of a batch from row `first` on.
    pub fn encrypt(
        &self,
        tables: Option<&Tables>,
        draws: &mut Draws,
        first: usize,
        input: &[u8],
        output: &mut [u8],
        valid: &mut [bool],
    ) {
        let scalars = draws.nonzero_scalars(first, valid.len());
        let block = Block { scalars: &scalars, input, output, valid };
        match tables {
            Some(tables) => tables.encrypt(block),
            None => plain::encrypt(&self.elements, block),
        }
    }

    /// Rerandomize blobs: A' = A + sG, B'_j = B_j + s X_j (SPEC 6.2). If A' is the identity, s is
    /// drawn again. By chance this never happens.
    pub fn rerandomize(
        &self,
        tables: Option<&Tables>,
        draws: &mut Draws,
        first: usize,
        input: &[u8],
        output: &mut [u8],
        valid: &mut [bool],
    ) {
        let scalars = draws.scalars(first, valid.len());
        let block = Block { scalars: &scalars, input, output, valid };
        match tables {
            Some(tables) => tables.rerandomize(block),
            None => plain::rerandomize(&self.elements, block),
        }
        let width = ELEMENT * (self.len() + 1);
        let rows = input.chunks_exact(width).zip(output.chunks_exact_mut(width));
        for (i, ((input, output), valid)) in rows.zip(valid.chunks_exact_mut(1)).enumerate() {
            let mut k = 0;
            while valid[0] && is_identity(output) {
                k += 1;
                let scalar = draws.scalar(k, first + i);
                let scalars = std::slice::from_ref(&*scalar);
                plain::rerandomize(&self.elements, Block { scalars, input, output, valid });
            }
        }
    }
}
