// The world as SQL that must be pure sees it: a VFS without files and without a clock, and a note
// of what was asked for in vain.
//
// datetime('now') cannot be told from datetime(?) when a statement is prepared. So the request is
// noted, on the thread that runs the statement, for the one that steps it to look at.

#pragma once

namespace streamview {

// For sqlite3_open_v2(), once RegisterPureVfs() has returned SQLITE_OK. The VFS is never taken
// away.
extern const char kPureVfs[];
int RegisterPureVfs();

// What a statement on this thread has asked for since ForgetImpureRequest(), for a message: "the
// current time"; nullptr: nothing.
const char* ImpureRequest();
void ForgetImpureRequest();
// `what` must live for ever.
void NoteImpureRequest(const char* what);

}  // namespace streamview
