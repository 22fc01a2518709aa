// Gradients of operations on rows.

// With n = (x - mean) scale and g = dy weight: dx = scale (g - mean(g) - n mean(g n)), weight's
// gradient is the sum of dy n over the rows, bias's that of dy. The row's statistics are recomputed: the
// row has to be read anyway.
static void layer_norm_gradient(
    ptrdiff_t rows, ptrdiff_t width, const float *x, const float *dy, const float *weight,
    float epsilon, float *dx, bool accumulates, float *dweight, float *dbias) {
    const float inverse = 1.0f / (float)width;
    for (ptrdiff_t r = 0; r < rows; r++, x += width, dy += width) {
        vector total = 0;
        for (ptrdiff_t i = 0; i < width; i += LANES) total += load_part(x + i, width - i);
        const float mean = sum(total) * inverse;
        vector squares = 0, gradients = 0, products = 0;
        for (ptrdiff_t i = 0; i < width; i += LANES) {
            const ptrdiff_t n = width - i;
            vector d = load_part(x + i, n) - mean;
            vector g = load_part(dy + i, n) * load_part(weight + i, n);
            if (n < LANES) d = fill_from(d, n, 0);
            squares = d * d + squares;
            gradients += g;
            products = g * d + products;
        }
        const float scale = 1.0f / __builtin_sqrtf(sum(squares) * inverse + epsilon);
        const float mean_gradient = sum(gradients) * inverse;
        const float slope = sum(products) * inverse * scale * scale;
        for (ptrdiff_t i = 0; i < width; i += LANES) {
            const ptrdiff_t n = width - i;
            vector d = load_part(x + i, n) - mean, y = load_part(dy + i, n);
            store_part(dweight + i, y * (d * scale) + load_part(dweight + i, n), n);
            store_part(dbias + i, y + load_part(dbias + i, n), n);
            if (!dx) continue;
            vector v = (y * load_part(weight + i, n) - mean_gradient - d * slope) * scale;
            if (accumulates) v += load_part(dx + i, n);
            store_part(dx + i, v, n);
        }
        if (dx) dx += width;
    }
}

// Four rows at a time, so that the sums are loaded and stored once per four rows of x.
static void column_sums(
    ptrdiff_t rows, ptrdiff_t columns, const float *x, ptrdiff_t x_row, float *sums) {
    ptrdiff_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * x_row) {
        for (ptrdiff_t j = 0; j < columns; j += LANES) {
            const ptrdiff_t n = columns - j;
            vector s = (load_part(x + j, n) + load_part(x + x_row + j, n))
                + (load_part(x + 2 * x_row + j, n) + load_part(x + 3 * x_row + j, n));
            store_part(sums + j, load_part(sums + j, n) + s, n);
        }
    }
    for (; r < rows; r++, x += x_row) {
        for (ptrdiff_t j = 0; j < columns; j += LANES) {
            const ptrdiff_t n = columns - j;
            store_part(sums + j, load_part(sums + j, n) + load_part(x + j, n), n);
        }
    }
}
