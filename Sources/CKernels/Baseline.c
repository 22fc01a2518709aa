// The instructions of every processor of the architecture: SSE2 on x86-64, NEON on 64-bit ARM.
#define LANES 4
#if defined(__aarch64__)
#define REGISTERS 32
#define FUSED true
#else
#define REGISTERS 16
#define FUSED false
#endif
#define AVX512 0
#define PAIRED 0
#define SPLIT 0
#define SET_NAME "baseline"
#define TABLE ck_baseline
#include "Table.h"
