// The kernels attention, prepare_keys and attention_pullback against a softmax in double precision.

#include <stdlib.h>
#include <string.h>

#include "check.h"

// How the scores of a query vary over the keys: within a few units of 0; from about -80 to 80, so that nearly all the
// weight lies on one key; rising and falling along the keys, so that every block of keys exceeds the running maximum;
// all equal.
typedef enum { SMALL, LARGE, RISING, EQUAL, SCORES } scores;

static const char *const SCORE_NAMES[] = {"small", "large", "rising", "equal"};

// Inputs in guarded memory, and what follows from them in double precision.
typedef struct {
    matrix q, k, v;
    double scale;
    double *weight;     // softmax(scale q k), [queries, keys]
    double *logarithm;  // log2 of the sum of e^(scale q k), one for each query
    double *size;       // the largest magnitude of any score of a query, as the sum of its terms' magnitudes
    double *norm;       // the same as the largest product of norms
} head;

static double *doubles(ptrdiff_t count) {
    double *x = calloc((size_t)count, sizeof(double));
    if (!x) abort();
    return x;
}

static double inner(matrix a, ptrdiff_t i, matrix b, ptrdiff_t j, double *magnitude) {
    double sum = 0;
    *magnitude = 0;
    for (ptrdiff_t d = 0; d < a.columns; d++) {
        const double term = (double)at(a, i, d) * (double)at(b, j, d);
        sum += term;
        *magnitude += fabs(term);
    }
    return sum;
}

static head make(ptrdiff_t queries, ptrdiff_t keys, ptrdiff_t width, scores kind, noise *n) {
    const float scale = 1 / sqrtf((float)width);
    head h = {.scale = (double)scale};
    // Scores with a standard deviation of 20 reach about 80.
    h.q = random_matrix(queries, width, BY_ROWS, kind == LARGE ? 60 : 1, n);
    h.k = random_matrix(keys, width, BY_ROWS, 1, n);
    h.v = random_matrix(keys, width, BY_ROWS, 1, n);
    for (ptrdiff_t j = 0; j < keys && kind == EQUAL; j++) {
        memcpy(h.k.base + j * h.k.row, h.k.base, (size_t)width * sizeof(float));
    }
    if (kind == RISING) {
        for (ptrdiff_t i = 0; i < queries; i++) h.q.base[i * h.q.row] = (i % 3 == 1 ? -1 : 1) / scale;
        for (ptrdiff_t j = 0; j < keys; j++) {
            h.k.base[j * h.k.row] = 160 * ((float)j + 0.5f) / (float)keys - 80;
        }
    }
    h.weight = doubles(queries * keys);
    h.logarithm = doubles(queries);
    h.size = doubles(queries);
    h.norm = doubles(queries);
    for (ptrdiff_t i = 0; i < queries; i++) {
        double *w = h.weight + i * keys, highest = -INFINITY, total = 0, own, magnitude;
        inner(h.q, i, h.q, i, &own);
        for (ptrdiff_t j = 0; j < keys; j++) {
            w[j] = h.scale * inner(h.q, i, h.k, j, &magnitude);
            highest = fmax(highest, w[j]);
            h.size[i] = fmax(h.size[i], h.scale * magnitude);
            inner(h.k, j, h.k, j, &magnitude);
            h.norm[i] = fmax(h.norm[i], h.scale * sqrt(own * magnitude));
        }
        for (ptrdiff_t j = 0; j < keys; j++) total += w[j] = exp(w[j] - highest);
        for (ptrdiff_t j = 0; j < keys; j++) w[j] /= total;
        h.logarithm[i] = (highest + log(total)) / log(2);
    }
    return h;
}

static void discard(head h) {
    free(h.weight);
    free(h.logarithm);
    free(h.size);
    free(h.norm);
    release();
}

static void compute(const ck_kernels *set, head h, bool prepares, matrix output, matrix logarithms) {
    float *prepared = 0;
    if (prepares) {
        prepared = guarded_floats(ck_prepared_keys(h.k.rows, h.k.columns));
        set->prepare_keys(h.k.rows, h.k.columns, h.k.base, h.v.base, h.k.row, prepared);
    }
    set->attention(
        (ck_attention_task){
            .query = h.q.base, .key = h.k.base, .value = h.v.base, .row_stride = h.q.row, .prepared = prepared,
            .output = output.base, .output_row_stride = output.row, .log_sum_exp = logarithms.base,
            .queries = h.q.rows, .keys = h.k.rows, .width = h.q.columns, .scale = (float)h.scale,
        },
        guarded_floats(ck_attention_scratch(h.q.columns)));
}

