#ifndef INFLUENCEKIT_DIGITS_H
#define INFLUENCEKIT_DIGITS_H

#include <stddef.h>
#include <stdint.h>

// The handwritten digits as text, one image per line: 64 pixels as digits in base 17, a space, the label.
// The bytes are given one at a time, so that Swift reads them without a pointer.

// The number of bytes.
size_t influence_digits_count(void);

// The byte at `index`, which is less than the number of bytes.
uint8_t influence_digits_byte(size_t index);

#endif
