// Softmax of a long row, and its cross-entropy with a row of weights. The highest score is subtracted
// before exponentiation.

#define LOG2_E 1.4426950408889634f

INLINE float highest_lane(vector v) {
    float result = v[0];
    UNROLL for (int i = 1; i < LANES; i++) result = v[i] > result || v[i] != v[i] ? v[i] : result;
    return result;
}

// A vector of exponentials; lanes beyond the row are set to 0, because they hold minus infinity, for which
// exponential2 does not return 0.
INLINE vector powers(vector below, ptrdiff_t count, float scale) {
    vector v = exponential2(below * scale);
    return count < LANES ? fill_from(v, count, 0) : v;
}

static void softmax(
    ptrdiff_t count, const float *x, const float *centre, float scale, float *y) {
    vector most = -__builtin_inff();
    for (ptrdiff_t i = 0; i < count; i += LANES) {
        const ptrdiff_t n = count - i;
        vector v = load_part(x + i, n);
        if (centre) v -= load_part(centre + i, n);
        store_part(y + i, v, n);
        most = maximum(n < LANES ? fill_from(v, n, -__builtin_inff()) : v, most);
    }
    const float top = highest_lane(most);
    double total = 0;
    for (ptrdiff_t start = 0; start < count; start += SUM_BLOCK) {
        const ptrdiff_t end = start + SUM_BLOCK < count ? start + SUM_BLOCK : count;
        vector sums = 0;
        for (ptrdiff_t i = start; i < end; i += LANES) {
            vector v = powers(load_part(y + i, end - i) - top, end - i, scale * LOG2_E);
            store_part(y + i, v, end - i);
            sums += v;
        }
        total += (double)sum(sums);
    }
    const float inverse = (float)(1 / total);
    for (ptrdiff_t i = 0; i < count; i += LANES) {
        store_part(y + i, load_part(y + i, count - i) * inverse, count - i);
    }
}

static double cross_entropy(
    ptrdiff_t count, const float *x, const float *weights, float scale, float *sums) {
    vector most = -__builtin_inff();
    for (ptrdiff_t i = 0; i < count; i += LANES) {
        vector v = load_part(x + i, count - i);
        most = maximum(count - i < LANES ? fill_from(v, count - i, -__builtin_inff()) : v, most);
    }
    const float top = highest_lane(most);
    double total = 0, weight = 0, products = 0;
    for (ptrdiff_t start = 0; start < count; start += SUM_BLOCK) {
        const ptrdiff_t end = start + SUM_BLOCK < count ? start + SUM_BLOCK : count;
        vector totals = 0, weight_sums = 0, product_sums = 0;
        for (ptrdiff_t i = start; i < end; i += LANES) {
            vector below = load_part(x + i, end - i) - top, w = load_part(weights + i, end - i);
            totals += powers(below, end - i, scale * LOG2_E);
            weight_sums += w;
            product_sums = w * below + product_sums;
        }
        total += (double)sum(totals);
        weight += (double)sum(weight_sums);
        products += (double)sum(product_sums);
    }
    sums[0] = top;
    sums[1] = (float)total;
    sums[2] = (float)weight;
    return products * (double)scale;
}

static void cross_entropy_gradient(
    ptrdiff_t count, const float *x, const float *weights, float scale, const float *sums,
    float factor, float *gradient, bool accumulates) {
    const float share = factor * sums[2] / sums[1];
    for (ptrdiff_t i = 0; i < count; i += LANES) {
        const ptrdiff_t n = count - i;
        vector v = exponential2((load_part(x + i, n) - sums[0]) * (scale * LOG2_E)) * share
            - load_part(weights + i, n) * factor;
        if (accumulates) v += load_part(gradient + i, n);
        store_part(gradient + i, v, n);
    }
}
