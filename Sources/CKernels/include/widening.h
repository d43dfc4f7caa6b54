#ifndef INFLUENCEKIT_WIDENING_H
#define INFLUENCEKIT_WIDENING_H

// Stored numbers to float, eight at a time, for x86-64 processors with AVX2 and F16C. The package is
// built for any x86-64, whose own instructions need ten times as many for a half; so these are
// compiled for the newer processors alone, and chosen when the program runs. Elsewhere (Arm has
// such instructions always) the loops in Swift are compiled to vectors as they stand.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define INFLUENCE_WIDE static inline __attribute__((target("avx2,fma,f16c")))

static inline bool influence_has_wide_vectors(void) {
  // Every processor with AVX2 has F16C, which is older.
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

// Each converts a multiple of eight numbers, at any address, and gives how many those were. `next` is
// where the numbers to be converted afterwards start, at any address too, which is never read: what
// lies ahead is asked for early, because a row is over before a processor has seen that it is read
// in order, and the same processor would wait for memory most of the time.

#define INFLUENCE_AHEAD 8192

INFLUENCE_WIDE void influence_ask(const char *bytes, size_t place, size_t size, const char *next) {
  size_t ahead = place + INFLUENCE_AHEAD;
  _mm_prefetch(ahead < size ? bytes + ahead : next + (ahead - size), _MM_HINT_T1);
}

INFLUENCE_WIDE size_t influence_widen_binary16(
    const void *source, float *target, size_t count, const void *next) {
  const char *bytes = (const char *)source;
  size_t index = 0;
  for (; index + 32 <= count; index += 32) {
    influence_ask(bytes, 2 * index, 2 * count, (const char *)next);
    for (size_t part = index; part < index + 32; part += 8)
      _mm256_storeu_ps(
          target + part, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(bytes + 2 * part))));
  }
  for (; index + 8 <= count; index += 8)
    _mm256_storeu_ps(
        target + index, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(bytes + 2 * index))));
  return index;
}

INFLUENCE_WIDE __m256 influence_eight_bfloat16(const char *bytes) {
  __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)bytes));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

INFLUENCE_WIDE size_t influence_widen_bfloat16(
    const void *source, float *target, size_t count, const void *next) {
  const char *bytes = (const char *)source;
  size_t index = 0;
  for (; index + 32 <= count; index += 32) {
    influence_ask(bytes, 2 * index, 2 * count, (const char *)next);
    for (size_t part = index; part < index + 32; part += 8)
      _mm256_storeu_ps(target + part, influence_eight_bfloat16(bytes + 2 * part));
  }
  for (; index + 8 <= count; index += 8)
    _mm256_storeu_ps(target + index, influence_eight_bfloat16(bytes + 2 * index));
  return index;
}

INFLUENCE_WIDE __m256 influence_eight_int8(const char *bytes, __m256 scale) {
  __m256i wide = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)bytes));
  return _mm256_mul_ps(_mm256_cvtepi32_ps(wide), scale);
}

INFLUENCE_WIDE size_t influence_widen_int8(
    const void *source, float *target, size_t count, float scale, const void *next) {
  const char *bytes = (const char *)source;
  __m256 factor = _mm256_set1_ps(scale);
  size_t index = 0;
  for (; index + 64 <= count; index += 64) {
    influence_ask(bytes, index, count, (const char *)next);
    for (size_t part = index; part < index + 64; part += 8)
      _mm256_storeu_ps(target + part, influence_eight_int8(bytes + part, factor));
  }
  for (; index + 8 <= count; index += 8)
    _mm256_storeu_ps(target + index, influence_eight_int8(bytes + index, factor));
  return index;
}

#else

static inline bool influence_has_wide_vectors(void) { return false; }

static inline size_t influence_widen_binary16(
    const void *source, float *target, size_t count, const void *next) {
  return 0;
}

static inline size_t influence_widen_bfloat16(
    const void *source, float *target, size_t count, const void *next) {
  return 0;
}

static inline size_t influence_widen_int8(
    const void *source, float *target, size_t count, float scale, const void *next) {
  return 0;
}

#endif
#endif
