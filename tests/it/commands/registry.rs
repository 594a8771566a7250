//! Our images in a registry: pulled in the place of a build, pushed after one.

use std::fs;

use regex::Regex;
use tests::fakes::Fakes;

use super::builds::builds;
use super::{commit, dev_up, expect_calls, xtask};

const BASE: &str = "temporal-dsql:latest";
const RUNTIME: &str = "temporal-dsql-runtime:test";
const COPILOT: &str = "temporal-sre-copilot:dev";

/// A registry in `dev/.env`, and both checkouts at the commits that are pinned.
fn with_registry() -> Fakes {
    let fakes = Fakes::with_checkouts();
    fakes.add_to_env("IMAGE_REGISTRY=127.0.0.1:5000/ours\n");
    for name in ["temporal-dsql", "temporal-sre-copilot"] {
        fakes.tell(&format!("head-of-{name}"), &commit(name));
    }
    fakes
}

/// The same, without our images.
fn without_images() -> Fakes {
    let fakes = with_registry();
    fakes.tell("missing-images", &format!("{RUNTIME}\n{COPILOT}\n"));
    fakes
}

/// An image's name in the registry, with `RECIPE` for each digest.
fn reference(name: &str, arch: &str) -> String {
    let (repository, recipe) = match name {
        BASE => ("temporal-dsql", "-RECIPE"),
        RUNTIME => ("temporal-dsql-runtime", "-RECIPE-RECIPE-RECIPE"),
        _ => ("temporal-sre-copilot", ""),
    };
    let checkout = if name == COPILOT { "temporal-sre-copilot" } else { "temporal-dsql" };
    format!("127.0.0.1:5000/ours/{repository}:{:.12}{recipe}-{arch}", commit(checkout))
}

fn pull(name: &str) -> String {
    format!("docker pull {}", reference(name, "arm64"))
}

fn pulled(name: &str) -> [String; 2] {
    [pull(name), format!("docker tag {} {name}", reference(name, "arm64"))]
}

fn pushed(name: &str, arch: &str) -> [String; 2] {
    let reference = reference(name, arch);
    [format!("docker tag {name} {reference}"), format!("docker push {reference}")]
}

/// These lines with `RECIPE` for each digest of what of this repository goes into an image.
fn generic(lines: &[String]) -> Vec<String> {
    let digest = Regex::new("-[0-9a-f]{8}(-|$)").unwrap();
    let replace = |it: &String| digest.replace_all(&digest.replace_all(it, "-RECIPE$1"), "-RECIPE$1").into_owned();
    lines.iter().map(replace).collect()
}

/// Checks what provides images among the calls, then forgets all calls.
#[track_caller]
fn expect_images(fakes: &Fakes, expected: &[String]) {
    let compose = |it: &String| !it.starts_with("docker compose ");
    let calls: Vec<String> = fakes.calls().into_iter().take_while(compose).collect();
    assert_eq!(generic(&calls), expected);
    fakes.forget();
}

#[test]
fn dev_up_pulls_the_images_that_are_missing_and_builds_nothing() {
    let fakes = without_images();
    dev_up(&fakes, "--local --yes").expect(0).says(&["pull from 127.0.0.1:5000/ours, or build the temporal images"]);
    expect_images(&fakes, [pulled(BASE), pulled(RUNTIME), pulled(COPILOT)].as_flattened());
    // What is there is not asked for again, and nothing is pulled unasked.
    dev_up(&fakes, "--local --yes").expect(0);
    expect_images(&fakes, &[]);
    fakes.tell("missing-images", &format!("{COPILOT}\n"));
    dev_up(&fakes, "--local").expect(3).says(&["the image temporal-sre-copilot:dev is not there"]);
    expect_calls(&fakes, &[]);
    fakes.tell("arch", "amd64");
    dev_up(&fakes, "--local --yes").expect(0);
    expect_images(&fakes, &pulled(COPILOT).map(|it| it.replace("-arm64", "-amd64")));
}

