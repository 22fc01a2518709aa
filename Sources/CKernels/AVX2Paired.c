// The paired text for processors without AVX-512, where it is slower than the plain one: it is never chosen, and is
// there so that the tests run it on such processors too. A vector is two registers.
#if defined(__x86_64__)
#define LANES 16
#define REGISTERS 32
#define FUSED true
#define AVX512 0
#define PAIRED 1
#define SET_NAME "AVX2, paired"
#define TABLE ck_avx2_paired
// That holds for a function's arguments too; those of no function here cross files.
#pragma clang diagnostic ignored "-Wpsabi"
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "Table.h"
#pragma clang attribute pop
#endif
