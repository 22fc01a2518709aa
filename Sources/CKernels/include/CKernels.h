// The vector kernels. Each is one text, compiled for every instruction set; `ck_set` gives the
// tables of those that the processor has. Nothing here allocates or starts threads:
// the caller cuts the work and hands in scratch memory.
//
// Strides are counted in floats. Pointers need no alignment unless said.

#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>

// What is done to a matrix product C before it is stored: C = (C + bias + residual) gelu'(slope_at).
typedef struct {
    const float *_Nullable bias;      // one value a column
    const float *_Nullable residual;  // a matrix of C's shape, apart from C's memory
    ptrdiff_t residual_row_stride;
    const float *_Nullable slope_at;  // a matrix of C's shape
    ptrdiff_t slope_row_stride;
} ck_epilogue;

// One piece of an attention: `queries` rows of one head against all its keys.
typedef struct {
    const float *_Nonnull query;  // [queries, width], rows `row_stride` apart
    const float *_Nonnull key;    // [keys, width], likewise
    const float *_Nonnull value;  // [keys, width], likewise
    ptrdiff_t row_stride;
    const float *_Nullable prepared;  // keys and values again, as prepare_keys makes them
    float *_Nonnull output;       // [queries, width]
    ptrdiff_t output_row_stride;
    // log2 sum e^(scale q k) over the keys for each query, in base 2, where it is asked for.
    float *_Nullable log_sum_exp;
    ptrdiff_t queries, keys, width;
    float scale;                  // multiplies the scores before the softmax
} ck_attention_task;

// One piece of an attention's backward pass: all queries of one head against `keys` of its keys.
typedef struct {
    const float *_Nonnull query;  // [queries, width], rows `row_stride` apart
    const float *_Nonnull key;    // [keys, width], likewise
    const float *_Nonnull value;  // [keys, width], likewise
    ptrdiff_t row_stride;
    const float *_Nonnull output;       // what attention gave, [queries, width]
    const float *_Nonnull gradient;     // of the output, likewise
    ptrdiff_t output_row_stride;        // of both
    const float *_Nonnull log_sum_exp;  // as attention gave it, over all keys of the head
    float *_Nonnull query_gradient;     // [queries, width], what these keys add to it
    ptrdiff_t query_gradient_row_stride;
    float *_Nonnull key_gradient;    // [keys, width]
    float *_Nonnull value_gradient;  // [keys, width]
    ptrdiff_t gradient_row_stride;   // of these two
    ptrdiff_t queries, keys, width;
    float scale;
} ck_attention_pullback_task;

// The numbers of a step of AdamW:
//     m += (g - m) first_share;  v = v second_keep + g² second_share
//     p = p keep - rate m / (sqrt(v) deviation_scale + epsilon)
typedef struct {
    float keep, first_share, second_keep, second_share, rate, deviation_scale, epsilon;
} ck_adamw;