#[test]
fn what_the_registry_does_not_have_is_built_and_nothing_else() {
    let absent = "manifest for it not found: manifest unknown: manifest unknown";
    let [base, runtime, copilot] = builds(true, "", "");
    let fakes = without_images();
    fakes.tell("refused", &format!("*\n{absent}\n"));
    let built = xtask(&fakes, "dev-up --local --yes").expect(3);
    assert!(
        built.err.contains("-arm64 is not there: it is built here\n") && !built.err.contains("warning"),
        "{}",
        built.err
    );
    let all = [pull(BASE), pull(RUNTIME), pull(COPILOT), base, runtime.clone(), copilot];
    expect_images(&fakes, &all);

    let fakes = without_images();
    fakes.tell("refused", &format!("*runtime*\n{absent}\n"));
    xtask(&fakes, "dev-up --local --yes").expect(3);
    let [[pull_base, tag_base], [pull_copilot, tag_copilot]] = [pulled(BASE), pulled(COPILOT)];
    expect_images(&fakes, &[pull_base, tag_base, pull(RUNTIME), pull_copilot, tag_copilot, runtime]);
}

#[test]
fn a_registry_that_refuses_or_is_not_reached_is_a_warning_with_its_fix_and_everything_is_built() {
    for (said, fix) in [
        ("Head \"http://127.0.0.1:5000/v2/\": no basic auth credentials", "\n    docker login 127.0.0.1:5000\n"),
        ("pull access denied for ours, repository does not exist", "\n    docker login 127.0.0.1:5000\n"),
        (
            "dial tcp 127.0.0.1:5000: connect: connection refused",
            "\n    docker pull 127.0.0.1:5000/ours/temporal-dsql:",
        ),
    ] {
        let fakes = without_images();
        fakes.tell("refused", &format!("*\n{said}\n"));
        let warned = xtask(&fakes, "dev-up --local --yes").expect(3);
        let warning = format!("warning: nothing is pulled from 127.0.0.1:5000/ours: {said}{fix}");
        assert!(warned.err.contains(&warning), "{warning}\n{}", warned.err);
        // It is asked once.
        expect_images(&fakes, &[&[pull(BASE)][..], &builds(true, "", "")].concat());
    }
}

