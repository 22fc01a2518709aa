#if defined(__x86_64__)
#define LANES 16
#define REGISTERS 32
#define MULTIPLIER VNNI
#define TILES 0
#define SET_NAME "AVX-512 VNNI"
#define TABLE ck_integer_avx512_vnni
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512vnni"))), apply_to = function)
#include "IntegerTable.h"
#pragma clang attribute pop
#endif
