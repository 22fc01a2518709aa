// C = A B, one depth block at a time. B is packed into panels of PANEL columns. A is read in place, since
// each of its elements is broadcast: a row costs no more than a packed copy would.
//
// A tile of C, ROWS x PANEL, stays in registers while the block's depth runs through it: 8 rows of 3
// vectors with 32 registers, 6 rows of 2 with 16, which leaves room for a line of B and a broadcast. The
// rows of A (12 KB) stay in the first-level cache while the packed panels stream from the second.

enum {
    VECTORS = REGISTERS >= 32 ? 3 : 2,
    PANEL = VECTORS * LANES,
    ROWS = REGISTERS >= 32 ? 8 : 6,
    STEPS = 4,        // of the depth between two branches
    AHEAD = 192,      // floats that packing prefetches ahead along columns
    ROWS_AHEAD = 16,  // rows that it prefetches ahead where rows are contiguous
    BESIDE = 2,  // extra numbers per packed column in balanced factors: its term and its scale
    STRIP = PAIRED ? CK_STRIP : ROWS,  // rows of A multiplied by a panel together
};
_Static_assert(PANEL <= WIDEST_PANEL, "scratch memory is laid out for WIDEST_PANEL columns");
_Static_assert(GROUP % PANEL == 0, "a group of columns is a whole number of panels");

// The width of a panel that holds `columns`, at most PANEL: a whole number of vectors.
INLINE ptrdiff_t panel_width(ptrdiff_t columns) {
    return columns >= PANEL ? PANEL : (columns + LANES - 1) / LANES * LANES;
}

static const ck_epilogue NOTHING = {0};

// How rows are divided into strips, which are multiplied by a panel together. Paired strips are full, as packed; the
// others are of even size: a tile of two rows takes as long as one of five, whose chains of additions hide each
// other's latency.
typedef struct { ptrdiff_t count, least, larger; } strips;

INLINE strips strips_of(bool paired, ptrdiff_t rows) {
    const ptrdiff_t count = paired ? (rows + CK_STRIP - 1) / CK_STRIP : (rows + ROWS - 1) / ROWS;
    if (paired || count == 0) return (strips){count, CK_STRIP, 0};
    return (strips){count, rows / count, rows % count};
}

// The first row of a strip; of the one past the last, with paired strips, a bound on the rows.
INLINE ptrdiff_t strip_start(strips s, ptrdiff_t strip) {
    return strip * s.least + (strip < s.larger ? strip : s.larger);
}

INLINE ptrdiff_t strip_rows(strips s, ptrdiff_t strip, ptrdiff_t rows) {
    const ptrdiff_t size = s.least + (strip < s.larger), left = rows - strip_start(s, strip);
    return left < size ? left : size;
}

// The epilogue of the part of C that begins at a row and a column.
INLINE ck_epilogue epilogue_at(ck_epilogue e, ptrdiff_t row, ptrdiff_t column) {
    if (e.bias) e.bias += column;
    if (e.residual) e.residual += row * e.residual_row_stride + column;
    if (e.slope_at) e.slope_at += row * e.slope_row_stride + column;
    return e;
}

// Prefetches rows of C, and the residual or slope that their epilogue reads: with many rows they come from memory.
INLINE void prefetch_results(ptrdiff_t rows, ptrdiff_t columns, const float *c, ptrdiff_t c_row, ck_epilogue e) {
    prefetch_rows(true, rows, columns, c, c_row);
    if (e.residual) prefetch_rows(false, rows, columns, e.residual, e.residual_row_stride);
    else if (e.slope_at) prefetch_rows(false, rows, columns, e.slope_at, e.slope_row_stride);
}

// A tile of a product: c (+)= A B + bias + residual. The rest of the epilogue is ignored.
typedef struct {
    ptrdiff_t depth;
    ck_matrix a;         // the tile's rows; of balanced ones only `first` is read
    const float *b;      // its panel as packed
    const float *ahead;  // what paired tiles prefetch
    float *c;
    ptrdiff_t c_row;
    bool accumulates;
    ck_epilogue epilogue;
} product_tile;

// Adds `steps` of the depth to a tile's sums. Rows of A are three to a pointer: an instruction that loads can compute the
// addresses at 0, 1 and 2 strides from it.
INLINE void multiply_steps(
    int rows, int vectors, int steps, ptrdiff_t a_row, ptrdiff_t a_column, const float *triples[(ROWS + 2) / 3],
    const float **b, vector sums[ROWS][VECTORS]) {
    UNROLL for (int s = 0; s < steps; s++) {
        vector line[VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) line[v] = load(*b + (s * vectors + v) * LANES);
        UNROLL for (int r = 0; r < rows; r++) {
            const vector x = triples[r / 3][r % 3 * a_row + s * a_column];
            UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = x * line[v] + sums[r][v];
        }
        KEEP_STEP(*b);
    }
    UNROLL for (int i = 0; i < (rows + 2) / 3; i++) {
        triples[i] += steps * a_column;
        KEEP_POINTER(triples[i]);
    }
    *b += steps * vectors * LANES;
}

