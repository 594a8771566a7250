//! `env-init`, `env-sync` and `env-check` on the real files.

use std::{fs, os::unix::fs::PermissionsExt};

use tests::checkout::run;

use crate::support::{TERRAFORM, are_there, workspace::Workspace};

fn mode(workspace: &Workspace, file: &str) -> u32 {
    fs::metadata(workspace.path(file)).unwrap().permissions().mode() & 0o777
}

#[test]
fn env_init_copies_the_example_once_for_its_owner_only() {
    let workspace = Workspace::new();
    workspace.xtask(&["env-init"]).expect(0);
    assert_eq!(workspace.read("dev/.env"), workspace.read("dev/.env.example"));
    assert_eq!(mode(&workspace, "dev/.env"), 0o600);
    workspace.write("dev/.env", "MINE=1\n");
    workspace.xtask(&["env-init"]).expect(0).says(&["stays as it is"]);
    assert_eq!(workspace.read("dev/.env"), "MINE=1\n");
}

#[test]
fn env_check_names_each_placeholder_of_the_copied_example() {
    let workspace = Workspace::new();
    workspace.xtask(&["env-check"]).expect(3).says(&["`cargo xtask env-init` makes it"]);
    workspace.xtask(&["env-init"]).expect(0);
    let checked = workspace.xtask(&["env-check"]).expect(3);
    for name in ["TEMPORAL_SQL_HOST", "COPILOT_DSQL_HOST"] {
        let finding = format!("`{name}` is still the example's");
        assert_eq!(checked.err.matches(&finding).count(), 1, "{}", checked.err);
    }
    workspace.xtask(&["env-check", "--local"]).expect(0).says(&["complete and consistent"]);
}

#[test]
fn env_check_reports_everything_at_once() {
    let workspace = Workspace::new();
    workspace.write(
        "dev/.env",
        "TEMPORAL_SQL_HOST=a.dsql.us-east-1.on.aws\nCOPILOT_DSQL_HOST=b.dsql.eu-west-2.on.aws\n\
         AWS_REGION=eu-west-2\nTEMPORAL_SQL_MAX_IDLE_CONNS=10\nTEMPORAL_SQL_PROT=5432\nTEMPORAL_LOG_LEVEL=loud\n",
    );
    let checked = workspace.xtask(&["env-check"]).expect(3);
    let expected = [
        "TEMPORAL_SQL_HOST` is `a.dsql.us-east-1.on.aws` (dev/.env, line 1): expected a host in AWS_REGION",
        "AWS_REGION` is `eu-west-2`",
        "TEMPORAL_SQL_MAX_IDLE_CONNS` is `10`",
        "did you mean `TEMPORAL_SQL_PORT`",
        "TEMPORAL_LOG_LEVEL` is `loud`",
    ];
    assert_eq!(checked.err.matches("\n  - ").count(), expected.len(), "{}", checked.err);
    checked.says(&expected);

    workspace.write("dev/.env", "A B=1\nTEMPORAL_SQL_HOST='open\n");
    let broken = workspace.xtask(&["env-check"]).expect(3);
    assert!(broken.err.contains("line 1") && broken.err.contains("line 2"), "{}", broken.err);
    assert!(!broken.err.contains("is not set"), "a file that cannot be read is not missing: {}", broken.err);
}

#[test]
fn a_value_that_is_wrong_only_because_of_the_shell_is_said_to_be() {
    let workspace = Workspace::new();
    let hosts = "TEMPORAL_SQL_HOST=a.dsql.eu-west-1.on.aws\nCOPILOT_DSQL_HOST=b.dsql.eu-west-1.on.aws\n";
    workspace.write("dev/.env", &format!("{hosts}AWS_REGION=eu-west-1\nTEMPORAL_SQL_AWS_REGION=eu-west-1\n"));
    for (name, value, says) in [
        (
            "AWS_REGION",
            "us-east-1",
            "`TEMPORAL_SQL_HOST` is `a.dsql.eu-west-1.on.aws` (dev/.env, line 1): expected a host in AWS_REGION, \
             `us-east-1` (process environment)\n    unset AWS_REGION  # then dev/.env counts",
        ),
        (
            "TEMPORAL_SQL_MAX_CONNS",
            "9",
            "`TEMPORAL_SQL_MAX_IDLE_CONNS` is `50` (default): expected the same as TEMPORAL_SQL_MAX_CONNS, `9` \
             (process environment)",
        ),
        ("TEMPORAL_SQL_PORT", "x", "`TEMPORAL_SQL_PORT` is `x` (process environment): expected a port, 1 to 65535\n"),
        ("TEMPORAL_LOG_LEVEL", "", "`TEMPORAL_LOG_LEVEL` is empty (process environment): expected"),
        ("COPILOT_DSQL_HOST", "<id>", "`COPILOT_DSQL_HOST` is still the example's `<id>` (process environment): "),
    ] {
        let checked = run(workspace.command().arg("env-check").env(name, value)).expect(3);
        let fixes = checked.err.matches(&format!("\n    unset {name}  # then dev/.env counts")).count();
        assert_eq!(fixes, checked.err.matches("\n  - ").count(), "{}", checked.err);
        checked.says(&[says]);
    }
    workspace.xtask(&["env-check"]).expect(0);
}

