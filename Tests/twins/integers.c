// The integer kernels against their definition in IntegerKernels.h, element by element and to the bit: every instruction
// set, of any processor, gives the same.

#include <stdlib.h>
#include <string.h>

#include "check.h"

// Contraction would round less often than the definition does.
#pragma clang fp contract(off)

// The sum of 32 chains, which are added in halves.
static float sum_of(const float *x, ptrdiff_t count) {
    float chains[32] = {0};
    for (ptrdiff_t i = 0; i < count; i++) chains[i % 32] += x[i];
    for (int half = 16; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) chains[i] += chains[i + half];
    }
    return chains[0];
}

static void norm_row(float *x, ptrdiff_t count, const ck_row_map *map, float *scratch) {
    const float mean = sum_of(x, count) / (float)count;
    for (ptrdiff_t i = 0; i < count; i++) {
        x[i] = x[i] - mean;
        scratch[i] = x[i] * x[i];
    }
    const float variance = sum_of(scratch, count) / (float)count;
    const float scale = 1.0f / sqrtf(variance + map->epsilon);
    for (ptrdiff_t i = 0; i < count; i++) x[i] = x[i] * scale * map->weight[i] + map->bias[i];
}

// Writes a row's integers and returns its scale.
static float quantize_row(
    const float *x, ptrdiff_t count, int bits, bool is_left, int32_t *integers, float *scratch) {
    if (bits == 8 && is_left) {
        float lowest = 0, highest = 0;
        for (ptrdiff_t i = 0; i < count; i++) {
            lowest = fminf(lowest, x[i]);
            highest = fmaxf(highest, x[i]);
        }
        const float half = 0.5f * highest - 0.5f * lowest, factor = 127 / half;
        for (ptrdiff_t i = 0; i < count; i++) integers[i] = (int32_t)lrintf(x[i] * factor);
        return half / 127;
    }
    float largest = 0, limit = 127;
    for (ptrdiff_t i = 0; i < count; i++) largest = fmaxf(largest, fabsf(x[i]));
    const float inverse = 1.0f / largest;
    if (bits == 16) {
        for (ptrdiff_t i = 0; i < count; i++) {
            const float u = x[i] * inverse;
            scratch[i] = u * u;
        }
        limit = fminf(32767.0f, (46336.0f - 0.5f * sqrtf((float)count)) / sqrtf(sum_of(scratch, count)));
    }
    const float factor = limit * inverse;
    for (ptrdiff_t i = 0; i < count; i++) integers[i] = (int32_t)lrintf(x[i] * factor);
    return largest / limit;
}

