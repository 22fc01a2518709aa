// C = A B with two multiplications out of three, for processors that add beside multiplying.
//
// By Winograd's identity (1968, "A new algorithm for inner product")
//     a0 b0 + a1 b1 = (a0 + b1)(a1 + b0) - a0 a1 - b0 b1,
// and the last two terms depend on a row of A or a column of B alone. Two additions take the place of
// a multiplication, which gains nothing where both want the same units (Intel), and much where
// additions have units of their own (AMD since Zen 4): of each three parts of the depth, two are
// paired with one another and one is multiplied as usual, which keeps both kinds of units busy.
//
// Rounding. The identity adds numbers of A to numbers of B: they have to be of one size. Each row of
// A and each column of B is brought to a root mean square between 0.7 and 2 by a power of two, which
// is exact, a block of the depth at a time, and the tile is brought back as it is added to C. The
// error is then in proportion to |a_i| |b_j|, as for the usual product.

#if PAIRED

enum { COLUMNS_AHEAD = 24 };  // by which balancing reads ahead where rows are contiguous

typedef float half_vector __attribute__((ext_vector_type(LANES / 2)));
typedef half_vector unaligned_half __attribute__((aligned(4)));
_Static_assert(CK_STRIP == LANES / 2 && CK_STRIP == ROWS, "a strip of A is half a vector wide");

// y + *x in every lane. Spelled out, as the two below: the compiler would load x into a register for all its
// uses, which takes an execution slot, where from memory it is free.
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

// sum + x * y; spelled out, it keeps its place among these.
INLINE vector multiply_add(vector x, vector y, vector sum) {
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(y));
    return sum;
}

// The exponents of numbers, as they lie in their bits.
INLINE integers exponents(vector x) { return ((integers)x >> 23 & 255) - 127; }

// The exponent of the highest of `count` numbers, `stride` apart, as far as a power of two may have it; 0
// where all are 0.
static int32_t highest_exponent(ptrdiff_t count, const float *x, ptrdiff_t stride) {
    float high = 0;
    for (ptrdiff_t p = 0; p < count; p++) {
        float size = x[p * stride] < 0 ? -x[p * stride] : x[p * stride];
        high = size > high ? size : high;
    }
    const int32_t found = exponents((vector)high)[0];
    return high == 0 ? 0 : found < -125 ? -125 : found > 125 ? 125 : found;
}

// The powers of two that bring up to LANES lines of `count` numbers to a root mean square near 1, from the
// sums of their squares, and the powers' inverses. The lines begin `line` apart, their numbers are `stride`
// apart. Where the sum of a line's squares is too large or too small to be told, its highest number comes
// near 1 instead.
INLINE vector balance(
    vector squares, ptrdiff_t lines, ptrdiff_t count, const float *x, ptrdiff_t line,
    ptrdiff_t stride, vector *inverse) {
    const integers found = exponents(squares / (float)count);
    const integers untold = found <= -120 | found >= 120;
    integers half = found / 2;
    for (ptrdiff_t i = 0; i < lines; i++) {
        if (untold[i]) half[i] = highest_exponent(count, x + i * line, stride);
    }
    *inverse = (vector)((127 + half) << 23);
    return (vector)((127 - half) << 23);
}

// The depth's parts: `part` values paired with as many, as many unpaired, and up to two left over.
INLINE ptrdiff_t paired_part(ptrdiff_t depth) { return depth / 3; }

// LANES columns of a strip's rows become its lines, two in a vector: rows and columns are exchanged by rounds
// of interleaving.
INLINE void turn_strip(vector v[CK_STRIP]) {
    UNROLL for (int round = 1; round < CK_STRIP; round *= 2) {
        vector w[CK_STRIP];
        UNROLL for (int i = 0; i < CK_STRIP / 2; i++) {
            w[2 * i] = __builtin_shufflevector(v[i], v[i + CK_STRIP / 2], LOW);
            w[2 * i + 1] = __builtin_shufflevector(v[i], v[i + CK_STRIP / 2], HIGH);
        }
        UNROLL for (int i = 0; i < CK_STRIP; i++) v[i] = w[i];
    }
}

INLINE vector twice(half_vector x) {
    vector v;
    v.lo = v.hi = x;
    return v;
}

