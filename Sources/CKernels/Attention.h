// softmax(scale Q K^T) V for a group of queries, without storing the score matrix.
//
// Everything is transposed, with queries in the lanes: a panel of up to PANEL queries, packed once, is the
// right factor of S^T = K Q^T; its left factor are the keys. The tile S^T [KEYS, PANEL] is then, unchanged,
// the right factor of O^T += V^T P^T; its left factor are the values. So neither keys nor values are
// transposed, and the softmax's maxima and sums run down the tile without crossing lanes.

#if PAIRED
enum { BLOCK_KEYS = KEYS, BLOCK_ROWS = CK_STRIP };
#else
enum { BLOCK_KEYS = PLAIN_KEYS, BLOCK_ROWS = ROWS };
#endif

_Static_assert(KEYS % CK_STRIP == 0 && PLAIN_KEYS % ROWS == 0, "a full block is made of whole strips");

// Copies a block's keys, then its values: rows as far apart as those of the joined projection fall on few sets of the
// first-level cache and evict each other, and are too far apart for the hardware prefetcher. Returns the end of the copy.
INLINE float *copy_block(
    ptrdiff_t keys, ptrdiff_t width, const float *key, const float *value, ptrdiff_t row_stride, float *copy) {
    copy_rows(keys, width, key, row_stride, copy, width);
    copy_rows(keys, width, value, row_stride, copy + keys * width, width);
    return copy + 2 * keys * width;
}

// Lays out keys and values block by block: for paired tiles as left factors, strips of keys, then strips of the values'
// columns; for the others as copy_block does.
static void prepare_keys(
    ptrdiff_t keys, ptrdiff_t width, const float *key, const float *value, ptrdiff_t row_stride,
    float *prepared) {
    for (ptrdiff_t block = 0; block < key_blocks(keys, BLOCK_KEYS); block++) {
        const ptrdiff_t count = key_block_start(block + 1, keys, BLOCK_KEYS, BLOCK_ROWS)
            - key_block_start(block, keys, BLOCK_KEYS, BLOCK_ROWS);
#if PAIRED
        balance_rows(count, width, (ck_matrix){key, row_stride, 1}, prepared);
        prepared += balanced_block(count, width);
        balance_rows(width, count, (ck_matrix){value, 1, row_stride}, prepared);
        prepared += balanced_block(width, count);
#else
        prepared = copy_block(count, width, key, value, row_stride, prepared);
#endif
        key += count * row_stride;
        value += count * row_stride;
    }
}

// A tile of scores or outputs, [rows, columns]. Full ones, nearly all, spare the choice by their size.
INLINE void attention_tile(bool paired, ptrdiff_t rows, ptrdiff_t columns, product_tile t) {
#if PAIRED
    if (paired) return paired_tile(rows, columns, &t);
#endif
    if (rows == ROWS && columns == PANEL) {
        t.c_row = PANEL;  // A constant.
        tile_of(ROWS, VECTORS, t.a.column_stride != 1, t);
    } else {
        tile(rows, columns, &t);
    }
}

