//! `cargo xtask support`: what stands in its file, and what must not.

use std::fs;

use tests::fakes::Fakes;

#[test]
fn the_file_holds_what_is_asked_for_in_an_issue_and_no_secret_wherever_one_stood() {
    let fakes = Fakes::with_checkouts();
    let root = &fakes.checkout.root;
    fs::create_dir(fakes.checkout.home().join(".aws")).unwrap();
    fakes.add_to_env(
        "TEMPORAL_SQL_HOST=one.dsql.eu-west-1.on.aws\nCOPILOT_DSQL_HOST=two.dsql.eu-west-1.on.aws\n\
         GRAFANA_ADMIN_PASSWORD=MARKED-grafana\nCOPILOT_MODEL_KEY=MARKED-model\nMY_TOKEN='MARKED-mine'\n",
    );
    fakes.xtask(&["dev-up", "loki", "--dsql", "--no-schema"]).expect(0);
    fs::write(root.join("dev/.rendered/copilot-model.key"), "MARKED-key\n").unwrap();
    fs::write(root.join("dev/.rendered/grafana-admin.password"), "MARKED-file").unwrap();
    // What a program logs of all that, and of what only it knows.
    let known =
        "KEYSECRET TOKENSECRET AKIDSECRET MARKED-grafana MARKED-model MARKED-mine MARKED-key MARKED-file MARKED-shell";
    let own = "Authorization: Bearer MARKED-a {\"password\":\"MARKED-b\"} http://me:MARKED-c@h/ X-Amz-Security-Token=MARKED-d&x";
    fakes.tell("logs", &format!("loki-1 | a line of loki's\n{known}\n{own}\n"));
    fakes.tell("exited", "loki\n");
    fakes.forget();

    let mut shown = fakes.command();
    let shown = tests::checkout::run(shown.args(["support", "--stdout"]).env("AWS_SESSION_TOKEN", "MARKED-shell"))
        .expect(0)
        .out;
    let home = fakes.checkout.home().display().to_string();
    for secret in ["MARKED", "KEYSECRET", "TOKENSECRET", "AKIDSECRET", &home] {
        assert!(!shown.contains(secret), "{secret} is in\n{shown}");
    }
    for part in [
        "## versions",
        "Docker version 28.2.2",
        "## cargo xtask doctor",
        "## cargo xtask dev-status",
        "## the last lines of loki\n",
        "a line of loki's",
        "## dev/.rendered/persistence-monitored.yaml",
        "one.dsql.eu-west-1.on.aws",
        "X-Amz-Security-Token=[secret]&x",
    ] {
        assert!(shown.contains(part), "`{part}` is not in\n{shown}");
    }
    assert_eq!(
        fakes
            .calls()
            .iter()
            .filter(|it| !it.contains(" logs --no-color ") && !it.ends_with(" version"))
            .collect::<Vec<_>>(),
        [""; 0]
    );

    let file = root.join("dev/.rendered/support.md");
    fakes.xtask(&["support"]).expect(5).says(&["versions", "`--yes` confirms it"]);
    assert!(!file.exists());
    let written = fakes.xtask(&["support", "--yes"]).expect(0).says(&["cargo xtask doctor", " lines"]);
    assert_eq!(written.out, "dev/.rendered/support.md\n");
    assert!(fs::read_to_string(file).unwrap().contains("## versions"));
}

#[test]
fn it_is_written_also_where_nothing_works() {
    let fakes = Fakes::new();
    fakes.remove("docker");
    fakes.add_to_env("GRAFANA_ADMIN_PASSWORD=MARKED-grafana\nan open \"quote\n");
    let shown = fakes.xtask(&["support", "--stdout"]).expect(0).out;
    assert!(shown.contains("`docker` is not on PATH") && !shown.contains("MARKED"), "{shown}");
}
