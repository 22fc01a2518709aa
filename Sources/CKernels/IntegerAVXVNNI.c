#if defined(__x86_64__)
#define LANES 8
#define REGISTERS 16
#define MULTIPLIER VNNI
#define TILES 0
#define SET_NAME "AVX-VNNI"
#define TABLE ck_integer_avx_vnni
#pragma clang attribute push(__attribute__((target("avx2,avxvnni"))), apply_to = function)
#include "IntegerTable.h"
#pragma clang attribute pop
#endif
