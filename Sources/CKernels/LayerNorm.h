// Mean and variance take one pass each; the first brings the row into cache.

static void layer_norm(
    ptrdiff_t rows, ptrdiff_t width, const float *x, ptrdiff_t x_row, const float *weight,
    const float *bias, float epsilon, float *y, ptrdiff_t y_row) {
    const ptrdiff_t whole = width / LANES * LANES, rest = width - whole;
    for (ptrdiff_t r = 0; r < rows; r++, x += x_row, y += y_row) {
        vector total = rest > 0 ? load_some(x + whole, rest) : (vector)0.0f;
        for (ptrdiff_t i = 0; i < whole; i += LANES) total += load(x + i);
        const float mean = sum(total) / (float)width;

        vector squares = 0;
        if (rest > 0) {
            vector d = 0;
            for (ptrdiff_t i = 0; i < rest; i++) d[i] = x[whole + i] - mean;
            squares = d * d;
        }
        for (ptrdiff_t i = 0; i < whole; i += LANES) {
            vector d = load(x + i) - mean;
            squares = d * d + squares;
        }
        const float scale = 1.0f / __builtin_sqrtf(sum(squares) / (float)width + epsilon);

        for (ptrdiff_t i = 0; i < whole; i += LANES) {
            store(y + i, (load(x + i) - mean) * scale * load(weight + i) + load(bias + i));
        }
        if (rest > 0) {
            vector v = (load_some(x + whole, rest) - mean) * scale * load_some(weight + whole, rest)
                + load_some(bias + whole, rest);
            store_some(y + whole, v, rest);
        }
    }
}
