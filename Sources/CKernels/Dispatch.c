#include "CKernels.h"
#include "Sizes.h"

ptrdiff_t ck_depth_blocks(ptrdiff_t k) { return k > DEPTH ? (k + DEPTH - 1) / DEPTH : 1; }

ptrdiff_t ck_packed_block(ptrdiff_t depth, ptrdiff_t columns) {
    // Whole vectors of columns, with two extra numbers for each.
    return (columns + WIDEST_VECTOR - 1) / WIDEST_VECTOR * WIDEST_VECTOR * (depth + 2);
}

ptrdiff_t ck_balanced_block(ptrdiff_t rows, ptrdiff_t depth) { return balanced_block(rows, depth); }

ptrdiff_t ck_attention_scratch(ptrdiff_t width) {
    // Scores, queries and outputs, with two extra numbers for each column of the first two; a block of keys and values.
    return (KEYS + 2) * WIDEST_PANEL + 2 * CK_ATTENTION_QUERIES * (width + 1) + 2 * PLAIN_KEYS * width;
}

ptrdiff_t ck_prepared_keys(ptrdiff_t keys, ptrdiff_t width) {
    return balanced_block(keys, width) + balanced_block(width, keys + 2 * (key_blocks(keys, KEYS) - 1));
}

ptrdiff_t ck_attention_pullback_scratch(ptrdiff_t width) {
    ptrdiff_t line = (width + WIDEST_VECTOR - 1) / WIDEST_VECTOR * WIDEST_VECTOR;
    return (3 * BACKWARD_KEYS + 2 * BACKWARD_QUERIES) * line
        + 2 * BACKWARD_QUERIES * BACKWARD_KEYS;
}

extern const ck_kernels ck_baseline;
#if defined(__x86_64__)
extern const ck_kernels ck_avx512_paired, ck_avx512, ck_avx2, ck_avx2_paired;
#endif

const ck_kernels *ck_set(int index) {
    const ck_kernels *sets[5] = {0};
    int count = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
        // AMD's processors with AVX-512 have units that only add; see PairedProduct.h.
        if (__builtin_cpu_is("amd")) sets[count++] = &ck_avx512_paired;
        sets[count++] = &ck_avx512;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        sets[count++] = &ck_avx2;
        sets[count++] = &ck_avx2_paired;  // For tests; never the first.
    }
#endif
    sets[count++] = &ck_baseline;
    return index >= 0 && index < count ? sets[index] : 0;
}
