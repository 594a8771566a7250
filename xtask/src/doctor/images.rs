//! The images: there, for the right processor, and no older than their sources.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use xshell::{Shell, cmd};

use super::{Check, Status};
use crate::cli::flags::BuildTarget;
use crate::docker::engine::{ANSWER, Image, find_image};
use crate::images::build;
use crate::machine::few;
use crate::machine::finding::{Finding, finding};
use crate::machine::{process, time};
use crate::preflight;
use crate::settings::Settings;
use crate::settings::checkouts::{COPILOT, Checkout, TEMPORAL};
use crate::stack::service::Service;

/// What of this repository is built into Temporal's image.
const TEMPORAL_PARTS: [&str; 2] = ["dev/docker/Dockerfile", "dev/docker/runtime.Dockerfile"];

pub(super) fn check(
    settings: &Settings,
    services: &[Service],
    images: &[Image],
    arch: &str,
    old: Vec<Finding>,
) -> [Check; 3] {
    let names = few::unique(services.iter().map(|it| it.image.as_str()));
    let missing = names.iter().filter(|it| find_image(images, it).is_none()).count();
    let there = match missing {
        0 => format!("all {} are there", names.len()),
        it => format!("{} of {} are there; `dev-up` pulls the others", names.len() - it, names.len()),
    };
    let built = preflight::missing_images(images, services, settings);
    let foreign = preflight::foreign_images(images, services, arch);
    [
        Check::of("images", Status::Fail, built, there),
        Check::of("architecture", Status::Fail, foreign, format!("every image that is there is for {arch}")),
        Check::of("image-age", Status::Warn, old, "no built image is older than its sources"),
    ]
}

/// The images that a build makes, and that have not been built since their sources changed.
pub(super) fn outdated(sh: &Shell, settings: &Settings) -> Vec<Finding> {
    let targets = [(BuildTarget::Temporal, TEMPORAL), (BuildTarget::Copilot, COPILOT)];
    // An image under a name of the user's own comes from elsewhere.
    let own = targets.into_iter().filter(|(target, _)| build::makes(*target, settings));
    let age = |(target, checkout): (BuildTarget, Checkout)| {
        let name = settings.get(build::image_variable(target));
        let built = built_at(&process::read_within(&mut cmd!(sh, "docker image inspect {name}").into(), ANSWER).ok()?)?;
        compare(target, name, built, newest_source(sh, settings, target, &checkout)?)
    };
    own.filter_map(age).collect()
}

/// When an image was last built: a build that finds everything in its cache only tags the old one again.
fn built_at(json: &str) -> Option<SystemTime> {
    let image = &serde_json::from_str::<Value>(json).ok()?[0];
    let times = [&image["Metadata"]["LastTagTime"], &image["Created"]];
    times.into_iter().filter_map(|it| time::parse(it.as_str()?)).max()
}

fn compare(target: BuildTarget, name: &str, built: SystemTime, (changed, what): Change) -> Option<Finding> {
    // What is dated after today was made by a clock that went wrong, and no build would be new enough for it.
    let late = changed.duration_since(built).ok().filter(|it| it.as_secs() > 0 && changed <= SystemTime::now())?;
    let what = format!("{name} was built {} before {what} changed its sources", time::words(late));
    Some(finding(what, format!("cargo xtask dev-build {}", target.as_str())))
}

/// When sources changed, and the commit or file that did it.
type Change = (SystemTime, String);

fn newest_source(sh: &Shell, settings: &Settings, target: BuildTarget, checkout: &Checkout) -> Option<Change> {
    let mut changes = vec![newest_change(&checkout.find(sh, settings, None).ok()?, &[])];
    if target == BuildTarget::Temporal {
        changes.push(newest_change(&sh.current_dir(), &TEMPORAL_PARTS));
    }
    changes.into_iter().flatten().max_by_key(|(changed, _)| *changed)
}

/// The last commit to these paths of a checkout, or the file that was edited after it.
fn newest_change(folder: &Path, paths: &[&str]) -> Option<Change> {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        // Without locks it does not refresh its index, which would be a change.
        command.arg("--no-optional-locks").arg("-C").arg(folder).args(arguments).arg("--").args(paths);
        process::read_within(&mut command, Duration::from_secs(5)).ok()
    };
    let last = git(&["log", "-1", "--format=%ct %h"])?;
    let (seconds, commit) = last.trim().split_once(' ')?;
    let committed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.parse().ok()?);
    let edited = git(&["diff", "--name-only", "--relative", "-z", "HEAD"]).unwrap_or_default();
    let files = edited.split('\0').filter(|it| !it.is_empty()).filter_map(|it| {
        let changed = fs::metadata(folder.join(it)).ok()?.modified().ok()?;
        Some((changed, it.to_owned()))
    });
    files.chain([(committed, format!("commit {commit}"))]).max_by_key(|(changed, _)| *changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_outdated_when_something_in_its_sources_is_newer() {
        let at = |text: &str| time::parse(text).unwrap();
        let found = |built: &str| {
            let change = (at("2026-03-01T12:00:00Z"), "commit abc".to_owned());
            compare(BuildTarget::Copilot, "image:dev", at(built), change)
        };
        let old = found("2026-02-27T11:00:00Z").unwrap();
        assert_eq!(old.what, "image:dev was built 2 days before commit abc changed its sources");
        assert_eq!(old.fix, "cargo xtask dev-build copilot");
        assert_eq!(found("2026-03-01T12:00:00Z"), None);
        let tomorrow = (SystemTime::now() + Duration::from_secs(86_400), "commit abc".to_owned());
        assert_eq!(compare(BuildTarget::Copilot, "image:dev", SystemTime::now(), tomorrow), None);
        assert_eq!(found("2026-03-02T12:00:00Z"), None);
    }

    #[test]
    fn an_image_is_as_old_as_its_last_build_even_where_that_found_everything_in_its_cache() {
        let new = time::parse("2026-02-01T00:00:00Z");
        let old = time::parse("2026-01-01T00:00:00Z");
        for (json, built) in [
            (r#"[{"Created":"2026-01-01T00:00:00Z","Metadata":{"LastTagTime":"2026-02-01T00:00:00Z"}}]"#, new),
            (r#"[{"Created":"2026-01-01T00:00:00Z","Metadata":{"LastTagTime":"0001-01-01T00:00:00Z"}}]"#, old),
            (r#"[{"Created":"2026-01-01T00:00:00Z"}]"#, old),
            ("[{}]", None),
            ("[]", None),
            ("no JSON", None),
        ] {
            assert_eq!(built_at(json), built, "{json}");
        }
    }

    #[test]
    fn an_edit_counts_like_a_commit_and_a_folder_without_git_says_nothing() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        let path = folder.path();
        sh.write_file(path.join("a"), "1").unwrap();
        assert!(newest_change(path, &[]).is_none());
        let script =
            "git init -q . && git add a && git -c user.name=x -c user.email=x commit -qm x --date 2020-01-01T00:00:00Z";
        let mut commit = Command::new("sh");
        commit.args(["-c", script]).current_dir(path).env("GIT_COMMITTER_DATE", "2020-01-01T00:00:00Z");
        assert!(commit.status().unwrap().success());
        let (committed, what) = newest_change(path, &[]).unwrap();
        assert_eq!(Some(committed), time::parse("2020-01-01T00:00:00Z"));
        assert!(what.starts_with("commit "), "{what}");
        assert!(newest_change(path, &["elsewhere"]).is_none());
        sh.write_file(path.join("a"), "2").unwrap();
        assert_eq!(newest_change(path, &["a"]).unwrap().1, "a");
    }
}
