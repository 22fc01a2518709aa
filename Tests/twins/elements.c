// The kernels of elements, and of few rows of them, against their formulas in double precision: GELU, SwiGLU and AdamW.

#include "check.h"

static double sigmoid(double a) { return a > 0 ? 1 / (1 + exp(-a)) : exp(a) / (1 + exp(a)); }

// A row of numbers in steps of `step` around 0, and some at the ends of the range.
static matrix range_of(ptrdiff_t count, float step) {
    static const float ends[] = {0, -0.0f, 1e-30f, -1e-30f, 128, -128, 1e4f, -1e4f};
    enum { ENDS = sizeof ends / sizeof *ends };
    matrix x = unwritten(1, count + ENDS, BY_ROWS);
    for (ptrdiff_t i = 0; i < count; i++) x.base[i] = ((float)i - (float)(count / 2)) * step;
    for (ptrdiff_t i = 0; i < ENDS; i++) x.base[count + i] = ends[i];
    return x;
}

static void check_gelu(const ck_kernels *set) {
    matrix x = range_of(24000, 1e-3f), y = unwritten(1, x.columns, BY_ROWS), slope = unwritten(1, x.columns, BY_ROWS);
    for (ptrdiff_t i = 0; i < x.columns; i++) slope.base[i] = 2;
    set->gelu(1, x.columns, x.base, x.columns, y.base, x.columns);
    set->gelu_gradient(x.columns, x.base, slope.base);
    for (ptrdiff_t i = 0; i < x.columns; i++) {
        const double exact = exact_gelu((double)x.base[i]), exact_slope = exact_gelu_slope((double)x.base[i]);
        // The accuracy that the kernel's comment states, and the rounding of results above 1.
        expect(
            fabs((double)y.base[i] - exact) <= 1e-7 + 2 * ROUNDING * fabs(exact), "gelu(%g) is %g instead of %g",
            (double)x.base[i], (double)y.base[i], exact);
        // Phi is within 5e-8; phi, a power of two, within a relative 1e-7 and the rounding of its exponent, which
        // reaches 18 only where x phi is below 1e-6.
        expect(
            fabs((double)slope.base[i] / 2 - exact_slope) <= 3e-7, "gelu's derivative at %g is %g instead of %g",
            (double)x.base[i], (double)slope.base[i] / 2, exact_slope);
    }
    float special[] = {INFINITY, -INFINITY, NAN, -NAN}, slopes[] = {1, 1, 1, 1};
    set->gelu_gradient(4, special, slopes);
    set->gelu(1, 4, special, 4, special, 4);
    expect(special[0] == INFINITY && fabsf(special[1]) <= 1e-7f, "gelu of infinities is its limit");
    expect(isnan(special[2]) && isnan(special[3]) && isnan(slopes[2]) && isnan(slopes[3]), "gelu keeps NaN");
    release();
    for (ptrdiff_t columns = 1; columns < 70; columns++) {
        noise n = (noise)columns;
        matrix a = random_matrix(3, columns, BY_ROWS, 4, &n), b = unwritten(3, columns, BY_ROWS);
        set->gelu(3, columns, a.base, a.row, b.base, b.row);
        expect(is_written_exactly(b), "gelu writes %td columns and nothing else", columns);
        for (ptrdiff_t r = 0; r < 3; r++) {
            for (ptrdiff_t c = 0; c < columns; c++) {
                expect(fabs((double)at(b, r, c) - exact_gelu((double)at(a, r, c))) <= 1e-6, "gelu of each element");
            }
        }
        matrix g = random_matrix(1, columns, BY_ROWS, 1, &n), before = copy_of(g);
        set->gelu_gradient(columns, a.base, g.base);
        expect(is_written_exactly(g), "gelu_gradient writes %td columns and nothing else", columns);
        for (ptrdiff_t c = 0; c < columns; c++) {
            const double exact = (double)at(before, 0, c) * exact_gelu_slope((double)at(a, 0, c));
            expect(fabs((double)at(g, 0, c) - exact) <= 1e-6, "gelu_gradient of each element");
        }
        release();
    }
}

