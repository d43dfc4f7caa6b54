#ifndef INFLUENCEKIT_MAPPED_FILES_H
#define INFLUENCEKIT_MAPPED_FILES_H

// The ranges of memory that files are mapped to, and what becomes of a page that its file cannot give any
// more: because the file was cut short, or its disk fails. The system then raises SIGBUS in the thread that
// touched the page, whose handler may call next to nothing; so this is C.

#include <stddef.h>

#if defined(__clang__)
#pragma clang assume_nonnull begin
#endif

// Tells that a file is mapped to `count` bytes from `start`; gives what `influence_unmapped` takes, or NULL
// where there is no memory for it.
void *_Nullable influence_mapped(const void *start, size_t count, const char *path);

// Forgets a range; called before it is unmapped.
void influence_unmapped(void *_Nullable range);

// From now on a page that is lost in a registered range makes the descriptor that this gives readable, and
// stops the thread that touched it; if nobody has ended the process after some seconds, the handler does so
// itself, with the line of `influence_lost_file` and `status`. Other causes of SIGBUS end the process as
// before. Gives -1 where it cannot be done.
int influence_watch_mapped_files(int status);

// The path of the file that lost a page; NULL while none has.
const char *_Nullable influence_lost_file(void);

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#endif
