// C = A B in float32 on AMX, whose tiles multiply bytes at 32 times the rate of float32's multiply-adds.
//
// A row of A or column of B is scaled by a power of two to integers of 24 bits, and each integer is the sum of three
// signed bytes, 65536 d2 + 256 d1 + d0. Of the nine products of two such sums all but that of d0 and d0 are formed.
// Their sums are exact; only the combination of these few rounds. An element is thus represented with an error of at
// most 2^-23 of the largest magnitude in its line, and the error of a result is proportional to |a_i| |b_j|, as with
// paired products (Ootomo, Ozaki and Yokota 2024, "DGEMM on Integer Matrix Multiplication Unit", for double precision).
// Elements within 2^-23 of the largest float become infinite.
//
// Both factors are copied in blocks of 16 rows of A or columns of B: for each STEP of the depth three tiles of 1 KB,
// the highest bytes first, and at the end the exponent of each line's unit. Rows, columns and steps are padded with
// zeros, so all tiles are full. The exponents are NaN for lines with an infinity or a NaN, whose products are NaN.

#include "Tiles.h"

enum {
    BYTES = 3,
    STEP = 64,               // of the depth, in a tile
    TILE_BYTES = 1024,       // 16 rows of 64 bytes
    BLOCK_BYTES = BYTES * TILE_BYTES,
    SIDE = 16,               // rows or columns of a tile
    UNIT = 22,               // a line's unit is 2^-UNIT of the power of two at its largest magnitude
};
_Static_assert(LANES == SIDE && SPLIT_SIDE == SIDE && SPLIT_STEP == STEP, "a vector is a row of a tile");

typedef uint32_t bits __attribute__((ext_vector_type(LANES)));
typedef int8_t bytes __attribute__((ext_vector_type(LANES)));

INLINE integers magnitude(vector x) { return (integers)x & 0x7fffffff; }
INLINE integers larger_of(integers a, integers b) { return a > b ? a : b; }
INLINE vector scale_by_power(vector x, vector exponent) {
    return __builtin_ia32_scalefps512_mask(x, exponent, x, 0xffff, CURRENT_ROUNDING);
}

// The exponents of the units of lines, given the bits of their largest magnitudes.
INLINE vector unit_exponents(integers largest) {
    const vector top = (vector)largest;
    vector exponent = __builtin_ia32_getexpps512_mask(top, top, 0xffff, CURRENT_ROUNDING);
    const vector significand = __builtin_ia32_getmantps512_mask(top, 0, top, 0xffff, CURRENT_ROUNDING);
    // Three signed bytes hold up to 0x7f7f7f.
    exponent = significand > 0x7f7f7fp-22f ? exponent + 1.0f : exponent;
    exponent = largest == 0 ? (vector)0.0f : exponent;
    return (largest >= 0x7f800000 ? (vector)NAN : exponent) - (float)UNIT;
}

// The bytes of x in units of 2^exponent: d0, d1 and d2 of each element from its lowest byte on.
INLINE bits split(vector x, vector exponent) {
    x = scale_by_power(x, -exponent);
    const integers whole = __builtin_ia32_cvtps2dq512_mask(x, (integers)0, 0xffff, CURRENT_ROUNDING);
    return (bits)(whole + 0x808080) ^ 0x808080;
}

// Stores 16 elements of a row of A, a quarter of a tile's row.
INLINE void store_left(bits x, char *place) {
    UNROLL for (int i = 0; i < BYTES; i++) {
        const bytes d = __builtin_convertvector(x >> (16 - 8 * i), bytes);
        memcpy(place + i * TILE_BYTES, &d, sizeof d);
    }
}

// Stores four adjacent rows of B, 16 columns wide: a tile holds fours of the depth side by side.
INLINE void store_right(bits x0, bits x1, bits x2, bits x3, char *place) {
    UNROLL for (int i = 0; i < BYTES; i++) {
        const int down = 16 - 8 * i;
        const bits low = (x0 >> down & 0xff) | ((x1 >> down & 0xff) << 8);
        const bits high = (x2 >> down & 0xff) | ((x3 >> down & 0xff) << 8);
        const bits fours = low | high << 16;
        memcpy(place + i * TILE_BYTES, &fours, sizeof fours);
    }
}

// The exponents at the end of a block.
INLINE float *exponents_of(const char *block, ptrdiff_t steps) { return (float *)(block + steps * BLOCK_BYTES); }

