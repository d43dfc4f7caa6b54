#include "include/row_functions.h"

extern const struct influence_single_functions influence_single_portable_functions;
extern const struct influence_double_functions influence_double_functions;
#if defined(__x86_64__)
extern const struct influence_single_functions influence_single_avx2_functions;
extern const struct influence_single_functions influence_single_avx512_functions;
#endif

const struct influence_single_functions *influence_single(enum influence_instructions instructions) {
  switch (instructions) {
#if defined(__x86_64__)
    case influence_avx512: return &influence_single_avx512_functions;
    case influence_avx2: return &influence_single_avx2_functions;
#endif
    default: return &influence_single_portable_functions;
  }
}

const struct influence_double_functions *influence_double(void) {
  return &influence_double_functions;
}
