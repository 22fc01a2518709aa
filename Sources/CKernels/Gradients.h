// The gradients of what is done to elements and to rows.

// x Phi(x) has the derivative Phi(x) + x phi(x), phi the normal density.
// With z = |x|, Phi(-z) as `gelu` has it: Phi(x) is Phi(-z) or 1 - Phi(-z) by x's sign.
INLINE vector gelu_derivative(vector x) {
    vector z = maximum(x, -x);
    vector tail = normal_tail(minimum((vector)6.0f, z));
    vector density = 0.3989422804014327f * exponential2(-0.7213475204444817f * z * z);
    return (x > 0 ? 1.0f - tail : tail) + x * density;
}

static void gelu_gradient(ptrdiff_t count, const float *x, float *gradient) {
    for (ptrdiff_t i = 0; i < count; i += LANES) {
        if (i + LANES <= count) {
            store(gradient + i, load(gradient + i) * gelu_derivative(load(x + i)));
        } else {
            const ptrdiff_t rest = count - i;
            vector v = load_some(gradient + i, rest) * gelu_derivative(load_some(x + i, rest));
            store_some(gradient + i, v, rest);
        }
    }
}

// With n = (x - mean) scale and g = dy weight: dx = scale (g - mean(g) - n mean(g n)), weight's
// gradient is the sum of dy n over the rows, bias's that of dy. The row's statistics are computed
// again: it has to be read anyway, and they are not worth keeping.
static void layer_norm_gradient(
    ptrdiff_t rows, ptrdiff_t width, const float *x, const float *dy, const float *weight,
    float epsilon, float *dx, bool accumulates, float *dweight, float *dbias) {
    const float inverse = 1.0f / (float)width;
    for (ptrdiff_t r = 0; r < rows; r++, x += width, dy += width) {
        vector total = 0;
        for (ptrdiff_t i = 0; i < width; i += LANES) {
            total += i + LANES <= width ? load(x + i) : load_some(x + i, width - i);
        }
        const float mean = sum(total) * inverse;
        vector squares = 0, gradients = 0, products = 0;
        for (ptrdiff_t i = 0; i < width; i += LANES) {
            const bool whole = i + LANES <= width;
            const ptrdiff_t rest = width - i;
            vector d = (whole ? load(x + i) : load_some(x + i, rest)) - mean;
            vector g = whole ? load(dy + i) * load(weight + i)
                             : load_some(dy + i, rest) * load_some(weight + i, rest);
            if (!whole) for (int j = (int)rest; j < LANES; j++) d[j] = 0;
            squares = d * d + squares;
            gradients += g;
            products = g * d + products;
        }
        const float scale = 1.0f / __builtin_sqrtf(sum(squares) * inverse + epsilon);
        const float meanGradient = sum(gradients) * inverse;
        const float slope = sum(products) * inverse * scale * scale;
        for (ptrdiff_t i = 0; i < width; i += LANES) {
            const bool whole = i + LANES <= width;
            const ptrdiff_t rest = width - i;
            vector d = (whole ? load(x + i) : load_some(x + i, rest)) - mean;
            vector y = whole ? load(dy + i) : load_some(dy + i, rest);
            vector w = whole ? load(weight + i) : load_some(weight + i, rest);
            vector dw = whole ? load(dweight + i) : load_some(dweight + i, rest);
            vector db = whole ? load(dbias + i) : load_some(dbias + i, rest);
            dw = y * (d * scale) + dw;
            db += y;
            if (whole) store(dweight + i, dw); else store_some(dweight + i, dw, rest);
            if (whole) store(dbias + i, db); else store_some(dbias + i, db, rest);
            if (!dx) continue;
            vector v = (y * w - meanGradient - d * slope) * scale;
            if (accumulates) v += whole ? load(dx + i) : load_some(dx + i, rest);
            if (whole) store(dx + i, v); else store_some(dx + i, v, rest);
        }
        if (dx) dx += width;
    }
}

static void column_sums(
    ptrdiff_t rows, ptrdiff_t columns, const float *x, ptrdiff_t x_row, float *sums) {
    // Four rows at a time: a line of sums is loaded and stored for four of x.
    ptrdiff_t r = 0;
    for (; r < rows; r += 4) {
        const float *line = x + r * x_row;
        const int count = rows - r < 4 ? (int)(rows - r) : 4;
        for (ptrdiff_t j = 0; j < columns; j += LANES) {
            const bool whole = j + LANES <= columns;
            vector s = whole ? load(sums + j) : load_some(sums + j, columns - j);
            if (whole && count == 4) {
                s += (load(line + j) + load(line + x_row + j))
                    + (load(line + 2 * x_row + j) + load(line + 3 * x_row + j));
            } else {
                for (int i = 0; i < count; i++) {
                    const float *place = line + i * x_row + j;
                    s += whole ? load(place) : load_some(place, columns - j);
                }
            }
            if (whole) store(sums + j, s); else store_some(sums + j, s, columns - j);
        }
    }
}
