#ifndef INFLUENCEKIT_PRODUCTS_H
#define INFLUENCEKIT_PRODUCTS_H

// Products of a few vectors with many rows of stored numbers. Nothing is rearranged but the vectors, once:
// BLAS packs both factors for every product, which for a few vectors takes longer than the product.

#include <stdbool.h>
#include <stddef.h>

/// How the numbers of a row lie one after the other.
enum influence_format {
  influence_binary32,
  influence_binary16,
  influence_bfloat16,
  influence_int8,
};

/// Rows of numbers at any address.
struct influence_rows {
  const void *base;
  /// Bytes from one row's first number to the next row's.
  size_t stride;
  size_t count;
  size_t columns;
  enum influence_format format;
  /// A factor for each row; null where there are none.
  const float *scales;
};

/// The instructions that products are compiled for, most capable last.
enum influence_instructions {
  /// Whatever every processor of the platform has; reads binary32 alone.
  influence_portable,
  influence_avx2,
  influence_avx512,
};

/// The most capable instructions that this processor has.
enum influence_instructions influence_best_instructions(void);

/// Columns of a slice: a panel is multiplied slice by slice, so that what is used again stays in cache.
#define INFLUENCE_SLICE 512
/// Numbers from one vector of a slice to the next: no multiple of a page, or they would evict each other.
#define INFLUENCE_SLICE_STRIDE (INFLUENCE_SLICE + 16)
/// Columns of a block of sums.
#define INFLUENCE_SUM_COLUMNS 128
/// Coefficients that lie side by side.
#define INFLUENCE_GROUP 6

/// target[q · targetStride + r] = Σ panel[q] · row[r], for `vectors` vectors q and all rows r.
///
/// The panel lies slice by slice; each slice has INFLUENCE_SLICE_STRIDE numbers for every vector, those past
/// its columns zero. Each sum has its own order of additions, whatever other rows and vectors there are.
void influence_multiply(
    enum influence_instructions instructions, const struct influence_rows *rows, const float *panel,
    size_t vectors, float *target, size_t target_stride);

/// sums[q] += Σᵣ coefficient[q, r] · row[r], for some blocks of columns.
///
/// Sums lie block by block; each block has INFLUENCE_SUM_COLUMNS numbers for every vector q. Coefficients lie
/// in groups of INFLUENCE_GROUP vectors (the last may have fewer), row by row in each, the group's vectors side
/// by side. Factors of rows are not looked at: coefficients have them already.
///
/// - in_cache: whether the rows have just been read, so that memory need not be asked early.
void influence_pull_back(
    enum influence_instructions instructions, const struct influence_rows *rows,
    const float *coefficients, size_t vectors, float *sums, size_t first_block, size_t block_count,
    bool in_cache);

#endif
