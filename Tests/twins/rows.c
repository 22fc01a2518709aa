// The kernels of rows against their formulas in double precision: norms, sums, softmax and cross-entropy; and the
// transposition.

#include "check.h"

// Around whole vectors of every instruction set, around the blocks that sums are made of, and a row of many blocks.
static const ptrdiff_t WIDTHS[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 63, 64, 65, 255, 257, 384, 1000, 4099};
enum { WIDTH_COUNT = sizeof WIDTHS / sizeof *WIDTHS };

typedef struct { double mean, scale; } moments;

static moments moments_of(matrix x, ptrdiff_t r, double epsilon) {
    double mean = 0, variance = 0;
    for (ptrdiff_t i = 0; i < x.columns; i++) mean += (double)at(x, r, i) / (double)x.columns;
    for (ptrdiff_t i = 0; i < x.columns; i++) variance += pow((double)at(x, r, i) - mean, 2) / (double)x.columns;
    return (moments){mean, 1 / sqrt(variance + epsilon)};
}

static void check_layer_norm(const ck_kernels *set, ptrdiff_t width, float mean) {
    noise n = (noise)width;
    matrix x = random_matrix(3, width, BY_ROWS, 1, &n), y = unwritten(3, width, BY_ROWS);
    matrix weight = random_matrix(1, width, BY_ROWS, 1, &n), bias = random_matrix(1, width, BY_ROWS, 1, &n);
    for (ptrdiff_t r = 0; r < 3; r++) {
        for (ptrdiff_t i = 0; i < width; i++) x.base[r * x.row + i] += mean;
    }
    set->layer_norm(3, width, x.base, x.row, weight.base, bias.base, 1e-6f, y.base, y.row);
    expect(is_written_exactly(y), "layer_norm writes rows of %td and nothing else", width);
    // The mean is off by a few roundings of its own, which the scale then amplifies; in a row of equal numbers nothing
    // else is left.
    const double mean_error = 4 * ROUNDING * (fabs((double)mean) + 1);
    for (ptrdiff_t r = 0; r < 3; r++) {
        const moments m = moments_of(x, r, 1e-6);
        for (ptrdiff_t i = 0; i < width; i++) {
            const double normal = ((double)at(x, r, i) - m.mean) * m.scale, w = (double)weight.base[i];
            const double exact = normal * w + (double)bias.base[i];
            const double tolerance = fabs(w) * (mean_error * m.scale + 8 * ROUNDING * fabs(normal))
                + 2 * ROUNDING * (fabs(exact) + 1);
            expect(
                fabs((double)at(y, r, i) - exact) <= tolerance, "layer_norm, width %td, mean %g: %g instead of %g",
                width, (double)mean, (double)at(y, r, i), exact);
        }
    }
    release();
}

