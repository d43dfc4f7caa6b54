// Functions of rows with AVX-512, sixteen floats at a time.

#if defined(__x86_64__)
#define NAME(x) influence_single_avx512_##x
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define REAL float
#define WORD int32_t
#define LANES 16
#define TABLE influence_single_functions
#include "row_functions_template.h"
#endif
