// Transposes by squares of LANES x LANES in registers. The squares that share rows of the target follow
// one another, so that its cache lines are filled while they are in cache.

static void transpose_matrix(
    ptrdiff_t rows, ptrdiff_t columns, const float *source, ptrdiff_t source_row, float *target,
    ptrdiff_t target_row) {
    const ptrdiff_t whole = rows / LANES * LANES;
    ptrdiff_t offsets[LANES];
    UNROLL for (int i = 0; i < LANES; i++) offsets[i] = i * source_row;
    for (ptrdiff_t c = 0; c < columns; c += LANES) {
        const ptrdiff_t width = columns - c < LANES ? columns - c : LANES;
        for (ptrdiff_t r = 0; r < rows; r += LANES) {
            const ptrdiff_t height = r < whole ? LANES : rows - r;
            const float *from = source + r * source_row + c;
            float *to = target + c * target_row + r;
            vector block[LANES];
            if (height == LANES && width == LANES) {
                load_transposed(from, offsets, block);
                // What the next band of this many rows will read.
                UNROLL for (int i = 0; i < LANES; i++) {
                    __builtin_prefetch(from + (i + rows) * source_row, 0, 3);
                }
                UNROLL for (int i = 0; i < LANES; i++) store(to + i * target_row, block[i]);
            } else {
                for (ptrdiff_t i = 0; i < height; i++) {
                    for (ptrdiff_t j = 0; j < width; j++) {
                        to[j * target_row + i] = from[i * source_row + j];
                    }
                }
            }
        }
    }
}
