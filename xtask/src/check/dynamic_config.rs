//! The dynamic configuration: keys that the server registers, with values of their kind. The server itself only warns
//! about an unknown key in its log, and then goes on with the default.

use serde_yaml::Value;

use super::{Finding, repo::Repo};
use crate::help;

#[derive(Clone, Copy)]
enum Kind {
    Bool,
    Number,
    Duration,
    List,
}

/// Keys that the server knows, in lower case: those that are worth setting in development.
const KNOWN: &[(&str, Kind)] = &[
    ("activity.enablestandalone", Kind::Bool),
    ("frontend.allowedexperiments", Kind::List),
    ("frontend.persistenceglobalmaxqps", Kind::Number),
    ("frontend.persistencemaxqps", Kind::Number),
    ("frontend.visibilitymaxpagesize", Kind::Number),
    ("history.acquireshardconcurrency", Kind::Number),
    ("history.cachesizebasedlimit", Kind::Bool),
    ("history.enablechasm", Kind::Bool),
    ("history.enablechasmcallbacks", Kind::Bool),
    ("history.enablechasmschedulercreation", Kind::Bool),
    ("history.enablechasmschedulermigration", Kind::Bool),
    ("history.enablehostleveleventscache", Kind::Bool),
    ("history.eventshostlevelcachemaxsizebytes", Kind::Number),
    ("history.hostlevelcachemaxsizebytes", Kind::Number),
    ("history.maxbufferedquerycount", Kind::Number),
    ("history.persistenceglobalmaxqps", Kind::Number),
    ("history.persistencemaxqps", Kind::Number),
    ("history.persistencepershardnamespacemaxqps", Kind::Number),
    ("history.shardioconcurrency", Kind::Number),
    ("history.timerprocessormaxpollrps", Kind::Number),
    ("history.timerprocessorupdateackinterval", Kind::Duration),
    ("matching.autoenablev2", Kind::Bool),
    ("matching.enablefairness", Kind::Bool),
    ("matching.gettasksbatchsize", Kind::Number),
    ("matching.longpollexpirationinterval", Kind::Duration),
    ("matching.maxtaskbatchsize", Kind::Number),
    ("matching.numtaskqueuereadpartitions", Kind::Number),
    ("matching.numtaskqueuewritepartitions", Kind::Number),
    ("matching.persistenceglobalmaxqps", Kind::Number),
    ("matching.persistencemaxqps", Kind::Number),
    ("matching.usenewmatcher", Kind::Bool),
    ("metrics.breakdownbypartition", Kind::Bool),
    ("metrics.breakdownbytaskqueue", Kind::Bool),
    ("system.enableactivityeagerexecution", Kind::Bool),
    ("system.enableeagerworkflowstart", Kind::Bool),
    ("system.enablenamespacenotactiveautoforwarding", Kind::Bool),
    ("system.enablenexus", Kind::Bool),
    ("system.enablereadfromsecondaryvisibility", Kind::Bool),
    ("system.forcesearchattributescacherefreshonread", Kind::Bool),
    ("system.transactionsizelimit", Kind::Number),
    ("system.visibilitypersistencemaxreadqps", Kind::Number),
    ("system.visibilitypersistencemaxwriteqps", Kind::Number),
    ("worker.esprocessoracktimeout", Kind::Duration),
    ("worker.esprocessorbulkactions", Kind::Number),
    ("worker.esprocessorflushinterval", Kind::Duration),
    ("worker.esprocessornumofworkers", Kind::Number),
    ("worker.persistencemaxqps", Kind::Number),
];

/// Every key of the file.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let file = &repo.dynamic;
    let Some(keys) = file.value.as_mapping() else {
        return vec![file.finding(None, "it is not a mapping of keys", "write `KEY:` and under it `- value: …`")];
    };
    let mut found = Vec::new();
    for (key, items) in keys {
        let key = key.as_str().unwrap_or_default();
        let line = file.line_of(&format!("{key}:"));
        let lower = key.to_lowercase();
        let Some((_, kind)) = KNOWN.iter().find(|(it, _)| *it == lower) else {
            let hint = help::suggest(&lower, KNOWN.iter().map(|it| it.0));
            let remedy = hint.map_or(
                "correct it; a key that the server does register belongs into xtask/src/check/dynamic_config.rs"
                    .to_owned(),
                |it| format!("is `{it}` meant? Upper and lower case are the same here"),
            );
            found.push(file.finding(line, format!("the server does not know the key `{key}`"), remedy));
            continue;
        };
        let values: Vec<Option<&Value>> = items.as_sequence().into_iter().flatten().map(|it| it.get("value")).collect();
        if values.is_empty() || values.contains(&None) {
            let text = format!("`{key}` is not a list of values");
            found.push(file.finding(
                line,
                text,
                "write under it `- value: …`, with `constraints:` where it is for some only",
            ));
        }
        for value in values.into_iter().flatten().filter(|it| !kind.fits(it)) {
            let shown = serde_yaml::to_string(value).unwrap_or_default();
            let text = format!("`{key}` is `{}`, which the server would ignore", shown.trim_end());
            found.push(file.finding(line, text, format!("write {}", kind.expected())));
        }
    }
    found
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Kind::Bool => value.is_bool(),
            Kind::Number => value.is_number(),
            Kind::Duration => value.as_str().is_some_and(|it| crate::variables::seconds(it).is_some()),
            Kind::List => value.is_sequence(),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Kind::Bool => "`true` or `false`",
            Kind::Number => "a number",
            Kind::Duration => "a duration, such as `30s`",
            Kind::List => "a list",
        }
    }
}
