//! JSON that programs print. What is not there, or is something else, counts as empty.

use serde_json::Value;

pub(crate) fn items(node: &Value) -> &[Value] {
    node.as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn pairs(node: &Value) -> Vec<(&String, &Value)> {
    node.as_object().map(|it| it.iter().collect()).unwrap_or_default()
}
