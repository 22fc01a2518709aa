// C = A B with two multiplications instead of three, for processors that add and multiply in parallel.
//
// By Winograd's identity (1968, "A new algorithm for inner product")
//     a0 b0 + a1 b1 = (a0 + b1)(a1 + b0) - a0 a1 - b0 b1,
// where the last two terms depend only on a row of A or only on a column of B. Two additions replace a
// multiplication, which gains nothing where both use the same units (Intel), but much where additions
// have units of their own (AMD since Zen 4): of three parts of the depth, two are paired with each other
// and one is multiplied as usual, which keeps both kinds of units busy.
//
// Rounding. The identity adds elements of A to elements of B, so they must be of similar size. Each row
// of A and each column of B is scaled to a root mean square between 0.7 and 2 by a power of two, which is
// exact, one depth block at a time, and the tile is scaled back as it is added to C. The error is then
// proportional to |a_i| |b_j|, as in the usual product. A line of zeros cannot be scaled: what the other
// factor's squares leave in its results is noise, so the tile is scaled back by 0, which gives 0, or NaN
// if the other line has an infinity or a NaN.

#if PAIRED

enum {
    LAG = 3,          // rows by which a tile's second multiplication follows the first
    STEPS_PER_PREFETCH = 4,  // steps of the depth after which a tile prefetches another row of C
    WIDE_ROWS = 6,    // rows of a tile as wide as a panel
    WIDE_STEPS = 2,   // steps of the depth between two of its branches
};
_Static_assert(CK_STRIP == LANES, "a strip of A is packed as a vector of columns");

#if AVX512

// y + *x in every lane. Inline assembly, as in those below: the compiler would hoist *x into a register,
// which costs an issue slot; as a memory operand the broadcast is free.
INLINE vector add_broadcast(vector y, const float *x) {
    vector sum;
    __asm__("vaddps %2%{1to16%}, %1, %0" : "=v"(sum) : "v"(y), "m"(*x));
    return sum;
}

// sum + y * *x in every lane.
INLINE vector multiply_add_broadcast(vector y, const float *x, vector sum) {
    __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(y), "m"(*x));
    return sum;
}

// x + y and sum + x * y; in inline assembly they keep their places among the others.
INLINE vector add(vector x, vector y) {
    vector sum;
    __asm__("vaddps %2, %1, %0" : "=v"(sum) : "v"(x), "v"(y));
    return sum;
}

INLINE vector multiply_add(vector x, vector y, vector sum) {
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(y));
    return sum;
}

#else

// The same in plain C, for AVX2Paired.c.
INLINE vector add_broadcast(vector y, const float *x) { return y + *x; }
INLINE vector multiply_add_broadcast(vector y, const float *x, vector sum) { return y * *x + sum; }
INLINE vector add(vector x, vector y) { return x + y; }
INLINE vector multiply_add(vector x, vector y, vector sum) { return x * y + sum; }

#endif

// The exponents of floats, unbiased, from their bits.
INLINE integers exponents(vector x) { return ((integers)x >> 23 & 255) - 127; }

// The exponent of the largest magnitude among `count` elements, `stride` apart, limited to those of
// powers of two whose inverse is normal. If all are subnormal or nearly so, they are multiplied by LIFT
// first, and *lift is set to its inverse: no power of two would scale them to near 1. The exponent of 0
// is -127.
static int32_t highest_exponent(ptrdiff_t count, float *x, ptrdiff_t stride, float *lift) {
    const float LIFT = 0x1p24f;
    float high = 0;
    for (ptrdiff_t p = 0; p < count; p++) {
        float size = x[p * stride] < 0 ? -x[p * stride] : x[p * stride];
        high = size > high ? size : high;
    }
    if (high < 0x1p-125f) {
        for (ptrdiff_t p = 0; p < count; p++) x[p * stride] *= LIFT;
        high *= LIFT;
        *lift = 1 / LIFT;
    }
    const int32_t found = exponents((vector)high)[0];
    return found > 125 ? 125 : found;
}

