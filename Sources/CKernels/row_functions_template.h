// The functions of row_functions.h for one type of numbers and one set of instructions. Included once by a file
// that defines:
//
//   NAME(x)   the name of x for these
//   TARGET    the attribute that asks for the instructions
//   REAL      float or double
//   WORD      the signed integer of the same size
//   LANES     numbers that are worked on at a time
//   TABLE     the structure of functions

#include "include/row_functions.h"

#include <math.h>
#include <string.h>

#define INNER static inline __attribute__((always_inline)) TARGET
#define OUTER static TARGET

typedef REAL NAME(lanes) __attribute__((vector_size(sizeof(REAL) * LANES)));
typedef REAL NAME(loose) __attribute__((vector_size(sizeof(REAL) * LANES), aligned(sizeof(REAL))));
typedef WORD NAME(words) __attribute__((vector_size(sizeof(REAL) * LANES)));
#define lanes NAME(lanes)
#define words NAME(words)

INNER lanes NAME(all)(REAL value) { return (lanes){} + value; }

/// Up to LANES numbers, the rest filled.
INNER lanes NAME(load)(const REAL *from, size_t count, REAL fill) {
  if (count >= LANES) return *(const NAME(loose) *)from;
  lanes value = NAME(all)(fill);
  memcpy(&value, from, count * sizeof(REAL));
  return value;
}

INNER void NAME(store)(REAL *to, size_t count, lanes value) {
  if (count >= LANES) {
    *(NAME(loose) *)to = value;
  } else {
    memcpy(to, &value, count * sizeof(REAL));
  }
}

/// `a` where the mask has ones, `b` where it has zeros.
INNER lanes NAME(choose)(words mask, lanes a, lanes b) {
  return (lanes)((mask & (words)a) | (~mask & (words)b));
}

INNER REAL NAME(sum)(lanes value) {
  REAL total = 0;
  for (int lane = 0; lane < LANES; lane++) total += value[lane];
  return total;
}

INNER REAL NAME(largest)(lanes value) {
  REAL largest = value[0];
  for (int lane = 1; lane < LANES; lane++) largest = value[lane] > largest ? value[lane] : largest;
  return largest;
}

#if LANES > 1
/// e to the power of x, for x from −87 to 88, whose ends stand for all beyond; not a number where x is none.
///
/// x = n · log 2 + r; the polynomial of r is Cephes' (S. Moshier, expf).
INNER lanes NAME(exp)(lanes x) {
  const lanes wrong = x - x;
  x = __builtin_elementwise_max(__builtin_elementwise_min(x, NAME(all)(88.0f)), NAME(all)(-87.0f));
  // Adding 1.5 · 2²³ rounds to an integer.
  const lanes shifted = x * 1.44269504088896341f + 12582912.0f;
  const lanes n = shifted - 12582912.0f;
  const lanes r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  lanes p = NAME(all)(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const words exponent = __builtin_convertvector(n, words) << 23;
  return (lanes)((words)p + exponent) + wrong;
}

/// The normal distribution function of x, given exp(−x²/2): error below 10⁻⁷.
///
/// Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26, of x/√2.
INNER lanes NAME(normal)(lanes x, lanes power) {
  const words negative = x < 0;
  const lanes size = NAME(choose)(negative, -x, x);
  const lanes t = 1.0f / (1.0f + 0.231641887f * size);
  lanes p = NAME(all)(0.5f * 1.061405429f);
  p = p * t + 0.5f * -1.453152027f;
  p = p * t + 0.5f * 1.421413741f;
  p = p * t + 0.5f * -0.284496736f;
  p = p * t + 0.5f * 0.254829592f;
  const lanes tail = p * t * power;
  return NAME(choose)(negative, tail, 1.0f - tail);
}
#else
INNER lanes NAME(exp)(lanes x) { return (lanes){exp(x[0])}; }
INNER lanes NAME(normal)(lanes x, lanes power) {
  (void)power;
  return (lanes){0.5 * erfc(-x[0] * 0.70710678118654752440)};
}
#endif

INNER lanes NAME(hyperbolic_tangent)(lanes x) { return 1 - 2 / (NAME(exp)(2 * x) + 1); }

// MARK: - Softmax

INNER size_t NAME(visible)(size_t row, size_t columns, size_t visible, size_t step) {
  const size_t count = visible + step * row;
  return count < columns ? count : columns;
}

INNER REAL NAME(row_largest)(const REAL *x, size_t count) {
  lanes largest = NAME(all)(-INFINITY);
  for (size_t i = 0; i < count; i += LANES)
    largest = __builtin_elementwise_max(largest, NAME(load)(x + i, count - i, -INFINITY));
  return NAME(largest)(largest);
}

/// x ← exp(x − origin), and the sum.
INNER REAL NAME(row_powers)(REAL *x, size_t count, REAL origin) {
  lanes sum = {};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    const lanes power = NAME(exp)(NAME(load)(x + i, LANES, 0) - origin);
    NAME(store)(x + i, LANES, power);
    sum += power;
  }
  REAL total = NAME(sum)(sum);
  if (i < count) {
    const lanes power = NAME(exp)(NAME(load)(x + i, count - i, origin) - origin);
    NAME(store)(x + i, count - i, power);
    for (size_t lane = 0; lane < count - i; lane++) total += power[lane];
  }
  return total;
}

