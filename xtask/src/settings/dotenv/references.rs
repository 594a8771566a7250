//! References to variables, as `.env` files and compose files write them.

use std::cell::Cell;

/// Where a reference finds its value.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Resolves `$A`, `${A}`, `${A:-b}`, `${A-b}`, `${A:+b}`, `${A+b}`, `${A:?b}`, `${A?b}` and `$$`, here as in compose files.
pub fn expand(raw: &str, lookup: &Lookup<'_>) -> Result<String, String> {
    expand_noting(raw, lookup, &Cell::new(false))
}

/// As [`expand`]; notes whether something is referred to that is not set, without a word for that case.
pub(super) fn expand_noting(raw: &str, lookup: &Lookup<'_>, cut: &Cell<bool>) -> Result<String, String> {
    let plain = |name: &str| {
        lookup(name).unwrap_or_else(|| {
            cut.set(true);
            String::new()
        })
    };
    expand_nested(raw, lookup, &plain, 0)
}

type Plain<'a> = dyn Fn(&str) -> String + 'a;

fn expand_nested(raw: &str, lookup: &Lookup<'_>, plain: &Plain<'_>, depth: usize) -> Result<String, String> {
    if depth > 16 {
        return Err("references are nested more than 16 deep".to_owned());
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let close = closing_brace(after).ok_or("a `${` has no closing brace")?;
            out.push_str(&reference(&after[..close], lookup, plain, depth)?);
            rest = &after[close + 1..];
        } else {
            let name = name_prefix(rest);
            if name.is_empty() {
                out.push('$');
            } else {
                out.push_str(&plain(name));
            }
            rest = &rest[name.len()..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn reference(inside: &str, lookup: &Lookup<'_>, plain: &Plain<'_>, depth: usize) -> Result<String, String> {
    let name = name_prefix(inside);
    let operator = &inside[name.len()..];
    if name.is_empty() {
        return Err("a `${…}` names no variable".to_owned());
    }
    let value = lookup(name);
    let (set, operator) = match operator.strip_prefix(':') {
        Some(it) => (value.as_deref().is_some_and(|it| !it.is_empty()), it),
        None => (value.is_some(), operator),
    };
    let word = operator.get(1..).unwrap_or("");
    match operator.chars().next() {
        None if inside.len() == name.len() => Ok(plain(name)),
        Some('-') if set => Ok(value.unwrap_or_default()),
        Some('-') => expand_nested(word, lookup, plain, depth + 1),
        Some('+') if set => expand_nested(word, lookup, plain, depth + 1),
        Some('+') => Ok(String::new()),
        Some('?') if set => Ok(value.unwrap_or_default()),
        Some('?') => Err(format!("`{name}` is needed here and not set")),
        _ => Err(format!("`${{{name}…}}` is not a reference that Compose knows")),
    }
}

fn name_prefix(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    if text.starts_with(|c: char| c.is_ascii_digit()) { "" } else { &text[..end] }
}

fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (i, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(i),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}