static void check_swiglu(const ck_kernels *set, matrix x, matrix dy, bool accumulates) {
    const ptrdiff_t width = dy.columns;
    matrix y = unwritten(1, width, BY_ROWS), dx = unwritten(1, 2 * width, BY_ROWS);
    for (ptrdiff_t i = 0; accumulates && i < 2 * width; i++) dx.base[i] = 1;
    set->swiglu(1, width, x.base, y.base);
    set->swiglu_gradient(1, width, x.base, dy.base, dx.base, accumulates);
    expect(is_written_exactly(y) && is_written_exactly(dx), "swiglu writes %td columns and nothing else", width);
    for (ptrdiff_t i = 0; i < width; i++) {
        const double a = (double)x.base[i], b = (double)x.base[width + i], g = (double)dy.base[i];
        const double s = sigmoid(a), silu = a * s, start = accumulates ? 1 : 0;
        // The exponential is within 1e-7; four roundings follow, at their worst; and where silu is subnormal, its last
        // place.
        expect(
            fabs((double)y.base[i] - silu * b) <= (1e-7 + 4 * ROUNDING) * fabs(silu * b) + 0x1p-149 * (1 + fabs(b)),
            "swiglu of %g and %g is %g", a, b, (double)y.base[i]);
        // Two terms of up to 1, and the start value.
        const double gate = start + g * b * (s + silu * sigmoid(-a)), value = start + g * silu;
        expect(
            fabs((double)dx.base[i] - gate) <= 4e-7 * (fabs(g * b) + start), "swiglu's gradient of the gate %g is %g", a,
            (double)dx.base[i]);
        expect(
            fabs((double)dx.base[width + i] - value) <= 4e-7 * (fabs(g * silu) + start) + 0x1p-148,
            "swiglu's gradient of the value at gate %g is %g", a, (double)dx.base[width + i]);
    }
}

static void check_swiglus(const ck_kernels *set) {
    for (int accumulates = 0; accumulates < 2; accumulates++) {
        noise n = 7;
        matrix gates = range_of(12000, 0.02f), dy = random_matrix(1, gates.columns, BY_ROWS, 1, &n);
        matrix x = random_matrix(1, 2 * gates.columns, BY_ROWS, 1, &n);
        for (ptrdiff_t i = 0; i < gates.columns; i++) x.base[i] = gates.base[i];
        check_swiglu(set, x, dy, accumulates);
        release();
        for (ptrdiff_t width = 1; width < 40; width++) {
            n = (noise)width;
            check_swiglu(
                set, random_matrix(1, 2 * width, BY_ROWS, 3, &n), random_matrix(1, width, BY_ROWS, 1, &n), accumulates);
            release();
        }
    }
    const float x[] = {NAN, -NAN, 1, INFINITY, -INFINITY, 1, 1, NAN, 2, 1};
    float y[5];
    set->swiglu(1, 5, x, y);
    expect(isnan(y[0]) && isnan(y[1]) && isnan(y[2]), "swiglu keeps NaN");
    expect(y[3] == INFINITY && y[4] == 0, "swiglu of infinities is its limit");
}

static void check_adamw(const ck_kernels *set) {
    const ck_adamw s = {
        .keep = 0.99f, .first_share = 0.1f, .second_keep = 0.999f, .second_share = 0.001f, .rate = 0.01f,
        .deviation_scale = 1.5f, .epsilon = 1e-8f};
    for (ptrdiff_t count = 1; count < 70; count++) {
        noise n = (noise)count;
        matrix p = random_matrix(1, count, BY_ROWS, 1, &n), g = random_matrix(1, count, BY_ROWS, 1, &n);
        matrix m = random_matrix(1, count, BY_ROWS, 1, &n), v = random_matrix(1, count, BY_ROWS, 1, &n);
        for (ptrdiff_t i = 0; i < count; i++) v.base[i] += 1;
        matrix p0 = copy_of(p), m0 = copy_of(m), v0 = copy_of(v);
        set->adamw(count, p.base, g.base, m.base, v.base, s);
        expect(
            is_written_exactly(p) && is_written_exactly(m) && is_written_exactly(v),
            "adamw writes %td numbers and nothing else", count);
        for (ptrdiff_t i = 0; i < count; i++) {
            const double slope = (double)g.base[i];
            const double first = (double)m0.base[i] + (slope - (double)m0.base[i]) * 0.1;
            const double second = (double)v0.base[i] * 0.999 + slope * slope * 0.001;
            const double exact = (double)p0.base[i] * 0.99 - 0.01 * first / (sqrt(second) * 1.5 + 1e-8);
            // Some roundings of numbers up to 2; the step is small except where v is small.
            expect(fabs((double)m.base[i] - first) <= 6 * ROUNDING, "adamw's first average");
            expect(fabs((double)v.base[i] - second) <= 6 * ROUNDING, "adamw's second average");
            expect(
                fabs((double)p.base[i] - exact) <= 6 * ROUNDING + 1e-8 / sqrt(second), "adamw's parameter is %g instead"
                " of %g", (double)p.base[i], exact);
        }
        release();
    }
}

void check_elements(const ck_kernels *set) {
    check_gelu(set);
    check_swiglus(set);
    check_adamw(set);
}