// The bits of the largest magnitude of each of up to SIDE rows.
INLINE integers largest_of_rows(ptrdiff_t rows, ptrdiff_t depth, ck_matrix a) {
    integers largest = 0;
    if (a.row_stride == 1 && rows == SIDE) {
        for (ptrdiff_t p = 0; p < depth; p++) {
            largest = larger_of(largest, magnitude(load(a.first + p * a.column_stride)));
        }
        return largest;
    }
    for (ptrdiff_t r = 0; r < rows; r++) {
        const float *row = a.first + r * a.row_stride;
        integers of_row = 0;
        for (ptrdiff_t p = 0; a.column_stride == 1 && p < depth; p += LANES) {
            of_row = larger_of(of_row, magnitude(load_part(row + p, depth - p)));
        }
        for (ptrdiff_t p = 0; a.column_stride != 1 && p < depth; p++) {
            of_row = larger_of(of_row, magnitude((vector)row[p * a.column_stride]));
        }
        largest[r] = __builtin_reduce_max(of_row);
    }
    return largest;
}

// Copies a block of up to SIDE rows of A.
static void split_left(ptrdiff_t rows, ptrdiff_t depth, ck_matrix a, char *split_block) {
    const ptrdiff_t steps = split_steps(depth);
    const vector exponents = unit_exponents(largest_of_rows(rows, depth, a));
    ptrdiff_t offsets[LANES];
    UNROLL for (int k = 0; k < LANES; k++) offsets[k] = k * a.column_stride;
    for (ptrdiff_t p = 0; p < steps * STEP; p += LANES) {
        const ptrdiff_t left = depth - p;
        const float *from = left > 0 ? a.first + p * a.column_stride : a.first;
        vector block[SIDE];
        if (a.row_stride == 1 && rows == SIDE && left >= LANES) {
            load_transposed(from, offsets, block);
        } else {
            for (ptrdiff_t r = 0; r < SIDE; r++) {
                block[r] = 0;
                if (r >= rows || left <= 0) continue;
                if (a.column_stride == 1) {
                    block[r] = load_part(from + r * a.row_stride, left);
                } else {
                    for (ptrdiff_t k = 0; k < LANES && k < left; k++) block[r][k] = from[r * a.row_stride + offsets[k]];
                }
            }
        }
        char *place = split_block + p / STEP * BLOCK_BYTES + p % STEP;
        UNROLL for (int r = 0; r < SIDE; r++) store_left(split(block[r], (vector)exponents[r]), place + r * STEP);
    }
    store(exponents_of(split_block, steps), exponents);
}

// Copies rows of A, block by block.
static void split_rows(ptrdiff_t rows, ptrdiff_t depth, ck_matrix a, float *split) {
    for (ptrdiff_t r = 0; r < rows; r += SIDE) {
        const ck_matrix some = {a.first + r * a.row_stride, a.row_stride, a.column_stride};
        split_left(rows - r < SIDE ? rows - r : SIDE, depth, some, (char *)split + r / SIDE * split_bytes(SIDE, depth));
    }
}

// Copies a block of SIDE columns of B from a packed panel.
static void split_panel(ptrdiff_t depth, const float *b, ptrdiff_t b_row, char *split_block) {
    const ptrdiff_t steps = split_steps(depth);
    integers largest = 0;
    for (ptrdiff_t p = 0; p < depth; p++) largest = larger_of(largest, magnitude(load(b + p * b_row)));
    const vector exponents = unit_exponents(largest);
    for (ptrdiff_t p = 0; p < steps * STEP; p += 4) {
        bits x[4];
        UNROLL for (int i = 0; i < 4; i++) {
            x[i] = p + i < depth ? split(load(b + (p + i) * b_row), exponents) : (bits)0;
        }
        store_right(x[0], x[1], x[2], x[3], split_block + p / STEP * BLOCK_BYTES + p % STEP * SIDE);
    }
    store(exponents_of(split_block, steps), exponents);
}

// Copies a packed block of B.
static void split_right(ptrdiff_t depth, ptrdiff_t columns, const float *packed, float *split) {
    for (ptrdiff_t j = 0; j < columns; j += SIDE) {
        const ptrdiff_t panel = j / PANEL * PANEL;
        split_panel(
            depth, packed + panel * (depth + BESIDE) + j - panel, panel_width(columns - panel),
            (char *)split + j / SIDE * split_bytes(SIDE, depth));
    }
}

// Configures the thread's tiles: all of 16 rows of 64 bytes.
INLINE void configure_tiles(void) {
    static const tile_configuration FULL = {
        .palette = 1,
        .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
        .rows = {16, 16, 16, 16, 16, 16, 16, 16},
    };
    __builtin_ia32_tile_loadconfig(&FULL);
}

// Sums of the products of bytes of a block of A and one of B, in units of 2^32, 2^24, 2^16 twice and 2^8.
enum { SUMS = 5 };
typedef struct { int32_t of[SUMS][SIDE][SIDE] __attribute__((aligned(64))); } byte_sums;

