use super::*;
use serde_json::json;

#[test]
fn a_program_on_path_is_found_and_a_folder_is_no_program() {
    assert!(is_on_path("sh"));
    assert!(!is_on_path("no-such-program-here") && !is_on_path("."));
}

#[test]
fn a_data_source_is_known_by_its_mode_whatever_else_is_called_data() {
    for address in ["data.a.b", "module.m.data.a.b", r#"module.data["x.\".y"].module.m[0].data.a.b["k"]"#] {
        assert!(is_data_source(address), "{address}");
    }
    for address in ["a.data", r#"a.b["data.c"]"#, "module.data.a.b", r#"module.m[".data."].a.data"#, "data", ""] {
        assert!(!is_data_source(address), "{address}");
    }
}

#[test]
fn outputs_are_read_and_sensitive_ones_are_not_shown() {
    let outputs = Outputs::from_json(&json!({
        "a": {"sensitive": false, "type": "string", "value": "x"},
        "b": {"sensitive": true, "type": "string", "value": "secret"},
        "c": {"sensitive": false, "type": ["list", "string"], "value": ["y"]},
        "d": {"sensitive": false, "type": "string", "value": null},
    }))
    .unwrap();
    assert_eq!(outputs.get("b"), Some("secret"));
    assert_eq!((outputs.get("d"), outputs.get("e")), (None, None));
    let shown: Vec<_> = outputs.shown().collect();
    assert_eq!(shown, [("a", "x"), ("b", "(sensitive)"), ("c", "[\"y\"]"), ("d", "")].map(|(a, b)| (a, b.to_owned())));
    assert!(Outputs::from_json(&json!([])).is_none() && Outputs::from_json(&json!({"a": 1})).is_none());
}
