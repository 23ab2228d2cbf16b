use super::super::backend::{Backend, backend};
use super::batch::backends;

#[test]
fn the_fastest_is_used_unless_another_is_chosen() {
    assert_eq!(backend(), *backends().last().expect("there is one"));
    // What was used is used on.
    assert_eq!(Backend::choose("portable"), Ok(()));
    assert_eq!(backend(), *backends().last().expect("there is one"));
}

#[test]
fn backends_that_are_not_there_are_refused() {
    assert_eq!(Backend::choose("avx"), Err("it must be portable or ifma".into()));
    assert_eq!(Backend::choose(""), Err("it must be portable or ifma".into()));
    if backends().len() == 1 {
        assert_eq!(Backend::choose("ifma"), Err("this processor has no AVX-512 IFMA".into()));
    }
}
