#ifndef INFLUENCEKIT_MEMORY_H
#define INFLUENCEKIT_MEMORY_H

#include <stdlib.h>  // which says whether this is glibc
#ifdef __GLIBC__
#include <malloc.h>
#endif

/// Lets the C library keep up to `bytes` that were freed for what is allocated next; nothing where it has no such setting.
static inline void influence_keep_freed_memory(int bytes) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, bytes);
  mallopt(M_TRIM_THRESHOLD, bytes);
#else
  (void)bytes;
#endif
}

/// Gives all memory that was freed back to the system; nothing where the C library cannot.
static inline void influence_give_back_freed_memory(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

#endif
