// Functions of rows with AVX2, eight floats at a time.

#if defined(__x86_64__)
#define NAME(x) influence_single_avx2_##x
#define TARGET __attribute__((target("avx2,fma")))
#define REAL float
#define WORD int32_t
#define LANES 8
#define TABLE influence_single_functions
#include "row_functions_template.h"
#endif
