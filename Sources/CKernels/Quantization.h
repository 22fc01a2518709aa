// Rows of floats to integers. Every sum runs in SPAN chains, whatever the width of a vector, and the chains are then
// added in halves: the same order on every instruction set.

enum { SPAN = 32, CHAINS = SPAN / LANES };

// Calls `step(v, c)` with each vector of a row of k floats and its chain; the floats from k on are zeros.
#define FOR_EACH_VECTOR(x, k, v, c, step)                                        \
    do {                                                                         \
        ptrdiff_t i = 0;                                                         \
        for (; i + SPAN <= (k); i += SPAN) {                                     \
            UNROLL for (int c = 0; c < CHAINS; c++) {                            \
                const vector v = load((x) + i + c * LANES);                      \
                step;                                                            \
            }                                                                    \
        }                                                                        \
        if (i < (k)) {                                                           \
            float rest[SPAN] = {0};                                              \
            memcpy(rest, (x) + i, (size_t)((k) - i) * sizeof(float));            \
            UNROLL for (int c = 0; c < CHAINS; c++) {                            \
                const vector v = load(rest + c * LANES);                         \
                step;                                                            \
            }                                                                    \
        }                                                                        \
    } while (0)

INLINE float sum_of_chains(vector chains[CHAINS]) {
    UNROLL for (int half = CHAINS / 2; half > 0; half /= 2) {
        UNROLL for (int c = 0; c < half; c++) chains[c] += chains[c + half];
    }
    return sum(chains[0]);
}

// The sum of (x factor)².
INLINE float sum_of_squares(const float *x, ptrdiff_t k, float factor) {
    vector chains[CHAINS] = {0};
    FOR_EACH_VECTOR(x, k, v, c, {
        const vector u = v * factor;
        chains[c] += u * u;
    });
    return sum_of_chains(chains);
}

// y = (x - mean) / sqrt(variance + epsilon) weight + bias for a row.
INLINE void normalize_row(ptrdiff_t k, const float *x, const ck_row_map *map, float *y) {
    vector chains[CHAINS] = {0};
    FOR_EACH_VECTOR(x, k, v, c, chains[c] += v);
    const float mean = sum_of_chains(chains) / (float)k;
    for (ptrdiff_t i = 0; i < k; i += LANES) {
        store_part(y + i, load_part(x + i, k - i) - mean, k - i);
    }
    const float variance = sum_of_squares(y, k, 1.0f) / (float)k;
    const float scale = 1.0f / __builtin_sqrtf(variance + map->epsilon);
    for (ptrdiff_t i = 0; i < k; i += LANES) {
        const ptrdiff_t n = k - i;
        vector v = load_part(y + i, n) * scale;
        v = v * load_part(map->weight + i, n);
        store_part(y + i, v + load_part(map->bias + i, n), n);
    }
}

// The largest magnitude of a row; NaN or infinity if it has either: as integers, their magnitudes are the largest.
INLINE float largest_magnitude(ptrdiff_t k, const float *x) {
    integers chains[CHAINS] = {0};
    FOR_EACH_VECTOR(x, k, v, c, {
        const integers bits = (integers)v & 0x7fffffff;
        chains[c] = bits > chains[c] ? bits : chains[c];
    });
    UNROLL for (int c = 1; c < CHAINS; c++) chains[0] = chains[c] > chains[0] ? chains[c] : chains[0];
    const int32_t largest = __builtin_reduce_max(chains[0]);
    float result;
    memcpy(&result, &largest, sizeof result);
    return result;
}

// The same, and the lowest and the highest of the row's floats and 0.
INLINE float range_of_row(ptrdiff_t k, const float *x, float *lowest, float *highest) {
    vector low[CHAINS] = {0}, high[CHAINS] = {0};
    integers unordered[CHAINS] = {0};  // not 0 in lanes that have met a NaN, which comparisons pass over
    FOR_EACH_VECTOR(x, k, v, c, {
        low[c] = minimum(v, low[c]);
        high[c] = maximum(v, high[c]);
        unordered[c] |= v != v;
    });
    UNROLL for (int c = 1; c < CHAINS; c++) {
        low[0] = minimum(low[c], low[0]);
        high[0] = maximum(high[c], high[0]);
        unordered[0] |= unordered[c];
    }
    *lowest = __builtin_reduce_min(low[0]);
    *highest = __builtin_reduce_max(high[0]);
    if (__builtin_reduce_or(unordered[0])) return NAN;
    return -*lowest > *highest ? -*lowest : *highest;
}