// A tile of `rows` by `vectors`, A's rows contiguous or, if `transposed`, its columns. These are constants.
//
// Instructions are counted as if each cost time, since each does where another thread shares the core, as on rented
// machines: a step of 6 rows by 2 vectors has 12 multiply-adds, 8 loads and little else.
INLINE void tile_of(int rows, int vectors, bool transposed, product_tile t) {
    const ck_epilogue e = t.epilogue;
    const float *b = t.b;
    const ptrdiff_t a_row = transposed ? 1 : t.a.row_stride, a_column = transposed ? t.a.column_stride : 1;
    const ptrdiff_t c_row = t.c_row;
    float *c = t.c;
    vector sums[ROWS][VECTORS];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            sums[r][v] = t.accumulates ? load(c + r * c_row + v * LANES) : (vector)0.0f;
        }
    }
    const float *triples[(ROWS + 2) / 3];
    UNROLL for (int i = 0; i < (rows + 2) / 3; i++) triples[i] = t.a.first + 3 * i * a_row;
    const float *whole = b + t.depth / STEPS * STEPS * vectors * LANES, *end = b + t.depth * vectors * LANES;
    while (b < whole) multiply_steps(rows, vectors, STEPS, a_row, a_column, triples, &b, sums);
    while (b < end) multiply_steps(rows, vectors, 1, a_row, a_column, triples, &b, sums);
    if (!e.bias && !e.residual) {  // Asked once: at the depth of a head these questions take an eighth of the time.
        UNROLL for (int r = 0; r < rows; r++) {
            UNROLL for (int v = 0; v < vectors; v++) store(c + r * c_row + v * LANES, sums[r][v]);
        }
        return;
    }
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            vector x = sums[r][v];
            if (e.bias) x += load(e.bias + v * LANES);
            if (e.residual) x += load(e.residual + r * e.residual_row_stride + v * LANES);
            store(c + r * c_row + v * LANES, x);
        }
    }
}

// The same for any `rows` up to ROWS and `width` from panel_width.
static void tile(ptrdiff_t rows, ptrdiff_t width, const product_tile *t) {
    const bool transposed = t->a.column_stride != 1;
#define TILE(r, v) case r * 4 + v: return transposed ? tile_of(r, v, true, *t) : tile_of(r, v, false, *t)
    switch (rows * 4 + width / LANES) {
        TILE(1, 1); TILE(2, 1); TILE(3, 1); TILE(4, 1); TILE(5, 1); TILE(6, 1);
        TILE(1, 2); TILE(2, 2); TILE(3, 2); TILE(4, 2); TILE(5, 2); TILE(6, 2);
#if REGISTERS >= 32
        TILE(7, 1); TILE(8, 1); TILE(7, 2); TILE(8, 2);
        TILE(1, 3); TILE(2, 3); TILE(3, 3); TILE(4, 3);
        TILE(5, 3); TILE(6, 3); TILE(7, 3); TILE(8, 3);
#endif
    }
#undef TILE
}

// Packs LANES columns that are contiguous and at least LANES deep; if there are fewer `columns`, the last
// one is repeated. Returns the sums of squares of the columns.
INLINE vector pack_columns(
    ptrdiff_t depth, ptrdiff_t columns, const float *b, ptrdiff_t b_column, float factor,
    float *packed, ptrdiff_t width) {
    ptrdiff_t offsets[LANES];
    UNROLL for (int i = 0; i < LANES; i++) offsets[i] = (i < columns ? i : columns - 1) * b_column;
    vector block[LANES], squares[2] = {0, 0};
    const ptrdiff_t step = depth < AHEAD ? depth : AHEAD;
    ptrdiff_t p = 0;
    for (; p + LANES <= depth; p += LANES) {
        // A layer's weights come from memory, in more and shorter streams than hardware prefetchers follow;
        // after the end of these columns come the next ones.
        const ptrdiff_t ahead = p + step < depth ? step : step - depth + LANES * b_column;
        load_transposed(b + p, offsets, block);
        UNROLL for (int i = 0; i < LANES; i++) {
            __builtin_prefetch(b + p + offsets[i] + ahead, 0, 2);
            const vector x = block[i] * factor;
            store(packed + (p + i) * width, x);
            squares[i & 1] = x * x + squares[i & 1];
        }
    }
    if (p < depth) {  // The last block overlaps the one before.
        const ptrdiff_t last = depth - LANES;
        load_transposed(b + last, offsets, block);
        UNROLL for (int i = 0; i < LANES; i++) {
            const vector x = block[i] * factor;
            store(packed + (last + i) * width, x);
            if (last + i >= p) squares[i & 1] = x * x + squares[i & 1];
        }
    }
    return squares[0] + squares[1];
}

