// The vector kernels. Each is one source, compiled for every instruction set; `ck_set` returns the tables of
// those that the processor supports. Nothing here allocates or starts threads: the caller splits the work and
// provides scratch memory.
//
// Strides are counted in floats. Pointers need no alignment unless stated otherwise.

#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>


// A matrix; element (i, j) is at first[i row_stride + j column_stride].
typedef struct {
    const float *_Nonnull first;
    ptrdiff_t row_stride, column_stride;
} ck_matrix;

// Operations on a matrix product C before it is stored: C = (C + bias + residual) gelu'(slope_at). Those whose operand is
// NULL are left out.
typedef struct {
    const float *_Nullable bias;      // one value per column
    const float *_Nullable residual;  // a matrix of C's shape, not overlapping C
    ptrdiff_t residual_row_stride;
    const float *_Nullable slope_at;  // a matrix of C's shape
    ptrdiff_t slope_row_stride;
} ck_epilogue;

// A task of a matrix product: C = A B or C += A B for one block of the depth.
typedef struct {
    ptrdiff_t rows, columns, depth;  // A is [rows, depth], B [depth, columns]
    // A, its rows or its columns contiguous; of what `balance` wrote only `first` is read.
    ck_matrix left;
    const float *_Nonnull packed;    // B as `pack` wrote it, or `split`
    const float *_Nullable next;     // the block of B to be multiplied next, prefetched meanwhile; or NULL
    float *_Nonnull c;               // [rows, columns]
    ptrdiff_t c_row_stride;
    bool accumulates;                // C += A B
    ck_epilogue epilogue;            // for the last block only
} ck_product_task;

// A task of attention: `queries` rows of one head against all its keys.
typedef struct {
    const float *_Nonnull query;  // [queries, width], rows `row_stride` apart
    const float *_Nonnull key;    // [keys, width], the same row stride
    const float *_Nonnull value;  // [keys, width], the same row stride
    ptrdiff_t row_stride;
    const float *_Nullable prepared;  // keys and values as laid out by prepare_keys, or NULL
    float *_Nonnull output;       // [queries, width]
    ptrdiff_t output_row_stride;
    // For each query log2 of the sum of e^(scale q k) over the keys; NULL if not needed.
    float *_Nullable log_sum_exp;
    ptrdiff_t queries, keys, width;
    float scale;                  // multiplies the scores before the softmax
} ck_attention_task;

// A task of attention's backward pass: all queries of one head against `keys` of its keys.
typedef struct {
    const float *_Nonnull query;  // [queries, width], rows `row_stride` apart
    const float *_Nonnull key;    // [keys, width], the same row stride
    const float *_Nonnull value;  // [keys, width], the same row stride
    ptrdiff_t row_stride;
    const float *_Nonnull output;       // the output of attention, [queries, width]
    const float *_Nonnull gradient;     // the gradient of the output, [queries, width]
    ptrdiff_t output_row_stride;        // of output and gradient
    const float *_Nonnull log_sum_exp;  // from attention, over all keys of the head
    float *_Nonnull query_gradient;     // [queries, width], these keys' contribution
    ptrdiff_t query_gradient_row_stride;
    float *_Nonnull key_gradient;    // [keys, width]
    float *_Nonnull value_gradient;  // [keys, width]
    ptrdiff_t gradient_row_stride;   // of key_gradient and value_gradient
    ptrdiff_t queries, keys, width;
    float scale;
} ck_attention_pullback_task;

// The constants of one AdamW step:
//     m += (g - m) first_share;  v = v second_keep + g² second_share
//     p = p keep - rate m / (sqrt(v) deviation_scale + epsilon)
typedef struct {
    float keep, first_share, second_keep, second_share, rate, deviation_scale, epsilon;
} ck_adamw;

