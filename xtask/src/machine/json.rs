//! JSON that programs print. What is not there, or is something else, counts as empty.

use std::collections::BTreeMap;

use serde_json::{Error, Value};

/// What a program printed. By way of text, which serde_json reads itself: a reader of bytes would be compiled here.
pub(crate) fn read(printed: &[u8]) -> Result<Value, Error> {
    serde_json::from_str(&String::from_utf8_lossy(printed))
}

pub fn items(node: &Value) -> &[Value] {
    node.as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn pairs(node: &Value) -> Vec<(&String, &Value)> {
    node.as_object().map(|it| it.iter().collect()).unwrap_or_default()
}

/// An object whose values are texts; `None` where it is something else.
pub(crate) fn texts(node: &Value) -> Option<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for (key, it) in node.as_object()? {
        all.insert(key.clone(), it.as_str()?.to_owned());
    }
    Some(all)
}