// The powers of two that scale LANES lines of `count` elements to a root mean square near 1, given the sums
// of their squares, and the inverses of these powers, 0 for a line of zeros. The lines are side by side, the
// elements of a line `stride` apart. If a line's sum of squares is too close to overflow or underflow, its
// largest magnitude is scaled to near 1 instead.
INLINE vector balance(
    vector squares, ptrdiff_t count, float *x, ptrdiff_t stride, vector *inverse) {
    const integers found = exponents(squares / (float)count);
    const integers out_of_range = found <= -120 | found >= 120;
    integers half = found / 2;
    vector lift = 1;
    for (ptrdiff_t i = 0; i < LANES; i++) {
        float lifted = 1;
        if (out_of_range[i]) half[i] = highest_exponent(count, x + i, stride, &lifted);
        lift[i] = lifted;
    }
    // The exponent of 0, -127, gives the bits of 0.
    *inverse = lift * (vector)((127 + half) << 23);
    return (vector)((127 - half) << 23);
}

// The size of the depth's three parts, of which the first two are paired; up to two steps are left over.
INLINE ptrdiff_t paired_part(ptrdiff_t depth) { return depth / 3; }

// Packs columns of B as pack_panel does, but balanced, and appends a line of terms, -sum b0 b1, and one of
// scales, which undo the balancing.
static void pack_balanced(
    ptrdiff_t depth, ptrdiff_t columns, const float *b, ptrdiff_t b_row, ptrdiff_t b_column,
    float factor, float *packed) {
    const ptrdiff_t width = panel_width(columns), part = paired_part(depth);
    vector squares[VECTORS];
    pack_panel(depth, columns, b, b_row, b_column, factor, packed, squares);
    float *terms = packed + depth * width, *scales = terms + width;
    for (ptrdiff_t j = 0; j < width; j += LANES) {
        vector inverse;
        const vector balancing =
            balance(squares[j / LANES], depth, packed + j, width, &inverse);
        vector products[2] = {0, 0};
        for (ptrdiff_t p = 0; p < part; p++) {
            float *first = packed + p * width + j, *second = first + part * width;
            vector x = load(first) * balancing, y = load(second) * balancing;
            store(first, x);
            store(second, y);
            products[p & 1] = x * y + products[p & 1];
        }
        for (ptrdiff_t p = 2 * part; p < depth; p++) {
            store(packed + p * width + j, load(packed + p * width + j) * balancing);
        }
        store(terms + j, -(products[0] + products[1]));
        store(scales + j, inverse);
    }
}

// Lays out a block of A as the left factor of `product`: strips of CK_STRIP rows, each packed like columns
// of B. A tile thus broadcasts from three streams of elements.
static void balance_rows(ptrdiff_t rows, ptrdiff_t depth, ck_matrix a, float *balanced) {
    for (ptrdiff_t first = 0; first < rows; first += CK_STRIP) {
        const ptrdiff_t some = rows - first < CK_STRIP ? rows - first : CK_STRIP;
        pack_balanced(
            depth, some, a.first + first * a.row_stride, a.column_stride, a.row_stride, 1.0f,
            balanced + balanced_block(first, depth));
    }
}

// Scales the sums of `rows` rows by `vectors` back, adds what is there and, if `has_more`, bias and residual, and stores
// them: columns from `column` on of a tile, whose scales are `row_scales` and `scales`. All but these are constants.
INLINE void store_paired(
    int rows, int vectors, bool accumulates, bool has_more, const vector sums[], const float *row_scales,
    const float *scales, ptrdiff_t column, product_tile t) {
    const ck_epilogue e = t.epilogue;
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            const ptrdiff_t j = column + v * LANES;
            float *place = t.c + r * t.c_row + j;
            // Adding 0 turns a result of -0 into +0.
            vector x = sums[r * vectors + v] * (load(scales + j) * row_scales[r])
                + (accumulates ? load(place) : (vector)0.0f);
            if (has_more && e.bias) x += load(e.bias + j);
            if (has_more && e.residual) x += load(e.residual + r * e.residual_row_stride + j);
            store(place, x);
        }
    }
}

// The same; both questions are asked once.
INLINE void finish_paired(
    int rows, int vectors, const vector sums[], const float *row_scales, const float *scales, ptrdiff_t column,
    product_tile t) {
    if (t.epilogue.bias || t.epilogue.residual) {
        if (t.accumulates) store_paired(rows, vectors, true, true, sums, row_scales, scales, column, t);
        else store_paired(rows, vectors, false, true, sums, row_scales, scales, column, t);
    } else {
        if (t.accumulates) store_paired(rows, vectors, true, false, sums, row_scales, scales, column, t);
        else store_paired(rows, vectors, false, false, sums, row_scales, scales, column, t);
    }
}