// A table is constant, so Swift may share it between threads.
typedef struct __attribute__((swift_attr("@Sendable"))) ck_kernels {
    const char *_Nonnull name;    // "amx", "avx512-paired-wide", "avx512-paired", "avx512", "avx2", "avx2-paired", "baseline"
    // Whether the matrix product below is faster than a general BLAS on this instruction set.
    bool has_fused_multiply_add;

    // A product C = A B is computed one block of its depth k at a time; there are ck_depth_blocks(k), of
    // even size. `pack` writes a block of B, `depth` of its rows, to ck_packed_block(depth, columns) floats.
    void (*_Nonnull pack)(ptrdiff_t depth, ptrdiff_t columns, ck_matrix b, float *_Nonnull packed);

    // The elements of a packed block, as they were: element (p, j) goes to b[p + j b_column].
    void (*_Nonnull unpack)(
        ptrdiff_t depth, ptrdiff_t columns, const float *_Nonnull packed, float *_Nonnull b,
        ptrdiff_t b_column);

    // If not NULL, `product` requires blocks of A in another layout, which this writes: strips of CK_STRIP
    // rows in ck_balanced_block(rows, depth) floats, or ck_split_block(rows, depth) if `split` is not NULL. The strips
    // from a row on start at what that gives for the rows before.
    void (*_Nullable balance)(
        ptrdiff_t rows, ptrdiff_t depth, ck_matrix a, float *_Nonnull balanced);

    // If not NULL, `product` requires packed blocks of B in another layout, which this writes: ck_split_block(columns,
    // depth) floats. It is three quarters as large, but rounded, and `unpack` must return the elements; so it is made
    // for each product and not kept.
    void (*_Nullable split)(
        ptrdiff_t depth, ptrdiff_t columns, const float *_Nonnull packed, float *_Nonnull split);

    // Each element of C is summed in an order that depends only on k, so that the result is bit-identical however C
    // is split.
    void (*_Nonnull product)(ck_product_task task);

    // Applies the epilogue in place, to a product computed elsewhere.
    void (*_Nonnull finish)(
        ptrdiff_t m, ptrdiff_t n, float *_Nonnull c, ptrdiff_t c_row, ck_epilogue epilogue);

    // `attention` is faster when it also gets one head's keys and values in another layout, which this writes:
    // ck_prepared_keys(keys, width) floats. It pays if many queries use them.
    void (*_Nonnull prepare_keys)(
        ptrdiff_t keys, ptrdiff_t width, const float *_Nonnull key, const float *_Nonnull value,
        ptrdiff_t row_stride, float *_Nonnull prepared);

    // output = softmax(scale Q K^T) V by tiles with a running softmax (Milakov and Gimelshein
    // 2018; Dao et al. 2022). `scratch` has room for ck_attention_scratch(width) floats.
    void (*_Nonnull attention)(ck_attention_task task, float *_Nonnull scratch);

    // The gradients of queries, keys and values by tiles (Dao et al. 2022). They must not overlap
    // the inputs. `scratch` has room for ck_attention_pullback_scratch(width) floats.
    void (*_Nonnull attention_pullback)(
        ck_attention_pullback_task task, float *_Nonnull scratch);

    // y = (x - mean) / sqrt(variance + epsilon) * weight + bias for each row of x [rows, width].
    void (*_Nonnull layer_norm)(
        ptrdiff_t rows, ptrdiff_t width, const float *_Nonnull x, ptrdiff_t x_row,
        const float *_Nonnull weight, const float *_Nonnull bias, float epsilon,
        float *_Nonnull y, ptrdiff_t y_row);

    // target[c, r] = source[r, c] for a source of [rows, columns].
    void (*_Nonnull transpose)(
        ptrdiff_t rows, ptrdiff_t columns, const float *_Nonnull source, ptrdiff_t source_row,
        float *_Nonnull target, ptrdiff_t target_row);

    // y = x Phi(x), the exact GELU, for x [rows, columns]; y may be x.
    void (*_Nonnull gelu)(
        ptrdiff_t rows, ptrdiff_t columns, const float *_Nonnull x, ptrdiff_t x_row,
        float *_Nonnull y, ptrdiff_t y_row);

    // gradient[i] *= the derivative of x Phi(x) at x[i].
    void (*_Nonnull gelu_gradient)(
        ptrdiff_t count, const float *_Nonnull x, float *_Nonnull gradient);

    // The gradient of layer_norm for rows of x, given `dy`, that of y. dx is written, or added to if
    // `accumulates`, or not computed if NULL; the rows' contributions to the gradients of weight and bias
    // are added to `dweight` and `dbias`.
    void (*_Nonnull layer_norm_gradient)(
        ptrdiff_t rows, ptrdiff_t width, const float *_Nonnull x, const float *_Nonnull dy,
        const float *_Nonnull weight, float epsilon, float *_Nullable dx, bool accumulates,
        float *_Nonnull dweight, float *_Nonnull dbias);

    // sums[j] += the sum of column j of x [rows, columns], rows x_row apart.
    void (*_Nonnull column_sums)(
        ptrdiff_t rows, ptrdiff_t columns, const float *_Nonnull x, ptrdiff_t x_row,
        float *_Nonnull sums);

    // The sum of a[i] b[i]: in single precision within blocks of some hundred, in double across them.
    double (*_Nonnull dot)(ptrdiff_t count, const float *_Nonnull a, const float *_Nonnull b);

    // y = softmax((x - centre) scale).
    void (*_Nonnull softmax)(
        ptrdiff_t count, const float *_Nonnull x, const float *_Nullable centre, float scale,
        float *_Nonnull y);

    // Returns the sum of weights[i] scale (x[i] - top), where top is the highest x, and stores in `sums` top,
    // the sum of exp(scale (x[i] - top)) and the sum of the weights.
    double (*_Nonnull cross_entropy)(
        ptrdiff_t count, const float *_Nonnull x, const float *_Nonnull weights, float scale,
        float *_Nonnull sums);

    // gradient[i] = factor (softmax(scale x)[i] sum(weights) - weights[i]), or += if `accumulates`;
    // `sums` from cross_entropy.
    void (*_Nonnull cross_entropy_gradient)(
        ptrdiff_t count, const float *_Nonnull x, const float *_Nonnull weights, float scale,
        const float *_Nonnull sums, float factor, float *_Nonnull gradient, bool accumulates);

    // y = silu(a) b for the rows [a | b] of x [rows, 2 width], silu(a) = a / (1 + e^-a).
    void (*_Nonnull swiglu)(
        ptrdiff_t rows, ptrdiff_t width, const float *_Nonnull x, float *_Nonnull y);

    // The gradient of swiglu with respect to x, given `dy`, that of y; added to dx if `accumulates`.
    void (*_Nonnull swiglu_gradient)(
        ptrdiff_t rows, ptrdiff_t width, const float *_Nonnull x, const float *_Nonnull dy,
        float *_Nonnull dx, bool accumulates);

    // One AdamW step: parameter p, its gradient g, its averages m (`first`) and v (`second`).
    void (*_Nonnull adamw)(
        ptrdiff_t count, float *_Nonnull parameter, const float *_Nonnull gradient,
        float *_Nonnull first, float *_Nonnull second, ck_adamw step);

    // Runs independent fused multiply-adds in registers, `count` vectors in total, and returns the number of
    // floating-point operations: an upper bound on the speed of a matrix product.
    double (*_Nonnull multiply_add_limit)(ptrdiff_t count, float *_Nonnull sink);
} ck_kernels;

