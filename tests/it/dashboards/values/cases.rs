//! Series, panels, and what these have to show: what was once wrong.

use super::SHOWN_TIME;

pub(super) const SERVER: &str = "grafana/server/server.json";
pub(super) const DSQL: &str = "grafana/dsql/persistence.json";
pub(super) const HOME: &str = "grafana/home/home.json";

#[derive(Clone, Copy, Debug)]
pub(super) enum Expect {
    /// A number, give or take one in a hundred.
    Number(f64),
    /// A quotient of nothing, which the panel's mapping puts into words.
    Idle,
    /// No answer: the panel's `noValue`.
    Nothing,
}
use Expect::{Idle, Nothing, Number};

/// A panel looked at `at` seconds after the beginning of its series.
pub(super) struct Case {
    pub says: &'static str,
    pub file: &'static str,
    pub panel: &'static str,
    /// The curve's labels must hold this text; empty for a panel of one number.
    pub curve: &'static str,
    pub series: &'static [(&'static str, &'static str)],
    pub at: u64,
    pub expect: Expect,
}

pub(super) const fn case(
    says: &'static str,
    (file, panel, curve): (&'static str, &'static str, &'static str),
    series: &'static [(&'static str, &'static str)],
    at: u64,
    expect: Expect,
) -> Case {
    Case { says, file, panel, curve, series, at, expect }
}

pub(super) const UP: (&str, &str) = (r#"up{job="temporal-history"}"#, "1x120");
/// The collector stops ten minutes before the panel is looked at.
pub(super) const UP_STOPPED: (&str, &str) = (r#"up{job="temporal-history"}"#, "1x80");
pub(super) const REQUESTS: &str =
    r#"service_requests_total{job="temporal-frontend",service_name="frontend",namespace="default"}"#;
pub(super) const LATENCY_10: &str = r#"service_latency_milliseconds_bucket{job="temporal-frontend",service_name="frontend",namespace="default",operation="StartWorkflowExecution",le="10"}"#;
pub(super) const LATENCY_INF: &str = r#"service_latency_milliseconds_bucket{job="temporal-frontend",service_name="frontend",namespace="default",operation="StartWorkflowExecution",le="+Inf"}"#;
const CALLS: &str =
    r#"persistence_requests_total{job="temporal-history",service_name="history",operation="GetWorkflowExecution"}"#;
pub(super) const CALL_10: &str = r#"persistence_latency_milliseconds_bucket{job="temporal-history",service_name="history",operation="GetWorkflowExecution",le="10"}"#;
pub(super) const CALL_INF: &str = r#"persistence_latency_milliseconds_bucket{job="temporal-history",service_name="history",operation="GetWorkflowExecution",le="+Inf"}"#;
const SUCCESS: &str = r#"workflow_success_total{job="temporal-history",namespace="default"}"#;
const FAILED: &str = r#"workflow_failed_total{job="temporal-history",namespace="default"}"#;
pub(super) const BACKLOG: &str = r#"approximate_backlog_age_seconds{job="temporal-matching",namespace="default",taskqueue="orders",task_type="Workflow"}"#;

/// Busy for ten minutes, then quiet.
const BUSY_THEN_IDLE: &[(&str, &str)] = &[
    UP,
    (REQUESTS, "0+150x40 6000x80"),
    (LATENCY_10, "0+100x40 4000x80"),
    (LATENCY_INF, "0+150x40 6000x80"),
    (CALLS, "0+150x40 6000x80"),
    (CALL_10, "0+100x40 4000x80"),
    (CALL_INF, "0+150x40 6000x80"),
    (r#"service_errors_total{job="temporal-frontend",service_name="frontend",namespace="default"}"#, "0+15x40 600x80"),
    (r#"persistence_errors_total{job="temporal-history",operation="GetWorkflowExecution"}"#, "0+15x40 600x80"),
];

/// What was wrong.
pub(super) const WRONG: &[Case] = &[
    // What was wrong, 1: the histogram observes a workflow's whole count at each of its transitions.
    case(
        "ten transitions of one workflow in a quarter of a minute are ten, not 55",
        (SERVER, "State transitions", ""),
        &[
            UP,
            (r#"state_transition_count_ratio_count{namespace="default"}"#, "0+10x120"),
            (r#"state_transition_count_ratio_sum{namespace="default"}"#, "0+55x120"),
        ],
        SHOWN_TIME,
        Number(10.0 / 15.0),
    ),
    case(
        "the same by namespace",
        (SERVER, "State transitions by namespace", "default"),
        &[
            (r#"state_transition_count_ratio_count{namespace="default"}"#, "0+10x120"),
            (r#"state_transition_count_ratio_sum{namespace="default"}"#, "0+55x120"),
        ],
        SHOWN_TIME,
        Number(10.0 / 15.0),
    ),
    // 3: after load.
    case("after load requests are idle", (SERVER, "Request p95", ""), BUSY_THEN_IDLE, SHOWN_TIME, Idle),
    case("after load calls are idle", (SERVER, "Persistence p95", ""), BUSY_THEN_IDLE, SHOWN_TIME, Idle),
    case("after load errors are idle", (SERVER, "Server errors", ""), BUSY_THEN_IDLE, SHOWN_TIME, Idle),
    case("after load the database is idle", (DSQL, "Persistence p95", ""), BUSY_THEN_IDLE, SHOWN_TIME, Idle),
    case("after load its errors are idle", (DSQL, "Persistence errors", ""), BUSY_THEN_IDLE, SHOWN_TIME, Idle),
    case("under load they are not", (SERVER, "Server errors", ""), BUSY_THEN_IDLE, 540, Number(0.1)),
    case("nor those of the database", (DSQL, "Persistence errors", ""), BUSY_THEN_IDLE, 540, Number(0.1)),
    // 4: everything fails, so the counter of successes does not exist.
    case("all fail", (SERVER, "Completion rate", ""), &[UP, (FAILED, "0+1x120")], SHOWN_TIME, Number(0.0)),
    case(
        "the first workflow fails",
        (SERVER, "Completion rate", ""),
        &[UP, (FAILED, "_x60 1x60")],
        SHOWN_TIME,
        Number(0.0),
    ),
    case(
        "a first failure among successes is counted",
        (SERVER, "Completion rate", ""),
        &[UP, (SUCCESS, "_x60 3x60"), (FAILED, "_x60 1x60")],
        SHOWN_TIME,
        Number(0.75),
    ),
    case(
        "a restarted server loses no success",
        (SERVER, "Completion rate", ""),
        &[UP, (SUCCESS, "0+2x60 0+2x60"), (FAILED, "0x120")],
        SHOWN_TIME,
        Number(1.0),
    ),
    case("no workflow has run", (SERVER, "Completion rate", ""), &[UP], SHOWN_TIME, Idle),
    // 6: the collector stopped.
    case(
        "a backlog is not zero because nobody counts it",
        (SERVER, "Oldest backlog", ""),
        &[UP_STOPPED, (BACKLOG, "900x80")],
        SHOWN_TIME,
        Nothing,
    ),
    case("an idle cluster has no backlog", (SERVER, "Oldest backlog", ""), &[UP], SHOWN_TIME, Number(0.0)),
    case(
        "no empty reservoir is counted",
        (DSQL, "Empty reservoir", ""),
        &[UP_STOPPED, (r#"dsql_reservoir_empty_total{job="temporal-history"}"#, "0+5x80")],
        SHOWN_TIME,
        Nothing,
    ),
    case(
        "nothing is said of the database's answers",
        (DSQL, "Unavailable", ""),
        &[
            UP_STOPPED,
            (
                r#"persistence_error_with_type_total{job="temporal-history",error_type="serviceerror.Unavailable"}"#,
                "0+5x80",
            ),
        ],
        SHOWN_TIME,
        Nothing,
    ),
    case("nor of writes", (DSQL, "Writes turned away", ""), &[UP_STOPPED], SHOWN_TIME, Nothing),
    case("nor of progress", (SERVER, "State transitions", ""), &[UP_STOPPED], SHOWN_TIME, Nothing),
    case(
        "nor of restarts",
        (SERVER, "Restarts", ""),
        &[UP_STOPPED, (r#"memory_mallocs{job="temporal-history"}"#, "1000+500x80")],
        SHOWN_TIME,
        Nothing,
    ),
    case(
        "nor of the pool",
        (DSQL, "Pool in use", ""),
        &[
            UP_STOPPED,
            (r#"dsql_pool_in_use{job="temporal-history"}"#, "2x80"),
            (r#"dsql_pool_max_open{job="temporal-history"}"#, "10x80"),
        ],
        SHOWN_TIME,
        Nothing,
    ),
    case(
        "nor of checkouts",
        (DSQL, "Checkout p95", ""),
        &[
            UP_STOPPED,
            (r#"dsql_reservoir_checkout_latency_milliseconds_bucket{job="temporal-history",le="10"}"#, "0+1x80"),
            (r#"dsql_reservoir_checkout_latency_milliseconds_bucket{job="temporal-history",le="+Inf"}"#, "0+1x80"),
        ],
        SHOWN_TIME,
        Nothing,
    ),
    case("a running one counts none", (DSQL, "Writes turned away", ""), &[UP], SHOWN_TIME, Number(0.0)),
    case(
        "the age of the numbers is known",
        (SERVER, "Telemetry age", ""),
        &[(r#"up{job="temporal-history"}"#, "1x113")],
        SHOWN_TIME,
        Number(120.0),
    ),
    case("until they are too old to be had", (SERVER, "Telemetry age", ""), &[UP_STOPPED], SHOWN_TIME, Nothing),
    case("the same on the dashboard of the database", (DSQL, "Telemetry age", ""), &[UP_STOPPED], SHOWN_TIME, Nothing),
    case("and on the home dashboard", (HOME, "Telemetry age", ""), &[UP_STOPPED], SHOWN_TIME, Nothing),
    case(
        "one server is missing",
        (SERVER, "Servers scraped", ""),
        &[
            (r#"up{job="temporal-history"}"#, "1x60 0x60"),
            (r#"up{job="temporal-matching"}"#, "1x120"),
            (r#"up{job="temporal-frontend"}"#, "1x120"),
            (r#"up{job="temporal-worker"}"#, "1x120"),
        ],
        SHOWN_TIME,
        Number(3.0),
    ),
    case(
        "all are",
        (SERVER, "Servers scraped", ""),
        &[(r#"up{job="temporal-history"}"#, "1x60 0x60")],
        SHOWN_TIME,
        Number(0.0),
    ),
    case("the collector is", (SERVER, "Servers scraped", ""), &[UP_STOPPED], SHOWN_TIME, Nothing),
];
