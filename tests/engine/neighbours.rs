use std::fs;

use tests::{checkout::Checkout, engine};

#[test]
#[ignore = "needs a Docker engine"]
fn two_checkouts_side_by_side_do_not_meet() {
    let _turn = engine::beside_others();
    let (one, other) = (Checkout::copy("one"), Checkout::copy("other"));
    assert_ne!(one.offset, other.offset);
    let services = ["mimir", "loki"];
    one.dev_up(&services).expect(0);
    let before = engine::lives(&one.project);
    other.dev_up(&services).expect(0);

    for checkout in [&one, &other] {
        assert_eq!(engine::get(checkout.port(9009), "/ready").unwrap().0, 200);
        assert_eq!(engine::networks(&checkout.project), [format!("{}_temporal-network", checkout.project)]);
    }

    // As if both folders had the same name.
    let env = other.root.join("dev/.env");
    fs::write(&env, format!("COMPOSE_PROJECT_NAME={}\n", one.project)).unwrap();
    let refused = other.xtask(&["dev-down", "--volumes", "--yes"]).expect(3);
    assert!(refused.err.contains(&format!("another checkout, {}/dev", one.root.display())), "{}", refused.err);
    fs::remove_file(&env).unwrap();

    other.xtask(&["dev-down", "--volumes", "--yes"]).expect(0);
    assert!(engine::containers(&other.project).is_empty());
    assert_eq!(engine::changed(&before, &engine::lives(&one.project)), [""; 0]);
    assert_eq!(engine::get(one.port(9009), "/ready").unwrap().0, 200);
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_taken_port_is_found_before_a_container_starts() {
    let _turn = engine::beside_others();
    let checkout = Checkout::copy("taken");
    let _listener = std::net::TcpListener::bind(("127.0.0.1", checkout.port(3100))).unwrap();
    let refused = checkout.dev_up(&["mimir", "loki"]).expect(3);
    assert!(refused.err.contains(&checkout.port(3100).to_string()), "{}", refused.err);
    assert!(engine::containers(&checkout.project).is_empty());
}