// Lays up to CK_STRIP rows, whose columns are contiguous, out as the lines of a strip. Where rows are missing
// the last stands for them: no tile takes them. Gives the sums of the rows' squares, in the lower half.
INLINE vector lay_rows(
    ptrdiff_t rows, ptrdiff_t depth, const float *a, ptrdiff_t a_row, float *strip) {
    ptrdiff_t offsets[CK_STRIP];
    UNROLL for (int r = 0; r < CK_STRIP; r++) offsets[r] = (r < rows ? r : rows - 1) * a_row;
    vector squares[2] = {0, 0};
    ptrdiff_t p = 0;
    for (; p + LANES <= depth; p += LANES) {
        vector v[CK_STRIP];
        UNROLL for (int r = 0; r < CK_STRIP; r++) v[r] = load(a + p + offsets[r]);
        turn_strip(v);
        UNROLL for (int i = 0; i < CK_STRIP; i++) {
            store(strip + p * CK_STRIP + i * LANES, v[i]);
            squares[i & 1] = v[i] * v[i] + squares[i & 1];
        }
    }
    if (p < depth) {
        vector v[CK_STRIP];
        UNROLL for (int r = 0; r < CK_STRIP; r++) v[r] = load_some(a + p + offsets[r], depth - p);
        turn_strip(v);
        UNROLL for (int i = 0; i < CK_STRIP; i++) {
            const ptrdiff_t place = p * CK_STRIP + i * LANES;
            if (place < depth * CK_STRIP) store_part(strip + place, v[i], depth * CK_STRIP - place);
            squares[i & 1] = v[i] * v[i] + squares[i & 1];
        }
    }
    squares[0] += squares[1];
    return twice(squares[0].lo + squares[0].hi);
}

// Lays up to LANES rows, of any strides, out as the lines of one strip or of two.
INLINE vector lay_columns(
    ptrdiff_t rows, ptrdiff_t depth, const float *a, ptrdiff_t a_row, ptrdiff_t a_column,
    float *strip) {
    vector squares[2] = {0, 0};
    for (ptrdiff_t p = 0; p < depth; p++, a += a_column, strip += CK_STRIP) {
        vector x = 0;
        if (a_row == 1) {
            // Columns are no pattern that the processor sees. The next strips' lie beside these.
            const float *ahead = a + COLUMNS_AHEAD * a_column;
            __builtin_prefetch(ahead, 0, 3);
            __builtin_prefetch(ahead + LANES, 0, 2);
            x = load_part(a, rows);
        } else {
            for (ptrdiff_t r = 0; r < rows; r++) x[r] = a[r * a_row];
        }
        *(unaligned_half *)strip = x.lo;
        if (rows > CK_STRIP) *(unaligned_half *)(strip + balanced_block(CK_STRIP, depth)) = x.hi;
        squares[p & 1] = x * x + squares[p & 1];
    }
    return squares[0] + squares[1];
}

// Balances the lines of a strip, and writes a line of terms, -sum a0 a1, and one of what takes the balance
// back behind them.
INLINE void balance_lines(ptrdiff_t depth, half_vector factors, half_vector inverse, float *strip) {
    const ptrdiff_t half = paired_part(depth) * CK_STRIP, count = depth * CK_STRIP;
    const vector factor = twice(factors);
    vector products = 0;
    for (ptrdiff_t i = 0; i < half; i += LANES) {
        vector x = load_part(strip + i, half - i) * factor;
        vector y = load_part(strip + half + i, half - i) * factor;
        store_part(strip + i, x, half - i);
        store_part(strip + half + i, y, half - i);
        products = x * y + products;
    }
    for (ptrdiff_t i = 2 * half; i < count; i += LANES) {
        store_part(strip + i, load_part(strip + i, count - i) * factor, count - i);
    }
    *(unaligned_half *)(strip + count) = -(products.lo + products.hi);
    *(unaligned_half *)(strip + count + CK_STRIP) = inverse;
}

// Brings a block of A to the form in which `product` takes its left factor: strips of CK_STRIP rows. A strip is
// the panel that B would be packed in, the numbers of a column beside each other, followed by a line of terms
// and one of scales. A tile so has three streams of numbers to broadcast.
static void balance_rows(
    ptrdiff_t rows, ptrdiff_t depth, const float *a, ptrdiff_t a_row, ptrdiff_t a_column,
    float *balanced) {
    const ptrdiff_t step = a_column == 1 ? CK_STRIP : LANES;
    for (ptrdiff_t first = 0; first < rows; first += step, a += step * a_row) {
        const ptrdiff_t some = rows - first < step ? rows - first : step;
        float *strip = balanced + balanced_block(first, depth);
        const vector squares = a_column == 1 ? lay_rows(some, depth, a, a_row, strip)
                                             : lay_columns(some, depth, a, a_row, a_column, strip);
        vector inverse;
        const vector factors = balance(squares, some, depth, a, a_row, a_column, &inverse);
        balance_lines(depth, factors.lo, inverse.lo, strip);
        if (some > CK_STRIP) {
            strip += balanced_block(CK_STRIP, depth);
            balance_lines(depth, factors.hi, inverse.hi, strip);
        }
    }
}

