// Rows so far apart that their offsets exceed 32 bits give the bits of rows side by side.

#include <string.h>

#include "check.h"

enum { ROWS = 5, COLUMNS = 37 };

// The same elements, side by side.
static matrix gathered(matrix m) {
    matrix near = unwritten(m.rows, m.columns, BY_ROWS);
    for (ptrdiff_t r = 0; r < m.rows; r++) {
        memcpy(near.base + r * near.row, m.base + r * m.row, (size_t)m.columns * sizeof(float));
    }
    return near;
}

static void attend(const ck_kernels *set, matrix x, matrix output) {
    set->attention(
        (ck_attention_task){
            .query = x.base, .key = x.base + 8, .value = x.base + 16, .row_stride = x.row, .output = output.base,
            .output_row_stride = output.row, .queries = x.rows, .keys = x.rows, .width = 8, .scale = 1,
        },
        guarded_floats(ck_attention_scratch(8)));
}

void check_far_rows(const ck_kernels *set) {
    noise n = 9;
    matrix x = far_matrix(ROWS, COLUMNS, &n), y = far_matrix(ROWS, COLUMNS, &n), near = gathered(x);
    matrix result = unwritten(ROWS, COLUMNS, BY_ROWS);
    matrix weight = random_matrix(1, COLUMNS, BY_ROWS, 1, &n), sums = random_matrix(1, COLUMNS, BY_ROWS, 1, &n);
    matrix same_sums = copy_of(sums);

    set->gelu(ROWS, COLUMNS, x.base, x.row, y.base, y.row);
    set->gelu(ROWS, COLUMNS, near.base, near.row, result.base, result.row);
    expect(is_identical(y, result), "gelu of rows far apart");
    set->layer_norm(ROWS, COLUMNS, x.base, x.row, weight.base, weight.base, 1e-6f, y.base, y.row);
    set->layer_norm(ROWS, COLUMNS, near.base, near.row, weight.base, weight.base, 1e-6f, result.base, result.row);
    expect(is_identical(y, result), "layer_norm of rows far apart");
    set->column_sums(ROWS, COLUMNS, x.base, x.row, sums.base);
    set->column_sums(ROWS, COLUMNS, near.base, near.row, same_sums.base);
    expect(is_identical(sums, same_sums), "column_sums of rows far apart");
    attend(set, x, y);
    attend(set, near, result);
    y.columns = 8;
    expect(is_identical(y, result), "attention of rows far apart");

    matrix b = far_matrix(ROWS, ROWS, &n), near_b = gathered(b), turned = unwritten(ROWS, ROWS, BY_ROWS);
    set->transpose(ROWS, ROWS, b.base, b.row, y.base, y.row);
    set->transpose(ROWS, ROWS, near_b.base, near_b.row, turned.base, turned.row);
    y.columns = ROWS;
    expect(is_identical(y, turned), "transpose of rows far apart");
    x.columns = near.columns = ROWS;
    const ck_epilogue far_epilogue = {
        .residual = b.base, .residual_row_stride = b.row, .slope_at = b.base, .slope_row_stride = b.row};
    const ck_epilogue epilogue = {
        .residual = near_b.base, .residual_row_stride = near_b.row, .slope_at = near_b.base,
        .slope_row_stride = near_b.row};
    multiply(set, x, b, 0, 0, y, false, &far_epilogue);
    multiply(set, near, near_b, 0, 0, turned, false, &epilogue);
    expect(is_identical(y, turned), "a product of rows far apart");
    // Columns of A and B that are as far apart.
    matrix xt = x, bt = b, near_t = near, near_bt = near_b;
    xt.row = bt.row = near_t.row = near_bt.row = 1;
    xt.column = x.row, bt.column = b.row, near_t.column = near.row, near_bt.column = near_b.row;
    multiply(set, xt, bt, 0, 0, y, false, &far_epilogue);
    multiply(set, near_t, near_bt, 0, 0, turned, false, &epilogue);
    expect(is_identical(y, turned), "a product of columns far apart");
    release();
}
