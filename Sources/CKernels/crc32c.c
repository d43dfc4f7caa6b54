#include "include/crc32c.h"

#include <string.h>

// Registers are polynomials over {0, 1} with the coefficient of 1 in the highest bit, modulo this one.
static const uint32_t polynomial = 0x82f63b78u;

static uint32_t multiplied(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = 1u << 31; bit != 0; bit >>= 1) {
    if (a & bit) product ^= b;
    b = b & 1 ? (b >> 1) ^ polynomial : b >> 1;
  }
  return product;
}

uint32_t influence_crc32c_after_zeros(uint32_t state, uint64_t count) {
  uint32_t power = 1u << (31 - 8);  // x⁸, a byte
  for (; count != 0; count >>= 1) {
    if (count & 1) state = multiplied(power, state);
    power = multiplied(power, power);
  }
  return state;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

bool influence_has_crc32c(void) { return __builtin_cpu_supports("sse4.2"); }

__attribute__((target("sse4.2"))) static inline uint64_t step(uint64_t state, const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, 8);
  return _mm_crc32_u64(state, word);
}

__attribute__((target("sse4.2"))) static inline uint32_t byte_step(uint32_t state, uint8_t byte) {
  return _mm_crc32_u8(state, byte);
}
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>

bool influence_has_crc32c(void) { return true; }

static inline uint64_t step(uint64_t state, const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, 8);
  return __crc32cd((uint32_t)state, word);
}

static inline uint32_t byte_step(uint32_t state, uint8_t byte) { return __crc32cb(state, byte); }
#else
bool influence_has_crc32c(void) { return false; }

uint32_t influence_crc32c(uint32_t state, const uint8_t *bytes, size_t count) {
  (void)bytes;
  (void)count;
  return state;
}
#define INFLUENCE_NO_CRC32C
#endif

#ifndef INFLUENCE_NO_CRC32C
// Bytes of one stream between two joins.
enum { stretch = 8192 };

#if defined(__x86_64__)
__attribute__((target("sse4.2")))
#endif
uint32_t influence_crc32c(uint32_t state, const uint8_t *bytes, size_t count) {
  if (count >= 3 * stretch) {
    uint32_t one = influence_crc32c_after_zeros(1u << 31, stretch);
    uint32_t two = multiplied(one, one);
    for (; count >= 3 * stretch; count -= 3 * stretch, bytes += 3 * stretch) {
      uint64_t a = state, b = 0, c = 0;
      for (size_t i = 0; i < stretch; i += 8) {
        a = step(a, bytes + i);
        b = step(b, bytes + stretch + i);
        c = step(c, bytes + 2 * stretch + i);
      }
      state = multiplied(two, (uint32_t)a) ^ multiplied(one, (uint32_t)b) ^ (uint32_t)c;
    }
  }
  uint64_t wide = state;
  for (; count >= 8; count -= 8, bytes += 8) wide = step(wide, bytes);
  state = (uint32_t)wide;
  for (; count > 0; count -= 1, bytes += 1) state = byte_step(state, *bytes);
  return state;
}
#endif