static void check_layer_norm_gradient(const ck_kernels *set, ptrdiff_t width, bool accumulates, bool has_dx) {
    noise n = (noise)width;
    // Rows follow each other without a gap.
    matrix x = random_matrix(1, 2 * width, BY_ROWS, 1, &n), dy = random_matrix(1, 2 * width, BY_ROWS, 1, &n);
    x.rows = dy.rows = 2;
    x.columns = dy.columns = x.row = dy.row = width;
    matrix weight = random_matrix(1, width, BY_ROWS, 1, &n);
    matrix dweight = random_matrix(1, width, BY_ROWS, 1, &n), dbias = random_matrix(1, width, BY_ROWS, 1, &n);
    matrix dweight0 = copy_of(dweight), dbias0 = copy_of(dbias);
    matrix dx = random_matrix(1, 2 * width, BY_ROWS, 1, &n), dx0 = copy_of(dx);
    if (!accumulates) dx = unwritten(1, 2 * width, BY_ROWS);
    set->layer_norm_gradient(
        2, width, x.base, dy.base, weight.base, 1e-6f, has_dx ? dx.base : 0, accumulates, dweight.base, dbias.base);
    expect(
        is_written_exactly(dweight) && is_written_exactly(dbias) && (!has_dx || is_written_exactly(dx)),
        "layer_norm_gradient writes rows of %td and nothing else", width);
    for (ptrdiff_t i = 0; i < width; i++) {
        double sum = (double)dbias0.base[i], products = (double)dweight0.base[i];
        for (ptrdiff_t r = 0; r < 2; r++) {
            const moments m = moments_of(x, r, 1e-6);
            sum += (double)at(dy, r, i);
            products += (double)at(dy, r, i) * ((double)at(x, r, i) - m.mean) * m.scale;
        }
        expect(fabs((double)dbias.base[i] - sum) <= 10 * ROUNDING, "layer_norm_gradient's bias");
        expect(fabs((double)dweight.base[i] - products) <= 60 * ROUNDING, "layer_norm_gradient's weight");
    }
    for (ptrdiff_t r = 0; r < 2 && has_dx; r++) {
        const moments m = moments_of(x, r, 1e-6);
        double mean = 0, mean_product = 0;
        for (ptrdiff_t i = 0; i < width; i++) {
            const double g = (double)at(dy, r, i) * (double)weight.base[i] / (double)width;
            mean += g;
            mean_product += g * ((double)at(x, r, i) - m.mean) * m.scale;
        }
        for (ptrdiff_t i = 0; i < width; i++) {
            const double normal = ((double)at(x, r, i) - m.mean) * m.scale;
            const double g = (double)at(dy, r, i) * (double)weight.base[i];
            const double exact = (accumulates ? (double)dx0.base[r * width + i] : 0)
                + m.scale * (g - mean - normal * mean_product);
            // Some roundings of terms up to 2, times the scale.
            expect(
                fabs((double)dx.base[r * width + i] - exact) <= 60 * ROUNDING * (1 + m.scale),
                "layer_norm_gradient, width %td: %g instead of %g", width, (double)dx.base[r * width + i], exact);
        }
    }
    release();
}

static void check_softmax(const ck_kernels *set, ptrdiff_t count) {
    const float scale = 5;
    noise n = (noise)count;
    matrix x = random_matrix(1, count, BY_ROWS, 3, &n), centre = random_matrix(1, count, BY_ROWS, 1, &n);
    matrix weights = random_matrix(1, count, BY_ROWS, 1, &n), y = unwritten(1, count, BY_ROWS);
    for (ptrdiff_t i = 0; i < count; i++) weights.base[i] += 1;
    double top = -INFINITY, total = 0;
    for (ptrdiff_t i = 0; i < count; i++) top = fmax(top, (double)scale * ((double)x.base[i] - (double)centre.base[i]));
    for (ptrdiff_t i = 0; i < count; i++) total += exp((double)scale * ((double)x.base[i] - (double)centre.base[i]) - top);
    set->softmax(count, x.base, centre.base, scale, y.base);
    expect(is_written_exactly(y), "softmax writes %td numbers and nothing else", count);
    for (ptrdiff_t i = 0; i < count; i++) {
        const double exact = exp((double)scale * ((double)x.base[i] - (double)centre.base[i]) - top) / total;
        // Scores lie up to 40 below the highest, in base 2 up to 58: half a unit in the last place is 2e-6.
        expect(fabs((double)y.base[i] - exact) <= 1e-5 * exact + 1e-12, "softmax of %td", count);
    }

    // The cross-entropy is a sum of weights times logarithms of the softmax, here without the centre.
    double weight = 0, loss = 0;
    top = -INFINITY, total = 0;
    for (ptrdiff_t i = 0; i < count; i++) top = fmax(top, (double)scale * (double)x.base[i]);
    for (ptrdiff_t i = 0; i < count; i++) total += exp((double)scale * (double)x.base[i] - top);
    for (ptrdiff_t i = 0; i < count; i++) {
        weight += (double)weights.base[i];
        loss -= (double)weights.base[i] * ((double)scale * (double)x.base[i] - top - log(total));
    }
    float sums[3];
    const double product = set->cross_entropy(count, x.base, weights.base, scale, sums);
    const double found = (double)sums[2] * log((double)sums[1]) - product;
    expect(fabs(found - loss) <= 1e-5 * (loss + weight), "cross_entropy of %td is %g instead of %g", count, found, loss);
    for (int accumulates = 0; accumulates < 2; accumulates++) {
        matrix dx = unwritten(1, count, BY_ROWS);
        for (ptrdiff_t i = 0; i < count && accumulates; i++) dx.base[i] = 2;
        set->cross_entropy_gradient(count, x.base, weights.base, scale, sums, 0.5f, dx.base, accumulates);
        expect(is_written_exactly(dx), "cross_entropy_gradient writes %td numbers and nothing else", count);
        for (ptrdiff_t i = 0; i < count; i++) {
            const double share = weight * exp((double)scale * (double)x.base[i] - top) / total;
            const double exact = 0.5 * (share - (double)weights.base[i]) + 2 * accumulates;
            expect(fabs((double)dx.base[i] - exact) <= 1e-5 * share + 10 * ROUNDING, "cross_entropy_gradient of %td", count);
        }
    }
    release();
}

