use super::*;
use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_yaml::Value;

/// A document, without the order of its keys and how its numbers are written.
fn ours(text: &str) -> Option<Yaml> {
    read("x", text).ok().map(sorted)
}

/// The same as serde_yaml has it, which resolves `<<` of one level at a time.
fn theirs(text: &str) -> Option<Yaml> {
    let mut document: Value = serde_yaml::from_str(text).ok()?;
    for _ in 0..4 {
        document.apply_merge().ok()?;
    }
    convert(&document).map(sorted)
}

fn sorted(node: Yaml) -> Yaml {
    match node {
        Yaml::Sequence(items) => Yaml::Sequence(items.into_iter().map(sorted).collect()),
        Yaml::Mapping(pairs) => {
            let all: BTreeMap<_, _> = pairs.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Yaml::Mapping(all.into_iter().collect())
        }
        Yaml::Plain(it) => Yaml::Plain(it.parse::<f64>().map_or(it, |it| (it + 0.0).to_string())),
        scalar => scalar,
    }
}

fn convert(node: &Value) -> Option<Yaml> {
    Some(match node {
        Value::Null => Yaml::Null,
        Value::Bool(it) => Yaml::Plain(it.to_string()),
        Value::Number(it) => Yaml::Plain(it.to_string()),
        Value::String(it) => Yaml::Text(it.clone()),
        Value::Sequence(items) => Yaml::Sequence(items.iter().map(convert).collect::<Option<_>>()?),
        Value::Mapping(pairs) => {
            let pair = |(key, value)| Some((convert(key)?.text()?.to_owned(), convert(value)?));
            Yaml::Mapping(pairs.iter().map(pair).collect::<Option<_>>()?)
        }
        Value::Tagged(it) => convert(&it.value)?,
    })
}

/// Every YAML file of the repository.
fn files() -> Vec<(String, String)> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let all = walkdir::WalkDir::new(root).into_iter().filter_entry(|it| it.file_name() != "target");
    let all = all.filter_map(|it| it.ok()?.into_path().into_os_string().into_string().ok());
    all.filter(|it| it.ends_with(".yml") || it.ends_with(".yaml"))
        .filter_map(|it| Some((it.clone(), std::fs::read_to_string(it).ok()?)))
        .collect()
}

#[test]
fn every_file_of_the_repository_is_read_as_another_reader_has_it() {
    let files = files();
    assert!(files.len() > 10);
    for (name, text) in files {
        assert!(ours(&text).is_some() && ours(&text) == theirs(&text), "{name}");
    }
}

#[test]
fn layouts_that_people_use_are_read_as_another_reader_has_them() {
    for text in [
        "",
        "# nothing\n",
        "---\na: 1\n...\n",
        "a: 1\r\nb:\r\n  - c\r\n",
        "a: [\n  1,\n  'x',\n]\n",
        "a: {\n  b: c,\n}\n",
        "a:\n- 1\n- b: 2\n  c: 3\n",
        "a: |\n  one\n  two\nb: >-\n  one\n  two\n",
        "a: \"\\u00e4 \\x41 \\\n  z\"\n",
        "a: ~\nb: null\nc: True\nd: 'true'\ne: 1.5\nf: -3\ng: 007\nh: yes\ni: 1_000\nj: inf\nk: 2024-01-01\n",
        "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\ne: &y {<<: *x, f: 4}\ng: {<<: [*y, {h: 5}]}\n",
        "a: !override [1, 2]\nb: !reset null\nc: !!str 5\n",
        "a: *\n",
        "a: [\n  b\n]\nc: {d: [1, 2], \"e\":f}\n",
        "a:\n  [\n  b,\n  ]\n",
        "a: # note\n  b # note\n# note\nc: 'it''s'\n",
        "a: one\n  two\n\n  three\n",
        "- a\n-\n  b: 1\n  c:\n  - 2\n- - d\n  - e\n",
        "a: |2-\n    one\n   two\n\nb: 1\n",
        "a: - b\n",
        "a: @b\n",
        "a: %b\nc: b%\n",
        "a: http://b:80/c#d\ne: [http://f, \"g\"]\n",
        "? a\n: b\n",
        "a: ${B:-c}\nd: $$e\nf: \"{g}\"\n",
        "a: b: c\n",
    ] {
        assert_eq!(ours(text), theirs(text), "{text:?}");
    }
}

