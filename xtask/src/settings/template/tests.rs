use super::*;
use proptest::{collection::btree_map, prelude::*, sample::Index};
use std::collections::{BTreeMap, BTreeSet};

fn the_template() -> Yaml {
    read_template(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

/// The names in a document, each once, in order.
fn names(document: &Yaml) -> Vec<String> {
    substitute(document, &|_| None).unwrap_err()
}

/// Any text that is awkward in YAML, in shells or by its size.
fn awkward() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,20}",
        "[\\-?:,\\[\\]{}#&*!|>'\"%@` \t\r\n$\\\\a-z0-9~]{0,30}",
        "[a-z: #\n]{0,5}".prop_map(|it| it.repeat(20_000)),
        Just("$TEMPORAL_SQL_HOST ${X}".to_owned()),
        Just("yes".to_owned()),
        Just("0x1F".to_owned()),
        Just("---\n- a: &b\n".to_owned()),
        Just("\u{feff}\u{85}\u{2028}\u{1f600}".to_owned()),
    ]
}

/// The scalars of a document with their paths, placeholders still in them.
fn leaves<'a>(node: &'a Yaml, path: &str, out: &mut Vec<(String, &'a Yaml)>) {
    match node {
        Yaml::Mapping(pairs) => pairs.iter().for_each(|(key, value)| leaves(value, &format!("{path}/{key}"), out)),
        Yaml::Sequence(items) => {
            items.iter().enumerate().for_each(|(i, it)| leaves(it, &format!("{path}/{i}"), out));
        }
        scalar => out.push((path.to_owned(), scalar)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Feature: standalone-dev, Property 3 (complete sets): no placeholder is left, the structure is the template's,
    /// and every value read back from the written text equals the variable.
    #[test]
    fn a_complete_set_of_values_is_read_back_from_the_rendered_text(values in btree_map("[A-Z]{1,3}", awkward(), 30..31)) {
        let template = the_template();
        let all = names(&template);
        let texts: BTreeMap<&str, &String> = all.iter().map(String::as_str).zip(values.values()).collect();
        let document = substitute(&template, &|it| texts.get(it).map(|it| Yaml::Text(it.to_string()))).unwrap();
        let read = yaml::read("", &yaml::write(&document)).unwrap();

        let (mut before, mut after) = (Vec::new(), Vec::new());
        leaves(&template, "", &mut before);
        leaves(&read, "", &mut after);
        prop_assert_eq!(before.len(), after.len());
        for ((path, placeholder), (path_after, value)) in before.iter().zip(&after) {
            prop_assert_eq!(path, path_after);
            let mut expected = placeholder.as_str().unwrap_or_default().to_owned();
            for (name, text) in &texts {
                if expected == format!("${name}") {
                    expected = (*text).clone();
                    break;
                }
            }
            if let Some((host, port)) = placeholder.as_str().and_then(|it| it.split_once("_HOST:$")) {
                expected = format!("{}:{}", texts[&*format!("{}_HOST", &host[1..])], texts[port]);
            }
            if placeholder.as_str().is_some() {
                prop_assert_eq!(value.as_str(), Some(&*expected), "{}", path);
            } else {
                prop_assert_eq!(*value, *placeholder);
            }
        }
    }

    /// Feature: standalone-dev, Property 3 (incomplete sets): exactly the missing ones are named.
    #[test]
    fn an_incomplete_set_of_values_names_exactly_the_missing_ones(picks in proptest::collection::vec(any::<Index>(), 1..8)) {
        let template = the_template();
        let all = names(&template);
        let mut missing: Vec<String> = picks.iter().map(|it| it.get(&all).clone()).collect();
        missing.sort();
        missing.dedup();
        let mut named = substitute(&template, &|it| (!missing.iter().any(|m| m == it)).then(|| Yaml::Text("x".to_owned()))).unwrap_err();
        named.sort();
        prop_assert_eq!(named, missing);
    }

    #[test]
    fn no_scalar_makes_the_substitution_panic(text in "\\PC*|[${}A_0]{0,20}") {
        let template = Yaml::Text(text);
        _ = substitute(&template, &|_| None);
        _ = substitute(&template, &|_| Some(Yaml::Plain("7".to_owned())));
    }
}

#[test]
fn values_keep_their_type_where_they_stand_alone() {
    let template = yaml::read("", "{a: $N, b: \"${B}\", c: \"$H:$N\", d: $5, e: \"$ {N} ${N\"}").unwrap();
    let lookup = |name: &str| match name {
        "N" => Some(Yaml::Plain("7".to_owned())),
        "B" => Some(Yaml::Plain("true".to_owned())),
        _ => Some(Yaml::Text("h".to_owned())),
    };
    let expected = yaml::read("", "{a: 7, b: true, c: \"h:7\", d: $5, e: \"$ {N} ${N\"}").unwrap();
    assert_eq!(substitute(&template, &lookup).unwrap(), expected);
}

#[test]
fn every_placeholder_of_the_template_is_a_variable_of_both_clusters() {
    for name in names(&the_template()) {
        for &cluster in Cluster::ALL {
            assert!(variables::find(source(cluster, &name)).is_some(), "{name} for {cluster:?}");
        }
    }
}

#[test]
fn each_variable_that_the_copilot_cluster_takes_from_elsewhere_stands_in_the_template() {
    let names = names(&the_template());
    for (name, _) in COPILOT {
        assert!(names.iter().any(|it| it == name), "{name}");
    }
}

/// What both clusters get with `--local`.
fn both() -> Vec<(Cluster, String)> {
    let sh = Shell::new().unwrap();
    sh.change_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    render(&sh, &Settings::resolve(true, &[], &|_| None), Cluster::ALL).unwrap()
}

#[test]
fn the_two_renderings_differ_in_the_cluster_s_own_values_only() {
    let rendered = both();
    let lines = |i: usize| rendered[i].1.lines().map(str::trim).collect::<Vec<_>>();
    let differing: Vec<_> = lines(0).into_iter().zip(lines(1)).filter(|(a, b)| a != b).map(|(_, b)| b).collect();
    let (ports, others): (Vec<_>, Vec<_>) = differing.into_iter().partition(|it| it.contains("Port: "));
    assert_eq!(
        others,
        ["connectAddr: copilot-local.dsql.eu-west-1.on.aws:5432", "visibility: temporal_visibility_v1_copilot_dev"]
    );
    assert_eq!(ports.len(), 7);
}

#[test]
fn a_member_of_one_cluster_that_takes_over_an_address_of_the_other_does_not_answer_in_its_place() {
    let rendered = both();
    let ports = |i: usize| {
        let document = yaml::read("", &rendered[i].1).unwrap();
        let mut all = Vec::new();
        leaves(&document["services"], "", &mut all);
        all.into_iter().map(|(path, port)| (path, port.as_u64().unwrap())).collect::<Vec<_>>()
    };
    let shared: Vec<String> = ports(0).into_iter().filter(|it| ports(1).contains(it)).map(|(path, _)| path).collect();
    assert_eq!(shared, ["/frontend/rpc/grpcPort", "/frontend/rpc/httpPort"]);
    let all: BTreeSet<u64> = ports(0).into_iter().chain(ports(1)).map(|(_, port)| port).collect();
    assert_eq!(all.len(), 2 * 9 - 2, "each port means one thing: {all:?}");
}
