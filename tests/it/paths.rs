//! The checkout is found, and is the same one, from wherever and by whatever name it is reached.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use tests::{
    checkout::{Outcome, run},
    fakes::Fakes,
    repo_root,
};

/// `xtask` as cargo would start it: in a folder, with the checkout named by this path.
fn xtask(fakes: &Fakes, folder: &Path, checkout: &Path, arguments: &[&str]) -> Outcome {
    let mut command = fakes.command();
    // A shell says where it is by the name that was typed.
    command.current_dir(folder).env("PWD", folder).env("CARGO_MANIFEST_DIR", checkout.join("xtask"));
    run(command.args(arguments))
}

/// Gives the checkout another folder.
fn rename(fakes: &mut Fakes, name: &str, project: &str) {
    let root = fakes.checkout.root.with_file_name(name);
    fs::rename(&fakes.checkout.root, &root).unwrap();
    fakes.checkout.root = root;
    fakes.checkout.project = project.to_owned();
}

#[test]
fn every_command_works_on_the_same_checkout_from_its_root_a_subfolder_outside_and_through_a_symlink() {
    let fakes = Fakes::new();
    let root = fakes.checkout.root.clone();
    let link = root.with_file_name("link");
    symlink(&root, &link).unwrap();
    let rendered = root.join("dev/.rendered/persistence-copilot.yaml");
    let outside = fakes.checkout.home();
    let places: [(PathBuf, PathBuf); 6] = [
        (root.clone(), root.clone()),
        (root.join("terraform/dev"), root.clone()),
        (outside.clone(), root.clone()),
        (link.clone(), root.clone()),
        (link.join("xtask/src"), link.clone()),
        (outside, link),
    ];
    for (folder, checkout) in &places {
        fs::remove_dir_all(root.join("dev/.rendered")).ok();
        fakes.forget();
        let offset = fakes.checkout.offset.to_string();
        xtask(&fakes, folder, checkout, &["render", "--local"]).expect(0);
        assert!(rendered.is_file(), "{}", folder.display());
        let up = xtask(&fakes, folder, checkout, &["dev-up", "loki", "--local", "--port-offset", &offset]).expect(0);
        assert!(up.err.contains(&format!("--project-name {} ", fakes.checkout.project)), "{}", up.err);
        xtask(&fakes, folder, checkout, &["dev-down"]).expect(0);
        assert_eq!(fakes.folders(), ["/".to_owned(), root.display().to_string()], "{}", folder.display());
    }
}

#[test]
fn a_checkout_s_path_may_hold_spaces_quotes_and_other_alphabets() {
    for (name, project) in
        [("My Checkout (2)", "mycheckout2"), ("it's $HOME", "itshome"), ("проект 日本", "temporal-sre-copilot")]
    {
        let mut fakes = Fakes::new();
        rename(&mut fakes, name, project);
        let offset = fakes.checkout.offset.to_string();
        let up = fakes.xtask(&["dev-up", "loki", "--local", "--port-offset", &offset]).expect(0);
        assert!(up.err.contains(&format!("docker compose --project-name {project} ")), "{}", up.err);
        assert_eq!(fakes.folders(), [fakes.checkout.root.display().to_string()]);
        let aws = fakes.checkout.root.join("dev/.rendered/aws");
        let env = fs::read_to_string(fakes.checkout.root.join("dev/.rendered/compose.env")).unwrap();
        let line = format!("AWS_MOUNT_DIR=\"{}\"", aws.display().to_string().replace('$', "\\$"));
        assert!(env.lines().any(|it| it == line), "{line} is not in\n{env}");
    }
}

#[test]
fn a_path_on_the_command_line_starts_where_the_user_stands_and_one_in_the_env_file_at_the_root() {
    let fakes = Fakes::new();
    let root = fakes.checkout.root.clone();
    let fixtures = root.join("tests/fixtures");
    let by_flag =
        xtask(&fakes, &fixtures, &root, &["dev-build", "temporal", "--dry-run", "--temporal-dsql=temporal-dsql"]);
    let built = format!("--file - {}", fixtures.join("temporal-dsql").display());
    assert!(by_flag.expect(0).out.contains(&built), "{built}");
    fakes.add_to_env("TEMPORAL_DSQL_PATH=tests/fixtures/temporal-dsql\n");
    let by_file = xtask(&fakes, &fixtures, &root, &["dev-build", "temporal", "--dry-run"]);
    assert!(by_file.expect(0).out.contains(&built), "{built}");
}

#[test]
fn the_alias_works_from_the_root_and_a_subfolder_and_the_package_from_outside() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let manifest = repo_root().join("Cargo.toml").display().to_string();
    let start = |folder: &Path, words: &[&str]| {
        let mut command = Command::new(&cargo);
        command.current_dir(folder).env("CARGO_NET_OFFLINE", "true").env_remove("CARGO_MANIFEST_DIR").args(words);
        run(command.args(["render", "--local", "--stdout"]))
    };
    let root = start(&repo_root(), &["xtask"]).expect(0);
    assert!(root.out.contains("monitored-local.dsql"), "{}", root.out);
    let package = ["run", "--quiet", "--manifest-path", &manifest, "--package", "xtask", "--"];
    for other in [start(&repo_root().join("grafana/server"), &["xtask"]), start(Path::new("/"), &package)] {
        assert_eq!(other.expect(0).out, root.out);
    }
}
