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

enum { PAIRED_ROWS = CK_STRIP };

#if PAIRED

// Three lines of a balanced block of A, as far as they reach from the first.
typedef struct {
    float numbers[3 * (DEPTH + BESIDE)];
} three_lines;

// An instruction on the number at `x`, or `line` lines of `bytes` further on, in every lane. Spelled out:
// the compiler would load that number into a register for all its uses, which takes an execution slot,
// where from memory it is free; and it would hold an address for every line of a tile, for which there are
// not registers enough, where one for three and the distance between them do.
#define ON_LINE(instruction, result, y)                                                           \
    switch (line) {                                                                               \
        case 0: ON_LINE_AT(instruction " (%2)%{1to16%}, %1, %0", result, y); break;               \
        case 1: ON_LINE_AT(instruction " (%2,%3)%{1to16%}, %1, %0", result, y); break;            \
        case 2: ON_LINE_AT(instruction " (%2,%3,2)%{1to16%}, %1, %0", result, y); break;          \
    }
#define ON_LINE_AT(text, result, y) \
    __asm__(text : result : "v"(y), "r"(x), "r"(bytes), "m"(*(const three_lines *)x))

// y + *x in every lane.
INLINE vector add_broadcast(vector y, const float *x, ptrdiff_t bytes, int line) {
    vector sum;
    ON_LINE("vaddps", "=v"(sum), y)
    return sum;
}

