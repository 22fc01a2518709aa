// softmax(scale Q K^T) V for a group of queries in 16-bit integers, by the same tiles as Attention.h, of which both
// products are those of IntegerProduct.h: S^T = K Q^T and O^T += V^T P^T, queries in the lanes.
//
// Queries, keys and the columns of a block's values are rows as `quantize` makes them. Powers are taken relative to the
// highest score of their block and become integers up to HIGHEST_POWER, so that they keep the format's bound on the
// length of a row, too: HIGHEST_POWER² KEYS < 2^31. Weights and their sum are the same integers.

static const float HIGHEST_POWER = 4095;

// `rows` quantised rows with their scales, from `base` on.
INLINE ck_quantized quantized_at(const void *base, ptrdiff_t rows, ptrdiff_t depth) {
    return (ck_quantized){base, (const float *)((const int16_t *)base + rows * ck_integer_depth(depth)), 0};
}

static void quantize_words(ptrdiff_t rows, ptrdiff_t k, const float *x, ptrdiff_t x_row, void *to, float *line) {
    const ck_row_map identity = {.kind = CK_IDENTITY};
    quantize(rows, k, x, x_row, &identity, 16, true, to, (float *)quantized_at(to, rows, k).scales, 0, line);
}

static void prepare_integer_keys(
    ptrdiff_t keys, ptrdiff_t width, const float *key, const float *value, ptrdiff_t row_stride, float *prepared,
    float *scratch) {
    float *columns = scratch;  // a block's values, [width, KEYS]
    float *target = prepared;
    for (ptrdiff_t block = 0; block < key_blocks(keys, KEYS); block++) {
        const ptrdiff_t first = key_block_start(block, keys, KEYS, CK_STRIP);
        const ptrdiff_t count = key_block_start(block + 1, keys, KEYS, CK_STRIP) - first;
        quantize_words(count, width, key + first * row_stride, row_stride, target, scratch);
        // A score that is NaN makes all weights of its query NaN, which powers as integers cannot be.
        float poison = 0;
        const float *key_scales = quantized_at(target, count, width).scales;
        for (ptrdiff_t k = 0; k < count; k++) poison += key_scales[k] * 0;
        target += quantized_block(count, width);
        transpose_matrix(count, width, value + first * row_stride, row_stride, columns, count);
        quantize_words(width, count, columns, count, target, scratch + KEYS * width);
        float *value_scales = (float *)quantized_at(target, width, count).scales;
        for (ptrdiff_t d = 0; d < width; d++) value_scales[d] += poison;
        target += quantized_block(width, count);
    }
}

// Packs quantised rows as a right factor of `columns` columns, whole strips; those from `rows` on are zeros.
static void pack_words(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t depth, const void *integers, void *packed) {
    const ptrdiff_t words_of_depth = ck_integer_depth(depth) / 2;
    const uint32_t *source = integers;
    uint32_t *target = packed;
    for (ptrdiff_t j = 0; j < columns; j += CK_INTEGER_STRIP) {
        for (ptrdiff_t p = 0; p < words_of_depth; p++) {
            for (ptrdiff_t lane = 0; lane < CK_INTEGER_STRIP; lane++) {
                *target++ = j + lane < rows ? source[(j + lane) * words_of_depth + p] : 0;
            }
        }
    }
}

#pragma clang fp contract(on)

// HIGHEST_POWER 2^x for x <= 0, rounded to an integer and raised by the bits of POWER_SHIFT: within one of the true value.
// As exponential2, by a minimax polynomial of degree 3 (relative error 1e-4).
static const float POWER_SHIFT = 0x1.8p23f;

INLINE words power_word(vector x) {
    x = maximum((vector)-24.0f, x);
    const vector shifted = x + POWER_SHIFT;
    const vector f = x - (shifted - POWER_SHIFT);
    vector p = 0.0551716685f;
    p = p * f + 0.242611110f;
    p = p * f + 0.693260605f;
    p = p * f + 0.999924846f;
    const vector power = (vector)((integers)p + ((integers)shifted << 23));
    return (words)(power * HIGHEST_POWER + POWER_SHIFT);
}

// Turns the scores of LANES queries, [keys, columns], into powers relative to `high`, packed as words of two adjacent
// keys, `strip` words apart. Returns the sum of the powers.
INLINE vector pack_powers(ptrdiff_t keys, const float *scores, ptrdiff_t columns, vector high, uint32_t *packed) {
    words total = 0;
    const words low = 0xffff;
    ptrdiff_t k = 0;
    for (; k + 2 <= keys; k += 2, packed += CK_INTEGER_STRIP) {
        const words x = power_word(load(scores + k * columns) - high);
        const words y = power_word(load(scores + (k + 1) * columns) - high);
        total += (x & low) + (y & low);
        *(unaligned_words *)packed = (x & low) | y << 16;
    }
    if (k < keys) {
        const words x = power_word(load(scores + k * columns) - high) & low;
        total += x;
        *(unaligned_words *)packed = x;
        packed += CK_INTEGER_STRIP;
        k += 2;
    }
    for (; k < ck_integer_depth(keys); k += 2, packed += CK_INTEGER_STRIP) *(unaligned_words *)packed = (words)0;
    return __builtin_convertvector((integers)total, vector);
}

