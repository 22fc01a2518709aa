// The kernels of products in integers. Sums of integers are exact, row scales are summed in an order of their own, and
// the float arithmetic around them is never contracted: the results are the same bits on every instruction set, except for
// those of attention.
//
// A real matrix is represented by integers q and a scale for each row: x[i, p] = scale[i] q[i, p]. The formats are
//   16 bits: |q| <= 32767, and the length of a row is at most 2^15.5, so that by the Cauchy-Schwarz inequality no sum
//            of products leaves 32 bits;
//   8 bits:  |q| <= 127; in a left factor the lowest q of a row is at most 0, the highest at least 0, and they are at most
//            255 apart. The outputs of a GELU, of which hardly any are negative, thus get nearly twice the steps.

#ifndef INTEGER_KERNELS_H
#define INTEGER_KERNELS_H

#include <stdint.h>

#include "CKernels.h"

// A map applied to rows of floats before they are quantised.
typedef struct {
    enum { CK_IDENTITY, CK_GELU, CK_LAYER_NORM } kind;
    const float *_Nullable weight, *_Nullable bias;  // of the layer norm, one per column
    float epsilon;
} ck_row_map;

// One side of a product: rows of integers in the layout of `quantize` or in packed form, with the scale of each row.
typedef struct {
    const void *_Nonnull integers;
    const float *_Nonnull scales;
    const int32_t *_Nullable zeros;  // of left factors that are bytes: the byte of each row that stands for 0
} ck_quantized;

// A task of a product: c = left rightᵀ + bias + residual.
typedef struct {
    ptrdiff_t rows, columns, depth;
    int bits;                  // 8 or 16
    ck_quantized left;         // `rows` rows as `quantize` writes them
    // `columns` rows in packed form: strips of CK_INTEGER_STRIP, in each of which groups of adjacent integers follow one
    // another by columns of C, and the lines of a strip by depth.
    ck_quantized right;
    // Minus the sum of each column's integers, read for 8 bits if `byte_group` is 4; NULL otherwise.
    const int32_t *_Nullable offsets;
    float *_Nonnull c;         // [rows, columns]
    ptrdiff_t c_row_stride;
    const float *_Nullable bias;      // one value per column, or NULL
    const float *_Nullable residual;  // [rows, columns], or NULL
    ptrdiff_t residual_row_stride;
} ck_integer_product_task;

typedef struct __attribute__((swift_attr("@Sendable"))) ck_integer_kernels {
    // "AMX", "AVX-512 VNNI", "AVX-512", "AVX-VNNI", "AVX2", "baseline"
    const char *_Nonnull name;
    ptrdiff_t vector_bits;
    bool has_tiles;  // of AMX

    // The number of adjacent integers of a column that packed 8-bit factors interleave: 2, or 4 if the processor
    // multiplies bytes by fours. In the latter case it multiplies unsigned bytes by signed ones: a row of a left factor
    // holds q plus a number of its own, and the product subtracts that times the sum of each column's integers. (16-bit
    // factors have pairs.)
    ptrdiff_t byte_group;

    // Quantises rows of map(x), [rows, k]. Rows of `integers` are ck_integer_depth(k) elements apart: bytes if the
    // format is 8 bits, `byte_group` is 4 and `is_left` is true, 16-bit integers otherwise. Only for bytes `zeros` is
    // written. A row with an infinity or a NaN gets the scale NaN. `line` has room for k floats.
    void (*_Nonnull quantize)(
        ptrdiff_t rows, ptrdiff_t k, const float *_Nonnull x, ptrdiff_t x_row,
        const ck_row_map *_Nonnull map, int bits, bool is_left, void *_Nonnull integers,
        float *_Nonnull scales, int32_t *_Nullable zeros, float *_Nonnull line);

    // The product is scaled by the row's times the column's scale, then bias and residual are added in turn; each
    // operation rounds.
    void (*_Nonnull product)(ck_integer_product_task task);

    // `attention` of the float kernels with both products in 16-bit integers. It needs one head's keys and values as
    // this writes them: ck_prepared_integer_keys(keys, width) floats. A query, a key or a value with an infinity or a
    // NaN makes what depends on it NaN. Both need ck_integer_attention_scratch(width) floats.
    void (*_Nonnull prepare_keys)(
        ptrdiff_t keys, ptrdiff_t width, const float *_Nonnull key, const float *_Nonnull value,
        ptrdiff_t row_stride, float *_Nonnull prepared, float *_Nonnull scratch);
    void (*_Nonnull attention)(ck_attention_task task, float *_Nonnull scratch);
} ck_integer_kernels;

// Columns of a strip of packed integers.
enum { CK_INTEGER_STRIP = 16 };

// The depth of rows of integers: k rounded up to a multiple of 4. The integers from k on are 0.
static inline ptrdiff_t ck_integer_depth(ptrdiff_t k) { return (k + 3) / 4 * 4; }

// Floats of scratch memory for attention in integers with heads of `width`, and those that its `prepare_keys` writes.
ptrdiff_t ck_integer_attention_scratch(ptrdiff_t width);
ptrdiff_t ck_prepared_integer_keys(ptrdiff_t keys, ptrdiff_t width);

// The tables of the instruction sets that this processor supports, best first; NULL past the last.
const ck_integer_kernels *_Nullable ck_integer_set(int index);

// Whether attention is faster in integers than in floats on this processor. With VNNI a vector multiplies and adds twice as
// many integers as floats. Without, that takes two instructions: as fast as floats' one with vectors of 512 bits, faster
// with those of 256 bits.
bool ck_prefers_integer_attention(const ck_integer_kernels *_Nonnull kernels);

#endif