// A table is constant: Swift may share it between threads.
typedef struct __attribute__((swift_attr("@Sendable"))) ck_kernels {
    const char *_Nonnull name;    // "AVX-512, paired", "AVX-512", "AVX2", "AVX2, paired", "baseline"
    // Whether the matrix product below beats a general BLAS on this instruction set.
    bool has_fused_multiply_add;

    // A product C = A B is done a block of its depth k at a time, of which there are
    // ck_depth_blocks(k), cut evenly. `pack` brings a block of B, `depth` rows of it, to
    // ck_packed_block(depth, columns) floats; B's element (p, j) lies at b[p b_row + j b_column].
    void (*_Nonnull pack)(
        ptrdiff_t depth, ptrdiff_t columns, const float *_Nonnull b, ptrdiff_t b_row,
        ptrdiff_t b_column, float *_Nonnull packed);

    // Where it is given, `product` takes A's block in another form, which this makes of it: strips of
    // CK_STRIP rows (PairedProduct.h), ck_balanced_block(rows, depth) floats, so that the strips from
    // a row on begin at ck_balanced_block(row, depth). `product` then asks for no strides of A.
    void (*_Nullable balance)(
        ptrdiff_t rows, ptrdiff_t depth, const float *_Nonnull a, ptrdiff_t a_row,
        ptrdiff_t a_column, float *_Nonnull balanced);

    // C = A B for one block of the depth, or that is added to C; A's element (i, p) lies at
    // a[i a_row + p a_column], C's rows are c_row apart. With the last block goes the epilogue. Each
    // element of C sums its products in an order that depends on k alone, so that however C is cut,
    // its bits are the same. Where `next` is given, the block of B that will be multiplied by next begins
    // there: it is brought nearer meanwhile.
    void (*_Nonnull product)(
        ptrdiff_t m, ptrdiff_t n, ptrdiff_t depth, const float *_Nonnull a, ptrdiff_t a_row,
        ptrdiff_t a_column, const float *_Nonnull packed, const float *_Nullable next,
        float *_Nonnull c, ptrdiff_t c_row, bool accumulates,
        const ck_epilogue *_Nullable epilogue);

    // The epilogue in place, for a product that came from elsewhere.
    void (*_Nonnull finish)(
        ptrdiff_t m, ptrdiff_t n, float *_Nonnull c, ptrdiff_t c_row, ck_epilogue epilogue);

    // Where it is given, `attention` is faster with one head's keys and values in another form
    // beside, which this makes of them: ck_prepared_keys(keys, width) floats. It pays where there are
    // many queries for them.
    void (*_Nullable prepare_keys)(
        ptrdiff_t keys, ptrdiff_t width, const float *_Nonnull key, const float *_Nonnull value,
        ptrdiff_t row_stride, float *_Nonnull prepared);

    // output = softmax(scale Q K^T) V by tiles with a running softmax (Milakov and Gimelshein
    // 2018; Dao et al. 2022). `scratch` holds ck_attention_scratch(width) floats.
    void (*_Nonnull attention)(ck_attention_task task, float *_Nonnull scratch);

    // The gradients of queries, keys and values by tiles (Dao et al. 2022). They must not overlap
    // what is read. `scratch` holds ck_attention_pullback_scratch(width) floats.
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

    // The gradient of layer_norm for rows of x, given that of y, `dy`. dx is written, or added to
    // where `accumulates`; the rows' shares of weight's and bias's gradients are added to `dweight`
    // and `dbias`.
    void (*_Nonnull layer_norm_gradient)(
        ptrdiff_t rows, ptrdiff_t width, const float *_Nonnull x, const float *_Nonnull dy,
        const float *_Nonnull weight, float epsilon, float *_Nullable dx, bool accumulates,
        float *_Nonnull dweight, float *_Nonnull dbias);

    // sums[j] += the sum of column j of x [rows, columns], rows x_row apart.
    void (*_Nonnull column_sums)(
        ptrdiff_t rows, ptrdiff_t columns, const float *_Nonnull x, ptrdiff_t x_row,
        float *_Nonnull sums);

    // The sum of a[i] b[i]: blocks of some hundred in single precision, these in double.
    double (*_Nonnull dot)(ptrdiff_t count, const float *_Nonnull a, const float *_Nonnull b);

    // y = softmax((x - centre) scale).
    void (*_Nonnull softmax)(
        ptrdiff_t count, const float *_Nonnull x, const float *_Nullable centre, float scale,
        float *_Nonnull y);

    // Gives the sum of weights[i] scale (x[i] - top), top being the highest x, and in `sums` top,
    // the sum of exp(scale (x[i] - top)) and that of the weights.
    double (*_Nonnull cross_entropy)(
        ptrdiff_t count, const float *_Nonnull x, const float *_Nonnull weights, float scale,
        float *_Nonnull sums);

    // gradient[i] = factor (softmax(scale x)[i] sum(weights) - weights[i]), or that is added to it;
    // `sums` as above.
    void (*_Nonnull cross_entropy_gradient)(
        ptrdiff_t count, const float *_Nonnull x, const float *_Nonnull weights, float scale,
        const float *_Nonnull sums, float factor, float *_Nonnull gradient, bool accumulates);

    // y = silu(a) b for the rows [a | b] of x [rows, 2 width], silu(a) = a / (1 + e^-a).
    void (*_Nonnull swiglu)(
        ptrdiff_t rows, ptrdiff_t width, const float *_Nonnull x, float *_Nonnull y);

    // The gradient of swiglu with respect to x, given that of y, `dy`; or that is added to dx.
    void (*_Nonnull swiglu_gradient)(
        ptrdiff_t rows, ptrdiff_t width, const float *_Nonnull x, const float *_Nonnull dy,
        float *_Nonnull dx, bool accumulates);

    // A step of AdamW: parameter p, its gradient g, its averages m (`first`) and v (`second`).
    void (*_Nonnull adamw)(
        ptrdiff_t count, float *_Nonnull parameter, const float *_Nonnull gradient,
        float *_Nonnull first, float *_Nonnull second, ck_adamw step);

    // A loop of independent fused multiply-adds in registers, `count` vectors in all; returns the
    // floating-point operations done. What a matrix product cannot exceed.
    double (*_Nonnull multiply_add_limit)(ptrdiff_t count, float *_Nonnull sink);
} ck_kernels;

// Rows of A, keys of attention, that are best cut by: whole tiles.
enum { CK_STRIP = 16 };

// The number of queries that an attention task should have at most.
enum { CK_ATTENTION_QUERIES = 144 };

// The blocks that a depth is cut into; floats of what `pack` and `balance` make.
ptrdiff_t ck_depth_blocks(ptrdiff_t k);
ptrdiff_t ck_packed_block(ptrdiff_t depth, ptrdiff_t columns);
ptrdiff_t ck_balanced_block(ptrdiff_t rows, ptrdiff_t depth);

// Floats of scratch memory for `attention` and its pullback with heads of `width`, and of what
// `prepare_keys` makes.
ptrdiff_t ck_attention_scratch(ptrdiff_t width);
ptrdiff_t ck_prepared_keys(ptrdiff_t keys, ptrdiff_t width);
ptrdiff_t ck_attention_pullback_scratch(ptrdiff_t width);

// Tells the processor that a loop waits for another thread.
static inline void ck_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// The instruction sets that this processor has; NULL past the last. The first is the best.
const ck_kernels *_Nullable ck_set(int index);

#endif