INNER void NAME(scale_row)(REAL *x, size_t count, REAL factor) {
  for (size_t i = 0; i < count; i += LANES)
    NAME(store)(x + i, count - i, NAME(load)(x + i, count - i, 0) * factor);
}

OUTER void NAME(softmax)(
    REAL *x, size_t rows, size_t columns, size_t stride, size_t visible, size_t step,
    REAL *log_sums) {
  for (size_t row = 0; row < rows; row++, x += stride) {
    const size_t count = NAME(visible)(row, columns, visible, step);
    const REAL largest = NAME(row_largest)(x, count);
    const REAL total = NAME(row_powers)(x, count, largest);
    NAME(scale_row)(x, count, 1 / total);
    memset(x + count, 0, (columns - count) * sizeof(REAL));
    log_sums[row] = (REAL)(largest + log((double)total));
  }
}

OUTER void NAME(softmax_from_sums)(
    REAL *x, size_t rows, size_t columns, size_t stride, size_t visible, size_t step,
    const REAL *log_sums) {
  for (size_t row = 0; row < rows; row++, x += stride) {
    const size_t count = NAME(visible)(row, columns, visible, step);
    NAME(row_powers)(x, count, log_sums[row]);
    memset(x + count, 0, (columns - count) * sizeof(REAL));
  }
}

OUTER void NAME(softmax_backward)(
    REAL *gradient, const REAL *p, size_t rows, size_t columns, size_t stride, const REAL *dots,
    REAL scale) {
  for (size_t row = 0; row < rows; row++, gradient += stride, p += stride) {
    for (size_t i = 0; i < columns; i += LANES) {
      const size_t left = columns - i;
      const lanes weight = NAME(load)(p + i, left, 0) * scale;
      NAME(store)(gradient + i, left, weight * (NAME(load)(gradient + i, left, 0) - dots[row]));
    }
  }
}

OUTER void NAME(row_dots)(
    const REAL *a, const REAL *b, size_t rows, size_t columns, size_t stride, REAL *dots) {
  for (size_t row = 0; row < rows; row++, a += stride, b += stride) {
    lanes sum = {};
    for (size_t i = 0; i < columns; i += LANES)
      sum += NAME(load)(a + i, columns - i, 0) * NAME(load)(b + i, columns - i, 0);
    dots[row] = NAME(sum)(sum);
  }
}

// MARK: - Normalization