static double worst_output(head h, bool is_paired, matrix output, matrix logarithms) {
    const ptrdiff_t keys = h.k.rows, width = h.q.columns;
    double worst = 0;
    for (ptrdiff_t i = 0; i < h.q.rows; i++) {
        // A score is a random walk of roundings, plus a few of the whole: its scale and the base of the power. Its
        // absolute error is a relative error of its weight, in the numerator and in the denominator; the power itself
        // is within 1e-7. The sums over the keys follow, also in both. The rounding errors of paired products scale
        // with the norms of the factors (PairedProduct.h), those of others with the terms.
        const double size = is_paired ? h.norm[i] : h.size[i];
        const double score_error = (2 * sqrt((double)width) + 4) * ROUNDING * size;
        const double relative = 2 * (score_error + 1e-7) + (4 * sqrt((double)keys) + 4) * ROUNDING;
        const double logarithm = h.logarithm[i];
        double excess = fabs((double)at(logarithms, 0, i) - logarithm)
            / (2 * relative + 2 * ROUNDING * (1 + fabs(logarithm)));
        if (!(excess <= worst)) worst = excess;
        for (ptrdiff_t d = 0; d < width; d++) {
            double sum = 0, magnitude = 0, weights = 0, values = 0;
            for (ptrdiff_t j = 0; j < keys; j++) {
                const double weight = h.weight[i * keys + j], value = (double)at(h.v, j, d);
                sum += weight * value;
                magnitude += weight * fabs(value);
                weights += weight * weight;
                values += value * value;
            }
            if (is_paired) magnitude = sqrt(weights * values);
            excess = fabs((double)at(output, i, d) - sum) / (relative * magnitude + 1e-30);
            if (!(excess <= worst)) worst = excess;
        }
    }
    return worst;
}

void check_attention(const ck_kernels *set) {
    static const ptrdiff_t cases[][3] = {  // queries, keys, width
        {1, 1, 8}, {3, 17, 20}, {16, 47, 32}, {17, 130, 64}, {47, 65, 33}, {64, 200, 24}, {130, 3, 1}, {144, 97, 80},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (scores kind = 0; kind < SCORES; kind++) {
            const ptrdiff_t queries = cases[i][0], keys = cases[i][1], width = cases[i][2];
            noise n = i;
            const head h = make(queries, keys, width, kind, &n);
            for (int prepares = 0; prepares < 2; prepares++) {
                matrix output = unwritten(queries, width, BY_ROWS), logarithms = unwritten(1, queries, BY_ROWS);
                compute(set, h, prepares, output, logarithms);
                expect(
                    is_written_exactly(output) && is_written_exactly(logarithms),
                    "attention writes its results and nothing else");
                const double excess = worst_output(h, prepares && set->balance, output, logarithms);
                expect(
                    excess <= 1, "attention, %td queries, %td keys, width %td, %s scores: off by %g times the tolerance",
                    queries, keys, width, SCORE_NAMES[kind], excess);
            }
            discard(h);
        }
    }
    noise n = 6;
    const head h = make(50, 130, 8, SMALL, &n);
    matrix output = unwritten(50, 8, BY_ROWS), logarithms = unwritten(1, 50, BY_ROWS);
    h.q.base[17 * h.q.row] = NAN;
    compute(set, h, true, output, logarithms);
    for (ptrdiff_t i = 0; i < 50; i++) expect(isnan(at(output, i, 3)) == (i == 17), "a NaN stays in its query");
    h.q.base[17 * h.q.row] = 0;
    h.k.base[70 * h.k.row] = NAN;
    compute(set, h, true, output, logarithms);
    for (ptrdiff_t i = 0; i < 50; i++) expect(isnan(at(output, i, 3)), "a key's NaN reaches every query");
    discard(h);
}

// A gradient in double precision, with the tolerance of each element.
typedef struct { double *value, *tolerance; } gradient;

static void add(gradient g, ptrdiff_t i, double left, double left_error, double right, double relative) {
    g.value[i] += left * right;
    g.tolerance[i] += left_error * fabs(right) + relative * fabs(left * right);
}

static double worst_gradient(matrix found, gradient g) {
    double worst = 0;
    for (ptrdiff_t i = 0; i < found.rows * found.columns; i++) {
        const double error = fabs((double)at(found, i / found.columns, i % found.columns) - g.value[i]);
        const double excess = error / (g.tolerance[i] + 1e-30);
        if (!(excess <= worst)) worst = excess;
    }
    return worst;
}