// Packs columns of B as pack_panel does, balanced, and writes behind them a line of terms, -sum b0 b1, and
// one of scales, which take the balance back.
static void pack_balanced(
    ptrdiff_t depth, ptrdiff_t columns, const float *b, ptrdiff_t b_row, ptrdiff_t b_column,
    float factor, float *packed) {
    const ptrdiff_t width = panel_width(columns), part = paired_part(depth);
    vector squares[VECTORS];
    if (b_row == 1 && depth >= LANES) {
        pack_columns(depth, columns, b, b_column, factor, packed, squares);
    } else {
        pack_panel(depth, columns, b, b_row, b_column, factor, packed);
        for (ptrdiff_t j = 0; j < width; j += LANES) {
            vector sums[2] = {0, 0};
            for (ptrdiff_t p = 0; p < depth; p++) {
                vector x = load(packed + p * width + j);
                sums[p & 1] = x * x + sums[p & 1];
            }
            squares[j / LANES] = sums[0] + sums[1];
        }
    }
    float *terms = packed + depth * width, *scales = terms + width;
    for (ptrdiff_t j = 0; j < width; j += LANES) {
        vector inverse;
        const vector balancing =
            balance(squares[j / LANES], LANES, depth, packed + j, 1, width, &inverse);
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

// c (+)= A B + bias + residual for a tile of `rows` by `vectors` (both constants). `a` is a strip as balance_rows makes it; the panel is followed by a line of terms and one of
// scales.
//
// 24 sums leave eight registers: three hold a vector of B's three parts, two what is added, and every number of A
// comes from memory, spread over the lanes on the way. An addition stands beside each multiplication, and a row's
// two multiplications far from each other: a processor that shares its window with another thread of its
// core still sees work for all its units.
INLINE void paired_tile_of(
    int rows, int vectors, ptrdiff_t depth, const float *a, const float *b, float *c,
    ptrdiff_t c_row, bool accumulate, const float *bias, const float *residual,
    ptrdiff_t residual_row) {
    const ptrdiff_t part = paired_part(depth), width = vectors * LANES;
    const float *terms = b + depth * width, *scales = terms + width;
    const float *row_terms = a + depth * CK_STRIP, *row_scales = row_terms + CK_STRIP;
    vector sums[ROWS][VECTORS];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            sums[r][v] = load(terms + v * LANES) + row_terms[r];
        }
    }
    const float *a1 = a + part * CK_STRIP, *a2 = a1 + part * CK_STRIP;
    const float *first = b + part * width, *second = first + part * width;
    for (ptrdiff_t p = 0; p < part; p++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            vector b0 = load(b + v * LANES), b1 = load(first + v * LANES), b2 = load(second + v * LANES);
            UNROLL for (int r = 0; r < rows; r++) {
                const int other = (r + rows / 2) % rows;
                vector x = add_broadcast(b1, a + r), y = add_broadcast(b0, a1 + r);
                sums[other][v] = multiply_add_broadcast(b2, a2 + other, sums[other][v]);
                sums[r][v] = multiply_add(x, y, sums[r][v]);
            }
        }
        a += CK_STRIP;
        a1 += CK_STRIP;
        a2 += CK_STRIP;
        b += width;
        first += width;
        second += width;
    }
    for (ptrdiff_t p = 3 * part; p < depth; p++, a2 += CK_STRIP, second += width) {
        UNROLL for (int r = 0; r < rows; r++) {
            UNROLL for (int v = 0; v < vectors; v++) {
                sums[r][v] = multiply_add_broadcast(load(second + v * LANES), a2 + r, sums[r][v]);
            }
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            float *place = c + r * c_row + v * LANES;
            vector x = sums[r][v] * (load(scales + v * LANES) * row_scales[r]);
            if (accumulate) x += load(place);
            if (bias) x += load(bias + v * LANES);
            if (residual) x += load(residual + r * residual_row + v * LANES);
            store(place, x);
        }
    }
}

// The same for any `rows` up to ROWS, and `width` as panel_width gives it.
static void paired_tile(
    ptrdiff_t rows, ptrdiff_t width, ptrdiff_t depth, const float *a, const float *b, float *c,
    ptrdiff_t c_row, bool accumulate, const float *bias, const float *residual,
    ptrdiff_t residual_row) {
#define TILE(r, v)                                                              \
    case r * 4 + v:                                                             \
        return paired_tile_of(                                                  \
            r, v, depth, a, b, c, c_row, accumulate, bias, residual, residual_row)
    switch (rows * 4 + width / LANES) {
        TILE(1, 1); TILE(2, 1); TILE(3, 1); TILE(4, 1); TILE(5, 1); TILE(6, 1); TILE(7, 1); TILE(8, 1);
        TILE(1, 2); TILE(2, 2); TILE(3, 2); TILE(4, 2); TILE(5, 2); TILE(6, 2); TILE(7, 2); TILE(8, 2);
        TILE(1, 3); TILE(2, 3); TILE(3, 3); TILE(4, 3); TILE(5, 3); TILE(6, 3); TILE(7, 3); TILE(8, 3);
    }
#undef TILE
}

#endif