// packed[p, j] = factor b[p, j] for j below panel_width(columns); the values from `columns` on are ignored.
// Stores the sums of squares of the columns in `squares` unless it is NULL.
INLINE void pack_panel(
    ptrdiff_t depth, ptrdiff_t columns, const float *b, ptrdiff_t b_row, ptrdiff_t b_column,
    float factor, float *packed, vector *squares) {
    const ptrdiff_t width = panel_width(columns);
    if (b_row == 1 && depth >= LANES) {
        for (ptrdiff_t j = 0; j < width; j += LANES, b += LANES * b_column) {
            vector sums = pack_columns(depth, columns - j, b, b_column, factor, packed + j, width);
            if (squares) squares[j / LANES] = sums;
        }
        return;
    }
    vector sums[VECTORS] = {0};
    for (ptrdiff_t p = 0; p < depth; p++, b += b_row, packed += width) {
        UNROLL for (int v = 0; v < VECTORS; v++) {
            const ptrdiff_t j = v * LANES;
            if (j >= width) break;
            vector x = 0;
            if (b_column == 1) {
                // The hardware prefetcher does not follow these rows.
                __builtin_prefetch(b + ROWS_AHEAD * b_row + j, 0, 3);
                x = load_part(b + j, columns - j) * factor;
            } else {
                for (ptrdiff_t i = 0; i < LANES && j + i < columns; i++) x[i] = b[(j + i) * b_column] * factor;
            }
            store(packed + j, x);
            if (squares) sums[v] = x * x + sums[v];
        }
    }
    UNROLL for (int v = 0; v < VECTORS; v++) {
        if (squares && v * LANES < width) squares[v] = sums[v];
    }
}

INLINE void copy_rows(
    ptrdiff_t rows, ptrdiff_t columns, const float *from, ptrdiff_t from_row, float *to,
    ptrdiff_t to_row) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        memcpy(to + r * to_row, from + r * from_row, (size_t)columns * sizeof(float));
    }
}

#include "PairedProduct.h"

// C = (C + bias + residual) gelu'(slope_at).
static void finish(ptrdiff_t m, ptrdiff_t n, float *c, ptrdiff_t c_row, ck_epilogue e) {
    for (ptrdiff_t r = 0; r < m; r++, c += c_row) {
        const float *residual = e.residual ? e.residual + r * e.residual_row_stride : 0;
        const float *at = e.slope_at ? e.slope_at + r * e.slope_row_stride : 0;
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            vector x = load_part(c + j, n - j);
            if (e.bias) x += load_part(e.bias + j, n - j);
            if (residual) x += load_part(residual + j, n - j);
            if (at) x *= gelu_derivative(load_part(at + j, n - j));
            store_part(c + j, x, n - j);
        }
    }
}

// Packs a block of the right factor for `product`: panel by panel, each followed by room for its
// balancing terms.
static void pack(ptrdiff_t depth, ptrdiff_t columns, ck_matrix b, float *packed) {
    for (ptrdiff_t j = 0; j < columns; j += PANEL) {
        const ptrdiff_t left = columns - j < PANEL ? columns - j : PANEL;
#if PAIRED
        pack_balanced(
            depth, left, b.first + j * b.column_stride, b.row_stride, b.column_stride, 1.0f, packed);
#else
        pack_panel(
            depth, left, b.first + j * b.column_stride, b.row_stride, b.column_stride, 1.0f, packed,
            0);
#endif
        packed += panel_width(left) * (depth + BESIDE);
    }
}

#if SPLIT
#include "SplitProduct.h"
#else

INLINE void multiply_tile(ptrdiff_t rows, ptrdiff_t width, const product_tile *t) {
#if PAIRED
    paired_tile(rows, width, t);
#else
    tile(rows, width, t);
#endif
}

