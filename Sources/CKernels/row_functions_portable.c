// Functions of rows with the instructions that every processor of the platform has.

#define NAME(x) influence_single_portable_##x
#define TARGET
#define REAL float
#define WORD int32_t
#define LANES 4
#define TABLE influence_single_functions
#include "row_functions_template.h"
