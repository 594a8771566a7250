//! Failures whose cause is what a volume holds: data of another version, or another user's.

use crate::docker::containers::Container;

/// Drops the data, after a question that names every volume.
const DROP: &str = "cargo xtask dev-down --volumes  # starts anew, without any of the data";

/// How PostgreSQL says whose data it has found.
const WRITTEN_BY: &str = "was initialized by PostgreSQL version ";
/// How PostgreSQL says that its data was never made whole.
const HALF_MADE: [&str; 2] = ["could not find the database system", "role \"admin\" does not exist"];
/// Lower case: how programs say that they may not use a file.
const REFUSALS: [&str; 3] = ["permission denied", "accessdenied", "not writable"];

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) what: String,
    /// The ways out, one command each.
    pub(super) next: Vec<String>,
}

/// The cause, where a container's last lines name one of its volumes. `postgres` is an image that can hand a volume over.
pub(super) fn cause(log: &[String], container: &Container, postgres: Option<&str>) -> Option<Cause> {
    let line = |is: &dyn Fn(&str) -> bool| log.iter().rev().find(|it| is(it));
    // The data directory was initialized by PostgreSQL version 14, which is not compatible with this version 15.18.
    if let Some((_, rest)) = line(&|it| it.contains(WRITTEN_BY)).and_then(|it| it.split_once(WRITTEN_BY)) {
        let version = rest.split(',').next().unwrap_or_default();
        return Some(Cause {
            what: format!("its volume was written by PostgreSQL {version}; that version can still export the data"),
            next: vec![DROP.to_owned()],
        });
    }
    if let Some((volume, _)) =
        container.volumes.first().filter(|_| line(&|it| HALF_MADE.iter().any(|w| it.contains(w))).is_some())
    {
        return Some(Cause {
            what: format!("the volume {volume} is half-made: its first start was ended in the middle"),
            next: vec![format!(
                "cargo xtask dev-down && docker volume rm {volume}  # then `cargo xtask dev-up` makes it anew"
            )],
        });
    }
    let (volume, folder) = container.volumes.iter().find(|(_, folder)| {
        let refused = |it: &str| REFUSALS.iter().any(|word| it.to_lowercase().contains(word));
        line(&|it| names(it, folder) && refused(it)).is_some()
    })?;
    // A name is one of the image's own, which no other image knows.
    let user = Some(&container.user).filter(|it| it.starts_with(|c: char| c.is_ascii_digit()));
    let adopt = user.zip(postgres).map(|(user, image)| {
        format!("docker run --rm --user 0 --volume {volume}:/data {image} chown -R {user} /data  # keeps the data")
    });
    Some(Cause {
        what: format!("the volume {volume}, its {folder}, belongs to another user"),
        next: adopt.into_iter().chain([DROP.to_owned()]).collect(),
    })
}

/// Whether a text names a folder or something in it: `/etc/loki` is not in `/loki`.
fn names(text: &str, folder: &str) -> bool {
    let in_path = |it: char| it.is_alphanumeric() || "/._-".contains(it);
    text.match_indices(folder).any(|(at, _)| {
        let after = text[at + folder.len()..].chars().next();
        !text[..at].ends_with(in_path) && after.is_none_or(|it| it == '/' || !in_path(it))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(user: &str) -> Container {
        let node = serde_json::json!([{
            "Config": {"User": user},
            "Mounts": [
                {"Type": "bind", "Source": "/checkout/dev/config/loki.yaml", "Destination": "/etc/loki/loki.yaml"},
                {"Type": "volume", "Name": "sre_loki-data", "Destination": "/loki"},
            ],
        }]);
        crate::docker::containers::parse(&node.to_string()).unwrap().remove(0)
    }

    fn of(log: &str, user: &str) -> Option<Cause> {
        cause(&log.lines().map(str::to_owned).collect::<Vec<_>>(), &container(user), Some("postgres:17.11"))
    }

    #[test]
    fn data_of_another_postgresql_is_told_by_its_version() {
        let log = "FATAL:  database files are incompatible with server\nDETAIL:  The data directory was initialized by \
                   PostgreSQL version 14, which is not compatible with this version 17.11 (Debian).\nbye";
        let found = of(log, "").unwrap();
        assert!(found.what.contains("was written by PostgreSQL 14;"), "{}", found.what);
        assert_eq!(found.next, [DROP]);
    }

    #[test]
    fn a_volume_of_another_user_can_be_handed_over_where_the_user_has_a_number() {
        let loki = "level=error caller=log.go msg=\"error\" err=\"mkdir /loki/rules: permission denied\"";
        let elasticsearch = "java.nio.file.AccessDeniedException: /loki/node.lock";
        for log in [loki, elasticsearch] {
            let found = of(log, "10001:10001").unwrap();
            assert!(found.what.contains("the volume sre_loki-data, its /loki, "), "{}", found.what);
            let adopt =
                "docker run --rm --user 0 --volume sre_loki-data:/data postgres:17.11 chown -R 10001:10001 /data";
            assert!(found.next[0].starts_with(adopt), "{:?}", found.next);
            assert_eq!(found.next[1..], [DROP]);
            assert_eq!(of(log, "elasticsearch").unwrap().next, [DROP]);
        }
    }

    #[test]
    fn a_half_made_database_is_named_by_its_volume() {
        let found =
            of("postgres: could not find the database system\nExpected to find it in the directory", "").unwrap();
        assert!(found.what.contains("the volume sre_loki-data is half-made"), "{}", found.what);
        assert!(found.next[0].starts_with("cargo xtask dev-down && docker volume rm sre_loki-data "), "{found:?}");
    }

    #[test]
    fn a_refusal_elsewhere_says_nothing_of_a_volume() {
        for log in [
            "open /etc/loki/loki.yaml: permission denied",
            "open /loki-old/x: permission denied",
            "level=info msg=\"loading /loki/rules\"",
            "",
        ] {
            assert_eq!(of(log, "10001"), None, "{log}");
        }
    }
}
