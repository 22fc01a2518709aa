#if defined(__x86_64__)
#define LANES 16
#define REGISTERS 32
#define MULTIPLIER VNNI
#define TILES 1
#define SET_NAME "AMX"
#define TABLE ck_integer_amx
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512vnni,amx-tile,amx-int8"))), apply_to = function)
#include "IntegerTable.h"
#pragma clang attribute pop
#endif
