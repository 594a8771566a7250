//! The pictures of the dashboards, against what they were drawn from: `tests/pictures/dashboards` writes both.

use xtask::machine::files;

use crate::Finding;
use crate::repo::{PICTURES, Repo};

/// Each line of the list: a picture, the dashboard that it shows, and FNV-1a over that one's JSON then.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let list = repo.get(PICTURES);
    let outdated = |(line, text): (usize, &str)| {
        let [picture, json, digest] = text.split(' ').collect::<Vec<_>>()[..] else {
            return Some(list.finding(
                line,
                "this is no `PICTURE JSON DIGEST`".to_owned(),
                "tests/pictures/dashboards",
            ));
        };
        let now = files::read(&repo.root.join(json))
            .ok()
            .flatten()
            .map(|it| format!("{:016x}", files::fnv(files::FNV, it.as_bytes())));
        let what = format!("{picture} was drawn from another {json}");
        (now.as_deref() != Some(digest)).then(|| list.finding(line, what, "`tests/pictures/dashboards` draws it again"))
    };
    list.lines().filter_map(outdated).collect()
}