// A tile of a strip of `rows` rows (a constant) and a panel of `width` columns, one vector of them at a time.
//
// A strip, 24 KB, stays in the first-level cache while a vector's columns stream by. Every element of A is a
// memory operand, broadcast on loading, and a vector of B serves all rows: 48 elements, of which a processor
// loads two at a time, and three vectors for 32 multiplications and 32 additions, of which it does one each
// at a time. Additions alternate with multiplications, and a row's two multiplications are some rows
// apart, so that a processor that shares its window with another thread of its core still finds work for all
// its units.
//
// Each step prefetches a cache line from `ahead` onwards, which some later tile will read. Rows of C are
// prefetched one by one: all at once they would occupy every miss slot of the first-level cache, and the
// panel would wait behind them.
INLINE void paired_tile_of(int rows, ptrdiff_t width, product_tile t) {
    const ptrdiff_t depth = t.depth, part = paired_part(depth), c_row = t.c_row;
    const ck_epilogue e = t.epilogue;
    const float *a = t.a.first, *b = t.b, *ahead = t.ahead;
    float *c = t.c;
    const float *row_terms = a + depth * CK_STRIP, *row_scales = row_terms + CK_STRIP;
    for (ptrdiff_t j = 0; j < width; j += LANES) {
        const float *terms = b + depth * width + j, *scales = terms + width;
        const float *a0 = a, *a1 = a0 + part * CK_STRIP, *a2 = a1 + part * CK_STRIP;
        const float *b0 = b + j, *b1 = b0 + part * width, *b2 = b1 + part * width;
        vector sums[CK_STRIP];
        UNROLL for (int r = 0; r < rows; r++) sums[r] = load(terms) + row_terms[r];
        for (ptrdiff_t p = 0; p < part; p++) {
            if (p < STEPS_PER_PREFETCH * rows && p % STEPS_PER_PREFETCH == 0) {
                const ptrdiff_t row = p / STEPS_PER_PREFETCH;
                prefetch_results(1, LANES, c + row * c_row + j, c_row, epilogue_at(e, row, j));
            }
            const vector first = load(b0), second = load(b1), third = load(b2);
            __builtin_prefetch(ahead, 0, 2);
            ahead += 16;
            vector x[CK_STRIP], y[CK_STRIP];
            UNROLL for (int r = 0; r < rows + LAG; r++) {
                if (r < rows) {
                    x[r] = add_broadcast(second, a0 + r);
                    y[r] = add_broadcast(first, a1 + r);
                    sums[r] = multiply_add_broadcast(third, a2 + r, sums[r]);
                }
                const int due = r - LAG;
                if (due >= 0) sums[due] = multiply_add(x[due], y[due], sums[due]);
            }
            a0 += CK_STRIP;
            a1 += CK_STRIP;
            a2 += CK_STRIP;
            b0 += width;
            b1 += width;
            b2 += width;
        }
        for (ptrdiff_t p = 3 * part; p < depth; p++, a2 += CK_STRIP, b2 += width) {
            const vector third = load(b2);
            UNROLL for (int r = 0; r < rows; r++) {
                sums[r] = multiply_add_broadcast(third, a2 + r, sums[r]);
            }
        }
        finish_paired(rows, 1, sums, row_scales, scales - j, j, t);
    }
}

#if WIDE_TILES

// What a wide tile reads next: of each of the depth's three parts a line of A and of B. And what it prefetches next.
typedef struct { const float *a[3], *b[3], *ahead; } paired_lines;

