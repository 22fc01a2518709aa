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

enum { PAIRED_ROWS = 6 };

#if PAIRED

// line + *x in every lane. Spelled out, since the compiler would load x into a register for all
// its uses, which takes an execution slot; from memory the broadcast is free.
INLINE vector add_broadcast(vector line, const float *x) {
    vector result;
    __asm__("vaddps %2%{1to16%}, %1, %0" : "=v"(result) : "v"(line), "m"(*x));
    return result;
}

// sum += line * *x in every lane, likewise.
INLINE vector multiply_add_broadcast(vector line, const float *x, vector sum) {
    __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(line), "m"(*x));
    return sum;
}

// The exponent of a number, as it lies in its bits.
INLINE int32_t exponent(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (bits >> 23 & 255) - 127;
}

// The power of two that brings `count` numbers, `stride` apart, to a root mean square near 1, and its
// inverse. Where the sum of their squares is too large or too small to be told, their highest comes
// near 1 instead.
INLINE float balance(
    float squares, ptrdiff_t count, const float *x, ptrdiff_t stride, float *inverse) {
    int32_t half = exponent(squares / (float)count);
    if (half > -120 && half < 120) {
        half /= 2;
    } else {
        float high = 0;
        for (ptrdiff_t p = 0; p < count; p++) {
            float size = x[p * stride] < 0 ? -x[p * stride] : x[p * stride];
            high = size > high ? size : high;
        }
        half = exponent(high);
        half = high == 0 ? 0 : half < -125 ? -125 : half > 125 ? 125 : half;
    }
    int32_t up = (127 + half) << 23, down = (127 - half) << 23;
    float factor;
    memcpy(inverse, &up, sizeof up);
    memcpy(&factor, &down, sizeof down);
    return factor;
}

// The depth's parts: `part` values paired with as many, as many unpaired, and what is left over.
INLINE ptrdiff_t paired_part(ptrdiff_t depth) { return depth / 3 / 2 * 2; }

// Balances `depth` numbers of a row of A from `line` into `result`, which may be the same place;
// term = -sum a0 a1, scale takes the balance back.
INLINE void balance_line(
    ptrdiff_t depth, const float *line, float *result, float *term, float *scale) {
    const ptrdiff_t part = paired_part(depth);
    vector squares[2] = {0, 0};
    ptrdiff_t p = 0;
    for (; p + 2 * LANES <= depth; p += 2 * LANES) {
        vector x = load(line + p), y = load(line + p + LANES);
        squares[0] = x * x + squares[0];
        squares[1] = y * y + squares[1];
    }
    for (; p < depth; p += LANES) {
        vector x = load_some(line + p, depth - p < LANES ? depth - p : LANES);
        squares[0] = x * x + squares[0];
    }
    const float factor = balance(sum(squares[0] + squares[1]), depth, line, 1, scale);
    for (p = 0; p + LANES <= depth; p += LANES) store(result + p, load(line + p) * factor);
    for (; p < depth; p++) result[p] = line[p] * factor;
    vector products = 0;
    for (p = 0; p + LANES <= part; p += LANES) {
        products = load(result + p) * load(result + p + part) + products;
    }
    if (p + part + LANES <= depth) {  // What lies behind the pairs can be read and left out.
        integers lane;
        UNROLL for (int i = 0; i < LANES; i++) lane[i] = i;
        vector last = load(result + p) * load(result + p + part);
        products += lane < (integers)(int32_t)(part - p) ? last : (vector)0.0f;
    } else if (p < part) {
        products =
            load_some(result + p, part - p) * load_some(result + p + part, part - p) + products;
    }
    *term = -sum(products);
}

// Brings rows of a block of A to the form in which `product` takes its left factor: each becomes a
// line of ck_balanced_row(depth) floats: its values, balanced, then its term, then what takes the
// balance back.
static void balance_rows(
    ptrdiff_t rows, ptrdiff_t depth, const float *a, ptrdiff_t a_row, float *balanced) {
    for (ptrdiff_t r = 0; r < rows; r++, a += a_row, balanced += depth + 2) {
        balance_line(depth, a, balanced, &balanced[depth], &balanced[depth + 1]);
    }
}

// Balances a packed panel of B in place, and writes behind it a line of terms, -sum b0 b1, and one of
// scales, which take the balance back.
static void balance_panel(ptrdiff_t depth, ptrdiff_t width, float *packed) {
    const ptrdiff_t part = paired_part(depth);
    float *terms = packed + depth * width, *scales = terms + width;
    for (ptrdiff_t j = 0; j < width; j += LANES) {
        vector squares[2] = {0, 0};
        for (ptrdiff_t p = 0; p < depth; p++) {
            vector x = load(packed + p * width + j);
            squares[p & 1] = x * x + squares[p & 1];
        }
        float factors[LANES];
        for (int i = 0; i < LANES; i++) {
            factors[i] = balance(
                (squares[0] + squares[1])[i], depth, packed + j + i, width, &scales[j + i]);
        }
        const vector factor = load(factors);
        vector products[2] = {0, 0};
        for (ptrdiff_t p = 0; p < part; p++) {
            float *first = packed + p * width + j, *second = first + part * width;
            vector x = load(first) * factor, y = load(second) * factor;
            store(first, x);
            store(second, y);
            products[p & 1] = x * y + products[p & 1];
        }
        for (ptrdiff_t p = 2 * part; p < depth; p++) {
            store(packed + p * width + j, load(packed + p * width + j) * factor);
        }
        store(terms + j, -(products[0] + products[1]));
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
    for (ptrdiff_t p = 0; p < part; p += 2) {
        UNROLL for (int q = 0; q < 2; q++) {
            vector b0[VECTORS], b1[VECTORS];
            UNROLL for (int v = 0; v < vectors; v++) {
                b0[v] = load(b + v * LANES);
                b1[v] = load(b + part * width + v * LANES);
            }
            UNROLL for (int r = 0; r < rows; r++) {
                UNROLL for (int v = 0; v < vectors; v++) {
                    vector x = add_broadcast(b1[v], a + r * a_row);
                    vector y = add_broadcast(b0[v], a + r * a_row + part);
                    sums[r][v] = x * y + sums[r][v];
                }
            }
            UNROLL for (int v = 0; v < vectors; v++) {
                b0[v] = load(b + 2 * part * width + v * LANES);
            }
            // Broadcasts into registers contend with additions, those from memory with loads: some
            // of each keep both from being what everything waits for.
            UNROLL for (int r = 0; r < rows; r++) {
                const float *x = a + r * a_row + 2 * part;
                UNROLL for (int v = 0; v < vectors; v++) {
                    sums[r][v] = r < PAIRED_ROWS / 3 ? multiply_add_broadcast(b0[v], x, sums[r][v])
                                                     : *x * b0[v] + sums[r][v];
                }
            }
            a++;
            b += width;
        }
    }
    a += 2 * part;
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
