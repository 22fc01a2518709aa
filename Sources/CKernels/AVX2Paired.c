// The paired kernels for processors without AVX-512, where they are slower than the plain ones: never chosen, they
// exist so that the tests can run the paired code on such processors too. A vector is two registers.
#if defined(__x86_64__)
#define LANES 16
#define REGISTERS 32
#define FUSED true
#define AVX512 0
#define PAIRED 1
#define WIDE_TILES 1
#define SPLIT 0
#define SET_NAME "avx2-paired"
#define TABLE ck_avx2_paired
// The warning concerns function arguments wider than a register; no such function here is called across files.
#pragma clang diagnostic ignored "-Wpsabi"
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "Table.h"
#pragma clang attribute pop
#endif
