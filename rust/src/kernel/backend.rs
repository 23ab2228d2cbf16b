//! Which backends there are, and how blocks of rows reach them.

use super::batch::{self, Block};
use super::fixed_base::{Table, Tabular};
#[cfg(target_arch = "x86_64")]
use super::ifma::{self, Ifma};
use super::portable::Portable;
use super::{ELEMENT, PAYLOAD, plain};
use curve25519_dalek::Scalar;
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::RistrettoPoint;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use zeroize::Zeroizing;

/// How many roots the portable backend takes side by side: more do not help it.
const CHAINS: usize = 1;

/// From how many scalars of a secret key on the portable backend is faster than `plain`.
const SHARING_PAYS: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Backend {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Ifma,
}

/// The tables of a key, of one backend.
pub enum Tables {
    Portable(batch::Tables<Portable>),
    #[cfg(target_arch = "x86_64")]
    Ifma(batch::Tables<Ifma>),
}

/// The backend of this process: what `use_backend` was given last, and before that the fastest.
pub fn backend() -> Backend {
    match CHOSEN.load(Ordering::Relaxed) {
        0 => Backend::fastest(),
        chosen => Backend::ALL[chosen - 1],
    }
}

/// Have this process use the backend of a name, or the reason why it can not.
pub fn use_backend(name: &str) -> Result<(), String> {
    let number = Backend::ALL.iter().position(|backend| backend.name() == name);
    let Some(number) = number else { return Err("it must be portable or ifma".into()) };
    if !Backend::ALL[number].is_available() {
        return Err("this processor has no AVX-512 IFMA".into());
    }
    CHOSEN.store(number + 1, Ordering::Relaxed);
    Ok(())
}

/// One more than the number of a backend, or 0.
static CHOSEN: AtomicUsize = AtomicUsize::new(0);

impl Backend {
    /// The faster, the later.
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
        match self {
            Backend::Portable => 1,
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => ifma::LANES,
        }
    }

    /// After how many rows the tables of a key have saved what it costs to make them.
    pub fn tables_pay_after(self) -> usize {
        match self {
            Backend::Portable => 16,
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => 3,
        }
    }

    /// Bytes of the table of one element.
    pub fn table_size(self) -> usize {
        match self {
            Backend::Portable => Table::<Portable>::SIZE,
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => Table::<Ifma>::SIZE,
        }
    }
}

// SAFETY, of all calls of `ifma` below: `Backend::Ifma` and tables for it are only made if
// `ifma::is_available`.

impl Backend {
    /// Which rows of `width` elements are blobs: canonical, and A is not the identity (SPEC 6.3).
    pub fn validate(self, width: usize, input: &[u8], valid: &mut [bool]) {
        let block = Block { scalars: &[], input, output: &mut [], valid };
        self.in_groups(block, |block| match self {
            Backend::Portable => {
                batch::validate::<Portable, CHAINS>(width, block.input, block.valid);
            }
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => unsafe { ifma::validate(width, block.input, block.valid) },
        });
    }

    /// Blobs to messages: M_j = B_j - x_j A (SPEC 6.2).
    pub fn decrypt(self, secret: &[Scalar], input: &[u8], output: &mut [u8], valid: &mut [bool]) {
        let block = Block { scalars: &[], input, output, valid };
        self.in_groups(block, |block| match self {
            Backend::Portable if secret.len() < SHARING_PAYS => plain::decrypt(secret, block),
            Backend::Portable => batch::decrypt::<Portable, CHAINS>(secret, block),
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => unsafe { ifma::decrypt(secret, block) },
        });
    }

    /// Each of the `width` elements of a row times the scalar of the row.
    pub fn multiply(self, width: usize, block: Block<'_>) {
        self.in_groups(block, |block| match self {
            Backend::Portable => batch::multiply::<Portable, CHAINS>(width, block),
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => unsafe { ifma::multiply(width, block) },
        });
    }

