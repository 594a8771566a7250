//! What must not leave this machine, taken out of a text.

/// Shorter values stand for too much else: they are hidden only where their name stands before them.
const SHORTEST: usize = 6;
const HIDDEN: &str = "[secret]";

/// Whether a variable of this name holds a secret. What ends so is where one is.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase().replace('-', "_");
    let holds = ["SECRET", "TOKEN", "PASSWORD", "PASSWD", "_KEY", "ACCESSKEY", "APIKEY", "CREDENTIAL", "AUTHORIZATION"];
    holds.iter().any(|it| name.contains(it)) && !["_FILE", "_PATH", "_DIR", "_URL"].iter().any(|it| name.ends_with(it))
}

/// The secrets of a file of variables, whether it can be parsed or not.
pub(crate) fn in_variables(text: &str) -> Vec<String> {
    let pairs = text.lines().filter_map(|it| it.trim().trim_start_matches("export ").split_once('='));
    let secret = pairs.filter(|(name, _)| is_secret(name.trim()));
    secret.map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_owned()).collect()
}

/// A text without these values, without what is written behind a secret's name, and without passwords in addresses.
pub(crate) fn hide(text: &str, secrets: &[String]) -> String {
    let mut secrets: Vec<&str> = secrets.iter().map(|it| it.trim()).filter(|it| it.len() >= SHORTEST).collect();
    // One may be part of another.
    secrets.sort_by_key(|it| std::cmp::Reverse(it.len()));
    let text = secrets.iter().fold(text.to_owned(), |text, it| text.replace(it, HIDDEN));
    text.lines().map(|it| hide_password(&hide_named(it)) + "\n").collect()
}

/// `NAME=value`, `name: value`, `"name": "value"`, `&name=value`: a secret ends where a value of its kind cannot go on.
fn hide_named(line: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(['=', ':']) {
        let (before, after) = rest.split_at(at + 1);
        out += before;
        rest = after;
        let name = before[..at].trim_end().trim_end_matches(['"', '\'', '\\']);
        let name = &name[name.trim_end_matches(is_name).len()..];
        if !is_secret(name) {
            continue;
        }
        let value = rest.trim_start_matches([' ', '"', '\'', '\\']);
        let quote = rest[..rest.len() - value.len()].chars().last().filter(|it| ['"', '\''].contains(it));
        // How a header names its kind of secret.
        let value = ["Bearer ", "Basic "].iter().find_map(|it| value.strip_prefix(it)).unwrap_or(value);
        let end = match quote {
            Some(it) => value.find(it).map(|at| value[..at].trim_end_matches('\\').len()),
            None => value.find(['"', '\'', '\\', '&', ' ', ',', ';', '}']),
        };
        let end = end.unwrap_or(value.len());
        if end > 0 {
            out += &rest[..rest.len() - value.len()];
            out += HIDDEN;
            rest = &value[end..];
        }
    }
    out + rest
}

/// `scheme://user:password@host`.
fn hide_password(line: &str) -> String {
    let Some((scheme, rest)) = line.split_once("://") else { return line.to_owned() };
    let end = rest.find([' ', '/', '"', '\'']).unwrap_or(rest.len());
    let hidden = match rest[..end].rsplit_once('@').and_then(|(login, host)| Some((login.split_once(':')?.0, host))) {
        Some((user, host)) => format!("{user}:{HIDDEN}@{host}"),
        None => rest[..end].to_owned(),
    };
    format!("{scheme}://{hidden}{}", hide_password(&rest[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_hidden_wherever_it_stands_and_nothing_else_is() {
        let secrets =
            in_variables("A=1\nexport MY_TOKEN='abcdef-1'\nLONG_PASSWORD=\"abcdef-123\"\nX_SECRET=abc\nbroken");
        for (text, hidden) in [
            ("seen abcdef-123 and abcdef-1.", "seen [secret] and [secret]."),
            ("abc stays", "abc stays"),
            ("GRAFANA_ADMIN_PASSWORD=\"x y\"", "GRAFANA_ADMIN_PASSWORD=\"[secret]\""),
            ("password: x1, user: me", "password: [secret], user: me"),
            (r#"{"SecretAccessKey":"q","Version":1}"#, r#"{"SecretAccessKey":"[secret]","Version":1}"#),
            (r#"{\"token\":\"q\"}"#, r#"{\"token\":\"[secret]\"}"#),
            ("GET /?X-Amz-Security-Token=q%2F&a=1", "GET /?X-Amz-Security-Token=[secret]&a=1"),
            ("Authorization: Bearer q.r", "Authorization: Bearer [secret]"),
            ("COPILOT_MODEL_KEY_FILE=/dev/null", "COPILOT_MODEL_KEY_FILE=/dev/null"),
            ("pull http://me:q@h:1/x and http://h/y", "pull http://me:[secret]@h:1/x and http://h/y"),
            ("tokens: 7 used", "tokens: [secret] used"),
            ("image: a/b:1 at 10:20:30", "image: a/b:1 at 10:20:30"),
            ("é: ü", "é: ü"),
        ] {
            assert_eq!(hide(text, &secrets), format!("{hidden}\n"));
        }
    }
}
