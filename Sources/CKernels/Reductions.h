// Sums over a row, in vector blocks that are added in double precision: rows have up to some 100,000 elements.

enum { SUM_BLOCK = 64 * LANES };

static double dot(ptrdiff_t count, const float *a, const float *b) {
    double total = 0;
    for (ptrdiff_t start = 0; start < count; start += SUM_BLOCK) {
        const ptrdiff_t end = start + SUM_BLOCK < count ? start + SUM_BLOCK : count;
        vector sums[4] = {0, 0, 0, 0};
        ptrdiff_t i = start;
        for (; i + 4 * LANES <= end; i += 4 * LANES) {
            UNROLL for (int s = 0; s < 4; s++) {
                sums[s] = load(a + i + s * LANES) * load(b + i + s * LANES) + sums[s];
            }
        }
        for (; i < end; i += LANES) {
            sums[0] = load_part(a + i, end - i) * load_part(b + i, end - i) + sums[0];
        }
        total += (double)sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
    }
    return total;
}