INLINE void attention_of(bool paired, ck_attention_task t, float *scratch) {
    float *scores = scratch;                           // a panel [KEYS, PANEL] and its balancing terms
    float *query = scores + (KEYS + BESIDE) * PANEL;   // panels [width, PANEL] with theirs
    float *output = query + CK_ATTENTION_QUERIES * (t.width + BESIDE);  // panels [width, PANEL]
    float *copy = output + CK_ATTENTION_QUERIES * t.width;  // of a block's keys and values, where none are prepared
    const ptrdiff_t most = paired ? KEYS : PLAIN_KEYS, whole = paired ? CK_STRIP : ROWS;
    vector offset[CK_ATTENTION_QUERIES / LANES], total[CK_ATTENTION_QUERIES / LANES];
    const float *prepared = t.prepared;

    // Scores are in units of log 2, so that the softmax's exponential is 2^x.
    const float scale = t.scale * 1.44269504088896341f;
    for (ptrdiff_t i = 0; i < t.queries; i += PANEL) {
        ptrdiff_t left = t.queries - i;
        float *panel = query + i * (t.width + BESIDE);
        const ptrdiff_t columns = left < PANEL ? left : PANEL;
        const float *source = t.query + i * t.row_stride;
#if PAIRED
        if (paired) {
            pack_balanced(t.width, columns, source, 1, t.row_stride, scale, panel);
            continue;
        }
#endif
        pack_panel(t.width, columns, source, 1, t.row_stride, scale, panel, 0);
    }
    for (ptrdiff_t block = 0; block < key_blocks(t.keys, most); block++) {
        const ptrdiff_t first = key_block_start(block, t.keys, most, whole);
        const ptrdiff_t end = key_block_start(block + 1, t.keys, most, whole), keys = end - first;
        const float *key = t.key + first * t.row_stride, *value = t.value + first * t.row_stride;
        const strips key_strips = strips_of(paired, keys), value_strips = strips_of(paired, t.width);
#if PAIRED
        const ptrdiff_t part = paired_part(keys);
#endif
        if (paired) {
            key = prepared;
            value = key + balanced_block(keys, t.width);
            prepared = value + balanced_block(t.width, keys);
        } else {
            const float *block_copy = prepared;
            if (prepared) {
                prepared += 2 * keys * t.width;
            } else {
                copy_block(keys, t.width, key, value, t.row_stride, copy);
                block_copy = copy;
            }
            key = block_copy;
            value = block_copy + keys * t.width;
        }
        for (ptrdiff_t i = 0; i < t.queries; i += PANEL) {
            const ptrdiff_t columns = panel_width(t.queries - i);
            float *q = query + i * (t.width + BESIDE), *o = output + i * t.width;
            for (ptrdiff_t s = 0; s < key_strips.count; s++) {
                const ptrdiff_t row = strip_start(key_strips, s);
                const ptrdiff_t rows = strip_rows(key_strips, s, keys);
                attention_tile(paired, rows, columns, (product_tile){
                    .depth = t.width,
                    .a = {key + (paired ? balanced_block(row, t.width) : row * t.width), t.width, 1},
                    .b = q, .ahead = q, .c = scores + row * columns, .c_row = columns,
                });
            }
            for (ptrdiff_t j = 0; j < columns; j += LANES) {
                const ptrdiff_t lane = (i + j) / LANES;
                const vector high = highest(scores + j, keys, columns);
                keep_in_range(first == 0, high, &offset[lane], &total[lane], t.width, o + j, columns);
#if PAIRED
                if (paired) {
                    // Relative to the block's own maximum, powers need no balancing; the tile's scale
                    // compensates.
                    const vector back = exponential2(high - offset[lane]);
                    store(scores + (keys + 1) * columns + j, back);
                    vector added[2] = {0, 0}, products = 0;
                    float *power = scores + j;
                    for (ptrdiff_t k = 0; k < part; k++, power += columns) {
                        vector x = exponential2(load(power) - high);
                        vector y = exponential2(load(power + part * columns) - high);
                        store(power, x);
                        store(power + part * columns, y);
                        added[0] += x;
                        added[1] += y;
                        products = x * y + products;
                    }
                    power += part * columns;
                    for (ptrdiff_t k = 2 * part; k < keys; k++, power += columns) {
                        vector x = exponential2(load(power) - high);
                        store(power, x);
                        added[0] += x;
                    }
                    store(scores + keys * columns + j, -products);
                    total[lane] += (added[0] + added[1]) * back;
                    continue;
                }
#endif
                const vector taken_off = offset[lane];
                vector added = 0;
                for (ptrdiff_t k = 0; k < keys; k++) {
                    vector p = exponential2(load(scores + k * columns + j) - taken_off);
                    store(scores + k * columns + j, p);
                    added += p;
                }
                total[lane] += added;
            }
            for (ptrdiff_t s = 0; s < value_strips.count; s++) {
                const ptrdiff_t row = strip_start(value_strips, s);
                const ptrdiff_t rows = strip_rows(value_strips, s, t.width);
                attention_tile(paired, rows, columns, (product_tile){
                    .depth = keys,
                    .a = {value + (paired ? balanced_block(row, keys) : row), 1, t.width},
                    .b = scores, .ahead = scores, .c = o + row * columns, .c_row = columns,
                    .accumulates = first > 0,
                });
            }
        }
    }

    for (ptrdiff_t i = 0; i < t.queries; i += LANES) {
        const ptrdiff_t panel = i / PANEL * PANEL, columns = panel_width(t.queries - panel);
        const ptrdiff_t count = t.queries - i < LANES ? t.queries - i : LANES;
        const float *o = output + panel * t.width + i - panel;
        float *line = t.output + i * t.output_row_stride;
        const vector inverse = 1.0f / total[i / LANES];
        for (ptrdiff_t next = 0; next < t.width; next += LANES) {
            // The last block overlaps the one before, or has fewer than LANES columns.
            const ptrdiff_t d = next + LANES <= t.width || t.width < LANES ? next : t.width - LANES;
            ptrdiff_t offsets[LANES];
            UNROLL for (int k = 0; k < LANES; k++) {
                offsets[k] = (d + k < t.width ? d + k : t.width - 1) * columns;
            }
            vector block[LANES];
            load_transposed(o, offsets, block);
            for (ptrdiff_t k = 0; k < count; k++) {
                store_part(line + k * t.output_row_stride + d, block[k] * inverse[k], t.width - d);
            }
        }
        for (ptrdiff_t k = 0; t.log_sum_exp && k < count; k++) {
            t.log_sum_exp[i + k] = offset[i / LANES][k] + log2f(total[i / LANES][k]);
        }
    }
}

static void attention(ck_attention_task t, float *scratch) {
#if PAIRED
    if (t.prepared) return attention_of(true, t, scratch);
#endif
    attention_of(false, t, scratch);
}