// No sum has more than two products a step, so that the chains of additions are nearly hidden.
INLINE void multiply_blocks(ptrdiff_t steps, const char *a, const char *b, byte_sums *sums) {
    __builtin_ia32_tilezero(0);
    __builtin_ia32_tilezero(1);
    __builtin_ia32_tilezero(2);
    __builtin_ia32_tilezero(3);
    __builtin_ia32_tilezero(4);
    for (ptrdiff_t p = 0; p < steps; p++, a += BLOCK_BYTES, b += BLOCK_BYTES) {
        __builtin_ia32_tileloadd64(5, a, 64);
        __builtin_ia32_tileloadd64(6, b, 64);
        __builtin_ia32_tdpbssd(0, 5, 6);
        __builtin_ia32_tileloadd64(7, b + TILE_BYTES, 64);
        __builtin_ia32_tdpbssd(1, 5, 7);
        __builtin_ia32_tileloadd64(7, b + 2 * TILE_BYTES, 64);
        __builtin_ia32_tdpbssd(2, 5, 7);
        __builtin_ia32_tileloadd64(5, a + TILE_BYTES, 64);
        __builtin_ia32_tdpbssd(4, 5, 7);
        __builtin_ia32_tdpbssd(1, 5, 6);
        __builtin_ia32_tileloadd64(7, b + TILE_BYTES, 64);
        __builtin_ia32_tdpbssd(3, 5, 7);
        __builtin_ia32_tileloadd64(5, a + 2 * TILE_BYTES, 64);
        __builtin_ia32_tdpbssd(4, 5, 7);
        __builtin_ia32_tdpbssd(2, 5, 6);
    }
    __builtin_ia32_tilestored64(0, sums->of[0], 64);
    __builtin_ia32_tilestored64(1, sums->of[1], 64);
    __builtin_ia32_tilestored64(2, sums->of[2], 64);
    __builtin_ia32_tilestored64(3, sums->of[3], 64);
    __builtin_ia32_tilestored64(4, sums->of[4], 64);
}

// Row r of A B, given the exponent of A's row and those of the sums' units, 2^8 times those of B's columns.
INLINE vector row_of(const byte_sums *sums, ptrdiff_t r, float row_exponent, vector unit_exponents) {
    integers part[SUMS];
    UNROLL for (int i = 0; i < SUMS; i++) memcpy(&part[i], sums->of[i][r], sizeof part[i]);
    vector x = __builtin_convertvector(part[0], vector);
    x = x * 256.0f + __builtin_convertvector(part[1], vector);
    x = x * 256.0f + __builtin_convertvector(part[2] + part[3], vector);
    x = x * 256.0f + __builtin_convertvector(part[4], vector);
    return scale_by_power(x, unit_exponents + row_exponent);
}

static void product(ck_product_task t) {
    const ptrdiff_t m = t.rows, n = t.columns, steps = split_steps(t.depth), block = split_bytes(SIDE, t.depth);
    const char *right = (const char *)t.packed;
    const ck_epilogue e = t.epilogue;
    byte_sums sums[2];
    configure_tiles();
    // Process columns in groups that stay in the second-level cache while all rows use them.
    for (ptrdiff_t first = 0; first < n; first += GROUP) {
        const ptrdiff_t end = n - first < GROUP ? n : first + GROUP;
        for (ptrdiff_t top = 0; top < m; top += SIDE) {
            const char *left = (const char *)t.left.first + top / SIDE * block;
            const float *row_exponents = exponents_of(left, steps);
            const ptrdiff_t rows = m - top < SIDE ? m - top : SIDE;
            multiply_blocks(steps, left, right + first / SIDE * block, &sums[first / SIDE % 2]);
            for (ptrdiff_t j = first; j < end; j += SIDE) {
                // The tiles are a block ahead of the vectors, which run at the same time.
                const ptrdiff_t next = j / SIDE + 1;
                if (next * SIDE < end) multiply_blocks(steps, left, right + next * block, &sums[next % 2]);
                const byte_sums *done = &sums[j / SIDE % 2];
                const vector column_exponents = load(exponents_of(right + j / SIDE * block, steps)) + 8.0f;
                const ptrdiff_t columns = end - j;
                for (ptrdiff_t i = 0; i < rows; i++) {
                    const ptrdiff_t r = top + i;
                    float *place = t.c + r * t.c_row_stride + j;
                    vector x = row_of(done, i, row_exponents[i], column_exponents);
                    if (t.accumulates) x += load_part(place, columns);
                    if (e.bias) x += load_part(e.bias + j, columns);
                    if (e.residual) x += load_part(e.residual + r * e.residual_row_stride + j, columns);
                    if (e.slope_at) x *= gelu_derivative(load_part(e.slope_at + r * e.slope_row_stride + j, columns));
                    store_part(place, x, columns);
                }
            }
        }
    }
    __builtin_ia32_tilerelease();
}
