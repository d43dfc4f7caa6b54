#include "include/products.h"

#define DECLARE(name)                                                                             \
  void influence_##name##_multiply(                                                               \
      const struct influence_rows *, const float *, size_t, float *, size_t);                     \
  void influence_##name##_pull_back(                                                              \
      const struct influence_rows *, const float *, size_t, float *, size_t, size_t, bool)

DECLARE(portable);
#if defined(__x86_64__)
DECLARE(avx2);
DECLARE(avx512);
#endif

enum influence_instructions influence_best_instructions(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  // Every processor with AVX2 has F16C, which is older.
  const bool wide = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool widest = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return wide && widest ? influence_avx512 : wide ? influence_avx2 : influence_portable;
#else
  return influence_portable;
#endif
}

void influence_multiply(
    enum influence_instructions instructions, const struct influence_rows *rows, const float *panel,
    size_t vectors, float *target, size_t target_stride) {
  switch (instructions) {
#if defined(__x86_64__)
    case influence_avx512:
      influence_avx512_multiply(rows, panel, vectors, target, target_stride);
      return;
    case influence_avx2: influence_avx2_multiply(rows, panel, vectors, target, target_stride); return;
#endif
    default: influence_portable_multiply(rows, panel, vectors, target, target_stride); return;
  }
}

void influence_pull_back(
    enum influence_instructions instructions, const struct influence_rows *rows,
    const float *coefficients, size_t vectors, float *sums, size_t first_block, size_t block_count,
    bool in_cache) {
  switch (instructions) {
#if defined(__x86_64__)
    case influence_avx512:
      influence_avx512_pull_back(
          rows, coefficients, vectors, sums, first_block, block_count, in_cache);
      return;
    case influence_avx2:
      influence_avx2_pull_back(rows, coefficients, vectors, sums, first_block, block_count, in_cache);
      return;
#endif
    default:
      influence_portable_pull_back(
          rows, coefficients, vectors, sums, first_block, block_count, in_cache);
      return;
  }
}
