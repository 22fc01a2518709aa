// The GELU of elements, and its derivative.

// Phi(-z), Phi the normal distribution function, for z from 0 to 6, within 5e-8: 2^g(z) with g a minimax
// polynomial of degree 9 weighted for this purpose. Odd and even powers are two chains, half as long as one: the
// processor's window holds too few vectors to hide the latency of one.
INLINE vector normal_tail(vector z) {
    const vector square = z * z;
    vector odd = 2.9626542641381093e-07f, even = -6.251084414543584e-06f;
    odd = odd * square + 5.4208619985729456e-05f;
    even = even * square + -0.0002150483342120424f;
    odd = odd * square + -0.00011801863001892343f;
    even = even * square + 0.007079211063683033f;
    odd = odd * square + -0.052526313811540604f;
    even = even * square + -0.4591933786869049f;
    odd = odd * square + -1.1511075496673584f;
    even = even * square + -0.9999999403953552f;
    const vector g = odd * z + even;
    return exponential2(g);
}

// The exact GELU, x Phi(x), within 1e-7 absolute: with z = |x| it is max(x, 0) - z Phi(-z), which
// avoids the cancellation of (1 + erf) / 2.
INLINE vector gelu(vector x) {
    vector z = minimum((vector)6.0f, maximum(x, -x));
    return maximum((vector)0.0f, x) - z * normal_tail(z);
}

// The derivative of x Phi(x), Phi(x) + x phi(x), phi the normal density. With z = |x|, Phi(x) is Phi(-z)
// or 1 - Phi(-z), depending on the sign of x.
INLINE vector gelu_derivative(vector x) {
    vector z = maximum(x, -x);
    vector tail = normal_tail(minimum((vector)6.0f, z));
    vector density = 0.3989422804014327f * exponential2(-0.7213475204444817f * z * z);
    return (x > 0 ? 1.0f - tail : tail) + x * density;
}

// y = gelu(x) for rows, in four chains that hide each other's latency. The hardware prefetcher does not
// follow parts of rows, so the next ones are prefetched.
static void gelu_rows(
    ptrdiff_t rows, ptrdiff_t columns, const float *x, ptrdiff_t x_row, float *y,
    ptrdiff_t y_row) {
    for (ptrdiff_t r = 0; r < rows; r++, x += x_row, y += y_row) {
        ptrdiff_t i = 0;
        for (; i + 4 * LANES <= columns; i += 4 * LANES) {
            vector v[4];
            UNROLL for (int c = 0; c < 4; c++) {
                if (r + 2 < rows) __builtin_prefetch(x + 2 * x_row + i + c * LANES, 0, 3);
                v[c] = gelu(load(x + i + c * LANES));
            }
            UNROLL for (int c = 0; c < 4; c++) store(y + i + c * LANES, v[c]);
        }
        for (; i < columns; i += LANES) {
            store_part(y + i, gelu(load_part(x + i, columns - i)), columns - i);
        }
    }
}

// gradient *= gelu'(x), in four chains too.
static void gelu_gradient(ptrdiff_t count, const float *x, float *gradient) {
    ptrdiff_t i = 0;
    for (; i + 4 * LANES <= count; i += 4 * LANES) {
        vector v[4];
        UNROLL for (int c = 0; c < 4; c++) v[c] = gelu_derivative(load(x + i + c * LANES));
        UNROLL for (int c = 0; c < 4; c++) {
            store(gradient + i + c * LANES, load(gradient + i + c * LANES) * v[c]);
        }
    }
    for (; i < count; i += LANES) {
        const ptrdiff_t n = count - i;
        vector v = load_part(gradient + i, n) * gelu_derivative(load_part(x + i, n));
        store_part(gradient + i, v, n);
    }
}
