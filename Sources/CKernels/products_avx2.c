// Products with AVX2: sixteen registers of eight floats.

#if defined(__x86_64__)
#define NAME(x) influence_avx2_##x
#define TARGET __attribute__((target("avx2,fma,f16c")))
#define LANES 8
#define VECTORS 4
#define ROWS 3
#define PARTS(count) ((count) > 3 ? 2 : 4)
#define NARROW 1
#include "products_template.h"
#endif
