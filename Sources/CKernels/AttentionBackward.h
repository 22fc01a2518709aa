// The gradients of softmax(scale Q K^T) V for a group of keys of one head, without storing the score matrix.
//
// With P = softmax(scale Q K^T), recomputed as P = 2^(S - L) from the scores S in units of log 2 and
// each query's log-sum-exp L, and G the gradient of the output O (Dao et al. 2022, algorithm 4):
//     dV = P^T G,  dS = scale P o (G V^T - rowsum(G o O)),  dQ = dS K,  dK = dS^T Q.
// A block of keys is held in the lanes: its keys and values, packed once, are the right factors of the
// tiles S = Q K^T and G V^T; the left factors, queries and gradients, are read in place. The tiles P and
// dS are then left factors of the other three products, read transposed for dV and dK; the right factors
// are packed by rows, with channels in the lanes.

// Splits `count` vectors as evenly as possible into the fewest panels; returns the start of panel `p` in floats.
INLINE ptrdiff_t panel_start(ptrdiff_t p, ptrdiff_t count, ptrdiff_t panels) {
    return count * p / panels * LANES;
}

INLINE ptrdiff_t panel_count(ptrdiff_t vectors) { return (vectors + VECTORS - 1) / VECTORS; }

INLINE ptrdiff_t vector_count(ptrdiff_t floats) { return (floats + LANES - 1) / LANES; }

// Copies floats by vectors, the last overlapping the one before.
INLINE void copy(ptrdiff_t count, const float *from, float *to) {
    if (count < LANES) {
        memcpy(to, from, (size_t)count * sizeof(float));
        return;
    }
    for (ptrdiff_t next = 0; next < count; next += LANES) {
        ptrdiff_t j = next + LANES <= count ? next : count - LANES;
        store(to + j, load(from + j));
    }
}

// Packs factor B, B [depth, n], into even panels, one after another. The argument is B^T, with rows
// `row` apart.
static void pack_transposed(
    ptrdiff_t depth, ptrdiff_t n, const float *b, ptrdiff_t row, float factor, float *packed) {
    const ptrdiff_t vectors = vector_count(n), panels = panel_count(vectors);
    for (ptrdiff_t p = 0; p < panels; p++) {
        const ptrdiff_t start = panel_start(p, vectors, panels);
        const ptrdiff_t end = panel_start(p + 1, vectors, panels);
        pack_panel(
            depth, (end < n ? end : n) - start, b + start * row, 1, row, factor,
            packed + start * depth, 0);
    }
}

// Packs B [depth, n], with rows `row` apart, into even panels.
static void pack_rows(
    ptrdiff_t depth, ptrdiff_t n, const float *b, ptrdiff_t row, float *packed) {
    const ptrdiff_t vectors = vector_count(n), panels = panel_count(vectors);
    for (ptrdiff_t p = 0; p < panels; p++) {
        const ptrdiff_t start = panel_start(p, vectors, panels);
        const ptrdiff_t width = panel_start(p + 1, vectors, panels) - start;
        const ptrdiff_t columns = n - start < width ? n - start : width;
        for (ptrdiff_t r = 0; r < depth; r++, packed += width) {
            if (columns < width) store(packed + width - LANES, (vector)0.0f);
            copy(columns, b + r * row + start, packed);
        }
    }
}

// The tiles of a product of `m` rows and n columns, with B packed in even panels. Writes only C's columns.
static void product_of_panels(ptrdiff_t m, ptrdiff_t n, product_tile whole) {
    const ptrdiff_t vectors = vector_count(n), panels = panel_count(vectors), c_row = whole.c_row;
    const strips strips = strips_of(false, m);
    for (ptrdiff_t p = 0; p < panels; p++) {
        const ptrdiff_t start = panel_start(p, vectors, panels);
        const ptrdiff_t width = panel_start(p + 1, vectors, panels) - start;
        const ptrdiff_t columns = n - start < width ? n - start : width;
        for (ptrdiff_t s = 0; s < strips.count; s++) {
            const ptrdiff_t row = strip_start(strips, s), rows = strip_rows(strips, s, m);
            float *target = whole.c + row * c_row + start;
            product_tile part = whole;
            part.a.first += row * whole.a.row_stride;
            part.b += start * whole.depth;
            if (columns == width) {
                part.c = target;
                tile(rows, width, &part);
            } else {
                float edge[ROWS * PANEL];
                for (ptrdiff_t r = 0; whole.accumulates && r < rows; r++) {
                    copy(columns, target + r * c_row, edge + r * width);
                }
                part.c = edge;
                part.c_row = width;
                tile(rows, width, &part);
                for (ptrdiff_t r = 0; r < rows; r++) {
                    copy(columns, edge + r * width, target + r * c_row);
                }
            }
        }
    }
}

