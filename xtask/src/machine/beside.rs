//! Questions that are asked at the same time.

use std::sync::{Arc, Mutex};
use std::thread::Scope;

use xshell::Shell;

/// Asks on a thread of its own, with a shell of its own; calling what comes back waits for the answer.
pub(crate) fn beside<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    sh: &Shell,
    ask: impl FnOnce(&Shell) -> T + Send + 'scope,
) -> impl FnOnce() -> T {
    let sh = sh.clone();
    let answer = Arc::new(Mutex::new(None));
    let given = Arc::clone(&answer);
    // Boxed, threads are compiled once, and not for each question.
    let work: Box<dyn FnOnce() + Send + 'scope> = Box::new(move || *given.lock().unwrap() = Some(ask(&sh)));
    let thread = scope.spawn(work);
    move || {
        thread.join().expect("a question does not panic");
        answer.lock().unwrap().take().expect("a thread that has ended has answered")
    }
}
