// The GELU of elements, and its derivative.
//
// An element passes through two dozen operations, each of which waits for the one before. Written vector by vector they
// fill the processor's window, with few of them ready; so several vectors go through each operation in turn.

enum { GELU_CHAINS = REGISTERS / 4 };  // the most vectors at once: each keeps up to four in registers

#define EACH UNROLL for (int c = 0; c < count; c++)

// z = Phi(-z) for `count` vectors, Phi the normal distribution function, for z from 0 to 6, within 5e-8: 2^g(z) with g a
// minimax polynomial of degree 9 weighted for this purpose. Odd and even powers are two chains, half as long as one.
INLINE void normal_tails(int count, vector z[]) {
    vector square[GELU_CHAINS], odd[GELU_CHAINS], even[GELU_CHAINS];
    EACH square[c] = z[c] * z[c];
    EACH odd[c] = 2.9626542641381093e-07f * square[c] + 5.4208619985729456e-05f;
    EACH even[c] = -6.251084414543584e-06f * square[c] + -0.0002150483342120424f;
    EACH odd[c] = odd[c] * square[c] + -0.00011801863001892343f;
    EACH even[c] = even[c] * square[c] + 0.007079211063683033f;
    EACH odd[c] = odd[c] * square[c] + -0.052526313811540604f;
    EACH even[c] = even[c] * square[c] + -0.4591933786869049f;
    EACH odd[c] = odd[c] * square[c] + -1.1511075496673584f;
    EACH even[c] = even[c] * square[c] + -0.9999999403953552f;
    EACH z[c] = odd[c] * z[c] + even[c];
    EACH z[c] = exponential2(z[c]);
}

// x = x Phi(x) for `count` vectors, the exact GELU, within 1e-7 absolute: with z = |x| it is max(x, 0) - z Phi(-z), which
// avoids the cancellation of (1 + erf) / 2.
INLINE void gelus(int count, vector x[]) {
    vector z[GELU_CHAINS], tail[GELU_CHAINS];
    EACH tail[c] = z[c] = minimum((vector)6.0f, maximum(x[c], -x[c]));
    normal_tails(count, tail);
    EACH x[c] = maximum((vector)0.0f, x[c]) - z[c] * tail[c];
}

// The derivative of x Phi(x), Phi(x) + x phi(x), phi the normal density, for `count` vectors. With z = |x|, Phi(x) is
// Phi(-z) or 1 - Phi(-z), depending on the sign of x.
INLINE void gelu_derivatives(int count, vector x[]) {
    vector z[GELU_CHAINS], tail[GELU_CHAINS];
    EACH z[c] = maximum(x[c], -x[c]);
    EACH tail[c] = minimum((vector)6.0f, z[c]);
    normal_tails(count, tail);
    EACH {
        const vector density = 0.3989422804014327f * exponential2(-0.7213475204444817f * z[c] * z[c]);
        x[c] = (x[c] > 0 ? 1.0f - tail[c] : tail[c]) + x[c] * density;
    }
}

#undef EACH

INLINE vector gelu_derivative(vector x) {
    gelu_derivatives(1, &x);
    return x;
}

// y = gelu(x) for rows. The hardware prefetcher does not follow parts of rows, so the next ones are prefetched.
static void gelu_rows(
    ptrdiff_t rows, ptrdiff_t columns, const float *x, ptrdiff_t x_row, float *y,
    ptrdiff_t y_row) {
    for (ptrdiff_t r = 0; r < rows; r++, x += x_row, y += y_row) {
        vector v[GELU_CHAINS];
        ptrdiff_t i = 0;
        for (; i + GELU_CHAINS * LANES <= columns; i += GELU_CHAINS * LANES) {
            UNROLL for (int c = 0; c < GELU_CHAINS; c++) {
                if (r + 2 < rows) __builtin_prefetch(x + 2 * x_row + i + c * LANES, 0, 3);
                v[c] = load(x + i + c * LANES);
            }
            gelus(GELU_CHAINS, v);
            UNROLL for (int c = 0; c < GELU_CHAINS; c++) store(y + i + c * LANES, v[c]);
        }
        for (; i < columns; i += LANES) {
            v[0] = load_part(x + i, columns - i);
            gelus(1, v);
            store_part(y + i, v[0], columns - i);
        }
    }
}

// gradient *= gelu'(x).
static void gelu_gradient(ptrdiff_t count, const float *x, float *gradient) {
    ptrdiff_t i = 0;
    for (; i + GELU_CHAINS * LANES <= count; i += GELU_CHAINS * LANES) {
        vector v[GELU_CHAINS];
        UNROLL for (int c = 0; c < GELU_CHAINS; c++) v[c] = load(x + i + c * LANES);
        gelu_derivatives(GELU_CHAINS, v);
        UNROLL for (int c = 0; c < GELU_CHAINS; c++) {
            store(gradient + i + c * LANES, load(gradient + i + c * LANES) * v[c]);
        }
    }
    for (; i < count; i += LANES) {
        const ptrdiff_t n = count - i;
        vector v = load_part(gradient + i, n) * gelu_derivative(load_part(x + i, n));
        store_part(gradient + i, v, n);
    }
}
