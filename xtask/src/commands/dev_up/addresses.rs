//! The table that ends `dev-up`: where to find what.

use crate::machine::table;
use crate::settings::{dotenv, variables};
use crate::stack::Stack;
use crate::stack::order::waves;
use crate::stack::service::Service;

/// A row for each of these services that people open; what starts last comes first.
pub(super) fn table(stack: &Stack, services: &[&Service]) -> String {
    let row = |service: &Service| {
        let url = service.url.as_ref()?;
        let port = service.ports.iter().find(|it| it.container == url.port)?.host;
        let path = url.path.as_deref().map(|it| it.trim_end_matches('/'));
        let address = path.map_or(format!("127.0.0.1:{port}"), |it| format!("http://127.0.0.1:{port}{it}"));
        let stand_in = if service.is_stand_in() { "stand-in" } else { "" };
        let notes = [stand_in.to_owned(), shown(stack, &url.note)];
        let note = notes.iter().filter(|it| !it.is_empty()).map(String::as_str).collect::<Vec<_>>().join(", ");
        Some([url.title.clone(), address, note])
    };
    let mut order: Vec<String> = waves(services, &[]).into_iter().flat_map(|it| it.0).collect();
    order.reverse();
    table::rows(&order.iter().filter_map(|it| row(stack.service(it)?)).collect::<Vec<_>>())
}

/// A note with its variables replaced: by the value where that is the default, which everybody knows, else by where it is.
fn shown(stack: &Stack, note: &str) -> String {
    let lookup = |name: &str| {
        let value = stack.environment.get(name)?;
        let is_default = variables::find(name).and_then(|it| it.default) == Some(value.as_str());
        Some(if is_default { value.clone() } else { format!("what {name} says") })
    };
    dotenv::expand(note, &lookup).unwrap_or_else(|_| note.to_owned())
}
