//! YAML as data: what is read has its aliases and its `<<` resolved, and its keys in their order.

use std::collections::HashMap;
use std::ops::Index;

use granit_parser::{Event, Parser, ScalarStyle, StrInput};

use crate::machine::few;
use crate::machine::finding::{At, Finding, finding};

/// A node. Tags count for nothing, such as Compose's `!override`, but for the one of texts.
#[derive(Clone, Debug, PartialEq)]
pub enum Yaml {
    Null,
    /// `true`, `false`, or a number as it is written.
    Plain(String),
    Text(String),
    Sequence(Vec<Yaml>),
    Mapping(Vec<(String, Yaml)>),
}

/// How many nodes a document may hold, with all that its aliases stand for: far more than ours.
const NODES: usize = 100_000;

/// The one document of a file's text; null where there is none.
///
/// # Errors
/// It is not YAML, it holds several documents or a key twice, or it would become too much with what its aliases stand
/// for. The finding names the file and the line.
pub fn read(file: &str, text: &str) -> Result<Yaml, Finding> {
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    reader.document().map_err(|(line, what)| {
        finding(format!("it is not YAML: {what}"), "mend its syntax").at(At::File(file.to_owned(), Some(line)))
    })
}

/// A document as text.
pub(crate) fn write(document: &Yaml) -> String {
    let mut out = String::new();
    document.write("", &mut out);
    out.trim_start().to_owned()
}

