// Products with the instructions that every processor of the platform has.

#define NAME(x) influence_portable_##x
#define TARGET
#define LANES 4
#define VECTORS 4
#define ROWS 3
#define PARTS(count) ((count) > 3 ? 2 : 4)
#define NARROW 0
#include "products_template.h"