OUTER void NAME(normalize)(
    const REAL *x, size_t rows, size_t columns, const REAL *gain, const REAL *shift, bool centered,
    REAL epsilon, REAL *y, REAL *statistics) {
  for (size_t row = 0; row < rows; row++, x += columns, y += columns) {
    REAL mean = 0;
    if (centered) {
      lanes sum = {};
      for (size_t i = 0; i < columns; i += LANES) sum += NAME(load)(x + i, columns - i, 0);
      mean = NAME(sum)(sum) / (REAL)columns;
    }
    lanes squares = {};
    for (size_t i = 0; i < columns; i += LANES) {
      const lanes difference = NAME(load)(x + i, columns - i, mean) - mean;
      squares += difference * difference;
    }
    const REAL inverse = 1 / (REAL)sqrt((double)(NAME(sum)(squares) / (REAL)columns + epsilon));
    for (size_t i = 0; i < columns; i += LANES) {
      const size_t left = columns - i;
      lanes value = (NAME(load)(x + i, left, 0) - mean) * inverse * NAME(load)(gain + i, left, 0);
      if (shift) value += NAME(load)(shift + i, left, 0);
      NAME(store)(y + i, left, value);
    }
    statistics[2 * row] = mean;
    statistics[2 * row + 1] = inverse;
  }
}

OUTER void NAME(normalize_backward)(
    const REAL *gradient, const REAL *x, size_t rows, size_t columns, const REAL *gain,
    bool centered, const REAL *statistics, REAL *sum) {
  for (size_t row = 0; row < rows; row++, x += columns, gradient += columns, sum += columns) {
    const REAL mean = statistics[2 * row];
    const REAL inverse = statistics[2 * row + 1];
    lanes plain = {};
    lanes along = {};
    for (size_t i = 0; i < columns; i += LANES) {
      const size_t left = columns - i;
      const lanes scaled = NAME(load)(gradient + i, left, 0) * NAME(load)(gain + i, left, 0);
      plain += scaled;
      along += scaled * (NAME(load)(x + i, left, mean) - mean);
    }
    const REAL average = centered ? NAME(sum)(plain) / (REAL)columns : 0;
    const REAL slope = NAME(sum)(along) / (REAL)columns * inverse * inverse;
    for (size_t i = 0; i < columns; i += LANES) {
      const size_t left = columns - i;
      const lanes scaled = NAME(load)(gradient + i, left, 0) * NAME(load)(gain + i, left, 0);
      const lanes difference = NAME(load)(x + i, left, mean) - mean;
      const lanes part = (scaled - average - difference * slope) * inverse;
      NAME(store)(sum + i, left, NAME(load)(sum + i, left, 0) + part);
    }
  }
}

// MARK: - Activations

/// f(x), and its derivative if `derivative` is not null.
INNER lanes NAME(value)(enum influence_activation f, lanes x, lanes *derivative) {
  switch (f) {
    case influence_gelu: {
      const lanes power = NAME(exp)(x * x * (REAL)-0.5);
      const lanes share = NAME(normal)(x, power);
      if (derivative) *derivative = share + x * power * (REAL)0.39894228040143267794;
      return x * share;
    }
    case influence_gelu_tanh: {
      const REAL c = (REAL)0.79788456080286535588;
      const REAL cubic = (REAL)0.044715;
      const lanes t = NAME(hyperbolic_tangent)(c * (x + cubic * x * x * x));
      const REAL half = (REAL)0.5;
      if (derivative)
        *derivative = half * (1 + t) + half * x * (1 - t * t) * c * (1 + 3 * cubic * x * x);
      return half * x * (1 + t);
    }
    case influence_silu: {
      const lanes share = 1 / (1 + NAME(exp)(-x));
      if (derivative) *derivative = share * (1 + x * (1 - share));
      return x * share;
    }
    case influence_relu: {
      // Written so that what is not a number stays so.
      const lanes zero = {};
      const words negative = x < 0;
      if (derivative) *derivative = NAME(choose)(x > 0, NAME(all)(1), zero) + (x - x);
      return NAME(choose)(negative, zero, x);
    }
    case influence_tanh: {
      const lanes t = NAME(hyperbolic_tangent)(x);
      if (derivative) *derivative = 1 - t * t;
      return t;
    }
  }
  return x;
}

