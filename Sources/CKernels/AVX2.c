#if defined(__x86_64__)
#define LANES 8
#define REGISTERS 16
#define FUSED true
#define AVX512 0
#define PAIRED 0
#define SPLIT 0
#define SET_NAME "avx2"
#define TABLE ck_avx2
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "Table.h"
#pragma clang attribute pop
#endif
