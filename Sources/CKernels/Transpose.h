// Transposition in registers.

// Interleave a and b, by single lanes or by pairs, within each group of four lanes: LOW takes the group's
// lower half, HIGH its upper.
#if LANES == 16
#define IN_FOURS(a, b, i, j, k, l)                                                               \
    __builtin_shufflevector(                                                                     \
        a, b, i, j, k, l, i + 4, j + 4, k + 4, l + 4, i + 8, j + 8, k + 8, l + 8, i + 12, j + 12, \
        k + 12, l + 12)
#elif LANES == 8
#define IN_FOURS(a, b, i, j, k, l) \
    __builtin_shufflevector(a, b, i, j, k, l, i + 4, j + 4, k + 4, l + 4)
#else
#define IN_FOURS(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#endif
#define ONES_LOW(a, b) IN_FOURS(a, b, 0, LANES, 1, LANES + 1)
#define ONES_HIGH(a, b) IN_FOURS(a, b, 2, LANES + 2, 3, LANES + 3)
#define TWOS_LOW(a, b) IN_FOURS(a, b, 0, 1, LANES, LANES + 1)
#define TWOS_HIGH(a, b) IN_FOURS(a, b, 2, 3, LANES + 2, LANES + 3)

typedef float four __attribute__((ext_vector_type(4)));
typedef four unaligned_four __attribute__((aligned(4)));

// block[c] = element c of each of LANES lines, which start at x + offsets: a transposition whose coarse
// rounds are done by loading four elements at a time into place.
INLINE void load_transposed(const float *x, const ptrdiff_t offsets[LANES], vector block[LANES]) {
#define FOUR(line) (*(const unaligned_four *)(x + c + offsets[line]))
#define EIGHT(line) \
    __builtin_shufflevector(FOUR(line), FOUR(line + 4), 0, 1, 2, 3, 4, 5, 6, 7)
#if LANES == 16
#define LINES(line)                                                                               \
    __builtin_shufflevector(                                                                      \
        EIGHT(line), EIGHT(line + 8), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#elif LANES == 8
#define LINES EIGHT
#else
#define LINES FOUR
#endif
    UNROLL for (int c = 0; c < LANES; c += 4) {
        const vector v0 = LINES(0), v1 = LINES(1), v2 = LINES(2), v3 = LINES(3);
        const vector low0 = ONES_LOW(v0, v1), low1 = ONES_LOW(v2, v3);
        const vector high0 = ONES_HIGH(v0, v1), high1 = ONES_HIGH(v2, v3);
        block[c] = TWOS_LOW(low0, low1);
        block[c + 1] = TWOS_HIGH(low0, low1);
        block[c + 2] = TWOS_LOW(high0, high1);
        block[c + 3] = TWOS_HIGH(high0, high1);
    }
#undef FOUR
#undef EIGHT
#undef LINES
}

// target[c, r] = source[r, c], by squares of LANES x LANES. The squares that share rows of the target follow one another,
// so that its cache lines are filled while they are in cache.
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
