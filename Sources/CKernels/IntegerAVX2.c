#if defined(__x86_64__)
#define LANES 8
#define REGISTERS 16
#define MULTIPLIER PAIRS
#define TILES 0
#define SET_NAME "AVX2"
#define TABLE ck_integer_avx2
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#include "IntegerTable.h"
#pragma clang attribute pop
#endif