// Rows of A and keys of attention are best split in multiples of this: whole tiles.
enum { CK_STRIP = 16 };

// The most queries of an attention task.
enum { CK_ATTENTION_QUERIES = 144 };

// The number of blocks that a depth is split into, and the floats that `pack` and `balance` write.
ptrdiff_t ck_depth_blocks(ptrdiff_t k);
ptrdiff_t ck_packed_block(ptrdiff_t depth, ptrdiff_t columns);
ptrdiff_t ck_balanced_block(ptrdiff_t rows, ptrdiff_t depth);

// The floats that rows of A or columns of B take in the layout of `split`.
ptrdiff_t ck_split_block(ptrdiff_t lines, ptrdiff_t depth);

// Floats of scratch memory for `attention` and its pullback with heads of `width`, and the floats that
// `prepare_keys` writes.
ptrdiff_t ck_attention_scratch(ptrdiff_t width);
ptrdiff_t ck_prepared_keys(ptrdiff_t keys, ptrdiff_t width);
ptrdiff_t ck_attention_pullback_scratch(ptrdiff_t width);

// Signals a spin loop to the processor.
static inline void ck_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// The forms of the products for AVX-512, and the default on a processor of this vendor and family, as CPUID names them.
typedef enum { CK_PLAIN, CK_PAIRED, CK_PAIRED_WIDE } ck_product_form;

ck_product_form ck_preferred_form(const char *_Nonnull vendor, int family);

// The tables of the instruction sets that this processor supports, best first; NULL past the last.
const ck_kernels *_Nullable ck_set(int index);

// Below, because they share types with the above.
#include "IntegerKernels.h"

#endif