#[test]
fn sources_that_are_not_the_pinned_ones_are_built_and_never_pulled() {
    let elsewhere = |fakes: &Fakes| fakes.tell("head-of-temporal-dsql", &"0".repeat(40));
    let edited = |fakes: &Fakes| fakes.tell("changes", " M common/a.go\n");
    let unknown = |fakes: &Fakes| fakes.tell("head-of-temporal-dsql", "");
    type Spoil<'a> = &'a dyn Fn(&Fakes);
    let cases: [(Spoil<'_>, &str); 3] = [
        (&elsewhere, "stands at 0000000000"),
        (&edited, "holds changes that are in no commit, such as `M common/a.go`"),
        (&unknown, "is no git checkout of temporal-dsql alone"),
    ];
    for (spoil, says) in cases {
        let fakes = with_registry();
        fakes.tell("missing-images", &format!("{RUNTIME}\n"));
        spoil(&fakes);
        xtask(&fakes, "dev-up --local --yes").expect(3).says(&["the temporal images are built and not pulled: ", says]);
        expect_images(&fakes, &builds(true, "", "")[..2]);
        xtask(&fakes, "dev-build temporal --push").expect(3).says(&["cannot push", says]);
        expect_images(&fakes, &[]);
    }
}

#[test]
fn a_build_that_is_asked_for_and_an_image_under_another_name_are_not_pulled() {
    let fakes = without_images();
    xtask(&fakes, "dev-up --local --build").expect(3);
    expect_images(&fakes, &builds(true, "", ""));
    fakes.add_to_env("TEMPORAL_IMAGE=mine:1\nCOPILOT_IMAGE=mine:2\n");
    fakes.tell("missing-images", "mine:1\nmine:2\n");
    xtask(&fakes, "dev-up --local --yes").expect(3).says(&["docker pull mine:1"]);
    expect_images(&fakes, &[]);
}

#[test]
fn a_dry_run_prints_the_pulls_and_what_follows() {
    let fakes = without_images();
    let printed = dev_up(&fakes, "--local --dry-run").expect(0).out;
    let lines: Vec<String> = printed.lines().map(str::to_owned).collect();
    assert_eq!(generic(&lines[..6]), [pulled(BASE), pulled(RUNTIME), pulled(COPILOT)].as_flattened());
    assert!(printed.contains(" up --detach "), "{printed}");
    expect_calls(&fakes, &[]);
}

#[test]
fn what_is_built_is_pushed_for_both_architectures_where_the_engine_can_and_its_own_keeps_the_names() {
    let fakes = with_registry();
    let both = |arch: &str, platform: &str| {
        let pushes = [pushed(BASE, arch), pushed(RUNTIME, arch), pushed(COPILOT, arch)];
        [&builds(true, platform, "")[..], pushes.as_flattened()].concat()
    };
    xtask(&fakes, "dev-build --push").expect(0);
    expect_images(&fakes, &[both("amd64", " --platform linux/amd64"), both("arm64", "")].concat());
    xtask(&fakes, "dev-build --push --arch amd64").expect(0);
    expect_images(&fakes, &both("amd64", " --platform linux/amd64"));

    fakes.tell("buildx", "Platforms: linux/arm64\n");
    let alone = xtask(&fakes, "dev-build --push copilot").expect(0);
    assert!(
        alone.err.contains("note: only the images for arm64 are pushed: the engine cannot run amd64"),
        "{}",
        alone.err
    );
    expect_images(&fakes, &[&builds(true, "", "")[2..], &pushed(COPILOT, "arm64")].concat());
    fakes.tell("no-buildx", "");
    xtask(&fakes, "dev-build --push copilot").expect(0).says(&["are pushed: the engine has no BuildKit"]);
    expect_images(&fakes, &[&builds(false, "", "")[2..], &pushed(COPILOT, "arm64")].concat());
    let printed = xtask(&fakes, "dev-build --push copilot --dry-run").expect(0).out;
    let lines: Vec<String> = printed.lines().skip(1).map(str::to_owned).collect();
    assert_eq!(generic(&lines), pushed(COPILOT, "arm64"));
    expect_images(&fakes, &[]);

    fakes.tell("fail", "docker*push*\n");
    let refused = xtask(&fakes, "dev-build --push copilot").expect(1);
    let says = "cannot push to 127.0.0.1:5000/ours; `docker login 127.0.0.1:5000` signs in there: `docker push";
    assert!(refused.err.contains(says), "{}", refused.err);
}

#[test]
fn an_edit_of_what_goes_into_an_image_gives_it_another_tag() {
    let fakes = with_registry();
    let tags = || {
        let printed = xtask(&fakes, "dev-build --push --arch arm64 --dry-run").expect(0).out;
        let pushes: Vec<String> =
            printed.lines().filter(|it| it.starts_with("docker push ")).map(str::to_owned).collect();
        <[String; 3]>::try_from(pushes).unwrap()
    };
    let before = tags();
    let edit = |file: &str| {
        let path = fakes.checkout.root.join(file);
        fs::write(&path, fs::read_to_string(&path).unwrap() + "\n# edited\n").unwrap();
        tags()
    };
    let dynamic = edit("dev/dynamicconfig/development-dsql.yaml");
    assert!(dynamic[0] == before[0] && dynamic[1] != before[1] && dynamic[2] == before[2], "{before:#?}\n{dynamic:#?}");
    let recipe = edit("dev/docker/Dockerfile");
    assert!(recipe[0] != before[0] && recipe[1] != dynamic[1] && recipe[2] == before[2], "{before:#?}\n{recipe:#?}");
}

#[test]
fn a_wrong_registry_stops_dev_up_and_none_or_a_wrong_one_stops_a_push() {
    let fakes = Fakes::with_checkouts();
    xtask(&fakes, "dev-build --push").expect(3).says(&["cannot push", "`--push` needs IMAGE_REGISTRY"]);
    fakes.add_to_env("IMAGE_REGISTRY=https://ghcr.io/me\n");
    let wrong = ["`IMAGE_REGISTRY` is `https://ghcr.io/me` (dev/.env, line 1): expected HOST[:PORT][/PATH], without"];
    xtask(&fakes, "dev-build --push").expect(3).says(&wrong);
    dev_up(&fakes, "--local --yes").expect(3).says(&wrong);
    expect_calls(&fakes, &[]);
}
