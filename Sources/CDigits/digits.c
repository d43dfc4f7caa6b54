// Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning
// Repository (1998), https://doi.org/10.24432/C50P49, licence CC BY 4.0; the 1,797 test images as
// scikit-learn 1.9.1 (BSD-3-Clause) distributes them. Unchanged but for the encoding.
//
// scripts/embed_digits.py writes digits.txt. The compiler copies the file as it stands, which takes no
// time that can be measured; an array literal of the same data takes Swift over a minute.

#include "digits.h"

// Compilers since 2024 know #embed in every dialect of C, and warn where it is not C23.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const uint8_t digits[] = {
#embed "digits.txt"
};

size_t influence_digits_count(void) { return sizeof digits; }

uint8_t influence_digits_byte(size_t index) { return digits[index]; }
