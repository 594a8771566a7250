//! What was seen to mislead in a real Grafana, and what was missing.

use super::cases::Expect::{Idle, Nothing, Number};
use super::cases::{
    BACKLOG, CALL_10, CALL_INF, Case, DSQL, HOME, LATENCY_10, LATENCY_INF, REQUESTS, SERVER, UP, UP_STOPPED, case,
};
use super::{SHOWN_TIME, STEP};

const UPDATE_10: &str = r#"service_latency_milliseconds_bucket{job="temporal-frontend",service_name="frontend",namespace="default",operation="UpdateWorkflowExecution",le="10"}"#;
const UPDATE_5000: &str = r#"service_latency_milliseconds_bucket{job="temporal-frontend",service_name="frontend",namespace="default",operation="UpdateWorkflowExecution",le="5000"}"#;
const UPDATE_INF: &str = r#"service_latency_milliseconds_bucket{job="temporal-frontend",service_name="frontend",namespace="default",operation="UpdateWorkflowExecution",le="+Inf"}"#;
const READ_SLOW: &str = r#"visibility_persistence_latency_milliseconds_bucket{job="temporal-history",operation="RecordWorkflowExecutionStarted",le="1000"}"#;
const READ_SLOW_INF: &str = r#"visibility_persistence_latency_milliseconds_bucket{job="temporal-history",operation="RecordWorkflowExecutionStarted",le="+Inf"}"#;