enum { QUERY_PANEL = INTEGER_PANEL < CK_INTEGER_STRIP ? CK_INTEGER_STRIP : INTEGER_PANEL };

INLINE ptrdiff_t query_panel(ptrdiff_t queries) {
    const ptrdiff_t columns = (queries + CK_INTEGER_STRIP - 1) / CK_INTEGER_STRIP * CK_INTEGER_STRIP;
    return columns < QUERY_PANEL ? columns : QUERY_PANEL;
}

static void integer_attention(ck_attention_task t, float *scratch) {
    const ptrdiff_t words_of_width = ck_integer_depth(t.width) / 2;
    uint32_t *query = (uint32_t *)scratch;  // panels [width / 2, QUERY_PANEL] in strips
    float *query_scales = (float *)(query + CK_ATTENTION_QUERIES * words_of_width);
    float *output = query_scales + CK_ATTENTION_QUERIES;  // panels [width, QUERY_PANEL]
    float *scores = output + CK_ATTENTION_QUERIES * t.width;         // a panel [KEYS, QUERY_PANEL]
    uint32_t *powers = (uint32_t *)(scores + KEYS * QUERY_PANEL);    // [KEYS / 2, QUERY_PANEL] in strips
    void *rows_of_panel = powers + KEYS / 2 * QUERY_PANEL;
    vector offset[CK_ATTENTION_QUERIES / LANES], total[CK_ATTENTION_QUERIES / LANES];

    // Scores are in units of log 2, so that the softmax's exponential is 2^x.
    const float scale = t.scale * 1.44269504088896341f;
    for (ptrdiff_t i = 0; i < t.queries; i += QUERY_PANEL) {
        const ptrdiff_t columns = query_panel(t.queries - i);
        const ptrdiff_t rows = t.queries - i < columns ? t.queries - i : columns;
        quantize_words(rows, t.width, t.query + i * t.row_stride, t.row_stride, rows_of_panel, output);
        const ck_quantized quantized = quantized_at(rows_of_panel, rows, t.width);
        pack_words(rows, columns, t.width, quantized.integers, query + i * words_of_width);
        for (ptrdiff_t j = 0; j < columns; j++) query_scales[i + j] = j < rows ? quantized.scales[j] * scale : 0;
    }

    const float *prepared = t.prepared;
    for (ptrdiff_t block = 0; block < key_blocks(t.keys, KEYS); block++) {
        const ptrdiff_t keys = key_block_start(block + 1, t.keys, KEYS, CK_STRIP)
            - key_block_start(block, t.keys, KEYS, CK_STRIP);
        const ck_quantized key = quantized_at(prepared, keys, t.width);
        prepared += quantized_block(keys, t.width);
        const ck_quantized value = quantized_at(prepared, t.width, keys);
        prepared += quantized_block(t.width, keys);
        for (ptrdiff_t i = 0; i < t.queries; i += QUERY_PANEL) {
            const ptrdiff_t columns = query_panel(t.queries - i);
            float *o = output + i * t.width, back[QUERY_PANEL];
            integer_product((ck_integer_product_task){
                .rows = keys, .columns = columns, .depth = t.width, .bits = 16, .left = key,
                .right = {query + i * words_of_width, query_scales + i},
                .c = scores, .c_row_stride = columns,
            });
            for (ptrdiff_t j = 0; j < columns; j += LANES) {
                const ptrdiff_t lane = (i + j) / LANES;
                const vector high = highest(scores + j, keys, columns);
                keep_in_range(block == 0, high, &offset[lane], &total[lane], t.width, o + j, columns);
                const vector scale_back = exponential2(high - offset[lane]);
                store(back + j, scale_back);
                uint32_t *strip = powers + j / CK_INTEGER_STRIP * CK_INTEGER_STRIP * (ck_integer_depth(keys) / 2)
                    + j % CK_INTEGER_STRIP;
                total[lane] += pack_powers(keys, scores + j, columns, high, strip) * scale_back;
            }
            integer_product((ck_integer_product_task){
                .rows = t.width, .columns = columns, .depth = keys, .bits = 16, .left = value,
                .right = {powers, back},
                .c = o, .c_row_stride = columns, .residual = block > 0 ? o : 0, .residual_row_stride = columns,
            });
        }
    }

    for (ptrdiff_t i = 0; i < t.queries; i += QUERY_PANEL) {
        const ptrdiff_t columns = query_panel(t.queries - i);
        const ptrdiff_t count = t.queries - i < columns ? t.queries - i : columns;
        float *o = output + i * t.width;
        for (ptrdiff_t j = 0; j < columns; j += LANES) {
            const vector inverse = 1.0f / total[(i + j) / LANES];
            for (ptrdiff_t d = 0; d < t.width; d++) {
                store(o + d * columns + j, load(o + d * columns + j) * inverse);
            }
        }
        transpose_matrix(t.width, count, o, columns, t.output + i * t.output_row_stride, t.output_row_stride);
    }
}
