//! The backends, and the functions that give them blocks of rows.

use super::blocks::{self, Block};
use super::field::Field;
use super::fixed_base::Table;
#[cfg(target_arch = "x86_64")]
use super::ifma::{self, Ifma};
use super::kernels::Kernels;
use super::portable::Portable;
use super::{ELEMENT, PAYLOAD, is_identity, plain};
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::RistrettoPoint;
use std::sync::atomic::{AtomicUsize, Ordering};
use zeroize::Zeroizing;

/// The least number of scalars of a secret key with which the portable backend is faster than
/// `plain`.
const SHARING_PAYS: usize = 4;

/// The most rows that `plain` combines faster than lanes, of which most would have no row.
const FEW: usize = 1;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Backend {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Ifma,
}

/// The tables of a key, for one backend.
pub enum Tables {
    Portable(blocks::Tables<Portable>),
    #[cfg(target_arch = "x86_64")]
    Ifma(blocks::Tables<Ifma>),
}

/// Return the backend of this process: the last one given to `use_backend`, or else the fastest.
pub fn backend() -> Backend {
    match CHOSEN.load(Ordering::Relaxed) {
        0 => Backend::fastest(),
        chosen => Backend::ALL[chosen - 1],
    }
}

/// Make this process use the backend called `name`. The error says why it cannot.
pub fn use_backend(name: &str) -> Result<(), String> {
    let number = Backend::ALL.iter().position(|backend| backend.name() == name);
    let Some(number) = number else { return Err("it must be portable or ifma".into()) };
    if !Backend::ALL[number].is_available() {
        return Err("this processor has no AVX-512 IFMA".into());
    }
    CHOSEN.store(number + 1, Ordering::Relaxed);
    Ok(())
}

/// One more than the index in `Backend::ALL` of the chosen backend; 0 if none was chosen.
static CHOSEN: AtomicUsize = AtomicUsize::new(0);

/// Evaluate an expression in which `$field` names the field of a backend.
macro_rules! on_field_of {
    ($backend:expr, $field:ident => $body:expr) => {
        match $backend {
            Backend::Portable => {
                type $field = Portable;
                $body
            }
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => {
                type $field = Ifma;
                $body
            }
        }
    };
}

impl Backend {
    /// All backends, the fastest last.
    #[cfg(target_arch = "x86_64")]
    pub const ALL: [Backend; 2] = [Backend::Portable, Backend::Ifma];
    #[cfg(not(target_arch = "x86_64"))]
    pub const ALL: [Backend; 1] = [Backend::Portable];

    pub fn is_available(self) -> bool {
        match self {
            Backend::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => ifma::is_available(),
        }
    }

    fn fastest() -> Backend {
        let mut available = Backend::ALL.into_iter().filter(|backend| backend.is_available());
        available.next_back().expect("one runs everywhere")
    }

    pub fn name(self) -> &'static str {
        match self {
            Backend::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => "ifma",
        }
    }

    fn lanes(self) -> usize {
        on_field_of!(self, F => F::LANES)
    }

    /// Return after how many rows the tables of a key have saved more time than it takes to make
    /// them.
    pub fn tables_pay_after(self) -> usize {
        match self {
            Backend::Portable => 16,
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => 3,
        }
    }

    /// Return the bytes of the table of one element.
    pub fn table_size(self) -> usize {
        on_field_of!(self, F => Table::<F>::SIZE)
    }
}

impl Backend {
    /// Set `valid` for each row of `width` elements: whether it is a blob, which is canonical and
    /// whose A is not the identity (SPEC 6.3).
    pub fn validate(self, width: usize, input: &[u8], valid: &mut [bool]) {
        let mut elements = vec![true; valid.len() * width];
        let block = Block { scalars: &[], input, output: &mut [], valid: &mut elements };
        self.in_groups(block, |Block { input, valid, .. }| {
            on_field_of!(self, F => blocks::validate::<F>(input, valid));
        });
        let rows = input.chunks_exact(ELEMENT * width).zip(elements.chunks_exact(width));
        for ((row, elements), valid) in rows.zip(valid) {
            *valid = !is_identity(row) && elements.iter().all(|good| *good);
        }
    }

    /// Decrypt blobs to messages: M_j = B_j - x_j A (SPEC 6.2).
    pub fn decrypt(self, secret: &[Scalar], input: &[u8], output: &mut [u8], valid: &mut [bool]) {
        let (rows, n) = (valid.len(), secret.len());
        // Then the x_j save less by sharing one A than lanes without a row would cost.
        if self.lanes() > 1 && 4 * rows * n.div_ceil(self.lanes()) <= n + 3 {
            return self.decrypt_few(secret, input, output, valid);
        }
        let block = Block { scalars: &[], input, output, valid };
        if self == Backend::Portable && n < SHARING_PAYS {
            return plain::decrypt(secret, block);
        }
        self.in_groups(block, |block| on_field_of!(self, F => blocks::decrypt::<F>(secret, block)));
    }