OUTER void NAME(activate)(
    enum influence_activation f, const REAL *x, const REAL *factor, REAL *y, size_t count) {
  for (size_t i = 0; i < count; i += LANES) {
    const size_t left = count - i;
    lanes value = NAME(value)(f, NAME(load)(x + i, left, 0), NULL);
    if (factor) value *= NAME(load)(factor + i, left, 0);
    NAME(store)(y + i, left, value);
  }
}

OUTER void NAME(activate_backward)(
    enum influence_activation f, REAL *x, REAL *factor, const REAL *gradient, size_t count) {
  for (size_t i = 0; i < count; i += LANES) {
    const size_t left = count - i;
    const lanes outer = NAME(load)(gradient + i, left, 0);
    lanes derivative = {};
    const lanes value = NAME(value)(f, NAME(load)(x + i, left, 0), &derivative);
    if (factor) {
      derivative *= NAME(load)(factor + i, left, 0);
      NAME(store)(factor + i, left, outer * value);
    }
    NAME(store)(x + i, left, outer * derivative);
  }
}

// MARK: - Positions

OUTER void NAME(rotate)(
    REAL *x, size_t rows, size_t stride, size_t heads, size_t half, const int32_t *positions,
    const REAL *cosines, const REAL *sines, REAL direction) {
  for (size_t row = 0; row < rows; row++, x += stride) {
    const REAL *cosine = cosines + (size_t)positions[row] * half;
    const REAL *sine = sines + (size_t)positions[row] * half;
    for (size_t head = 0; head < heads; head++) {
      REAL *first = x + head * 2 * half;
      REAL *second = first + half;
      for (size_t i = 0; i < half; i += LANES) {
        const size_t left = half - i;
        const lanes a = NAME(load)(first + i, left, 0);
        const lanes b = NAME(load)(second + i, left, 0);
        const lanes c = NAME(load)(cosine + i, left, 0);
        const lanes s = NAME(load)(sine + i, left, 0) * direction;
        NAME(store)(first + i, left, a * c - b * s);
        NAME(store)(second + i, left, b * c + a * s);
      }
    }
  }
}

// MARK: - Measures of logits

OUTER void NAME(measure)(
    enum influence_measure measure, REAL *logits, size_t rows, size_t columns,
    const int32_t *targets, const REAL *weights, double *values) {
  for (size_t row = 0; row < rows; row++, logits += columns) {
    const size_t target = (size_t)targets[row];
    const REAL weight = weights[row];
    const REAL own = logits[target];
    if (measure == influence_logit) {
      values[row] = own;
      memset(logits, 0, columns * sizeof(REAL));
      logits[target] = weight;
      continue;
    }
    // The target's own power is kept out, so that the sum of the others keeps its digits where it is small. For a
    // margin even the origin is the largest of the others.
    if (measure == influence_margin && columns > 1) logits[target] = -INFINITY;
    const REAL largest = NAME(row_largest)(logits, columns);
    logits[target] = largest;
    NAME(row_powers)(logits, columns, largest);
    logits[target] = 0;
    lanes sum = {};
    for (size_t i = 0; i < columns; i += LANES) sum += NAME(load)(logits + i, columns - i, 0);
    const REAL others = NAME(sum)(sum);
    const double difference = (double)own - (double)largest;
    const double power = exp(difference);
    if (measure == influence_margin) {
      values[row] = difference - log((double)others);
      NAME(scale_row)(logits, columns, -weight / others);
      logits[target] = weight;
    } else {
      const double total = (double)others + power;
      values[row] = power > 1e-30 ? log1p((double)others / power) : log(total) - difference;
      NAME(scale_row)(logits, columns, (REAL)(weight / total));
      logits[target] = (REAL)(-weight * ((double)others / total));
    }
  }
}

