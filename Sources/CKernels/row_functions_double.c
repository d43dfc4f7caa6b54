// Functions of rows in binary64, one number at a time.

#define NAME(x) influence_double_##x
#define TARGET
#define REAL double
#define WORD int64_t
#define LANES 1
#define TABLE influence_double_functions
#include "row_functions_template.h"
