// Products for one set of instructions. Included once by a file that defines:
//
//   NAME(x)           the name of x for these instructions
//   TARGET            the attribute that asks for them
//   LANES             floats in a register
//   VECTORS, ROWS     how many vectors and rows are multiplied at a time: VECTORS · ROWS sums stay in registers
//   PARTS(q)          how many registers of columns are summed at a time for q vectors
//   NARROW            1 where binary16, bfloat16 and int8 are read directly

#include "include/products.h"

#include <stdint.h>
#include <string.h>

#define INNER static inline __attribute__((always_inline)) TARGET
#define UNROLLED _Pragma("clang loop unroll(full)")

typedef float NAME(lanes) __attribute__((vector_size(4 * LANES)));
typedef float NAME(loose) __attribute__((vector_size(4 * LANES), aligned(4)));
typedef float NAME(four) __attribute__((vector_size(16)));
#define lanes NAME(lanes)
#define four NAME(four)

INNER lanes NAME(load)(const float *from) { return *(const NAME(loose) *)from; }
INNER void NAME(store)(float *to, lanes value) { *(NAME(loose) *)to = value; }

#if NARROW
typedef uint16_t NAME(halves) __attribute__((vector_size(2 * LANES), aligned(1)));
typedef _Float16 NAME(floats16) __attribute__((vector_size(2 * LANES), aligned(1)));
typedef int8_t NAME(bytes) __attribute__((vector_size(LANES), aligned(1)));
typedef uint32_t NAME(words) __attribute__((vector_size(4 * LANES)));
#endif

/// LANES numbers from any address.
INNER lanes NAME(widen)(const char *from, enum influence_format format) {
#if NARROW
  switch (format) {
    case influence_binary32: break;
    case influence_binary16:
      return __builtin_convertvector(*(const NAME(floats16) *)from, lanes);
    case influence_bfloat16: {
      NAME(words) bits = __builtin_convertvector(*(const NAME(halves) *)from, NAME(words));
      return (lanes)(bits << 16);
    }
    case influence_int8: return __builtin_convertvector(*(const NAME(bytes) *)from, lanes);
  }
#endif
  return NAME(load)((const float *)from);
}

INNER size_t NAME(size)(enum influence_format format) {
  switch (format) {
    case influence_binary32: return 4;
    case influence_binary16:
    case influence_bfloat16: return 2;
    case influence_int8: return 1;
  }
  return 4;
}

/// The last numbers of a row, fewer than LANES, and zeros.
INNER lanes NAME(widen_last)(const char *from, size_t count, enum influence_format format) {
  char bytes[4 * LANES] = {0};
  memcpy(bytes, from, count * NAME(size)(format));
  return NAME(widen)(bytes, format);
}

/// The sums of each of four registers' numbers.
INNER four NAME(sums)(lanes a, lanes b, lanes c, lanes d) {
#if LANES == 4
  lanes ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
  lanes cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
  return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
#elif LANES == 8
#define LOW(x, y) __builtin_shufflevector(x, y, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH(x, y) __builtin_shufflevector(x, y, 2, 10, 3, 11, 6, 14, 7, 15)
  lanes ab = LOW(a, b) + HIGH(a, b), cd = LOW(c, d) + HIGH(c, d);
#undef LOW
#undef HIGH
  lanes all = __builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) +
              __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
  return __builtin_shufflevector(all, all, 0, 1, 2, 3) + __builtin_shufflevector(all, all, 4, 5, 6, 7);
