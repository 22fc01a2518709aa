// The inverse of `pack`. Balanced columns are scaled back by their powers of two, which is exact.

static void unpack(
    ptrdiff_t depth, ptrdiff_t columns, const float *packed, float *b, ptrdiff_t b_column) {
    for (ptrdiff_t j = 0; j < columns; j += PANEL) {
        const ptrdiff_t left = columns - j < PANEL ? columns - j : PANEL;
        const ptrdiff_t width = panel_width(left);
        for (ptrdiff_t c = 0; c < left; c++) {
            const float scale = PAIRED ? packed[(depth + 1) * width + c] : 1.0f;
            float *column = b + (j + c) * b_column;
            for (ptrdiff_t p = 0; p < depth; p++) column[p] = packed[p * width + c] * scale;
        }
        packed += width * (depth + BESIDE);
    }
}