pub(super) const SEEN: &[Case] = &[
    // What was seen, 6 and 7.
    case(
        "an operation that nobody calls is not drawn",
        (DSQL, "Persistence p95 by operation", "GetWorkflowExecution"),
        &[(CALL_10, "10x120"), (CALL_INF, "10x120")],
        SHOWN_TIME,
        Nothing,
    ),
    case(
        "an error goes by its own name, without its package",
        (SERVER, "Persistence errors by type", "\"ConditionFailedError\""),
        &[(
            r#"persistence_error_with_type_total{job="temporal-history",service_name="history",error_type="persistence.ConditionFailedError"}"#,
            "0+30x120",
        )],
        SHOWN_TIME,
        Number(2.0),
    ),
    // 8: each server has a reservoir of its own.
    case(
        "the reservoirs of four processes are not one of forty",
        (DSQL, "Reservoir size against target", "history"),
        &[
            (r#"dsql_reservoir_size{job="temporal-history",service_name="server"}"#, "10x120"),
            (r#"dsql_reservoir_size{job="temporal-matching",service_name="server"}"#, "10x120"),
            (r#"dsql_reservoir_size{job="temporal-frontend",service_name="server"}"#, "10x120"),
            (r#"dsql_reservoir_size{job="temporal-worker",service_name="server"}"#, "10x120"),
            (r#"dsql_reservoir_target{job="temporal-history",service_name="server"}"#, "10x120"),
        ],
        SHOWN_TIME,
        Number(10.0),
    ),
    // 9.
    case(
        "no task is tried again where each succeeds at once",
        (SERVER, "Tasks tried again", ""),
        &[
            (r#"task_attempt_ratio_bucket{namespace="default",le="1"}"#, "0+10x120"),
            (r#"task_attempt_ratio_bucket{namespace="default",le="+Inf"}"#, "0+10x120"),
            (r#"task_attempt_ratio_count{namespace="default"}"#, "0+10x120"),
        ],
        SHOWN_TIME,
        Number(0.0),
    ),
    case(
        "two in ten are, whichever way the bound is written",
        (DSQL, "Tasks tried again", ""),
        &[
            (r#"task_attempt_ratio_bucket{namespace="default",le="1.0"}"#, "0+8x120"),
            (r#"task_attempt_ratio_bucket{namespace="default",le="10.0"}"#, "0+10x120"),
            (r#"task_attempt_ratio_count{namespace="default"}"#, "0+10x120"),
        ],
        SHOWN_TIME,
        Number(0.2),
    ),
    // 10.
    case(
        "a cache that misses nothing is shown",
        (SERVER, "Cache hits", "events"),
        &[(r#"cache_requests_total{cache_type="events"}"#, "0+10x120")],
        SHOWN_TIME,
        Number(1.0),
    ),
    // 11.
    case(
        "a normal write is no slow read",
        (SERVER, "Visibility reads p95", "Record"),
        &[(READ_SLOW, "0+10x120"), (READ_SLOW_INF, "0+10x120")],
        SHOWN_TIME,
        Nothing,
    ),
    case(
        "it stands among the writes",
        (SERVER, "Visibility writes p95", "Record"),
        &[(READ_SLOW, "0+10x120"), (READ_SLOW_INF, "0+10x120")],
        SHOWN_TIME,
        Number(950.0),
    ),
    // 12.
    case(
        "109 of 270 requests are refused",
        (SERVER, "Refused share", ""),
        &[
            UP,
            (REQUESTS, "0+270x120"),
            (
                r#"service_errors_resource_exhausted_total{job="temporal-frontend",service_name="frontend",namespace="default",resource_exhausted_cause="ConcurrentLimit"}"#,
                "0+109x120",
            ),
        ],
        SHOWN_TIME,
        Number(109.0 / 270.0),
    ),
    case(
        "whoever was refused was not served",
        (SERVER, "Availability", ""),
        &[
            UP,
            (REQUESTS, "0+270x120"),
            (
                r#"service_errors_resource_exhausted_total{job="temporal-frontend",service_name="frontend",namespace="default",resource_exhausted_cause="ConcurrentLimit"}"#,
                "0+109x120",
            ),
        ],
        SHOWN_TIME,
        Number(161.0 / 270.0),
    ),
    case("all are served", (SERVER, "Availability", ""), &[UP, (REQUESTS, "0+270x120")], SHOWN_TIME, Number(1.0)),
    // 13.
    case(
        "a quiet server's last collection stays in sight",
        (SERVER, "GC pause p95", "history"),
        &[
            (r#"memory_gc_pause_ms_milliseconds_bucket{job="temporal-history",le="10"}"#, "0x112 1x8"),
            (r#"memory_gc_pause_ms_milliseconds_bucket{job="temporal-history",le="+Inf"}"#, "0x112 1x8"),
        ],
        SHOWN_TIME,
        Number(9.5),
    ),
    case(
        "no shard moved",
        (SERVER, "Shard acquisition p95", ""),
        &[
            UP,
            (r#"sharditem_acquisition_latency_milliseconds_bucket{le="10"}"#, "4x120"),
            (r#"sharditem_acquisition_latency_milliseconds_bucket{le="+Inf"}"#, "4x120"),
        ],
        SHOWN_TIME,
        Idle,
    ),
    // 14.
    case(
        "a pool that was full two minutes ago was full",
        (DSQL, "Pool in use", ""),
        &[
            UP,
            (r#"dsql_pool_in_use{job="temporal-history"}"#, "0x110 9x2 0x8"),
            (r#"dsql_pool_max_open{job="temporal-history"}"#, "10x120"),
        ],
        SHOWN_TIME,
        Number(0.9),
    ),
    case(
        "two shards of four are half",
        (SERVER, "Shards owned", ""),
        &[("numshards_gauge", "4x60 2x60")],
        SHOWN_TIME,
        Number(0.5),
    ),
    case("four are all", (SERVER, "Shards owned", ""), &[("numshards_gauge", "4x120")], SHOWN_TIME, Number(1.0)),
    // Risks, 6 and 7.
    case(
        "a call that waits for the user's worker is no slow request",
        (SERVER, "Request p95", ""),
        &[
            UP,
            (LATENCY_10, "0+100x120"),
            (LATENCY_INF, "0+100x120"),
            (UPDATE_10, "0x120"),
            (UPDATE_5000, "0+100x120"),
            (UPDATE_INF, "0+100x120"),
        ],
        SHOWN_TIME,
        Number(9.5),
    ),
    case(
        "all from the backlog, none at once",
        (SERVER, "Polls", "from the backlog"),
        &[(r#"poll_success_total{namespace="default"}"#, "0+15x120")],
        SHOWN_TIME,
        Number(1.0),
    ),
    // What was missing.
    case(
        "actions are counted",
        (SERVER, "Actions", ""),
        &[UP, (r#"action_total{namespace="default",action_type="command_StartTimer"}"#, "0+30x120")],
        SHOWN_TIME,
        Number(2.0),
    ),
    case(
        "a restart is seen in a counter that fell back",
        (SERVER, "Restarts by service", "history"),
        &[UP, (r#"memory_mallocs{job="temporal-history"}"#, "1000+500x60 900+500x60")],
        SHOWN_TIME,
        Number(1.0),
    ),
    case(
        "half of the slots are in use",
        (SERVER, "Task slots in use", "ActivityWorker"),
        &[
            (r#"temporal_worker_task_slots_used{job="user-worker",worker_type="ActivityWorker"}"#, "50x120"),
            (r#"temporal_worker_task_slots_available{job="user-worker",worker_type="ActivityWorker"}"#, "50x120"),
            (r#"temporal_worker_task_slots_used{job="temporal-worker",worker_type="ActivityWorker"}"#, "7x120"),
            (r#"temporal_worker_task_slots_available{job="temporal-worker",worker_type="ActivityWorker"}"#, "993x120"),
        ],
        SHOWN_TIME,
        Number(0.5),
    ),
    case(
        "a cache that misses nothing hits always",
        (SERVER, "Sticky cache hits", ""),
        &[(r#"temporal_sticky_cache_hit{job="user-worker"}"#, "0+10x120")],
        SHOWN_TIME,
        Number(1.0),
    ),
    case(
        "one that hits nothing never does",
        (SERVER, "Sticky cache hits", ""),
        &[(r#"temporal_sticky_cache_miss{job="user-worker"}"#, "0+10x120")],
        SHOWN_TIME,
        Number(0.0),
    ),
    case(
        "Mimir has fallen behind by half a minute",
        (SERVER, "Remote write lag", ""),
        &[
            (
                r#"prometheus_remote_storage_queue_highest_timestamp_seconds{job="alloy",remote_name="a",url="u"}"#,
                "1000+15x120",
            ),
            (
                r#"prometheus_remote_storage_queue_highest_sent_timestamp_seconds{job="alloy",remote_name="a",url="u"}"#,
                "970+15x120",
            ),
        ],
        SHOWN_TIME,
        Number(30.0),
    ),
    // Seen on a real server: the age of a backlog stays at zero until somebody polls.
    case(
        "tasks that nobody has polled for wait",
        (SERVER, "Tasks waiting", ""),
        &[
            UP,
            (BACKLOG, "0x120"),
            (r#"approximate_backlog_count{namespace="default",taskqueue="nobody",partition="0"}"#, "0+2x120"),
            (r#"approximate_backlog_count{namespace="default",taskqueue="nobody",partition="1"}"#, "0+1x120"),
        ],
        SHOWN_TIME - STEP,
        Number(357.0),
    ),
    case(
        "and arrive where nobody is",
        (SERVER, "No poller", ""),
        &[UP, (r#"no_poller_tasks_total{namespace="default",taskqueue="nobody"}"#, "0+15x120")],
        SHOWN_TIME,
        Number(1.0),
    ),
    case(
        "the server that began anew most often",
        (SERVER, "Restarts", ""),
        &[
            UP,
            (r#"memory_mallocs{job="temporal-history"}"#, "1000+500x40 900+500x40 100+500x40"),
            (r#"memory_mallocs{job="temporal-matching"}"#, "1000+500x120"),
        ],
        SHOWN_TIME,
        Number(2.0),
    ),
    case("no alert is none", (HOME, "Temporal servers", ""), &[UP], SHOWN_TIME, Number(0.0)),
    case(
        "an alert of its part is one",
        (HOME, "Database", ""),
        &[
            UP,
            (r#"ALERTS{alertname="PersistenceFails",alertstate="firing",part="database"}"#, "1x120"),
            (r#"ALERTS{alertname="NoPoller",alertstate="firing",part="server"}"#, "1x120"),
        ],
        SHOWN_TIME,
        Number(1.0),
    ),
    case("without numbers there is no state", (HOME, "Database", ""), &[UP_STOPPED], SHOWN_TIME, Nothing),
];
