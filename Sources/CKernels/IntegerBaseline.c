// The instructions of every processor of the architecture: SSE2 on x86-64, NEON on 64-bit ARM.
#define LANES 4
#if defined(__aarch64__)
#define REGISTERS 32
#else
#define REGISTERS 16
#endif
#define MULTIPLIER PAIRS
#define TILES 0
#define SET_NAME "baseline"
#define TABLE ck_integer_baseline
#include "IntegerTable.h"
