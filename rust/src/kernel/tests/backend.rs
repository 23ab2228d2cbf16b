use super::super::backend::{Backend, backend, use_backend};
use super::blocks::backends;

#[test]
fn the_fastest_is_used_unless_another_is_chosen() {
    assert_eq!(Some(backend()), backends().last());
    for each in backends() {
        assert_eq!(use_backend(each.name()), Ok(()));
        assert_eq!(backend(), each);
    }
    for name in ["avx", "", "Portable"] {
        assert_eq!(use_backend(name), Err("it must be portable or ifma".into()));
    }
    for each in Backend::ALL.into_iter().filter(|each| !each.is_available()) {
        let problem = "this processor has no AVX-512 IFMA";
        assert_eq!(use_backend(each.name()), Err(problem.into()));
    }
    assert_eq!(Some(backend()), backends().last());
}