OUTER void NAME(add_row)(REAL *x, size_t rows, size_t columns, const REAL *row) {
  for (size_t r = 0; r < rows; r++, x += columns) {
    for (size_t i = 0; i < columns; i += LANES) {
      const size_t left = columns - i;
      NAME(store)(x + i, left, NAME(load)(x + i, left, 0) + NAME(load)(row + i, left, 0));
    }
  }
}

// MARK: - Dropout

typedef uint32_t NAME(bits) __attribute__((vector_size(4 * LANES)));
typedef uint64_t NAME(wide) __attribute__((vector_size(8 * LANES)));
#define bits NAME(bits)
#define wide NAME(wide)

/// The high and low halves of a product of 32-bit numbers.
INNER bits NAME(product)(bits a, uint32_t factor, bits *low) {
  const wide product = __builtin_convertvector(a, wide) * (uint64_t)factor;
  *low = __builtin_convertvector(product, bits);
  return __builtin_convertvector(product >> 32, bits);
}

/// The factors of 64 numbers: those of block b have the words of the places 16 · b and on, word j of place i being
/// that of number 16 · j + i. Philox4x32-10.
INNER void NAME(factors)(
    REAL *factors, uint64_t block, uint64_t key, uint64_t stream, uint32_t threshold, REAL kept) {
  for (uint32_t first = 0; first < 16; first += LANES) {
    const uint64_t place = 16 * block + first;
    bits a = {};
    for (uint32_t lane = 0; lane < LANES; lane++) a[lane] = (uint32_t)place + lane;
    bits b = (bits){} + (uint32_t)(place >> 32);
    bits c = (bits){} + (uint32_t)stream;
    bits d = (bits){} + (uint32_t)(stream >> 32);
    uint32_t even = (uint32_t)key;
    uint32_t odd = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
      bits low_a, low_c;
      const bits high_a = NAME(product)(a, 0xD2511F53u, &low_a);
      const bits high_c = NAME(product)(c, 0xCD9E8D57u, &low_c);
      a = high_c ^ b ^ even;
      c = high_a ^ d ^ odd;
      b = low_c;
      d = low_a;
      even += 0x9E3779B9u;
      odd += 0xBB67AE85u;
    }
    const bits drawn[4] = {a, b, c, d};
    for (int word = 0; word < 4; word++) {
      const words dropped = __builtin_convertvector(drawn[word] < threshold, words);
      NAME(store)(
          factors + 16 * word + first, LANES,
          NAME(choose)(dropped, NAME(all)(0), NAME(all)(kept)));
    }
  }
}

OUTER void NAME(drop)(
    REAL *x, size_t count, uint64_t first, uint64_t key, uint64_t stream, uint32_t threshold,
    REAL kept) {
  while (count > 0) {
    REAL factors[64];
    NAME(factors)(factors, first / 64, key, stream, threshold, kept);
    const size_t offset = first % 64;
    const size_t part = 64 - offset < count ? 64 - offset : count;
    for (size_t i = 0; i < part; i += LANES) {
      const size_t left = part - i;
      NAME(store)(x + i, left, NAME(load)(x + i, left, 0) * NAME(load)(factors + offset + i, left, 0));
    }
    x += part;
    first += part;
    count -= part;
  }
}

const struct TABLE NAME(functions) = {
    NAME(softmax),  NAME(softmax_from_sums),  NAME(softmax_backward), NAME(row_dots),
    NAME(normalize), NAME(normalize_backward), NAME(activate),         NAME(activate_backward),
    NAME(rotate),   NAME(measure),            NAME(add_row),          NAME(drop),
};
