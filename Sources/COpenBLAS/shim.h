#ifndef INFLUENCEKIT_COPENBLAS_SHIM_H
#define INFLUENCEKIT_COPENBLAS_SHIM_H

#include <cblas.h>
#include <lapacke.h>

/// Ends OpenBLAS's threads, which spin for some 30 ms after the library is loaded; the next request for threads
/// starts new ones. No other thread may be inside the library. Builds without threads lack it.
extern int blas_thread_shutdown_(void) __attribute__((weak));

static inline void influence_end_idle_threads(void) {
  if (blas_thread_shutdown_) blas_thread_shutdown_();
}

#endif
