//! Keys: what blocks of rows are encrypted, rerandomized and decrypted with.

use super::backend::{Tables, backend};
use super::blocks::Block;
use super::{ELEMENT, is_identity, plain};
use crate::random::Draws;
use curve25519_dalek::ristretto::RistrettoPoint;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Bytes that the tables of all keys together may take.
const CACHE: usize = 64 << 20;

/// The elements of a key, and their tables for a backend.
type Entry = (Arc<[RistrettoPoint]>, Arc<Tables>);

/// The keys used last, the latest at the end.
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

    /// n.
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

    /// The tables of this key, if it has any. To be called by one thread at a time, which holds the
    /// GIL: a process that forks must not leave its child a lock that nobody opens.
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

    /// Whether it pays to make tables before `rows` more rows: enough have gone by.
    pub fn tables_pay(&self, rows: usize) -> bool {
        let before = self.rows_served.fetch_add(rows, Ordering::Relaxed);
        before.saturating_add(rows) >= backend().tables_pay_after() && self.table_size() <= CACHE
    }

    /// Fresh tables. Takes a fraction of a millisecond for each element.
    pub fn make_tables(&self) -> Arc<Tables> {
        Arc::new(backend().tables(&self.elements))
    }

    /// Keep tables, in place of those that were used longest ago. To be called as `cached_tables`.
    pub fn keep_tables(&self, tables: Arc<Tables>) {
        let mut cached = CACHED.lock().expect("no holder of this lock panics");
        cached.retain(|entry| !self.is_key_of(entry));
        cached.push((Arc::clone(&self.elements), tables));
        let size = |(elements, tables): &Entry| elements.len() * tables.backend().table_size();
        while cached.iter().map(size).sum::<usize>() > CACHE {
            cached.remove(0);
        }
    }

    /// Messages to blobs: A = rG, B_j = M_j + r X_j with r != 0 (SPEC 6.2). The rows are those of a
    /// batch from `first` on.
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

    /// Blobs to fresh blobs of the same messages: A' = A + sG, B'_j = B_j + s X_j (SPEC 6.2). Where A'
    /// is the identity, which never happens by chance, s is drawn again.
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
