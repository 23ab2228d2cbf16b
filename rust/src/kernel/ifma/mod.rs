//! The backend for processors with AVX-512 IFMA: eight rows at a time.
//!
//! Each function below enables the instructions for all that is inlined into it.

mod field;
mod table;
mod vector;

pub use field::Ifma;
pub use vector::LANES;
#[cfg(test)]
pub use vector::Words;

use super::batch::{self, Block, Tables};
use super::fixed_base::Table;
use super::{ELEMENT, PAYLOAD};
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::RistrettoPoint;
use std::sync::Arc;

/// Whether this processor has what the functions below need.
pub fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512ifma")
}

macro_rules! enabled {
    ($(fn $name:ident($($argument:ident: $type:ty),*) $(-> $output:ty)? $body:block)*) => {$(
        #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
        pub fn $name($($argument: $type),*) $(-> $output)? $body
    )*};
}

enabled! {
    fn table(element: &RistrettoPoint) -> Table<Ifma> {
        Table::new(element)
    }

    fn tables(generator: Arc<Table<Ifma>>, elements: &[RistrettoPoint]) -> Tables<Ifma> {
        Tables::new(generator, elements)
    }

    fn validate(width: usize, input: &[u8], valid: &mut [bool]) {
        batch::validate::<Ifma, 2>(width, input, valid);
    }

    fn encrypt(
        tables: &Tables<Ifma>,
        block: Block<'_>
    ) {
        batch::encrypt::<Ifma, 2>(tables, block);
    }

    fn rerandomize(
        tables: &Tables<Ifma>,
        block: Block<'_>
    ) {
        batch::rerandomize::<Ifma, 2>(tables, block);
    }

    fn decrypt(secret: &[Scalar], block: Block<'_>) {
        batch::decrypt::<Ifma, 2>(secret, block);
    }

    fn multiply(
        width: usize,
        block: Block<'_>
    ) {
        batch::multiply::<Ifma, 2>(width, block);
    }

    fn multiply_generator(generator: &Table<Ifma>, scalars: &[Scalar], output: &mut [u8]) {
        batch::multiply_generator(generator, scalars, output);
    }

    fn embed_vartime(
        data: &[[u8; PAYLOAD]],
        output: &mut [[u8; ELEMENT]],
        candidate: &mut dyn FnMut(usize, usize) -> u16
    ) {
        batch::embed_vartime::<Ifma, 2>(data, output, candidate);
    }
}
