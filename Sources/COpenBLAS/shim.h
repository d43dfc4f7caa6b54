#ifndef INFLUENCEKIT_COPENBLAS_SHIM_H
#define INFLUENCEKIT_COPENBLAS_SHIM_H

#include <cblas.h>
#include <lapacke.h>

#endif