static void check_sums(const ck_kernels *set, ptrdiff_t count) {
    noise n = (noise)count;
    for (ptrdiff_t rows = 1; rows < 10; rows += rows < 5 ? 1 : 4) {
        matrix x = random_matrix(rows, count, BY_ROWS, 1, &n), sums = random_matrix(1, count, BY_ROWS, 1, &n);
        matrix before = copy_of(sums);
        set->column_sums(rows, count, x.base, x.row, sums.base);
        expect(is_written_exactly(sums), "column_sums writes %td numbers and nothing else", count);
        for (ptrdiff_t c = 0; c < count; c++) {
            double exact = (double)before.base[c];
            for (ptrdiff_t r = 0; r < rows; r++) exact += (double)at(x, r, c);
            // Ten roundings of sums up to 10.
            expect(fabs((double)sums.base[c] - exact) <= 100 * ROUNDING, "column_sums, %td rows, column %td", rows, c);
        }
        release();
    }
    matrix a = random_matrix(1, count, BY_ROWS, 1, &n), b = random_matrix(1, count, BY_ROWS, 1, &n);
    double exact = 0;
    for (ptrdiff_t i = 0; i < count; i++) exact += (double)a.base[i] * (double)b.base[i];
    expect(
        fabs(set->dot(count, a.base, b.base) - exact) <= 4 * ROUNDING * sqrt((double)count), "dot of %td is %g instead of"
        " %g", count, set->dot(count, a.base, b.base), exact);
    release();
}

static void check_transpose(const ck_kernels *set) {
    for (ptrdiff_t rows = 1; rows < 40; rows += 3) {
        for (ptrdiff_t columns = 1; columns < 40; columns += 5) {
            noise n = 1;
            matrix source = random_matrix(rows, columns, BY_ROWS, 1, &n), target = unwritten(columns, rows, BY_ROWS);
            set->transpose(rows, columns, source.base, source.row, target.base, target.row);
            expect(is_written_exactly(target), "transpose writes its target and nothing else");
            matrix same = target;
            same.rows = rows, same.columns = columns, same.row = 1, same.column = target.row;
            expect(is_identical(source, same), "transpose of %tdx%td", rows, columns);
            release();
        }
    }
}

void check_rows(const ck_kernels *set) {
    for (int i = 0; i < WIDTH_COUNT; i++) {
        for (int m = 0; m < 3; m++) check_layer_norm(set, WIDTHS[i], (float[]){0, 3, 1000}[m]);
        for (int accumulates = 0; accumulates < 2; accumulates++) {
            check_layer_norm_gradient(set, WIDTHS[i], accumulates, true);
        }
        check_layer_norm_gradient(set, WIDTHS[i], false, false);
        check_softmax(set, WIDTHS[i]);
        check_sums(set, WIDTHS[i]);
    }
    check_transpose(set);
}