// The nearest integers, ties to even, for magnitudes below 2^22.
INLINE integers rounded(vector x) {
    const vector shift = 0x1.8p23f;
    return (integers)(x + shift) - (integers)shift;
}

typedef int16_t stored_words __attribute__((ext_vector_type(LANES)));
typedef uint8_t stored_bytes __attribute__((ext_vector_type(LANES)));

// The first `count` of LANES integers, as words or as bytes.
INLINE void store_integers(bool as_bytes, integers q, char *to, ptrdiff_t count) {
    if (as_bytes) {
        const stored_bytes v = __builtin_convertvector(q, stored_bytes);
        memcpy(to, &v, (size_t)count);
    } else {
        const stored_words v = __builtin_convertvector(q, stored_words);
        memcpy(to, &v, (size_t)count * 2);
    }
}

// A row of k floats times `factor` as integers, raised by `zero`; those from k on stand for 0.
INLINE void round_row(bool as_bytes, ptrdiff_t k, const float *x, float factor, int32_t zero, char *to) {
    const ptrdiff_t depth = ck_integer_depth(k), size = as_bytes ? 1 : 2;
    ptrdiff_t i = 0;
    for (; i + LANES <= k; i += LANES) {
        store_integers(as_bytes, rounded(load(x + i) * factor) + zero, to + i * size, LANES);
    }
    if (i < depth) {
        const vector rest = i < k ? load_some(x + i, k - i) : (vector)0.0f;
        store_integers(as_bytes, rounded(rest * factor) + zero, to + i * size, depth - i);
    }
}

static void quantize(
    ptrdiff_t rows, ptrdiff_t k, const float *x, ptrdiff_t x_row, const ck_row_map *map, int bits,
    bool is_left, void *integers_of_rows, float *scales, int32_t *zeros, float *line) {
    const bool as_bytes = bits == 8 && is_left && BYTE_GROUP == 4;
    const ptrdiff_t depth = ck_integer_depth(k), size = as_bytes ? 1 : 2;
    // The longest row of 16-bit integers, 2^15.5, less what rounding each by half can add, and float rounding.
    const float longest = 46336.0f - 0.5f * __builtin_sqrtf((float)k);
    for (ptrdiff_t r = 0; r < rows; r++, x += x_row) {
        const float *row = x;
        if (map->kind == CK_LAYER_NORM) {
            normalize_row(k, x, map, line);
            row = line;
        } else if (map->kind == CK_GELU) {
            gelu_rows(1, k, x, k, line, k);
            row = line;
        }
        const bool has_range = bits == 8 && is_left;
        float lowest = 0, highest = 0, scale = 0, factor = 0;
        const float largest = has_range ? range_of_row(k, row, &lowest, &highest) : largest_magnitude(k, row);
        if (!(largest < INFINITY)) {
            scale = NAN;
        } else if (largest <= 0x1p-100f) {
            // Taken as zeros.
        } else if (has_range) {
            // 254 steps: with both ends rounded outwards 255, which fit a byte. By halves, which cannot overflow.
            const float half = 0.5f * highest - 0.5f * lowest;
            factor = 127 / half;
            scale = half / 127;
        } else {
            const float inverse = 1.0f / largest;
            float limit = 127;
            if (bits == 16) {
                const float length = __builtin_sqrtf(sum_of_squares(row, k, inverse));
                limit = longest / length;
                limit = limit < 32767.0f ? limit : 32767.0f;
            }
            factor = limit * inverse;
            scale = largest / limit;
        }
        scales[r] = scale;
        char *target = (char *)integers_of_rows + r * depth * size;
        if (as_bytes) zeros[r] = 0;
        if (factor == 0) {
            memset(target, 0, (size_t)(depth * size));
            continue;
        }
        if (as_bytes) {
            zeros[r] = -rounded((vector)(lowest * factor))[0];
            round_row(true, k, row, factor, zeros[r], target);
        } else {
            round_row(false, k, row, factor, 0, target);
        }
    }
}