// sum + y * *x in every lane.
INLINE vector multiply_add_broadcast(
    vector y, const float *x, ptrdiff_t bytes, int line, vector sum) {
    ON_LINE("vfmadd231ps", "+v"(sum), y)
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

// The depth's parts: `part` values paired with as many, as many unpaired, and what is left over.
INLINE ptrdiff_t paired_part(ptrdiff_t depth) { return depth / 3 / 2 * 2; }

// The sum of a row's squares.
INLINE float sum_of_squares(ptrdiff_t depth, const float *row) {
    vector squares[2] = {0, 0};
    ptrdiff_t p = 0;
    for (; p + 2 * LANES <= depth; p += 2 * LANES) {
        vector x = load(row + p), y = load(row + p + LANES);
        squares[0] = x * x + squares[0];
        squares[1] = y * y + squares[1];
    }
    for (; p < depth; p += LANES) {
        vector x = load_part(row + p, depth - p);
        squares[0] = x * x + squares[0];
    }
    return sum(squares[0] + squares[1]);
}

// sum a0 a1 of a row that `factor` balances.
INLINE float sum_of_pairs(ptrdiff_t depth, const float *row, float factor) {
    const ptrdiff_t part = paired_part(depth);
    const float *second = row + part;
    vector products = 0;
    ptrdiff_t p = 0;
    for (; p + LANES <= part; p += LANES) {
        products = load(row + p) * factor * (load(second + p) * factor) + products;
    }
    if (p + part + LANES <= depth) {  // What lies behind the pairs can be read and left out.
        integers lane;
        UNROLL for (int i = 0; i < LANES; i++) lane[i] = i;
        vector last = load(row + p) * factor * (load(second + p) * factor);
        products += lane < (integers)(int32_t)(part - p) ? last : (vector)0.0f;
    } else if (p < part) {
        vector x = load_some(row + p, part - p), y = load_some(second + p, part - p);
        products = x * factor * (y * factor) + products;
    }
    return sum(products);
}

// Brings rows of a block of A to the form in which `product` takes its left factor: each becomes a
// line of ck_balanced_row(depth) floats: its values, balanced, then its term, -sum a0 a1, then what takes
// the balance back. Rows of as many floats may become lines where they are.
static void balance_rows(
    ptrdiff_t rows, ptrdiff_t depth, const float *a, ptrdiff_t a_row, float *balanced) {
    for (ptrdiff_t first = 0; first < rows; first += LANES, a += LANES * a_row) {
        const ptrdiff_t some = rows - first < LANES ? rows - first : LANES;
        float squares[LANES] = {0}, factors[LANES], inverses[LANES];
        for (ptrdiff_t r = 0; r < some; r++) squares[r] = sum_of_squares(depth, a + r * a_row);
        vector inverse;
        store(factors, balance(load(squares), some, depth, a, a_row, 1, &inverse));
        store(inverses, inverse);
        for (ptrdiff_t r = 0; r < some; r++, balanced += depth + 2) {
            const float *row = a + r * a_row, factor = factors[r];
            const float term = -sum_of_pairs(depth, row, factor);
            ptrdiff_t p = 0;
            for (; p + LANES <= depth; p += LANES) store(balanced + p, load(row + p) * factor);
            for (; p < depth; p++) balanced[p] = row[p] * factor;
            balanced[depth] = term;
            balanced[depth + 1] = inverses[r];
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

// c (+)= A B for a tile of `rows` by `vectors` (both constants). A's balanced lines begin `a_row` apart,
// each followed by its term and scale; the panel is followed by a line of terms and one of scales.
INLINE void paired_tile_of(
    int rows, int vectors, ptrdiff_t depth, const float *a, ptrdiff_t a_row, const float *b,
    float *c, ptrdiff_t c_row, bool accumulate) {
    const ptrdiff_t part = paired_part(depth), width = vectors * LANES;
    const float *terms = b + depth * width, *scales = terms + width;
    const float *row_terms = a + depth, *row_scales = row_terms + 1;
    vector sums[PAIRED_ROWS][VECTORS];
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            sums[r][v] = load(terms + v * LANES) + row_terms[r * a_row];
        }
    }
    // The parts of the first three lines, and of the three that follow.
    const float *first[2] = {a, a + 3 * a_row};
    const ptrdiff_t bytes = a_row * (ptrdiff_t)sizeof(float);
    for (ptrdiff_t p = 0; p < part; p++) {
        vector b0[VECTORS], b1[VECTORS], b2[VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) {
            b0[v] = load(b + v * LANES);
            b1[v] = load(b + part * width + v * LANES);
            b2[v] = load(b + 2 * part * width + v * LANES);
        }
        UNROLL for (int r = 0; r < rows; r++) {
            const int line = r % 3;
            const float *x0 = first[r / 3], *x1 = x0 + part, *x2 = x1 + part;
            UNROLL for (int v = 0; v < vectors; v++) {
                vector x = add_broadcast(b1[v], x0, bytes, line);
                vector y = add_broadcast(b0[v], x1, bytes, line);
                sums[r][v] = multiply_add(x, y, sums[r][v]);
                sums[r][v] = multiply_add_broadcast(b2[v], x2, bytes, line, sums[r][v]);
            }
        }
        first[0]++;
        first[1]++;
        b += width;
    }
    a += 3 * part;
    b += 2 * part * width;
    for (ptrdiff_t p = 3 * part; p < depth; p++, a++, b += width) {
        UNROLL for (int r = 0; r < rows; r++) {
            vector x = a[r * a_row];
            UNROLL for (int v = 0; v < vectors; v++) {
                sums[r][v] = x * load(b + v * LANES) + sums[r][v];
            }
        }
    }
    UNROLL for (int r = 0; r < rows; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            float *place = c + r * c_row + v * LANES;
            vector scale = load(scales + v * LANES) * row_scales[r * a_row];
            store(place, accumulate ? sums[r][v] * scale + load(place) : sums[r][v] * scale);
        }
    }
}

static void paired_tile(
    ptrdiff_t rows, ptrdiff_t width, ptrdiff_t depth, const float *a, ptrdiff_t a_row,
    const float *b, float *c, ptrdiff_t c_row, bool accumulate) {
#define TILE(r, v)  \
    case r * 4 + v: \
        return paired_tile_of(r, v, depth, a, a_row, b, c, c_row, accumulate)
    switch (rows * 4 + width / LANES) {
        TILE(1, 1); TILE(2, 1); TILE(3, 1); TILE(4, 1); TILE(5, 1); TILE(6, 1);
        TILE(1, 2); TILE(2, 2); TILE(3, 2); TILE(4, 2); TILE(5, 2); TILE(6, 2);
        TILE(1, 3); TILE(2, 3); TILE(3, 3); TILE(4, 3); TILE(5, 3); TILE(6, 3);
    }
#undef TILE
}

#endif
