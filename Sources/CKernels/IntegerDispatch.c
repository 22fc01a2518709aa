#include "IntegerKernels.h"

extern const ck_integer_kernels ck_integer_baseline;

#if defined(__x86_64__)

#include <cpuid.h>

extern const ck_integer_kernels ck_integer_avx512_vnni, ck_integer_avx512, ck_integer_avx_vnni,
    ck_integer_avx2;

// Whether the processor has VNNI in the encoding of AVX, which the compiler's own test does not know everywhere.
static bool has_avx_vnni(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

#endif

const ck_integer_kernels *ck_integer_set(int index) {
    const ck_integer_kernels *sets[6] = {0};
    int count = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
        if (__builtin_cpu_supports("avx512vnni")) sets[count++] = &ck_integer_avx512_vnni;
        sets[count++] = &ck_integer_avx512;
    }
    if (__builtin_cpu_supports("avx2")) {
        if (has_avx_vnni()) sets[count++] = &ck_integer_avx_vnni;
        sets[count++] = &ck_integer_avx2;
    }
#endif
    sets[count++] = &ck_integer_baseline;
    return index >= 0 && index < count ? sets[index] : 0;
}
