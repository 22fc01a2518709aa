// What the comparisons of the C kernels with plain C share: checks that are counted, seeded noise, and memory that
// shows accesses out of bounds.

#ifndef CHECK_H
#define CHECK_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "CKernels.h"

// Half the distance from 1 to the next float: the largest relative rounding error of one operation.
#define ROUNDING 0x1p-24

// Counts a check, and prints the message of the first ones that fail.
__attribute__((format(printf, 2, 3))) void expect(bool holds, const char *format, ...);

// Counts of all checks so far.
extern long check_count, failure_count;

// Names the kernels that are compared, for the messages.
void begin_set(const char *name);

// Seeded numbers: the state is the seed.
typedef uint64_t noise;

uint64_t next_bits(noise *n);
float next_float(noise *n);  // from -1 to 1
ptrdiff_t next_below(noise *n, ptrdiff_t count);

// Memory filled with canaries, after whose end nothing can be read or written. A page of canaries is in front.
uint8_t *guarded(size_t bytes);

// Floats in guarded memory, none written yet.
float *guarded_floats(ptrdiff_t count);

// Unmaps all guarded memory.
void release(void);

// A matrix in guarded memory: element (r, c) is at base[r * row + c * column], with canaries between.
typedef struct {
    float *base;
    ptrdiff_t rows, columns, row, column;
} matrix;

typedef enum { BY_ROWS, BY_COLUMNS, SPREAD } layout;

matrix unwritten(ptrdiff_t rows, ptrdiff_t columns, layout layout);
matrix random_matrix(ptrdiff_t rows, ptrdiff_t columns, layout layout, float size, noise *n);

// A written matrix whose rows are 2^30 floats apart, so that offsets exceed 32 bits. Only the pages in use take memory.
matrix far_matrix(ptrdiff_t rows, ptrdiff_t columns, noise *n);

// A copy in memory of its own, of the same layout.
matrix copy_of(matrix m);

static inline float at(matrix m, ptrdiff_t r, ptrdiff_t c) { return m.base[r * m.row + c * m.column]; }

// Whether every element has been written, and nothing between or in front of them.
bool is_written_exactly(matrix m);

// Whether two matrices of the same extents are equal bit for bit.
bool is_identical(matrix a, matrix b);

// The exact GELU and its derivative, by the C library's erfc.
double exact_gelu(double x);
double exact_gelu_slope(double x);

// Rows from `first_row` and columns from `first_column` of C = A B by the kernels, as one task; added to `c` if
// `accumulates`.
void multiply(
    const ck_kernels *set, matrix a, matrix b, ptrdiff_t first_row, ptrdiff_t first_column, matrix c,
    bool accumulates, const ck_epilogue *epilogue);

// Each compares some kernels of one instruction set.
void check_products(const ck_kernels *set);
void check_attention(const ck_kernels *set);
void check_attention_pullback(const ck_kernels *set);
void check_elements(const ck_kernels *set);
void check_rows(const ck_kernels *set);
void check_far_rows(const ck_kernels *set);

// Compares the kernels of CImages, for every instruction set in turn.
void check_pictures(void);
void check_resampling(void);

#endif
