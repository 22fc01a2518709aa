#include <string.h>

#include "CKernels.h"
#include "Sizes.h"

ptrdiff_t ck_depth_blocks(ptrdiff_t k) { return k > DEPTH ? (k + DEPTH - 1) / DEPTH : 1; }

ptrdiff_t ck_packed_block(ptrdiff_t depth, ptrdiff_t columns) {
    // Whole vectors of columns, with two extra numbers for each.
    return (columns + WIDEST_VECTOR - 1) / WIDEST_VECTOR * WIDEST_VECTOR * (depth + 2);
}

ptrdiff_t ck_balanced_block(ptrdiff_t rows, ptrdiff_t depth) { return balanced_block(rows, depth); }

ptrdiff_t ck_split_block(ptrdiff_t lines, ptrdiff_t depth) { return split_bytes(lines, depth) / 4; }

ptrdiff_t ck_attention_scratch(ptrdiff_t width) {
    // Scores, queries and outputs, with two extra numbers for each column of the first two; a block of keys and values.
    return (KEYS + 2) * WIDEST_PANEL + 2 * CK_ATTENTION_QUERIES * (width + 1) + 2 * PLAIN_KEYS * width;
}

ptrdiff_t ck_prepared_keys(ptrdiff_t keys, ptrdiff_t width) {
    return balanced_block(keys, width) + balanced_block(width, keys + 2 * (key_blocks(keys, KEYS) - 1));
}

ptrdiff_t ck_integer_attention_scratch(ptrdiff_t width) {
    // Queries and outputs; scores and powers; a panel of queries and one of them as floats.
    return quantized_block(CK_ATTENTION_QUERIES, width) + CK_ATTENTION_QUERIES * width
        + (KEYS + KEYS / 2) * WIDEST_PANEL + quantized_block(WIDEST_PANEL, width) + KEYS;
}

ptrdiff_t ck_prepared_integer_keys(ptrdiff_t keys, ptrdiff_t width) {
    // In each block of keys but the last, whole strips.
    return quantized_block(keys, width) + quantized_block(width, keys) + width * (key_blocks(keys, KEYS) - 1);
}

ptrdiff_t ck_attention_pullback_scratch(ptrdiff_t width) {
    ptrdiff_t line = (width + WIDEST_VECTOR - 1) / WIDEST_VECTOR * WIDEST_VECTOR;
    return (3 * BACKWARD_KEYS + 2 * BACKWARD_QUERIES) * line
        + 2 * BACKWARD_QUERIES * BACKWARD_KEYS;
}

// The processors on which a paired form is the faster one. They need units that add beside those that multiply; where both
// share them, two additions for a multiplication gain nothing. AMD numbers families from 0; 25 is also Zen 3, which has no
// AVX-512.
static const struct { const char *vendor; int family; ck_product_form form; } PAIRED_PROCESSORS[] = {
    {"AuthenticAMD", 25, CK_PAIRED},       // Zen 4: 1.2 to 1.3 times the rate of multiply-adds, measured
    {"AuthenticAMD", 26, CK_PAIRED_WIDE},  // Zen 5: 1.2 to 1.3 times, the narrow tiles 0.8, the plain form 0.95
};

ck_product_form ck_preferred_form(const char *vendor, int family) {
    for (size_t i = 0; i < sizeof PAIRED_PROCESSORS / sizeof *PAIRED_PROCESSORS; i++) {
        if (strcmp(vendor, PAIRED_PROCESSORS[i].vendor) == 0 && family == PAIRED_PROCESSORS[i].family) {
            return PAIRED_PROCESSORS[i].form;
        }
    }
    return CK_PLAIN;
}

extern const ck_kernels ck_baseline;
extern const ck_integer_kernels ck_integer_baseline;
#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

extern const ck_kernels ck_amx, ck_avx512_paired, ck_avx512_paired_wide, ck_avx512, ck_avx2, ck_avx2_paired;
extern const ck_integer_kernels ck_integer_amx, ck_integer_avx512_vnni, ck_integer_avx512, ck_integer_avx_vnni,
    ck_integer_avx2;

// Whether the processor has what the sources for AVX-512 are compiled for.
static bool has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}

// Whether the processor has AMX for bytes, and VNNI for what its tiles leave, and the system lets this process use
// tiles. Linux gives its permission unless a thread's alternative stack for signals is too small for them. It is asked
// once, so that the tables are the same for the life of the process.
static bool has_amx(void) {
#if defined(__linux__)
    enum { REQUEST_PERMISSION = 0x1023, TILES = 18, UNKNOWN = 0, NO, YES };
    static _Atomic int known;
    if (known == UNKNOWN) {
        const unsigned features = 1u << 24 | 1u << 25;
        unsigned a, b, c, d;
        const bool has = has_avx512() && __builtin_cpu_supports("avx512vnni")
            && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & features) == features
            && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILES) == 0;
        known = has ? YES : NO;
    }
    return known == YES;
#else
    return false;
#endif
}

// Whether the processor has VNNI in the encoding of AVX, which the compiler's own test does not know everywhere.
static bool has_avx_vnni(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

typedef struct {
    char vendor[13];
    int family;
} processor;

// Leaf 0 has the vendor in EBX, EDX and ECX, leaf 1 the family.
static processor this_processor(void) {
    unsigned most, version, features[3], name[3];
    processor result = {{0}, 0};
    if (!__get_cpuid(0, &most, &name[0], &name[2], &name[1])) return result;
    if (!__get_cpuid(1, &version, &features[0], &features[1], &features[2])) return result;
    memcpy(result.vendor, name, 12);
    const int family = version >> 8 & 15;
    result.family = family == 15 ? family + (int)(version >> 20 & 255) : family;
    return result;
}
#endif

const ck_kernels *ck_set(int index) {
    const ck_kernels *sets[7] = {0};
    int count = 0;
#if defined(__x86_64__)
    if (has_amx()) sets[count++] = &ck_amx;
    if (has_avx512()) {
        const processor here = this_processor();
        const ck_kernels *forms[] = {&ck_avx512, &ck_avx512_paired, &ck_avx512_paired_wide};
        const ck_product_form preferred = ck_preferred_form(here.vendor, here.family);
        sets[count++] = forms[preferred];
        for (int form = CK_PLAIN; form <= CK_PAIRED_WIDE; form++) {
            if (form != (int)preferred) sets[count++] = forms[form];
        }
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        sets[count++] = &ck_avx2;
        sets[count++] = &ck_avx2_paired;  // For tests; never the first.
    }
#endif
    sets[count++] = &ck_baseline;
    return index >= 0 && index < count ? sets[index] : 0;
}

const ck_integer_kernels *ck_integer_set(int index) {
    const ck_integer_kernels *sets[7] = {0};
    int count = 0;
#if defined(__x86_64__)
    if (has_amx()) sets[count++] = &ck_integer_amx;
    if (has_avx512()) {
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

bool ck_prefers_integer_attention(const ck_integer_kernels *kernels) {
    if (kernels->byte_group == 4) return true;
#if defined(__x86_64__)
    // Zen 2 and earlier issue one product of pairs a cycle.
    const processor here = this_processor();
    return kernels->vector_bits == 256 && (strcmp(here.vendor, "AuthenticAMD") != 0 || here.family >= 25);
#else
    return false;
#endif
}