#else
#define LOW(x, y) \
  __builtin_shufflevector(x, y, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH(x, y) \
  __builtin_shufflevector(x, y, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
  lanes ab = LOW(a, b) + HIGH(a, b), cd = LOW(c, d) + HIGH(c, d);
#undef LOW
#undef HIGH
  lanes all = __builtin_shufflevector(
                  ab, cd, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
              __builtin_shufflevector(
                  ab, cd, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  four low = __builtin_shufflevector(all, all, 0, 1, 2, 3) + __builtin_shufflevector(all, all, 8, 9, 10, 11);
  four high =
      __builtin_shufflevector(all, all, 4, 5, 6, 7) + __builtin_shufflevector(all, all, 12, 13, 14, 15);
  return low + high;
#endif
}

/// One slice of a few vectors, one group of rows.
struct NAME(tile) {
  /// Where the rows' slices start; the last row again and again where there are fewer than ROWS.
  const char *rows[ROWS];
  /// Where the slices start that will be multiplied next, for the memory to be asked early.
  const char *next;
  size_t next_stride;
  const float *scales[ROWS];
  size_t row_count;
  size_t columns;
  float *target;
  size_t target_stride;
  /// Whether this is not the first slice.
  bool adds;
};

/// The inner products of `count` vectors with the rows of a tile; `count`, `format` and `asks` are constants
/// where this is called.
INNER void NAME(multiply_tile)(
    const struct NAME(tile) *tile, const float *vectors, size_t first, const size_t count,
    const enum influence_format format, const bool asks) {
  lanes sums[VECTORS][4] = {0};
  const char *rows[ROWS];
  UNROLLED for (int row = 0; row < ROWS; row++) rows[row] = tile->rows[row];
  const size_t size = NAME(size)(format), columns = tile->columns;
  // One question for every 64 bytes of a row.
  const size_t step = asks ? 64 / size : LANES;
  size_t column = 0;
  for (; column + step <= columns; column += step) {
    if (asks) {
      UNROLLED for (int row = 0; row < ROWS; row++)
        __builtin_prefetch(tile->next + row * tile->next_stride + column * size, 0, 2);
    }
    UNROLLED for (size_t part = 0; part < step; part += LANES) {
      lanes numbers[ROWS];
      UNROLLED for (int row = 0; row < ROWS; row++)
        numbers[row] = NAME(widen)(rows[row] + (column + part) * size, format);
      UNROLLED for (size_t q = 0; q < count; q++) {
        lanes vector = NAME(load)(vectors + q * INFLUENCE_SLICE_STRIDE + column + part);
        UNROLLED for (int row = 0; row < ROWS; row++) sums[q][row] += vector * numbers[row];
      }
    }
  }
  for (; column < columns; column += LANES) {
    lanes numbers[ROWS];
    for (int row = 0; row < ROWS; row++)
      numbers[row] =
          column + LANES <= columns
              ? NAME(widen)(rows[row] + column * size, format)
              : NAME(widen_last)(rows[row] + column * size, columns - column, format);
    UNROLLED for (size_t q = 0; q < count; q++) {
      lanes vector = NAME(load)(vectors + q * INFLUENCE_SLICE_STRIDE + column);
      UNROLLED for (int row = 0; row < ROWS; row++) sums[q][row] += vector * numbers[row];
    }
  }
  UNROLLED for (size_t q = 0; q < count; q++) {
    four products = NAME(sums)(sums[q][0], sums[q][1], sums[q][2], sums[q][3]);
    float *target = tile->target + (first + q) * tile->target_stride;
    for (size_t row = 0; row < tile->row_count; row++) {
      float product = tile->scales[0] ? products[row] * *tile->scales[row] : products[row];
      target[row] = tile->adds ? target[row] + product : product;
    }
  }
}

/// The same for any number of vectors up to VECTORS.
INNER void NAME(multiply_group)(
    const struct NAME(tile) *tile, const float *vectors, size_t first, size_t count,
    const enum influence_format format, const bool asks) {
  switch (count) {
    case 1: NAME(multiply_tile)(tile, vectors, first, 1, format, asks); break;
    case 2: NAME(multiply_tile)(tile, vectors, first, 2, format, asks); break;
    case 3: NAME(multiply_tile)(tile, vectors, first, 3, format, asks); break;
    case 4: NAME(multiply_tile)(tile, vectors, first, 4, format, asks); break;
#if VECTORS > 4
    case 5: NAME(multiply_tile)(tile, vectors, first, 5, format, asks); break;
    case 6: NAME(multiply_tile)(tile, vectors, first, 6, format, asks); break;
#endif
  }
}

#if NARROW
/// Every format, each compiled apart.
static TARGET __attribute__((noinline)) void NAME(multiply_first)(
    const struct NAME(tile) *tile, const float *vectors, size_t count, enum influence_format format) {
  switch (format) {
    case influence_binary32:
      NAME(multiply_group)(tile, vectors, 0, count, influence_binary32, true);
      break;
    case influence_binary16:
      NAME(multiply_group)(tile, vectors, 0, count, influence_binary16, true);
      break;
    case influence_bfloat16:
      NAME(multiply_group)(tile, vectors, 0, count, influence_bfloat16, true);
      break;
    case influence_int8: NAME(multiply_group)(tile, vectors, 0, count, influence_int8, true); break;
  }
}
#else
static void NAME(multiply_first)(
    const struct NAME(tile) *tile, const float *vectors, size_t count, enum influence_format format) {
  NAME(multiply_group)(tile, vectors, 0, count, influence_binary32, true);
}
#endif

static TARGET __attribute__((noinline)) void NAME(multiply_rest)(
    const struct NAME(tile) *tile, const float *vectors, size_t first, size_t count) {
  NAME(multiply_group)(tile, vectors, first, count, influence_binary32, false);
}

/// Numbers of one row as floats.
INNER void NAME(widen_row)(
    const char *from, float *to, size_t count, enum influence_format format, const char *next) {
  const size_t size = NAME(size)(format);
  size_t column = 0;
  for (; column + LANES <= count; column += LANES) {
    if (column * size % 64 == 0) __builtin_prefetch(next + column * size, 0, 2);
    NAME(store)(to + column, NAME(widen)(from + column * size, format));
  }
  if (column < count)
    NAME(store)(to + column, NAME(widen_last)(from + column * size, count - column, format));
}

static TARGET void NAME(widen_rows)(
    const char *from, size_t stride, size_t rows, float *to, size_t to_stride, size_t count,
    enum influence_format format, const char *next) {
#define WIDEN(format)                                                                           \
  for (size_t row = 0; row < rows; row++)                                                       \
    NAME(widen_row)(from + row * stride, to + row * to_stride, count, format, next + row * stride)
#if NARROW
  switch (format) {
    case influence_binary32: WIDEN(influence_binary32); break;
    case influence_binary16: WIDEN(influence_binary16); break;
    case influence_bfloat16: WIDEN(influence_bfloat16); break;
    case influence_int8: WIDEN(influence_int8); break;
  }
#else
  WIDEN(influence_binary32);
#endif
#undef WIDEN
}

TARGET void NAME(multiply)(
    const struct influence_rows *rows, const float *panel, size_t vectors, float *target,
    size_t target_stride) {
  float widened[ROWS][INFLUENCE_SLICE_STRIDE] __attribute__((aligned(64)));
  const size_t size = NAME(size)(rows->format), last = rows->count - 1;
  for (size_t start = 0; start < rows->columns; start += INFLUENCE_SLICE) {
    const size_t left = rows->columns - start;
    struct NAME(tile) tile = {
        .columns = left < INFLUENCE_SLICE ? left : INFLUENCE_SLICE,
        .next_stride = rows->stride,
        .target_stride = target_stride,
        .adds = start > 0};
    const float *slice = panel + start / INFLUENCE_SLICE * vectors * INFLUENCE_SLICE_STRIDE;
    for (size_t first = 0; first < rows->count; first += ROWS) {
      tile.row_count = rows->count - first < ROWS ? rows->count - first : ROWS;
      tile.target = target + first;
      for (size_t row = 0; row < ROWS; row++) {
        const size_t index = first + row < last ? first + row : last;
        tile.rows[row] = (const char *)rows->base + index * rows->stride + start * size;
        tile.scales[row] = rows->scales ? rows->scales + index : 0;
      }
      // The rows that follow, the first rows of the next slice, or those after the last.
      tile.next = first + 2 * ROWS <= rows->count ? tile.rows[0] + ROWS * rows->stride
                  : left > INFLUENCE_SLICE
                      ? (const char *)rows->base + (start + INFLUENCE_SLICE) * size
                      : (const char *)rows->base + rows->count * rows->stride;
      if (vectors <= VECTORS) {
        NAME(multiply_first)(&tile, slice, vectors, rows->format);
        continue;
      }
      size_t done = 0;
      if (rows->format == influence_binary32) {
        NAME(multiply_first)(&tile, slice, VECTORS, influence_binary32);
        done = VECTORS;
      } else {
        // Many vectors: each number is widened once for all of them.
        NAME(widen_rows)(
            tile.rows[0], tile.row_count > 1 ? rows->stride : 0, tile.row_count, widened[0],
            INFLUENCE_SLICE_STRIDE, tile.columns, rows->format, tile.next);
        for (size_t row = 0; row < ROWS; row++)
          tile.rows[row] = (const char *)widened[row < tile.row_count ? row : tile.row_count - 1];
      }
      for (; done < vectors; done += VECTORS) {
        const size_t count = vectors - done < VECTORS ? vectors - done : VECTORS;
        NAME(multiply_rest)(&tile, slice + done * INFLUENCE_SLICE_STRIDE, done, count);
      }
    }
  }
}

/// `count` vectors' sums over some columns: those of PARTS(count) registers.
INNER void NAME(add_tile)(
    const float *coefficients, const char *rows, size_t stride, size_t row_count, float *sums,
    const size_t count) {
  lanes totals[INFLUENCE_GROUP][4];
  UNROLLED for (size_t q = 0; q < count; q++) UNROLLED for (int part = 0; part < PARTS(count); part++)
    totals[q][part] = NAME(load)(sums + q * INFLUENCE_SUM_COLUMNS + part * LANES);
  for (size_t row = 0; row < row_count; row++) {
    lanes numbers[4];
    UNROLLED for (int part = 0; part < PARTS(count); part++)
      numbers[part] = NAME(load)((const float *)(rows + row * stride) + part * LANES);
    UNROLLED for (size_t q = 0; q < count; q++) {
      lanes coefficient = coefficients[row * count + q] - (lanes){0};
      UNROLLED for (int part = 0; part < PARTS(count); part++)
        totals[q][part] += coefficient * numbers[part];
    }
  }
  UNROLLED for (size_t q = 0; q < count; q++) UNROLLED for (int part = 0; part < PARTS(count); part++)
    NAME(store)(sums + q * INFLUENCE_SUM_COLUMNS + part * LANES, totals[q][part]);
}

#define ADD(count)                                                                            \
  case count:                                                                                 \
    for (size_t column = 0; column < INFLUENCE_SUM_COLUMNS; column += PARTS(count) * LANES)   \
      NAME(add_tile)(                                                                         \
          coefficients, rows + 4 * column, stride, row_count, sums + column, count);          \
    break;

static TARGET __attribute__((noinline)) void NAME(add_block)(
    const float *coefficients, const char *rows, size_t stride, size_t row_count, float *sums,
    size_t count) {
  switch (count) { ADD(1) ADD(2) ADD(3) ADD(4) ADD(5) ADD(6) }
}
#undef ADD

/// Rows whose numbers of one block of columns are used together.
#define PULLED_ROWS 32

TARGET void NAME(pull_back)(
    const struct influence_rows *rows, const float *coefficients, size_t vectors, float *sums,
    size_t first_block, size_t block_count, bool in_cache) {
  float widened[PULLED_ROWS][INFLUENCE_SUM_COLUMNS] __attribute__((aligned(64)));
  const size_t size = NAME(size)(rows->format), block_size = INFLUENCE_SUM_COLUMNS * size;
  for (size_t block = first_block; block < first_block + block_count; block++) {
    const size_t left = rows->columns - block * INFLUENCE_SUM_COLUMNS;
    const size_t columns = left < INFLUENCE_SUM_COLUMNS ? left : INFLUENCE_SUM_COLUMNS;
    float *target = sums + block * vectors * INFLUENCE_SUM_COLUMNS;
    const char *start = (const char *)rows->base + block * block_size;
    const bool direct = in_cache && vectors <= INFLUENCE_GROUP && columns == INFLUENCE_SUM_COLUMNS &&
                        rows->format == influence_binary32;
    const size_t step = direct ? rows->count : PULLED_ROWS;
    if (columns < INFLUENCE_SUM_COLUMNS) memset(widened, 0, sizeof widened);
    for (size_t first = 0; first < rows->count; first += step) {
      const size_t count = rows->count - first < step ? rows->count - first : step;
      const char *numbers = start + first * rows->stride;
      size_t stride = rows->stride;
      if (!direct) {
        const char *next = first + 2 * step <= rows->count ? numbers + step * stride : start + block_size;
        NAME(widen_rows)(
            numbers, stride, count, widened[0], INFLUENCE_SUM_COLUMNS, columns, rows->format, next);
        numbers = (const char *)widened;
        stride = sizeof widened[0];
      }
      for (size_t q = 0; q < vectors; q += INFLUENCE_GROUP) {
        const size_t group = vectors - q < INFLUENCE_GROUP ? vectors - q : INFLUENCE_GROUP;
        NAME(add_block)(
            coefficients + q * rows->count + first * group, numbers, stride, count,
            target + q * INFLUENCE_SUM_COLUMNS, group);
      }
    }
  }
}

#undef lanes
#undef four
