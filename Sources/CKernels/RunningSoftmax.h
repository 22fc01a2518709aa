// The running softmax of the forward pass of attention: each lane is a query, whose scores are added to its sums block by
// block.

// The offset subtracted need not be the true maximum: it is raised only when a block exceeds it by SLACK
// powers of two, which loses no accuracy and avoids nearly all rescaling.
static const float SLACK = 16;

INLINE bool any_above(vector a, vector b) {
    integers greater = a > b;
    int32_t found = 0;
    UNROLL for (int i = 0; i < LANES; i++) found |= greater[i];
    return found != 0;
}

// The highest of `count` vectors, `stride` apart, in four chains that hide the latency.
INLINE vector highest(const float *x, ptrdiff_t count, ptrdiff_t stride) {
    vector high[4];
    UNROLL for (int i = 0; i < 4; i++) high[i] = load(x + (i < count ? i : 0) * stride);
    ptrdiff_t k = 4;
    for (; k + 4 <= count; k += 4) {
        UNROLL for (int i = 0; i < 4; i++) {
            high[i] = maximum(high[i], load(x + (k + i) * stride));
        }
    }
    for (; k < count; k++) high[0] = maximum(high[0], load(x + k * stride));
    return maximum(maximum(high[0], high[1]), maximum(high[2], high[3]));
}

// Before a block's terms, relative to `offset`, are added to the sums of LANES queries: `total` and `output`, [width],
// `stride` apart. `high` is the block's highest score.
INLINE void keep_in_range(
    bool is_first, vector high, vector *offset, vector *total, ptrdiff_t width, float *output, ptrdiff_t stride) {
    if (is_first) {
        *offset = high;
        *total = 0;
    } else if (any_above(high, *offset + SLACK)) {
        const vector raised = maximum(high, *offset);
        const vector fade = exponential2(*offset - raised);
        *offset = raised;
        *total *= fade;
        for (ptrdiff_t d = 0; d < width; d++) store(output + d * stride, load(output + d * stride) * fade);
    }
}
