//! The backend for processors with AVX-512 IFMA: eight rows at a time.

mod field;
mod kernels;
mod table;
mod vector;

pub use field::Ifma;
pub use vector::LANES;
#[cfg(test)]
pub use vector::Words;

/// Return whether this processor has the instructions that the kernels enable.
pub fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512ifma")
}