// A tile whose panel exceeds the rest of C.
static void edge_tile(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t width, product_tile t) {
    float edge[STRIP * PANEL], *c = t.c;
    const ptrdiff_t c_row = t.c_row;
    const ck_epilogue e = t.epilogue;
    if (t.accumulates) copy_rows(rows, columns, c, c_row, edge, width);
    t.c = edge;
    t.c_row = width;
    t.epilogue = NOTHING;
    multiply_tile(rows, width, &t);
    copy_rows(rows, columns, edge, width, c, c_row);
    finish(rows, columns, c, c_row, e);
}

// What a tile is told is changed from panel to panel, not written anew, which would cost up to a tenth of the time at the
// depth of a small network.
static void product(ck_product_task t) {
    const ptrdiff_t m = t.rows, n = t.columns, depth = t.depth, c_row = t.c_row_stride;
    const strips strips = strips_of(PAIRED, m);
    // Process columns in groups that stay in the second-level cache while all rows use them.
    for (ptrdiff_t first_column = 0; first_column < n; first_column += GROUP) {
        const ptrdiff_t end = n - first_column < GROUP ? n : first_column + GROUP;
        for (ptrdiff_t s = 0; s < strips.count; s++) {
            const ptrdiff_t first = strip_start(strips, s), rows = strip_rows(strips, s, m);
            const float *a_strip =
                t.left.first + (PAIRED ? balanced_block(first, depth) : first * t.left.row_stride);
            product_tile part = {
                .depth = depth,
                .a = {a_strip, t.left.row_stride, t.left.column_stride},
                .b = t.packed + first_column * (depth + BESIDE),
                .c = t.c + first * c_row + first_column,
                .c_row = c_row,
                .accumulates = t.accumulates,
                .epilogue = epilogue_at(t.epilogue, first, first_column),
            };
            const ptrdiff_t left = m - first - rows, below = left < STRIP ? left : STRIP;
            for (ptrdiff_t j = first_column; j < end; j += PANEL) {
                const ptrdiff_t columns = end - j < PANEL ? end - j : PANEL, width = panel_width(columns);
                if (PAIRED) {
                    // Each strip prefetches its share of the panel GROUP columns ahead: panels that were cached
                    // or packed by another thread come from far away.
                    const ptrdiff_t share = width * (depth + BESIDE) / strips.count * s;
                    part.ahead = j + GROUP < n ? part.b + GROUP * (depth + BESIDE) + share
                        : end == n && t.next ? t.next + (j - first_column) * (depth + BESIDE) + share
                        : part.b;
                } else {
                    // The strip below uses this panel in its turn.
                    prefetch_results(
                        below, columns, part.c + rows * c_row, c_row, epilogue_at(part.epilogue, rows, 0));
                }
                if (columns < width) {
                    edge_tile(rows, columns, width, part);
                    break;
                }
                multiply_tile(rows, width, &part);
                if (part.epilogue.slope_at) {  // The tile was just computed and is still in cache.
                    finish(
                        rows, columns, part.c, c_row,
                        (ck_epilogue){
                            .slope_at = part.epilogue.slope_at, .slope_row_stride = part.epilogue.slope_row_stride});
                }
                part.b += width * (depth + BESIDE);
                part.c += width;
                part.epilogue = epilogue_at(part.epilogue, 0, width);
            }
        }
    }
}

#endif

static double multiply_add_limit(ptrdiff_t count, float *sink) {
    // Enough chains to hide the latency of every processor, and few enough for its registers. They start at
    // different values, because the compiler would merge equal chains, and none at the fixed point
    // 1/2, because it would not compute a constant chain at all.
#if defined(__aarch64__)
    // Up to four units with a latency of four. The instruction overwrites its addend, so that is what a chain
    // passes on: a constant addend would be copied before each.
    enum { CHAINS = 24 };
#define STEP(sum, x, y) (x * y + sum)
#else
    enum { CHAINS = 12 };
#define STEP(sum, x, y) (sum * x + y)
#endif
    vector sums[CHAINS];
    vector x = 0.999f, y = 5e-4f;
    UNROLL for (int i = 0; i < CHAINS; i++) sums[i] = (vector)(float)i;
    ptrdiff_t rounds = count / CHAINS;
    for (ptrdiff_t n = 0; n < rounds; n++) {
#if defined(__aarch64__)
        __asm__("" : "+w"(x));  // Keeps the compiler from computing x y once, which leaves additions.
#endif
        UNROLL for (int i = 0; i < CHAINS; i++) sums[i] = STEP(sums[i], x, y);
    }
#undef STEP
    vector total = 0;
    UNROLL for (int i = 0; i < CHAINS; i++) total += sums[i];
    *sink = sum(total);
    return (double)rounds * CHAINS * LANES * 2;
}