// sum over d of x[d] y[d].
INLINE float inner_product(ptrdiff_t count, const float *x, const float *y) {
    vector products = 0;
    ptrdiff_t d = 0;
    for (; d + LANES <= count; d += LANES) products = load(x + d) * load(y + d) + products;
    if (d < count && count < LANES) {
        products = load_some(x, count) * load_some(y, count);
    } else if (d < count) {
        // The last vector, without its overlap with the one before.
        vector last = load(x + count - LANES) * load(y + count - LANES);
        UNROLL for (int i = 0; i < LANES; i++) last[i] = i < d + LANES - count ? 0 : last[i];
        products += last;
    }
    return sum(products);
}

static void attention_pullback(ck_attention_pullback_task t, float *scratch) {
    const ptrdiff_t vectors = vector_count(t.keys), most = BACKWARD_KEYS / LANES;
    const ptrdiff_t blocks = (vectors + most - 1) / most;
    const ptrdiff_t groups = (t.queries + BACKWARD_QUERIES - 1) / BACKWARD_QUERIES;
    const ptrdiff_t line = vector_count(t.width) * LANES;
    float *packed_keys = scratch;                                // [width, keys] in panels
    float *packed_values = packed_keys + BACKWARD_KEYS * line;   // the same shape
    float *key_rows = packed_values + BACKWARD_KEYS * line;      // [keys, width] in panels
    float *query_rows = key_rows + BACKWARD_KEYS * line;         // [queries, width] in panels
    float *output_rows = query_rows + BACKWARD_QUERIES * line;   // the same shape
    float *weights = output_rows + BACKWARD_QUERIES * line;      // P [queries, keys]
    float *scores = weights + BACKWARD_QUERIES * BACKWARD_KEYS;  // dS, the same shape

    for (ptrdiff_t block = 0; block < blocks; block++) {
        const ptrdiff_t first = panel_start(block, vectors, blocks);
        const ptrdiff_t padded = panel_start(block + 1, vectors, blocks) - first;
        const ptrdiff_t keys = t.keys - first < padded ? t.keys - first : padded;
        const float *key = t.key + first * t.row_stride, *value = t.value + first * t.row_stride;
        // In units of log 2, like the log-sum-exp. The gradient of the scores has to be multiplied by the
        // scale, which is included in the values and the row sums.
        pack_transposed(
            t.width, keys, key, t.row_stride, t.scale * 1.44269504088896341f, packed_keys);
        pack_transposed(t.width, keys, value, t.row_stride, t.scale, packed_values);
        pack_rows(keys, t.width, key, t.row_stride, key_rows);

        for (ptrdiff_t group = 0; group < groups; group++) {
            const ptrdiff_t start = t.queries * group / groups;
            const ptrdiff_t queries = t.queries * (group + 1) / groups - start;
            const float *query = t.query + start * t.row_stride;
            const float *output = t.output + start * t.output_row_stride;
            const float *gradient = t.gradient + start * t.output_row_stride;
            pack_rows(queries, t.width, query, t.row_stride, query_rows);
            pack_rows(queries, t.width, gradient, t.output_row_stride, output_rows);

            product_of_panels(queries, padded, (product_tile){
                .depth = t.width, .a = {query, t.row_stride, 1}, .b = packed_keys, .c = weights, .c_row = padded,
            });
            product_of_panels(queries, padded, (product_tile){
                .depth = t.width, .a = {gradient, t.output_row_stride, 1}, .b = packed_values, .c = scores,
                .c_row = padded,
            });
            for (ptrdiff_t i = 0; i < queries; i++) {
                const ptrdiff_t row = i * t.output_row_stride;
                const vector logarithm = t.log_sum_exp[start + i];
                const vector taken_off =
                    t.scale * inner_product(t.width, gradient + row, output + row);
                float *p = weights + i * padded, *s = scores + i * padded;
                for (ptrdiff_t j = 0; j < padded; j += LANES) {
                    vector weight = exponential2(load(p + j) - logarithm);
                    store(p + j, weight);
                    store(s + j, weight * (load(s + j) - taken_off));
                }
            }
            product_of_panels(keys, t.width, (product_tile){
                .depth = queries, .a = {weights, 1, padded}, .b = output_rows,
                .c = t.value_gradient + first * t.gradient_row_stride, .c_row = t.gradient_row_stride,
                .accumulates = group > 0,
            });
            product_of_panels(keys, t.width, (product_tile){
                .depth = queries, .a = {scores, 1, padded}, .b = query_rows,
                .c = t.key_gradient + first * t.gradient_row_stride, .c_row = t.gradient_row_stride,
                .accumulates = group > 0,
            });
            product_of_panels(queries, t.width, (product_tile){
                .depth = keys, .a = {scores, padded, 1}, .b = key_rows,
                .c = t.query_gradient + start * t.query_gradient_row_stride,
                .c_row = t.query_gradient_row_stride, .accumulates = block > 0,
            });
        }
    }
}
