// The kernels pack, balance, product and finish against sums in double precision.

#include <stdlib.h>

#include "check.h"

void multiply(
    const ck_kernels *set, matrix a, matrix b, ptrdiff_t first_row, ptrdiff_t first_column, matrix c,
    bool accumulates, const ck_epilogue *epilogue) {
    const ptrdiff_t k = a.columns, blocks = ck_depth_blocks(k);
    for (ptrdiff_t block = 0; block < blocks; block++) {
        const ptrdiff_t start = k * block / blocks, depth = k * (block + 1) / blocks - start;
        float *packed = guarded_floats(ck_packed_block(depth, c.columns));
        ck_matrix left = {a.base + first_row * a.row + start * a.column, a.row, a.column};
        set->pack(
            depth, c.columns, (ck_matrix){b.base + start * b.row + first_column * b.column, b.row, b.column}, packed);
        if (set->balance) {
            float *balanced = guarded_floats(ck_balanced_block(c.rows, depth));
            set->balance(c.rows, depth, left, balanced);
            left = (ck_matrix){balanced, 0, 0};
        }
        set->product((ck_product_task){
            .rows = c.rows,
            .columns = c.columns,
            .depth = depth,
            .left = left,
            .packed = packed,
            .next = block % 2 == 0 ? packed : 0,
            .c = c.base,
            .c_row_stride = c.row,
            .accumulates = accumulates || block > 0,
            .epilogue = epilogue && block == blocks - 1 ? *epilogue : (ck_epilogue){0},
        });
    }
}

// A value with its tolerance.
typedef struct { double value, tolerance; } bounded;

static bounded finished(bounded x, const ck_epilogue *e, ptrdiff_t r, ptrdiff_t c) {
    if (e->bias) {
        x.value += (double)e->bias[c];
        x.tolerance += ROUNDING * fabs(x.value);
    }
    if (e->residual) {
        x.value += (double)e->residual[r * e->residual_row_stride + c];
        x.tolerance += ROUNDING * fabs(x.value);
    }
    if (e->slope_at) {
        // The kernel's slope is as accurate as its Phi and its exponential, 1e-7 each; it is below 1.13.
        x.tolerance = 1.13 * x.tolerance + 3e-7 * fabs(x.value);
        x.value *= exact_gelu_slope((double)e->slope_at[r * e->slope_row_stride + c]);
    }
    x.tolerance += 1e-30;
    return x;
}

// The largest error of any element, as a multiple of its tolerance. `start`: what A B was added to, or NULL.
static double worst(matrix c, matrix a, matrix b, const matrix *start, const ck_epilogue *e) {
    const ptrdiff_t k = a.columns;
    double *left = malloc((size_t)(k + 1) * sizeof(double)), *right = malloc((size_t)(k * c.columns + 1) * sizeof(double));
    double worst = 0;
    for (ptrdiff_t j = 0; j < c.columns; j++) {
        for (ptrdiff_t p = 0; p < k; p++) right[j * k + p] = (double)at(b, p, j);
    }
    for (ptrdiff_t i = 0; i < c.rows; i++) {
        for (ptrdiff_t p = 0; p < k; p++) left[p] = (double)at(a, i, p);
        for (ptrdiff_t j = 0; j < c.columns; j++) {
            double sum = start ? (double)at(*start, i, j) : 0, magnitude = fabs(sum);
            for (ptrdiff_t p = 0; p < k; p++) {
                const double term = left[p] * right[j * k + p];
                sum += term;
                magnitude += fabs(term);
            }
            // Each of k steps rounds a partial sum by at most one part in 2^24 either way: a random walk, which
            // rarely exceeds twice the square root of its length.
            const bounded exact = {sum, (2 * sqrt((double)k) + 2) * ROUNDING * magnitude};
            const bounded expected = finished(exact, e, i, j);
            const double excess = fabs((double)at(c, i, j) - expected.value) / expected.tolerance;
            if (!(excess <= worst)) worst = excess;
        }
    }
    free(left);
    free(right);
    return worst;
}

// Extents around the sizes of tiles, strips, groups and depth blocks, in seeded combinations.
static void check_sums(const ck_kernels *set) {
    static const ptrdiff_t extents[] = {1, 2, 5, 7, 8, 11, 12, 13, 17, 31, 48, 63, 97, 200};
    static const ptrdiff_t depths[] = {1, 2, 3, 4, 5, 7, 17, 31, 64, 97, 384, 385, 770, 0};
    enum { EXTENTS = sizeof extents / sizeof *extents, DEPTHS = sizeof depths / sizeof *depths };
    for (int round = 0; round < 60; round++) {
        noise n = (noise)round;
        const ptrdiff_t m = extents[(round * 5 + round / EXTENTS) % EXTENTS];
        const ptrdiff_t columns = extents[(round * 3 + round / EXTENTS * 4 + 2) % EXTENTS];
        const ptrdiff_t k = depths[round % DEPTHS];
        const bool accumulates = round % 7 == 3;
        matrix a = random_matrix(m, k, next_below(&n, 2) ? BY_ROWS : BY_COLUMNS, 1, &n);
        matrix b = random_matrix(k, columns, next_below(&n, 3), 1, &n);
        matrix bias = random_matrix(1, columns, BY_ROWS, 1, &n);
        matrix residual = random_matrix(m, columns, BY_ROWS, 1, &n);
        matrix slope_at = random_matrix(m, columns, BY_ROWS, 3, &n);
        const ck_epilogue epilogue = {
            .bias = next_below(&n, 2) ? bias.base : 0,
            .residual = next_below(&n, 3) == 0 ? residual.base : 0, .residual_row_stride = residual.row,
            .slope_at = next_below(&n, 4) == 0 ? slope_at.base : 0, .slope_row_stride = slope_at.row,
        };
        matrix start = random_matrix(m, columns, BY_ROWS, 1, &n);
        matrix c = accumulates ? copy_of(start) : unwritten(m, columns, BY_ROWS);
        multiply(set, a, b, 0, 0, c, accumulates, &epilogue);
        expect(is_written_exactly(c), "product %tdx%tdx%td writes C and nothing else", m, columns, k);
        const double excess = worst(c, a, b, accumulates ? &start : 0, &epilogue);
        expect(excess <= 1, "product %tdx%tdx%td is off by %g times the tolerance", m, columns, k, excess);
        release();
    }
}

