//! Questions that are asked at the same time.

use std::thread::Scope;

use xshell::Shell;

/// Asks on a thread of its own, with a shell of its own; calling what comes back waits for the answer.
pub(crate) fn beside<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    sh: &Shell,
    ask: impl FnOnce(&Shell) -> T + Send + 'scope,
) -> impl FnOnce() -> T {
    let sh = sh.clone();
    let thread = scope.spawn(move || ask(&sh));
    move || thread.join().expect("a question does not panic")
}
