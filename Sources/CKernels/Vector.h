// The vector types and the few functions on them that the kernels share. Included once by each
// instruction set's file, which defines LANES (floats per vector), REGISTERS (vector registers) and AVX512
// (whether its instructions may be used by name).

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "CKernels.h"
#include "Sizes.h"

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

// Both hide a pointer's history from the compiler, which would otherwise replace addresses that instructions compute for
// free by additions. KEEP_STEP also stays in place: loads through the pointer are not moved ahead of it, which would take
// registers.
#define KEEP_POINTER(p) __asm__("" : "+r"(p))
#define KEEP_STEP(p) __asm__ volatile("" : "+r"(p))

typedef float vector __attribute__((ext_vector_type(LANES)));
typedef int32_t integers __attribute__((ext_vector_type(LANES)));
typedef vector unaligned_vector __attribute__((aligned(4)));

#if AVX512
enum { CURRENT_ROUNDING = 4 };  // For instructions with a rounding argument.
#endif

INLINE vector load(const float *p) { return *(const unaligned_vector *)p; }
INLINE void store(float *p, vector v) { *(unaligned_vector *)p = v; }

// Prefetches the first `columns` of some rows, to be written or only read.
INLINE void prefetch_rows(bool writes, ptrdiff_t rows, ptrdiff_t columns, const float *p, ptrdiff_t stride) {
    for (ptrdiff_t r = 0; r < rows; r++, p += stride) {
        for (ptrdiff_t j = 0; j < columns; j += 16) {
            if (writes) __builtin_prefetch(p + j, 1, 3); else __builtin_prefetch(p + j, 0, 3);
        }
    }
}

// If either is NaN the result is b, as with x86's own instructions: callers pass the bound first, so that a
// NaN passes through.
INLINE vector maximum(vector a, vector b) { return a > b ? a : b; }
INLINE vector minimum(vector a, vector b) { return a < b ? a : b; }

// The first `count` of LANES floats; the others are zero.
INLINE vector load_some(const float *p, ptrdiff_t count) {
#if AVX512
    return __builtin_ia32_loadups512_mask(p, (vector)0.0f, (1u << count) - 1);
#else
    vector v = 0;
    memcpy(&v, p, (size_t)count * sizeof(float));
    return v;
#endif
}

INLINE void store_some(float *p, vector v, ptrdiff_t count) {
#if AVX512
    __builtin_ia32_storeups512_mask(p, v, (1u << count) - 1);
#else
    memcpy(p, &v, (size_t)count * sizeof(float));
#endif
}

// The same for any `count`, limited to LANES: the last step of a loop can then be written like the others.
INLINE vector load_part(const float *p, ptrdiff_t count) {
    return count >= LANES ? load(p) : load_some(p, count);
}

INLINE void store_part(float *p, vector v, ptrdiff_t count) {
    if (count >= LANES) store(p, v); else store_some(p, v, count);
}

// v with `rest` in the lanes from `count` on.
INLINE vector fill_from(vector v, ptrdiff_t count, float rest) {
    for (ptrdiff_t i = count; i < LANES; i++) v[i] = rest;
    return v;
}

// The sum of the lanes, halves first.
INLINE float sum(vector v) {
#if LANES == 16
    v += __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3);
    v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1);
#elif LANES == 8
    v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3);
    v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 2, 3, 0, 1);
#else
    v += __builtin_shufflevector(v, v, 2, 3, 0, 1);
#endif
    return v[0] + v[1];
}

// 2^x, within 1e-7 relative for x >= -126; smaller x give at most 2^-126, and a NaN produced by arithmetic
// (one without a payload) gives NaN.
// x is split into an integer n and f in [-1/2, 1/2]; 2^f is a minimax polynomial of degree 5
// (relative error 6e-8), and n is added to the exponent.
INLINE vector exponential2(vector x) {
#if AVX512
    // AVX-512 has instructions that round and that scale by any power of two.
    const vector n = __builtin_ia32_rndscaleps_mask(x, 0, x, 0xffff, CURRENT_ROUNDING);
    const vector f = x - n;
#else
    x = maximum((vector)-126.0f, x);
    const vector shift = 0x1.8p23f;  // adding it rounds to an integer, left in the low bits
    const vector shifted = x + shift;
    const vector f = x - (shifted - shift);
#endif
    vector p = 0.0013320323778316379f;
    p = p * f + 0.009677723981440067f;
    p = p * f + 0.055505428463220596f;
    p = p * f + 0.24022072553634644f;
    p = p * f + 0.6931471228599548f;
    p = p * f + 1.0f;
#if AVX512
    return __builtin_ia32_scalefps512_mask(p, n, p, 0xffff, CURRENT_ROUNDING);
#else
    return (vector)((integers)p + ((integers)shifted << 23));
#endif
}
