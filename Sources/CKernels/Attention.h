// softmax(scale Q K^T) V for a group of queries, without the square of scores.
//
// All is kept transposed, queries in the lanes: a panel of PANEL queries, packed once, is the right
// factor of S^T = K Q^T, whose left factor is the keys read where they lie. The tile S^T
// [KEYS, PANEL] is then, as it stands, the right factor of O^T += V^T P^T, whose left factor is the
// values read where they lie. So neither keys nor values are ever copied, and the softmax's maxima
// and sums run down the tile without crossing lanes.

enum { KEYS = 128 };

static void attention(ck_attention_task t, float *scratch) {
    const ptrdiff_t width = t.width, panels = (t.queries + PANEL - 1) / PANEL;
    float *scores = scratch;                                 // [KEYS, PANEL]
    float *query = scores + KEYS * PANEL;                    // [panels, width, PANEL]
    float *output = query + CK_ATTENTION_QUERIES * width;    // [panels, width, PANEL]
    vector highest[CK_ATTENTION_QUERIES / LANES], total[CK_ATTENTION_QUERIES / LANES];

    // Scores are kept in units of log 2: the softmax's exponential is then 2^x.
    const float scale = t.scale * 1.44269504088896341f;
    for (ptrdiff_t panel = 0; panel < panels; panel++) {
        ptrdiff_t left = t.queries - panel * PANEL;
        pack_panel(
            width, left < PANEL ? left : PANEL, t.query + panel * PANEL * t.row_stride, 1,
            t.row_stride, scale, query + panel * width * PANEL);
    }
    for (ptrdiff_t i = 0; i < panels * 2; i++) {
        highest[i] = -__builtin_inff();
        total[i] = 0;
    }

    const ptrdiff_t strips = (width + ROWS - 1) / ROWS;
    for (ptrdiff_t first = 0; first < t.keys; first += KEYS) {
        const ptrdiff_t keys = t.keys - first < KEYS ? t.keys - first : KEYS;
        const float *key = t.key + first * t.row_stride, *value = t.value + first * t.row_stride;
        for (ptrdiff_t panel = 0; panel < panels; panel++) {
            float *q = query + panel * width * PANEL, *o = output + panel * width * PANEL;
            const ptrdiff_t key_strips = (keys + ROWS - 1) / ROWS;
            for (ptrdiff_t s = 0; s < key_strips; s++) {
                ptrdiff_t row = keys * s / key_strips, rows = keys * (s + 1) / key_strips - row;
                tile(rows, width, key + row * t.row_stride, t.row_stride, 1, q,
                     scores + row * PANEL, PANEL, false);
            }

            vector high0 = highest[2 * panel], high1 = highest[2 * panel + 1];
            for (ptrdiff_t i = 0; i < keys; i++) {
                high0 = maximum(high0, load(scores + i * PANEL));
                high1 = maximum(high1, load(scores + i * PANEL + LANES));
            }
            if (first > 0) {
                vector fade0 = exponential2(highest[2 * panel] - high0);
                vector fade1 = exponential2(highest[2 * panel + 1] - high1);
                total[2 * panel] *= fade0;
                total[2 * panel + 1] *= fade1;
                for (ptrdiff_t d = 0; d < width; d++) {
                    store(o + d * PANEL, load(o + d * PANEL) * fade0);
                    store(o + d * PANEL + LANES, load(o + d * PANEL + LANES) * fade1);
                }
            }
            vector total0 = 0, total1 = 0;
            for (ptrdiff_t i = 0; i < keys; i++) {
                vector p0 = exponential2(load(scores + i * PANEL) - high0);
                vector p1 = exponential2(load(scores + i * PANEL + LANES) - high1);
                store(scores + i * PANEL, p0);
                store(scores + i * PANEL + LANES, p1);
                total0 += p0;
                total1 += p1;
            }
            highest[2 * panel] = high0;
            highest[2 * panel + 1] = high1;
            total[2 * panel] += total0;
            total[2 * panel + 1] += total1;

            for (ptrdiff_t s = 0; s < strips; s++) {
                ptrdiff_t row = width * s / strips, rows = width * (s + 1) / strips - row;
                tile(rows, keys, value + row, 1, t.row_stride, scores, o + row * PANEL, PANEL,
                     first > 0);
            }
        }
    }

    for (ptrdiff_t panel = 0; panel < panels; panel++) {
        const float *o = output + panel * width * PANEL;
        ptrdiff_t left = t.queries - panel * PANEL, lanes = left < PANEL ? left : PANEL;
        float inverse[PANEL];
        store(inverse, 1.0f / total[2 * panel]);
        store(inverse + LANES, 1.0f / total[2 * panel + 1]);
        for (ptrdiff_t i = 0; i < lanes; i++) {
            float *line = t.output + (panel * PANEL + i) * t.output_row_stride;
            for (ptrdiff_t d = 0; d < width; d++) line[d] = o[d * PANEL + i] * inverse[i];
        }
    }
}