    /// G times each scalar; makes the table of G if there is none yet.
    pub fn multiply_generator(self, scalars: &[Scalar], output: &mut [u8]) {
        let valid = &mut vec![true; scalars.len()];
        let block = Block { scalars, input: &[], output, valid };
        self.in_groups(block, |Block { scalars, output, .. }| match self {
            Backend::Portable => batch::multiply_generator(&**generator(), scalars, output),
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => unsafe {
                ifma::multiply_generator(ifma_generator(), scalars, output);
            },
        });
    }

    /// A random encoding that carries each of `data` (SPEC 6.1): the first that decodes of its
    /// candidates, of which `candidate(i, k)` is number k of `data[i]`. Variable time.
    pub fn embed_vartime(
        self,
        data: &[[u8; PAYLOAD]],
        output: &mut [[u8; ELEMENT]],
        mut candidate: impl FnMut(usize, usize) -> u16,
    ) {
        match self {
            Backend::Portable => {
                batch::embed_vartime::<Portable, CHAINS>(data, output, &mut candidate);
            }
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => unsafe { ifma::embed_vartime(data, output, &mut candidate) },
        }
    }

    /// Tables for a key of these elements. Takes a fraction of a millisecond for each.
    pub fn tables(self, elements: &[RistrettoPoint]) -> Tables {
        match self {
            Backend::Portable => {
                Tables::Portable(batch::Tables::new(Arc::clone(generator()), elements))
            }
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => {
                Tables::Ifma(unsafe { ifma::tables(Arc::clone(ifma_generator()), elements) })
            }
        }
    }

    /// Call `work` on whole groups of rows: on the block, or on a copy with rows of zeros added,
    /// which encode the identity.
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
        let mut scalars = Zeroizing::new(block.scalars.to_vec());
        scalars.resize(block.scalars.len() / rows * whole, Scalar::ZERO);
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

    /// Messages to blobs: A = rG, B_j = M_j + r X_j, each row with its scalar (SPEC 6.2).
    pub fn encrypt(&self, block: Block<'_>) {
        self.backend().in_groups(block, |block| match self {
            Tables::Portable(tables) => batch::encrypt::<Portable, CHAINS>(tables, block),
            #[cfg(target_arch = "x86_64")]
            Tables::Ifma(tables) => unsafe { ifma::encrypt(tables, block) },
        });
    }

    /// Blobs to fresh ones: A' = A + sG, B'_j = B_j + s X_j, each row with its scalar (SPEC 6.2).
    pub fn rerandomize(&self, block: Block<'_>) {
        self.backend().in_groups(block, |block| match self {
            Tables::Portable(tables) => batch::rerandomize::<Portable, CHAINS>(tables, block),
            #[cfg(target_arch = "x86_64")]
            Tables::Ifma(tables) => unsafe { ifma::rerandomize(tables, block) },
        });
    }
}

/// The table of G, of which there is one for all keys. Made outside of the lock, and twice if two
/// threads come at once: a process that forks meanwhile must not leave its child a lock that nobody
/// opens.
fn generator() -> &'static Arc<Table<Portable>> {
    static TABLE: OnceLock<Arc<Table<Portable>>> = OnceLock::new();
    shared(&TABLE, || Table::new(&RISTRETTO_BASEPOINT_POINT))
}

#[cfg(target_arch = "x86_64")]
fn ifma_generator() -> &'static Arc<Table<Ifma>> {
    static TABLE: OnceLock<Arc<Table<Ifma>>> = OnceLock::new();
    shared(&TABLE, || unsafe { ifma::table(&RISTRETTO_BASEPOINT_POINT) })
}

fn shared<F: Tabular>(
    cell: &'static OnceLock<Arc<Table<F>>>,
    make: impl FnOnce() -> Table<F>,
) -> &'static Arc<Table<F>> {
    if let Some(table) = cell.get() {
        return table;
    }
    let table = Arc::new(make());
    cell.get_or_init(|| table)
}