    /// Do the same as `decrypt`, with each (A, B_j) in a lane of its own.
    fn decrypt_few(self, secret: &[Scalar], input: &[u8], output: &mut [u8], valid: &mut [bool]) {
        let n = secret.len();
        let mut pairs = Vec::with_capacity(2 * output.len());
        for row in input.chunks_exact(ELEMENT * (n + 1)) {
            for b in row.chunks_exact(ELEMENT).skip(1) {
                pairs.extend_from_slice(&row[..ELEMENT]);
                pairs.extend_from_slice(b);
            }
        }
        let scalars = Zeroizing::new(secret.repeat(valid.len()));
        let good = &mut vec![true; scalars.len()];
        let block = Block { scalars: &scalars, input: &pairs, output, valid: good };
        self.in_groups(block, |block| on_field_of!(self, F => blocks::decrypt_pairs::<F>(block)));
        let rows = output.chunks_exact_mut(ELEMENT * n).zip(good.chunks_exact(n));
        for ((row, good), valid) in rows.zip(valid) {
            *valid = good.iter().all(|good| *good);
            if !*valid {
                row.fill(0);
            }
        }
    }

    /// Multiply each of the `width` elements of a row by the scalar of the row.
    pub fn multiply(self, width: usize, block: Block<'_>) {
        self.in_groups(block, |block| on_field_of!(self, F => blocks::multiply::<F>(width, block)));
    }

    /// Calculate sG - cP for each element P and its scalars s, c. P must not be the identity.
    pub fn combine(self, block: Block<'_>) {
        if self == Backend::Portable || block.valid.len() <= FEW {
            return plain::combine(block);
        }
        self.in_groups(block, |block| on_field_of!(self, F => blocks::combine::<F>(block)));
    }

    /// Do the same as `combine`, in variable time where that is faster.
    pub fn combine_vartime(self, block: Block<'_>) {
        if self == Backend::Portable || block.valid.len() <= FEW {
            return plain::combine_vartime(block);
        }
        self.combine(block);
    }

    /// Multiply G by each scalar. Makes the table of G if there is none yet.
    pub fn multiply_generator(self, scalars: &[Scalar], output: &mut [u8]) {
        let valid = &mut vec![true; scalars.len()];
        let block = Block { scalars, input: &[], output, valid };
        self.in_groups(block, |Block { scalars, output, .. }| {
            on_field_of!(self, F => blocks::multiply_generator::<F>(scalars, output));
        });
    }

    /// Embed each of `data` (SPEC 6.1): write the first of its candidates that decodes.
    /// `candidate(i, k)` is candidate k of `data[i]`. Variable time.
    pub fn embed_vartime(
        self,
        data: &[[u8; PAYLOAD]],
        output: &mut [[u8; ELEMENT]],
        candidate: impl FnMut(usize, usize) -> u16,
    ) {
        on_field_of!(self, F => blocks::embed_vartime::<F>(data, output, candidate));
    }

    /// Multiply `count` times in all in the field, or square if `square`. For benchmarks.
    pub fn field_operations(self, square: bool, count: usize) {
        on_field_of!(self, F => F::field_operations(square, count));
    }

    /// Make tables for a key of these elements. This takes a fraction of a millisecond for each
    /// element.
    pub fn tables(self, elements: &[RistrettoPoint]) -> Tables {
        match self {
            Backend::Portable => Tables::Portable(blocks::Tables::new(elements)),
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => Tables::Ifma(blocks::Tables::new(elements)),
        }
    }

    /// Call `work` on whole groups of rows: on the block itself, or on a copy with rows of zeros
    /// added. Zeros encode the identity.
    fn in_groups(self, block: Block<'_>, work: impl FnOnce(Block<'_>)) {
        let rows = block.valid.len();
        let whole = rows.next_multiple_of(self.lanes());
        if whole == rows {
            return work(block);
        }
        let padded = |bytes: &[u8]| {
            let mut copy = Zeroizing::new(vec![0; bytes.len() / rows * whole]);
            copy[..bytes.len()].copy_from_slice(bytes);
            copy
        };
        let (input, mut output) = (padded(block.input), padded(block.output));
        let mut valid = vec![true; whole];
        // The vector must not grow: a copy that it leaves behind would not be zeroized.
        let count = block.scalars.len() / rows * whole;
        let mut scalars = Zeroizing::new(Vec::with_capacity(count));
        scalars.extend_from_slice(block.scalars);
        scalars.resize(count, Scalar::ZERO);
        work(Block { scalars: &scalars, input: &input, output: &mut output, valid: &mut valid });
        block.output.copy_from_slice(&output[..block.output.len()]);
        block.valid.copy_from_slice(&valid[..rows]);
    }
}

impl Tables {
    pub fn backend(&self) -> Backend {
        match self {
            Tables::Portable(_) => Backend::Portable,
            #[cfg(target_arch = "x86_64")]
            Tables::Ifma(_) => Backend::Ifma,
        }
    }

    /// Encrypt messages to blobs: A = rG, B_j = M_j + r X_j, each row with its scalar (SPEC 6.2).
    pub fn encrypt(&self, block: Block<'_>) {
        self.backend().in_groups(block, |block| match self {
            Tables::Portable(tables) => blocks::encrypt(tables, block),
            #[cfg(target_arch = "x86_64")]
            Tables::Ifma(tables) => blocks::encrypt(tables, block),
        });
    }

    /// Rerandomize blobs: A' = A + sG, B'_j = B_j + s X_j, each row with its scalar (SPEC 6.2).
    pub fn rerandomize(&self, block: Block<'_>) {
        self.backend().in_groups(block, |block| match self {
            Tables::Portable(tables) => blocks::rerandomize(tables, block),
            #[cfg(target_arch = "x86_64")]
            Tables::Ifma(tables) => blocks::rerandomize(tables, block),
        });
    }
}