// Adds `steps` steps of the depth to a tile's sums.
INLINE void multiply_paired(int rows, int steps, paired_lines *lines, vector sums[WIDE_ROWS][VECTORS]) {
    UNROLL for (int s = 0; s < steps; s++) {
        __builtin_prefetch(lines->ahead, 0, 2);
        lines->ahead += 16;
        vector line[3][VECTORS];
        UNROLL for (int i = 0; i < 3; i++) {
            UNROLL for (int v = 0; v < VECTORS; v++) line[i][v] = load(lines->b[i] + v * LANES);
        }
        UNROLL for (int r = 0; r < rows; r++) {
            const vector first = lines->a[0][r], second = lines->a[1][r], third = lines->a[2][r];
            UNROLL for (int v = 0; v < VECTORS; v++) sums[r][v] = multiply_add(third, line[2][v], sums[r][v]);
            UNROLL for (int v = 0; v < VECTORS; v++) {
                sums[r][v] = multiply_add(add(line[1][v], first), add(line[0][v], second), sums[r][v]);
            }
        }
        UNROLL for (int i = 0; i < 3; i++) {
            lines->a[i] += CK_STRIP;
            lines->b[i] += PANEL;
        }
    }
}

// A tile of `rows` rows (a constant) of a strip, from `first` on, and a whole panel, for processors that load no more
// vectors a cycle than they multiply.
//
// Every element of A is loaded once for three vectors of B: with 6 rows a step has 27 loads for 36 multiplications and
// 36 additions, which occupies all 32 registers. In the tile of one vector loads take longer than the arithmetic here.
// C is not prefetched, which gains nothing on these processors.
INLINE void wide_tile_of(int rows, ptrdiff_t first, const float *ahead, product_tile t) {
    const ptrdiff_t depth = t.depth, part = paired_part(depth);
    const float *a = t.a.first + first, *b = t.b;
    const float *row_terms = a + depth * CK_STRIP, *row_scales = row_terms + CK_STRIP;
    const float *terms = b + depth * PANEL, *scales = terms + PANEL;
    paired_lines lines = {
        .a = {a, a + part * CK_STRIP, a + 2 * part * CK_STRIP}, .b = {b, b + part * PANEL, b + 2 * part * PANEL},
        .ahead = ahead,
    };
    vector sums[WIDE_ROWS][VECTORS];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < VECTORS; v++) sums[r][v] = load(terms + v * LANES) + row_terms[r];
    }
    ptrdiff_t p = 0;
    for (; p + WIDE_STEPS <= part; p += WIDE_STEPS) multiply_paired(rows, WIDE_STEPS, &lines, sums);
    if (p < part) multiply_paired(rows, 1, &lines, sums);
    for (p = 3 * part; p < depth; p++) {
        UNROLL for (int v = 0; v < VECTORS; v++) {
            const vector third = load(lines.b[2] + v * LANES);
            UNROLL for (int r = 0; r < rows; r++) {
                sums[r][v] = multiply_add_broadcast(third, lines.a[2] + r, sums[r][v]);
            }
        }
        lines.a[2] += CK_STRIP;
        lines.b[2] += PANEL;
    }
    t.c += first * t.c_row;
    t.epilogue = epilogue_at(t.epilogue, first, 0);
    finish_paired(rows, VECTORS, sums[0], row_scales, scales, 0, t);
}

// Rows of a strip and a whole panel, in tiles of even size. What the task says is read field by field: copied as a whole,
// by wider loads than wrote it, it would have to wait for all stores before, those of C among them.
static void wide_tiles(ptrdiff_t rows, const product_tile *t) {
    const float *ahead = t->ahead;
    ptrdiff_t first = 0;
    for (unsigned tiles = (rows + WIDE_ROWS - 1) / WIDE_ROWS; tiles > 0; tiles--) {
        const ptrdiff_t some = ((unsigned)(rows - first) + tiles - 1) / tiles;
#define TILE(r) case r: wide_tile_of(r, first, ahead, *t); break
        switch (some) { TILE(1); TILE(2); TILE(3); TILE(4); TILE(5); TILE(6); }
#undef TILE
        first += some;
        ahead += paired_part(t->depth) * 16;
    }
}

#endif

// The same for any `rows` up to CK_STRIP.
static void paired_tile(ptrdiff_t rows, ptrdiff_t width, const product_tile *t) {
#if WIDE_TILES
    if (width == PANEL) return wide_tiles(rows, t);
#endif
#define TILE(r) case r: return paired_tile_of(r, width, *t)
    switch (rows) {
        TILE(1); TILE(2); TILE(3); TILE(4); TILE(5); TILE(6); TILE(7); TILE(8);
        TILE(9); TILE(10); TILE(11); TILE(12); TILE(13); TILE(14); TILE(15); TILE(16);
    }
#undef TILE
}

#endif
