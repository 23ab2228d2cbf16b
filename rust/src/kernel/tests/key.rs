//! Keys: draws, tables that are cached and dropped, and an A' that would be the identity.

use super::super::ELEMENT;
use super::super::backend::{Tables, backend};
use super::super::blocks::Block;
use super::super::key::Public;
use super::Random;
use super::blocks::{Row, backends, run, sample_rows};
use crate::random::Draws;
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::RistrettoPoint;
use std::sync::Arc;
use zeroize::Zeroizing;

fn draws() -> Draws {
    Draws::new(&Zeroizing::new([7; 32]))
}

/// Return the results of a block that begins with row `first` of a batch. They must be the same
/// with tables and without.
fn rerandomized(key: &Public, rows: &[Row], first: usize) -> (Vec<Row>, Vec<bool>) {
    let tables = key.make_tables();
    let outcomes = [None, Some(&*tables)].map(|tables: Option<&Tables>| {
        run(rows, &[], key.len() + 1, |Block { input, output, valid, .. }| {
            key.rerandomize(tables, &mut draws(), first, input, output, valid);
        })
    });
    assert_eq!(outcomes[0], outcomes[1]);
    outcomes[0].clone()
}

#[test]
fn a_row_is_the_same_in_any_block() {
    let mut random = Random::new(40);
    let key = Public::new(vec![random.element(), random.element()]);
    let rows = sample_rows(40, 3, &mut random);
    let (whole, valid) = rerandomized(&key, &rows, 5);
    for (from, to) in [(0, 40), (0, 1), (3, 20), (17, 18), (24, 40)] {
        let part = rerandomized(&key, &rows[from..to], 5 + from);
        assert_eq!(part, (whole[from..to].to_vec(), valid[from..to].to_vec()));
    }
    let scalars = draws().scalars(5, 40);
    for (i, scalar) in scalars.iter().enumerate() {
        assert_eq!(*scalar, *draws().scalar(0, 5 + i));
    }
}

#[test]
fn draws_go_on_where_a_block_ends() {
    let rows = 1 << 16;
    let all = draws().scalars(0, rows + 1);
    assert_eq!(*draws().scalars(rows, 1), all[rows..]);
    assert_ne!(all[0], all[rows]);
    let mut candidate = draws().candidates(5, 2);
    for number in [0, 31, 32, 33, 100] {
        assert_eq!(candidate(1, number), draws().candidates(0, 7)(6, number));
        assert_ne!(candidate(0, number), candidate(1, number));
    }
}

#[test]
fn tables_of_another_backend_are_none() {
    let mut random = Random::new(43);
    for other in backends().filter(|each| *each != backend()) {
        let key = Public::new(vec![random.element()]);
        key.keep_tables(Arc::new(other.tables(key.elements())));
        assert!(key.cached_tables().is_none());
    }
}

#[test]
fn an_identity_in_place_of_a_is_drawn_again() {
    let mut random = Random::new(41);
    let elements = [random.element(), random.element()];
    let key = Public::new(elements.to_vec());
    let first = 100;
    let draw = |k: usize, row: usize| *draws().scalar(k, first + row);
    let opposite = |s: Scalar| RistrettoPoint::mul_base(&-s).compress().0;
    let mut rows = sample_rows(20, 3, &mut random);
    for row in &mut rows {
        *row = (0..3).map(|_| random.element().compress().0).collect();
    }
    let again = [0, 3, 19];
    for i in again {
        rows[i][0] = opposite(draw(0, i));
    }
    // This row is bad as well, so its scalar is not drawn again.
    rows[6][0] = opposite(draw(0, 6));
    rows[6][2] = [0xff; 32];
    let (output, valid) = rerandomized(&key, &rows, first);
    for (i, row) in output.iter().enumerate() {
        assert_eq!(valid[i], i != 6);
        if i == 6 {
            assert_eq!(*row, vec![[0; 32]; 3]);
            continue;
        }
        let s = draw(usize::from(again.contains(&i)), i);
        let bases = [RistrettoPoint::mul_base(&Scalar::ONE), elements[0], elements[1]];
        for ((encoding, before), base) in row.iter().zip(&rows[i]).zip(bases) {
            let before = curve25519_dalek::ristretto::CompressedRistretto(*before).decompress();
            assert_eq!(*encoding, (before.expect("canonical") + base * s).compress().0);
        }
        assert_ne!(row[0], [0; ELEMENT]);
    }
}

#[test]
fn tables_pay_after_some_rows() {
    let key = Public::new(vec![RistrettoPoint::mul_base(&Scalar::ONE)]);
    let enough = backend().tables_pay_after();
    assert!((1..enough).all(|_| !key.tables_pay(1)));
    assert!(key.tables_pay(1));
    let key = Public::new(vec![RistrettoPoint::mul_base(&Scalar::ONE)]);
    assert!(key.tables_pay(usize::MAX) && key.tables_pay(usize::MAX));
    // These tables are far larger than all tables together may be.
    let many = Public::new(vec![RistrettoPoint::mul_base(&Scalar::ONE); 2000]);
    assert!(!many.tables_pay(usize::MAX));
}

#[test]
fn the_tables_used_last_are_kept() {
    let mut random = Random::new(42);
    // Keys so large that only a few fit.
    let n = (64 << 20) / backend().table_size() / 3;
    let keys: Vec<Public> = (0..5).map(|_| Public::new(vec![random.element(); n])).collect();
    let tables = Public::new(vec![random.element()]).make_tables();
    for key in &keys[..3] {
        assert!(key.cached_tables().is_none());
        key.keep_tables(Arc::clone(&tables));
    }
    assert!(keys[..3].iter().all(|key| key.cached_tables().is_some()));
    assert!(keys[0].cached_tables().is_some());
    keys[3].keep_tables(Arc::clone(&tables));
    assert!(keys[1].cached_tables().is_none());
    assert!([0, 2, 3].iter().all(|&k| keys[k].cached_tables().is_some()));
    // Another key with the same elements has these tables too, and keeping them twice takes no
    // room.
    let again = Public::new(keys[0].elements().to_vec());
    again.keep_tables(Arc::clone(&tables));
    assert!([0, 2, 3].iter().all(|&k| keys[k].cached_tables().is_some()));
}