static void check_case(const ck_integer_kernels *set, int bits, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, bool is_normed) {
    noise seed = (noise)(m + 100 * n + 10000 * k + bits);
    const ptrdiff_t depth = ck_integer_depth(k);
    const ptrdiff_t strips = (n + CK_INTEGER_STRIP - 1) / CK_INTEGER_STRIP;
    const bool as_bytes = bits == 8 && set->byte_group == 4;
    const ptrdiff_t group = as_bytes ? 4 : 2;
    matrix x = random_matrix(m, k, BY_ROWS, 3, &seed), w = random_matrix(n, k, BY_ROWS, 1, &seed);
    matrix bias = random_matrix(1, n, BY_ROWS, 1, &seed), residual = random_matrix(m, n, BY_ROWS, 1, &seed);
    matrix weight = random_matrix(1, k, BY_ROWS, 1, &seed), offset = random_matrix(1, k, BY_ROWS, 1, &seed);
    const ck_row_map map = {is_normed ? CK_LAYER_NORM : CK_IDENTITY, weight.base, offset.base, 1e-6f};
    const ck_row_map identity = {CK_IDENTITY, 0, 0, 0};

    float *line = guarded_floats(k), *scales = guarded_floats(m), *columns = guarded_floats(n);
    int32_t *zeros = (int32_t *)guarded((size_t)m * 4);
    uint8_t *left = guarded((size_t)(m * depth * (as_bytes ? 1 : 2)));
    int16_t *right = (int16_t *)guarded((size_t)(n * depth * 2));
    set->quantize(m, k, x.base, x.row, &map, bits, true, left, scales, zeros, line);
    set->quantize(n, k, w.base, w.row, &identity, bits, false, right, columns, 0, line);
    uint8_t *packed = guarded((size_t)(strips * CK_INTEGER_STRIP * depth * bits / 8));
    memset(packed, 0, (size_t)(strips * CK_INTEGER_STRIP * depth * bits / 8));
    int32_t *offsets = (int32_t *)guarded((size_t)n * 4);
    for (ptrdiff_t j = 0; j < n; j++) {
        offsets[j] = 0;
        for (ptrdiff_t p = 0; p < depth; p++) {
            const int16_t q = right[j * depth + p];
            offsets[j] -= q;
            const ptrdiff_t place = j / CK_INTEGER_STRIP * CK_INTEGER_STRIP * depth
                + p / group * CK_INTEGER_STRIP * group + j % CK_INTEGER_STRIP * group + p % group;
            if (bits == 8) ((int8_t *)packed)[place] = (int8_t)q; else ((int16_t *)packed)[place] = q;
        }
    }
    matrix c = unwritten(m, n, BY_ROWS);
    set->product((ck_integer_product_task){
        .rows = m,
        .columns = n,
        .depth = k,
        .bits = bits,
        .left = {left, scales, as_bytes ? zeros : 0},
        .right = {packed, columns, 0},
        .offsets = as_bytes ? offsets : 0,
        .c = c.base,
        .c_row_stride = c.row,
        .bias = bias.base,
        .residual = residual.base,
        .residual_row_stride = residual.row,
    });
    expect(is_written_exactly(c), "integer product writes %td x %td and nothing else", m, n);

    float *row = guarded_floats(k), *scratch = guarded_floats(k);
    int32_t *a = malloc((size_t)k * 4), *b = malloc((size_t)(n * k) * 4);
    float *column_scales = malloc((size_t)n * 4);
    for (ptrdiff_t j = 0; j < n; j++) {
        column_scales[j] = quantize_row(w.base + j * w.row, k, bits, false, b + j * k, scratch);
    }
    for (ptrdiff_t i = 0; i < m; i++) {
        memcpy(row, x.base + i * x.row, (size_t)k * sizeof(float));
        if (is_normed) norm_row(row, k, &map, scratch);
        const float scale = quantize_row(row, k, bits, true, a, scratch);
        for (ptrdiff_t j = 0; j < n; j++) {
            int64_t sum = 0;
            for (ptrdiff_t p = 0; p < k; p++) sum += (int64_t)a[p] * b[j * k + p];
            float exact = (float)sum * (column_scales[j] * scale);
            exact = exact + bias.base[j];
            exact = exact + at(residual, i, j);
            expect(
                sum == (int32_t)sum && exact == at(c, i, j), "integer product, %d bits, depth %td: %g instead of %g", bits,
                k, (double)at(c, i, j), (double)exact);
        }
    }
    free(a);
    free(b);
    free(column_scales);
    release();
}

// Compares the kernels of every instruction set in turn.
void check_integers(void) {
    static const ptrdiff_t EXTENTS[][3] = {{1, 1, 1},    {5, 17, 3},   {6, 48, 64},  {7, 63, 33},
                                           {13, 31, 385}, {8, 16, 1000}, {3, 100, 30}, {16, 5, 97}};
    const ck_integer_kernels *set;
    for (int i = 0; (set = ck_integer_set(i)); i++) {
        begin_set(set->name);
        for (size_t e = 0; e < sizeof EXTENTS / sizeof *EXTENTS; e++) {
            const ptrdiff_t *extents = EXTENTS[e];
            for (int bits = 8; bits <= 16; bits += 8) {
                check_case(set, bits, extents[0], extents[1], extents[2], false);
                check_case(set, bits, extents[0], extents[1], extents[2], true);
            }
        }
    }
}
