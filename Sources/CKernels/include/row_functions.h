#ifndef INFLUENCEKIT_ROW_FUNCTIONS_H
#define INFLUENCEKIT_ROW_FUNCTIONS_H

// What the layers of a transformer do between their products, row by row, in binary32 per instruction set and
// in binary64 (one number at a time, with the functions of the C library).

#include "products.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A function of single numbers.
enum influence_activation {
  influence_gelu,
  influence_gelu_tanh,
  influence_silu,
  influence_relu,
  influence_tanh,
};

/// What is taken of a row of logits z and its target y, with p = softmax(z).
enum influence_measure {
  /// −log p[y].
  influence_loss,
  /// log(p[y] / (1 − p[y])).
  influence_margin,
  /// z[y].
  influence_logit,
};

/// The functions for one type of numbers REAL. Strides are numbers from one row to the next.
#define INFLUENCE_ROW_FUNCTIONS(TYPE, REAL)                                                       \
  struct TYPE {                                                                                   \
    /* Softmax in place of the first min(columns, visible + step · r) numbers of row r, zeros     \
       after them; and log Σ exp of each row. */                                                  \
    void (*softmax)(                                                                              \
        REAL *x, size_t rows, size_t columns, size_t stride, size_t visible, size_t step,         \
        REAL *log_sums);                                                                          \
    /* The same, from sums that are known. */                                                     \
    void (*softmax_from_sums)(                                                                    \
        REAL *x, size_t rows, size_t columns, size_t stride, size_t visible, size_t step,         \
        const REAL *log_sums);                                                                    \
    /* gradient ← scale · p · (gradient − dots[r]). */                                            \
    void (*softmax_backward)(                                                                     \
        REAL *gradient, const REAL *p, size_t rows, size_t columns, size_t stride,                \
        const REAL *dots, REAL scale);                                                            \
    /* dots[r] = Σ a[r] · b[r]. */                                                                \
    void (*row_dots)(                                                                             \
        const REAL *a, const REAL *b, size_t rows, size_t columns, size_t stride, REAL *dots);    \
    /* y = (x − mean) / deviation · gain + shift, with mean and 1 / deviation kept in statistics; \
       no mean unless centered, no shift where it is null. */                                     \
    void (*normalize)(                                                                            \
        const REAL *x, size_t rows, size_t columns, const REAL *gain, const REAL *shift,          \
        bool centered, REAL epsilon, REAL *y, REAL *statistics);                                  \
    /* Adds the gradient by x to `sum`. */                                                        \
    void (*normalize_backward)(                                                                   \
        const REAL *gradient, const REAL *x, size_t rows, size_t columns, const REAL *gain,       \
        bool centered, const REAL *statistics, REAL *sum);                                        \
    /* y = f(x) · factor, no factor where it is null. */                                          \
    void (*activate)(                                                                             \
        enum influence_activation f, const REAL *x, const REAL *factor, REAL *y, size_t count);   \
    /* x and factor become the gradients by them. */                                              \
    void (*activate_backward)(                                                                    \
        enum influence_activation f, REAL *x, REAL *factor, const REAL *gradient, size_t count);  \
    /* Turns pairs (j, j + half) of each head by angles of the row's position; `direction` is 1   \
       or −1. */                                                                                  \
    void (*rotate)(                                                                               \
        REAL *x, size_t rows, size_t stride, size_t heads, size_t half, const int32_t *positions, \
        const REAL *cosines, const REAL *sines, REAL direction);                                  \
    /* Logits become weights[r] times the gradient of the measure by them. */                     \
    void (*measure)(                                                                              \
        enum influence_measure measure, REAL *logits, size_t rows, size_t columns,                \
        const int32_t *targets, const REAL *weights, double *values);                             \
    /* Adds the same row to each. */                                                              \
    void (*add_row)(REAL *x, size_t rows, size_t columns, const REAL *row);                       \
    /* Multiplies the numbers from `first` on of a stream by 0 where their word of Philox is      \
       below the threshold, by `kept` elsewhere. */                                               \
    void (*drop)(                                                                                 \
        REAL *x, size_t count, uint64_t first, uint64_t key, uint64_t stream, uint32_t threshold, \
        REAL kept);                                                                               \
  }

INFLUENCE_ROW_FUNCTIONS(influence_single_functions, float);
INFLUENCE_ROW_FUNCTIONS(influence_double_functions, double);

/// The functions for binary32 with some instructions that this processor has.
const struct influence_single_functions *influence_single(enum influence_instructions instructions);

/// The functions for binary64.
const struct influence_double_functions *influence_double(void);

#endif
