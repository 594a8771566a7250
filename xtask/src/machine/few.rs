//! Collections of few items. `collect` compiles a sort for each iterator that becomes a map or a set, and a tree for each
//! type: together that was a seventh of this crate's machine code, which everybody waits for at the first build.

use std::{borrow::Borrow, collections::BTreeMap};

/// Each item once, in the order of their first appearance.
pub(crate) fn unique<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut all = Vec::new();
    for item in items {
        if !all.contains(&item) {
            all.push(item);
        }
    }
    all
}

/// The values of each key, in the order of their first appearance.
pub(crate) fn grouped<K: PartialEq, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Vec<(K, Vec<V>)> {
    let mut all = Vec::<(K, Vec<V>)>::new();
    for (key, value) in pairs {
        match all.iter_mut().find(|it| it.0 == key) {
            Some((_, values)) => values.push(value),
            None => all.push((key, vec![value])),
        }
    }
    all
}

/// The value of the first pair with this key.
pub(crate) fn get<'a, K: Borrow<str>, V>(pairs: &'a [(K, V)], key: &str) -> Option<&'a V> {
    pairs.iter().find_map(|(it, value)| (it.borrow() == key).then_some(value))
}

/// By key; of several values of one the last counts.
pub(crate) fn map<K: Ord, V>(pairs: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut all = BTreeMap::new();
    for (key, value) in pairs {
        all.insert(key, value);
    }
    all
}