#[test]
fn a_dollar_that_takes_a_part_of_a_value_away_is_said_and_never_what_is_left() {
    let workspace = Workspace::new();
    let hosts = "TEMPORAL_SQL_HOST=a.dsql.eu-west-1.on.aws\nCOPILOT_DSQL_HOST=b.dsql.eu-west-1.on.aws\n";
    for value in ["Secr3t$Foo#1", "\"Secr3t$Foo\"", "Secr3t${Foo}", "Secr3t${Bar:-$Foo}"] {
        workspace.write("dev/.env", &format!("{hosts}GRAFANA_ADMIN_PASSWORD={value}\n"));
        let refused = workspace.xtask(&["env-check"]).expect(3).says(&[
            "`GRAFANA_ADMIN_PASSWORD` (dev/.env, line 3) refers to a variable that is not set",
            "a dollar is written `$$`, or the whole value in single quotes",
        ]);
        assert!(!refused.err.contains("Secr3t"), "{}", refused.err);
    }
    for value in [
        "Secr3t$$Foo#1",
        "'Secr3t$Foo#1'",
        "Secr3t${Foo:-}",
        "Secr3t${Foo-x}",
        "${Foo:+x}Secr3t",
        "Secr3t$",
        "Secr3t$1",
        "\"Secr3t\\$Foo\"",
        "$COPILOT_DSQL_HOST",
        "x\nMY_OWN=$Foo",
        "$Foo\nGRAFANA_ADMIN_PASSWORD=x",
    ] {
        workspace.write("dev/.env", &format!("{hosts}GRAFANA_ADMIN_PASSWORD={value}\n"));
        workspace.xtask(&["env-check"]).expect(0);
    }
    workspace.write("dev/.env", &format!("{hosts}GRAFANA_ADMIN_PASSWORD=x$Foo\n"));
    run(workspace.command().arg("env-check").env("Foo", "y")).expect(0);
}

#[test]
fn env_sync_without_outputs_says_what_makes_them() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    workspace.xtask(&["env-sync"]).expect(3).says(&["cargo xtask infra-apply"]);
}

#[test]
fn env_sync_changes_values_and_nothing_else() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    workspace.xtask(&["infra-apply", "--project-name", "demo", "--yes"]).expect(0);
    assert_eq!(mode(&workspace, "dev/.env"), 0o600);
    assert!(workspace.read("dev/.env").starts_with("# Copy to dev/.env"), "made from the example");

    let mine = "# mine\r\nexport TEMPORAL_SQL_HOST = 'old' # why\r\n#COPILOT_DSQL_HOST=x\r\nAWS_REGION=us-east-1\r\n\
                AWS_REGION=\"us-east-1\"\r\nMY_KEY=\u{e9}\r\nTEMPORAL_SQL_AWS_REGION=eu-west-1";
    workspace.write("dev/.env", mine);
    fs::set_permissions(workspace.path("dev/.env"), PermissionsExt::from_mode(0o644)).unwrap();
    workspace.xtask(&["env-sync", "--dry-run"]).expect(0).says(&["would become", "old → "]);
    assert_eq!(workspace.read("dev/.env"), mine);

    workspace.xtask(&["env-sync"]).expect(0).says(&["TEMPORAL_SQL_HOST", "old → ", "us-east-1 → eu-west-1"]);
    let synced = workspace.read("dev/.env");
    let output =
        |name: &str| workspace.xtask(&["infra-output", "--json"]).json()["outputs"][name].as_str().unwrap().to_owned();
    let expected = format!(
        "# mine\r\nexport TEMPORAL_SQL_HOST = '{}' # why\r\n#COPILOT_DSQL_HOST=x\r\nAWS_REGION=us-east-1\r\n\
         AWS_REGION=\"eu-west-1\"\r\nMY_KEY=\u{e9}\r\nTEMPORAL_SQL_AWS_REGION=eu-west-1\r\nCOPILOT_DSQL_HOST={}\r\n\
         COPILOT_KNOWLEDGE_BASE_ID={}\r\n",
        output("monitored_dsql_endpoint"),
        output("copilot_dsql_endpoint"),
        output("knowledge_base_id"),
    );
    assert_eq!(synced, expected);
    assert_eq!(mode(&workspace, "dev/.env"), 0o600);

    workspace.xtask(&["env-sync"]).expect(0).says(&["nothing to change"]);
    assert_eq!(workspace.read("dev/.env"), expected);
    workspace.xtask(&["env-check"]).expect(0);
    let overridden = workspace.command().arg("env-sync").env("TEMPORAL_SQL_HOST", "elsewhere").output().unwrap();
    assert!(String::from_utf8_lossy(&overridden.stderr).contains("TEMPORAL_SQL_HOST is also set"), "{overridden:?}");
}