static void check_pullback(const ck_kernels *set, ptrdiff_t queries, ptrdiff_t keys, ptrdiff_t width, scores kind) {
    noise n = (noise)(queries + keys);
    const head h = make(queries, keys, width, kind, &n);
    matrix dy = random_matrix(queries, width, BY_ROWS, 1, &n), output = unwritten(queries, width, BY_ROWS);
    float *logarithms = guarded_floats(queries);
    for (ptrdiff_t i = 0; i < queries; i++) {
        logarithms[i] = (float)h.logarithm[i];
        for (ptrdiff_t d = 0; d < width; d++) {
            double sum = 0;
            for (ptrdiff_t j = 0; j < keys; j++) sum += h.weight[i * keys + j] * (double)at(h.v, j, d);
            output.base[i * output.row + d] = (float)sum;
        }
    }
    matrix dq = unwritten(queries, width, BY_ROWS), dk = unwritten(keys, width, BY_ROWS), dv = unwritten(keys, width, BY_ROWS);
    set->attention_pullback(
        (ck_attention_pullback_task){
            .query = h.q.base, .key = h.k.base, .value = h.v.base, .row_stride = h.q.row, .output = output.base,
            .gradient = dy.base, .output_row_stride = output.row, .log_sum_exp = logarithms, .query_gradient = dq.base,
            .query_gradient_row_stride = dq.row, .key_gradient = dk.base, .value_gradient = dv.base,
            .gradient_row_stride = dk.row, .queries = queries, .keys = keys, .width = width, .scale = (float)h.scale,
        },
        guarded_floats(ck_attention_pullback_scratch(width)));
    expect(
        is_written_exactly(dq) && is_written_exactly(dk) && is_written_exactly(dv),
        "attention_pullback writes its results and nothing else");

    gradient exact[3];
    for (int g = 0; g < 3; g++) {
        const ptrdiff_t count = (g == 0 ? queries : keys) * width;
        exact[g] = (gradient){doubles(count), doubles(count)};
    }
    // Each sum is a random walk of roundings, plus a few of the whole.
    const double over_width = (2 * sqrt((double)width) + 4) * ROUNDING;
    const double over_queries = (2 * sqrt((double)queries) + 4) * ROUNDING;
    const double over_keys = (2 * sqrt((double)keys) + 4) * ROUNDING;
    for (ptrdiff_t i = 0; i < queries; i++) {
        // The row's sum is computed from the output, which is rounded once.
        double magnitude, row = 0;
        inner(dy, i, output, i, &magnitude);
        const double row_error = (over_width + ROUNDING) * magnitude;
        for (ptrdiff_t j = 0; j < keys; j++) row += h.weight[i * keys + j] * inner(dy, i, h.v, j, &magnitude);
        for (ptrdiff_t j = 0; j < keys; j++) {
            const double weight = h.weight[i * keys + j];
            // An absolute error of a score or of the logarithm is a relative error of the weight; the power itself is
            // within 1e-7.
            inner(h.q, i, h.k, j, &magnitude);
            const double relative =
                over_width * h.scale * magnitude + 2 * ROUNDING * fabs(h.logarithm[i]) * log(2) + 1e-7;
            const double slope = h.scale * weight * (inner(dy, i, h.v, j, &magnitude) - row);
            const double slope_error = fabs(slope) * (relative + 4 * ROUNDING)
                + h.scale * weight * (over_width * magnitude + row_error);
            for (ptrdiff_t d = 0; d < width; d++) {
                const double q = (double)at(h.q, i, d), k = (double)at(h.k, j, d), g = (double)at(dy, i, d);
                add(exact[0], i * width + d, slope, slope_error, k, over_keys);
                add(exact[1], j * width + d, slope, slope_error, q, over_queries);
                add(exact[2], j * width + d, weight, weight * relative, g, over_queries);
            }
        }
    }
    for (int g = 0; g < 3; g++) {
        const double excess = worst_gradient(g == 0 ? dq : g == 1 ? dk : dv, exact[g]);
        expect(
            excess <= 1, "attention_pullback, %td queries, %td keys, width %td, %s scores: gradient of %s off by %g times"
            " the tolerance", queries, keys, width, SCORE_NAMES[kind],
            g == 0 ? "queries" : g == 1 ? "keys" : "values", excess);
        free(exact[g].value);
        free(exact[g].tolerance);
    }
    discard(h);
}

void check_attention_pullback(const ck_kernels *set) {
    static const ptrdiff_t cases[][3] = {  // queries, keys, width
        {1, 1, 64}, {2, 2, 24}, {17, 17, 64}, {65, 65, 32}, {70, 151, 7}, {37, 37, 20}, {130, 3, 1}, {129, 257, 13},
        {3, 130, 33},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (scores kind = 0; kind < SCORES; kind++) {
            if (kind != RISING) check_pullback(set, cases[i][0], cases[i][1], cases[i][2], kind);
        }
    }
}
