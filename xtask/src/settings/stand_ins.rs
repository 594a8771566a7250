//! What `--stand-ins` fixes: images made from this repository, and the sources that its tests use.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Origin, Settings};

const FIXED: [(&str, &str); 4] = [
    ("TEMPORAL_IMAGE", "standin/temporal-dsql-runtime:test"),
    ("COPILOT_IMAGE", "standin/temporal-sre-copilot:dev"),
    ("TEMPORAL_DSQL_PATH", "tests/fixtures/temporal-dsql"),
    ("TEMPORAL_SRE_COPILOT_PATH", "tests/fixtures/temporal-sre-copilot"),
];

static CHOSEN: AtomicBool = AtomicBool::new(false);

/// Has every [`Settings::load`] answer for the stack of stand-ins, or for the real one: for `main` to say, before
/// anything is loaded.
pub fn choose(yes: bool) {
    CHOSEN.store(yes, Ordering::Relaxed);
}

impl Settings {
    pub(super) fn for_stand_ins_if_chosen(mut self) -> Settings {
        self.stand_ins = CHOSEN.load(Ordering::Relaxed);
        for (name, value) in FIXED.into_iter().filter(|_| self.stand_ins && self.local) {
            self.problems.retain(|it| !it.concerns(name));
            self.values.retain(|it| it.0 != name);
            self.values.push((name, (value.to_owned(), Origin::StandIns)));
        }
        self
    }
}
