#if defined(__x86_64__)
#define LANES 16
#define REGISTERS 32
#define FUSED true
#define AVX512 1
#define PAIRED 1
#define WIDE_TILES 1
#define SPLIT 0
#define SET_NAME "avx512-paired-wide"
#define TABLE ck_avx512_paired_wide
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma"))), apply_to = function)
#include "Table.h"
#pragma clang attribute pop
#endif