#[test]
fn keys_keep_their_order_and_a_mark_of_the_encoding_is_no_part_of_the_first() {
    let document = read("x", "\u{feff}z: 1\ny: &y {c: 1, a: 2}\nx: {<<: *y, b: 3}\n").unwrap();
    let keys = |it: &Yaml| it.pairs().iter().map(|(key, _)| key.clone()).collect::<String>();
    assert_eq!([keys(&document), keys(&document["y"]), keys(&document["x"])], ["zyx", "ca", "bca"]);
}

#[test]
fn only_what_every_reader_takes_for_a_text_stands_bare() {
    for text in ["warn", "a.b:5432", "/etc/x.yaml", "0.0.0.0:9090", "55m", "v8", "temporal_v1-x"] {
        assert_eq!(scalar(text), text);
    }
    let others = [
        "yes",
        "Off",
        "n",
        "1_000",
        "0x1F",
        "0o7",
        "1:30",
        "2024-01-01",
        "12",
        "1e5",
        "true",
        "Null",
        "~",
        "",
        "a:",
        "-",
        "...",
    ];
    for text in others.into_iter().chain(["a b", "#a", "*a", "ä", "a\n"]) {
        assert!(scalar(text).starts_with('"'), "{text}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_line() {
    let refusal = |text: &str| read("x", text).unwrap_err().to_string();
    let cases = [
        ("a:\n  - [1}\n", "x, line 2: it is not YAML: mismatched bracket '[' closed by '}'"),
        ("a: 1\nb: 2\na: 3", "x, line 3: it is not YAML: `a` stands there twice"),
        ("a: 1\n---\nb: 2", "x, line 2: it is not YAML: a second document begins"),
        ("a:\n  <<: 5", "x, line 2: it is not YAML: `<<` does not name a mapping"),
        ("a: *b", "x, line 1: it is not YAML: while parsing node, found unknown anchor"),
        ("? [a]\n: 1", "x, line 1: it is not YAML: a key is no text"),
        ("a: \u{1}", "x, line 1: it is not YAML: "),
    ];
    for (text, expected) in cases {
        assert!(refusal(text).starts_with(expected), "{}", refusal(text));
    }
}

#[test]
fn what_would_fill_the_memory_or_the_stack_is_refused() {
    let mut bomb = "a0: &a0 [x, x]\n".to_owned();
    (0..30).for_each(|i| bomb += &format!("a{}: &a{} [*a{i}, *a{i}]\n", i + 1, i + 1));
    for text in [bomb, "[".repeat(100_000), "- ".repeat(100_000), "{a: ".repeat(5_000)] {
        assert!(read("x", &text).is_err());
    }
    let deep = "- ".repeat(240) + &"[".repeat(240) + &"]".repeat(240);
    let chain = (0..400).fold("a0: &a0 x\n".to_owned(), |all, i| all + &format!("a{}: &a{} [*a{i}]\n", i + 1, i + 1));
    assert!([deep, chain].iter().all(|it| read("x", it).is_ok()));
}

/// Any document, whatever its texts.
fn documents() -> impl Strategy<Value = Yaml> {
    let text = "\\PC{0,12}|[\\-?:,\\[\\]{}#&*!|>'\"%@` \t\r\n~a-z0-9.]{0,12}|[a-z ]{0,200}|[\u{1}-\u{a0}\u{feff}\u{2028}]{0,5}";
    let leaf = prop_oneof![
        Just(Yaml::Null),
        any::<bool>().prop_map(|it| Yaml::Plain(it.to_string())),
        any::<i64>().prop_map(|it| Yaml::Plain(it.to_string())),
        text.prop_map(Yaml::Text),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Yaml::Sequence),
            proptest::collection::btree_map("[a-z]{1,8}|\\PC{1,5}", inner, 0..5)
                .prop_map(|it| Yaml::Mapping(it.into_iter().filter(|(key, _)| key != "<<").collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_written_is_read_back_by_both_readers(document in documents()) {
        let text = write(&document);
        let back = read("x", &text);
        prop_assert_eq!(back.as_ref().ok(), Some(&document), "{}", text);
        prop_assert_eq!(theirs(&text), Some(sorted(document)), "{}", text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*|[\\-?:,\\[\\]{}#&*!|>'\"%<@` \t\r\n~a0]{0,60}") {
        _ = read("x", &text);
    }
}