static void check_parts(const ck_kernels *set) {
    static const ptrdiff_t parts[][4] = {  // first row, rows, first column, columns
        {0, 1, 0, 1}, {59, 1, 112, 1}, {7, 13, 5, 49}, {3, 8, 16, 97}, {30, 7, 47, 17}, {1, 59, 1, 112},
    };
    for (int i = 0; i < 3; i++) {
        noise n = 1;
        const ptrdiff_t k = (ptrdiff_t[]){1, 63, 385}[i];
        matrix a = random_matrix(60, k, BY_ROWS, 1, &n), b = random_matrix(k, 113, BY_ROWS, 1, &n);
        matrix bias = random_matrix(1, 113, BY_ROWS, 1, &n), whole = unwritten(60, 113, BY_ROWS);
        multiply(set, a, b, 0, 0, whole, false, &(ck_epilogue){.bias = bias.base});
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
            const ptrdiff_t row = parts[p][0], column = parts[p][2];
            matrix part = unwritten(parts[p][1], parts[p][3], BY_ROWS);
            multiply(set, a, b, row, column, part, false, &(ck_epilogue){.bias = bias.base + column});
            matrix same = whole;
            same.base += row * whole.row + column;
            expect(is_identical(part, same), "a part of a product of depth %td has the whole's bits", k);
        }
        release();
    }
}

static void check_special_values(const ck_kernels *set) {
    static const struct { ptrdiff_t k; float value; } cases[] = {{48, INFINITY}, {7, -INFINITY}, {386, NAN}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        noise n = 1;
        const ptrdiff_t k = cases[i].k, place = k / 2;
        matrix a = random_matrix(19, k, BY_ROWS, 1, &n), b = random_matrix(k, 23, BY_ROWS, 1, &n);
        for (ptrdiff_t p = 0; p < k; p++) a.base[5 * a.row + p] = b.base[p * b.row + 6] = 0;
        matrix zeros = unwritten(19, 23, BY_ROWS), c = unwritten(19, 23, BY_ROWS);
        multiply(set, a, b, 0, 0, zeros, false, 0);
        a.base[8 * a.row + place] = b.base[place * b.row + 2] = cases[i].value;
        multiply(set, a, b, 0, 0, c, false, 0);
        for (ptrdiff_t r = 0; r < 19; r++) {
            for (ptrdiff_t j = 0; j < 23; j++) {
                expect((at(zeros, r, j) == 0) == (r == 5 || j == 6), "rows and columns of zeros give zeros");
                expect(isfinite(at(c, r, j)) == (r != 8 && j != 2), "%g shows in its row and column", (double)cases[i].value);
            }
        }
        release();
    }
}

static void check_finish(const ck_kernels *set) {
    for (ptrdiff_t columns = 1; columns < 50; columns += columns < 20 ? 1 : 9) {
        for (int choice = 0; choice < 8; choice++) {
            noise n = (noise)(columns * 8 + choice);
            matrix given = random_matrix(3, columns, BY_ROWS, 4, &n), c = copy_of(given);
            matrix bias = random_matrix(1, columns, BY_ROWS, 1, &n);
            matrix residual = random_matrix(3, columns, BY_ROWS, 1, &n);
            matrix slope_at = random_matrix(3, columns, BY_ROWS, 3, &n);
            const ck_epilogue e = {
                .bias = choice & 1 ? bias.base : 0,
                .residual = choice & 2 ? residual.base : 0, .residual_row_stride = residual.row,
                .slope_at = choice & 4 ? slope_at.base : 0, .slope_row_stride = slope_at.row,
            };
            set->finish(3, columns, c.base, c.row, e);
            expect(is_written_exactly(c), "finish writes %td columns and nothing else", columns);
            for (ptrdiff_t r = 0; r < 3; r++) {
                for (ptrdiff_t j = 0; j < columns; j++) {
                    const bounded x = finished((bounded){(double)at(given, r, j), 0}, &e, r, j);
                    expect(fabs((double)at(c, r, j) - x.value) <= x.tolerance, "finish, column %td of %td", j, columns);
                }
            }
            release();
        }
    }
}

void check_products(const ck_kernels *set) {
    check_sums(set);
    check_parts(set);
    check_special_values(set);
    check_finish(set);
    float sink = NAN;
    // Four chains or more, which a count of 24 * 100 divides evenly.
    const double operations = set->multiply_add_limit(2400, &sink);
    expect(operations >= 2 * 4 * 2400 && isfinite(sink), "multiply_add_limit multiplies and adds");
}
