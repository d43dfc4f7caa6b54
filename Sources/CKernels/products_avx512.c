// Products with AVX-512: thirty-two registers of sixteen floats.

#if defined(__x86_64__)
#define NAME(x) influence_avx512_##x
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))
#define LANES 16
#define VECTORS 6
#define ROWS 4
#define PARTS(count) 4
#define NARROW 1
#include "products_template.h"
#endif
