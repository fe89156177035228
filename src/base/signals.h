#pragma once
// base/signals.h -- SIGTERM, SIGUSR1 and SIGINT as a sticky flag that long work polls; a second one, more than half a second
// later, ends at once.

namespace longclip {

/// Installs the handlers. First thing in main().
void install_stop_signals();
/// From now on the death of the parent process, however it dies, is a SIGTERM here. Call it under a launcher only.
void stop_with_parent();
/// The exit code asked for by a signal (143 or 130), or 0. Sticky, async-signal-safe.
int stop_requested();
/// Throws Stopped with that code if a signal came. Call between units of work.
void throw_if_stop_requested();
/// Forgets a request (tests).
void clear_stop_request();

}  // namespace longclip