#[test]
fn env_sync_refuses_what_it_cannot_read_and_follows_a_link() {
    if !are_there(&[TERRAFORM]) {
        return;
    }
    let workspace = Workspace::new();
    workspace.xtask(&["infra-apply", "--project-name", "demo", "--yes"]).expect(0);
    let broken = "GOOD=1\nA B=2\nQUOTE='open\n";
    workspace.write("dev/.env", broken);
    workspace.xtask(&["env-sync"]).expect(3).says(&["line 2", "line 3", "nothing was changed"]);
    assert_eq!(workspace.read("dev/.env"), broken);

    fs::remove_file(workspace.path("dev/.env")).unwrap();
    workspace.write("elsewhere/env", "MINE=1\n");
    std::os::unix::fs::symlink("../elsewhere/env", workspace.path("dev/.env")).unwrap();
    workspace.xtask(&["env-sync"]).expect(0);
    assert!(workspace.path("dev/.env").is_symlink());
    let target = workspace.read("elsewhere/env");
    assert!(target.starts_with("MINE=1\n") && target.contains("TEMPORAL_SQL_HOST="), "{target}");
}

#[test]
fn a_line_that_cannot_be_read_is_named_without_what_stands_in_it() {
    let workspace = Workspace::new();
    workspace.write(
        "dev/.env",
        "GRAFANA_ADMIN_PASSWORD=\"a\"SECRET1\nSECRET2 and more=1\nSECRET3%=1\nA=${SECRET4\nA=${:SECRET5}\nA=${B^SECRET6}\n\
         A=${B?SECRET7}\nGRAFANA_ADMIN_PASSWORD='SECRET8\n",
    );
    let checked = workspace.xtask(&["env-check"]).expect(3);
    assert!(!checked.err.contains("SECRET"), "{}", checked.err);
    assert_eq!(checked.err.matches("dev/.env, line ").count(), 8, "{}", checked.err);
    workspace.write("dev/.env", "GRAFANA_ADMIN_PASSWORD=\"a\nSECRET\"\n");
    let checked = workspace.xtask(&["env-check"]).expect(3);
    assert!(
        checked.err.contains("`GRAFANA_ADMIN_PASSWORD` is `…`") && !checked.err.contains("SECRET"),
        "{}",
        checked.err
    );
}

#[test]
fn a_host_that_is_not_verified_and_a_file_that_others_can_read_are_found() {
    let workspace = Workspace::new();
    let hosts = "TEMPORAL_SQL_HOST=a.dsql.eu-west-1.on.aws\nCOPILOT_DSQL_HOST=b.dsql.eu-west-1.on.aws\n";
    workspace.write("dev/.env", &format!("{hosts}TEMPORAL_SQL_HOST_VERIFICATION=false\n"));
    workspace
        .xtask(&["env-check"])
        .expect(3)
        .says(&["`TEMPORAL_SQL_HOST_VERIFICATION` is `false`", "the password is a token"]);
    workspace.xtask(&["env-check", "--local"]).expect(0);
    workspace.write("dev/.env", hosts);
    fs::set_permissions(workspace.path("dev/.env"), fs::Permissions::from_mode(0o644)).unwrap();
    workspace.xtask(&["env-check"]).expect(0).says(&["note: others can read dev/.env", "chmod 600 dev/.env"]);
    fs::set_permissions(workspace.path("dev/.env"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(workspace.xtask(&["env-check"]).expect(0).err, "");
}
