// SwiGLU of rows, and its gradient: y = silu(a) b, where a row of x is [a | b], silu(a) = a s(a),
// s(a) = 1 / (1 + e^-a).

// 2^64 e^-z for z from 0 to 128, within 1e-7 relative: it stays a normal number where e^-z would underflow.
// -z = n ln 2 + r, with ln 2 in two parts, the first of so few bits that n times it is exact: r is as
// accurate for large z as for small. e^r is a minimax polynomial of degree 6 (relative error 4e-9).
INLINE vector raised_decay(vector z) {
    const vector shift = 0x1.8p23f;  // adding it rounds to an integer, left in the low bits
    const vector shifted = z * -LOG2_E + shift;
    const vector n = shifted - shift;
    const vector r = -z - n * 0x1.62ep-1f - n * 0x1.0bfbe8p-15f;
    vector p = 0.0013814540579915047f;
    p = p * r + 0.00836874544620514f;
    p = p * r + 0.04166838899254799f;
    p = p * r + 0.1666652113199234f;
    p = p * r + 0.4999999403953552f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    return (vector)((integers)p + (((integers)shifted + 64) << 23));
}

// The parts of silu and its slope: with z = |a|, s(-z) = e^-z / (1 + e^-z) avoids cancellation, and
// 1 - s(-z) = 1 / (1 + e^-z). A NaN passes through `bounded`.
typedef struct {
    vector bounded;  // a, clamped to -128...128: beyond that, e^-z a is zero
    vector power;    // 2^64 e^-z
    vector decay;    // e^-z
} gate_parts;

INLINE gate_parts parts_of_gate(vector a) {
    gate_parts g;
    g.bounded = minimum((vector)128.0f, maximum((vector)-128.0f, a));
    g.power = raised_decay(maximum(g.bounded, -g.bounded));
    g.decay = g.power * 0x1p-64f;
    return g;
}

// silu(a) (1 + e^-z)
INLINE vector silu_numerator(vector a, gate_parts g) {
    return a > 0 ? a : g.bounded * g.power * 0x1p-64f;
}

static void swiglu(ptrdiff_t rows, ptrdiff_t width, const float *x, float *y) {
    for (ptrdiff_t r = 0; r < rows; r++, x += 2 * width, y += width) {
        for (ptrdiff_t i = 0; i < width; i += LANES) {
            const ptrdiff_t n = width - i;
            const vector a = load_part(x + i, n), b = load_part(x + width + i, n);
            const gate_parts g = parts_of_gate(a);
            store_part(y + i, silu_numerator(a, g) / (1.0f + g.decay) * b, n);
        }
    }
}

// da = dy b (s + a s (1 - s)), db = dy silu(a).
static void swiglu_gradient(
    ptrdiff_t rows, ptrdiff_t width, const float *x, const float *dy, float *dx, bool accumulates) {
    for (ptrdiff_t r = 0; r < rows; r++, x += 2 * width, dy += width, dx += 2 * width) {
        for (ptrdiff_t i = 0; i < width; i += LANES) {
            const ptrdiff_t n = width - i;
            const vector a = load_part(x + i, n), b = load_part(x + width + i, n);
            const gate_parts g = parts_of_gate(a);
            const vector inverse = 1.0f / (1.0f + g.decay);
            const vector s = (a > 0 ? 1.0f : g.decay) * inverse;
            const vector slope = g.bounded * g.decay * inverse * inverse + s;
            vector da = load_part(dy + i, n) * b * slope;
            vector db = load_part(dy + i, n) * (silu_numerator(a, g) * inverse);
            if (accumulates) {
                da += load_part(dx + i, n);
                db += load_part(dx + width + i, n);
            }
            store_part(dx + i, da, n);
            store_part(dx + width + i, db, n);
        }
    }
}