/// A text as a scalar: bare where every reader takes that for this text, and not for a truth, a number or a date.
fn scalar(text: &str) -> String {
    let is_safe = |it: char| it.is_ascii_alphanumeric() || "/.:_-".contains(it);
    let is_bare = match text.bytes().next() {
        Some(b'0'..=b'9') if text.ends_with(['h', 'm', 's']) => text.bytes().all(|it| b"0123456789hms".contains(&it)),
        // An address.
        Some(b'0'..=b'9') => text.matches('.').count() > 1,
        Some(b'a'..=b'z' | b'A'..=b'Z' | b'/') => {
            plain(text).as_str().is_some() && !["y", "n", "yes", "no", "on", "off"].contains(&&*text.to_lowercase())
        }
        _ => false,
    };
    if is_bare && text.chars().all(is_safe) && !text.ends_with(':') {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for it in text.chars() {
        match it {
            '"' | '\\' => quoted.extend(['\\', it]),
            ' '..='~' => quoted.push(it),
            _ => quoted.push_str(&format!("\\U{:08x}", u32::from(it))),
        }
    }
    quoted + "\""
}

impl Yaml {
    /// What a key of a mapping holds; `None` where there is none.
    pub fn get(&self, key: &str) -> Option<&Yaml> {
        few::get(self.pairs(), key)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Yaml> {
        let Yaml::Mapping(pairs) = self else { return None };
        pairs.iter_mut().find_map(|(name, value)| (name == key).then_some(value))
    }

    /// What a mapping holds; nothing where it is none.
    pub fn pairs(&self) -> &[(String, Yaml)] {
        if let Yaml::Mapping(pairs) = self { pairs } else { &[] }
    }

    /// What a sequence holds; nothing where it is none.
    pub fn items(&self) -> &[Yaml] {
        if let Yaml::Sequence(items) = self { items } else { &[] }
    }

    pub fn as_str(&self) -> Option<&str> {
        if let Yaml::Text(it) = self { Some(it) } else { None }
    }

    pub fn as_u64(&self) -> Option<u64> {
        if let Yaml::Plain(it) = self { it.parse().ok() } else { None }
    }

    /// A scalar as text; `None` where there is nothing.
    pub fn text(&self) -> Option<&str> {
        if let Yaml::Text(it) | Yaml::Plain(it) = self { Some(it) } else { None }
    }

    /// With all that it holds.
    fn size(&self) -> usize {
        let within = self.items().iter().chain(self.pairs().iter().map(|(_, it)| it));
        1 + within.map(Yaml::size).sum::<usize>()
    }

    /// What stands after a colon or a dash; the lines of a collection begin with `indent`.
    fn write(&self, indent: &str, out: &mut String) {
        let deeper = format!("{indent}  ");
        match self {
            Yaml::Null => out.push_str(" null\n"),
            Yaml::Plain(it) => out.extend([" ", it, "\n"]),
            Yaml::Text(it) => out.extend([" ", &scalar(it), "\n"]),
            Yaml::Sequence(items) if items.is_empty() => out.push_str(" []\n"),
            Yaml::Mapping(pairs) if pairs.is_empty() => out.push_str(" {}\n"),
            Yaml::Sequence(items) => {
                out.push('\n');
                for item in items {
                    out.extend([indent, "-"]);
                    item.write(&deeper, out);
                }
            }
            Yaml::Mapping(pairs) => {
                out.push('\n');
                for (key, value) in pairs {
                    out.extend([indent, &scalar(key), ":"]);
                    value.write(&deeper, out);
                }
            }
        }
    }
}

impl Index<&str> for Yaml {
    type Output = Yaml;

    /// Null where there is no such key.
    fn index(&self, key: &str) -> &Yaml {
        self.get(key).unwrap_or(&Yaml::Null)
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// What each anchor stands for.
    anchors: HashMap<usize, Yaml>,
    nodes: usize,
}

/// What begins here, or what is wrong with it, with its line.
type Step<'a> = (Event<'a>, usize);
type Wrong = (usize, String);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Step<'a>, Wrong> {
        match self.parser.next() {
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(e)) => Err((e.marker().line(), e.info())),
            None => Ok((Event::StreamEnd, 0)),
        }
    }

    fn document(&mut self) -> Result<Yaml, Wrong> {
        let mut document = Yaml::Null;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(document),
                (Event::DocumentStart(..), line) if self.nodes > 0 => {
                    return Err((line, "a second document begins".to_owned()));
                }
                (Event::DocumentStart(..), _) => {
                    let first = self.next()?;
                    document = self.node(first)?;
                }
                _ => {}
            }
        }
    }

    /// The node that this step begins.
    fn node(&mut self, (event, line): Step<'a>) -> Result<Yaml, Wrong> {
        self.nodes += 1;
        let (anchor, node) = match event {
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).unwrap_or(&Yaml::Null);
                self.nodes += known.size();
                (0, if self.nodes > NODES { Yaml::Null } else { known.clone() })
            }
            Event::Scalar(text, style, anchor, tag) => {
                let bare = style == ScalarStyle::Plain && !tag.is_some_and(|it| it.is_yaml_core_schema_tag("str"));
                (anchor, if bare { plain(&text) } else { Yaml::Text(text.into_owned()) })
            }
            Event::SequenceStart(_, anchor, _) => (anchor, self.sequence()?),
            Event::MappingStart(_, anchor, _) => (anchor, self.mapping()?),
            _ => (0, Yaml::Null),
        };
        if self.nodes > NODES {
            return Err((line, "it is too much with what its aliases stand for".to_owned()));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn sequence(&mut self) -> Result<Yaml, Wrong> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Yaml::Sequence(items)),
                item => items.push(self.node(item)?),
            }
        }
    }

    fn mapping(&mut self) -> Result<Yaml, Wrong> {
        let (mut pairs, mut shared) = (Vec::<(String, Yaml)>::new(), Vec::new());
        loop {
            let (event, line) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let wrong = |what: &str| (line, what.to_owned());
            let key = self.node((event, line))?.text().ok_or_else(|| wrong("a key is no text"))?.to_owned();
            let value = self.next()?;
            match (&*key, self.node(value)?) {
                ("<<", Yaml::Mapping(it)) => shared.extend(it),
                ("<<", Yaml::Sequence(all)) if all.iter().all(|it| matches!(it, Yaml::Mapping(_))) => {
                    shared.extend(all.iter().flat_map(|it| it.pairs().to_vec()));
                }
                ("<<", _) => return Err(wrong("`<<` does not name a mapping")),
                _ if pairs.iter().any(|(it, _)| *it == key) => {
                    return Err(wrong(&format!("`{key}` stands there twice")));
                }
                (_, value) => pairs.push((key, value)),
            }
        }
        for (key, value) in shared {
            if pairs.iter().all(|(it, _)| *it != key) {
                pairs.push((key, value));
            }
        }
        Ok(Yaml::Mapping(pairs))
    }
}

/// A scalar without quotes.
fn plain(value: &str) -> Yaml {
    match value {
        "" | "~" | "null" | "Null" | "NULL" => Yaml::Null,
        "true" | "True" | "TRUE" => Yaml::Plain("true".to_owned()),
        "false" | "False" | "FALSE" => Yaml::Plain("false".to_owned()),
        _ if is_number(value) => Yaml::Plain(value.to_owned()),
        _ => Yaml::Text(value.to_owned()),
    }
}

/// `inf` is none, and `007` is a text to most readers.
fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    let padded = digits.len() > 1 && digits.bytes().all(|it| it.is_ascii_digit()) && digits.starts_with('0');
    digits.contains(|it: char| it.is_ascii_digit()) && text.parse::<f64>().is_ok() && !padded
}

#[cfg(test)]
mod tests;
