// C = A B in integers. Both factors hold adjacent integers of the depth side by side, in words of 32 bits: pairs of 16
// bits, or four bytes where the processor multiplies those. A word of A is broadcast and multiplied by a vector of
// words of B, one per column; the products of a word are added, then the words to their column's sum.
//
// A tile of C, INTEGER_ROWS x INTEGER_PANEL, stays in registers while the whole depth runs through it.

typedef uint32_t words __attribute__((ext_vector_type(LANES)));  // Unsigned, because they may wrap around.
typedef words unaligned_words __attribute__((aligned(4)));
typedef int16_t pairs __attribute__((ext_vector_type(2 * LANES)));
typedef int8_t byte_pairs __attribute__((ext_vector_type(2 * LANES)));
typedef byte_pairs unaligned_byte_pairs __attribute__((aligned(1)));

#if TILES
#include "Tiles.h"
#endif

enum {
    INTEGER_VECTORS = LANES == 16 ? 3 : 2,
    INTEGER_PANEL = INTEGER_VECTORS * LANES,
    INTEGER_ROWS = REGISTERS >= 32 ? 8 : 6,
    WORD_STEPS = 4,  // words of the depth between two branches
    INTEGER_GROUP_BYTES = 192 << 10,  // the part of B that stays in the second-level cache
    BYTE_ROWS = TILES ? 32 : INTEGER_ROWS,  // the same for 8 bits
    BYTE_PANEL = TILES ? 32 : INTEGER_PANEL,
};

// sum + a0 b0 + a1 b1 for each pair. Instructions by name, because clang takes that of VNNI apart into a product and an
// addition, for the sake of latency, at twice the time where many sums are formed at once; and adds the others' products
// to one another first, for which there are too few registers (hence volatile, too: in this order).
INLINE words add_pairs(words sum, words a, words b) {
#if MULTIPLIER == VNNI && LANES == 16
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
#elif MULTIPLIER == VNNI
    __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
    return sum;
#elif defined(__x86_64__) && LANES >= 8
    words products;
    __asm__ volatile("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+v"(sum), "=&v"(products) : "v"(a), "v"(b));
    return sum;
#elif defined(__x86_64__)
    return sum + (words)__builtin_ia32_pmaddwd128((pairs)a, (pairs)b);
#else
    typedef int32_t products __attribute__((ext_vector_type(2 * LANES)));
    const products p = __builtin_convertvector((pairs)a, products)
        * __builtin_convertvector((pairs)b, products);
    return sum + (words)p.even + (words)p.odd;
#endif
}

// The same for four bytes, those of a without sign.
INLINE words add_fours(words sum, words a, words b) {
#if MULTIPLIER == VNNI && LANES == 16
    typedef uint8_t lefts __attribute__((ext_vector_type(64)));
    typedef int8_t rights __attribute__((ext_vector_type(64)));
    return (words)__builtin_ia32_vpdpbusd512((integers)sum, (lefts)a, (rights)b);
#elif MULTIPLIER == VNNI
    typedef uint8_t lefts __attribute__((ext_vector_type(32)));
    typedef int8_t rights __attribute__((ext_vector_type(32)));
    return (words)__builtin_ia32_vpdpbusd256((integers)sum, (lefts)a, (rights)b);
#else
    return sum;  // Never called.
#endif
}

// The kinds of a product: bits of a factor's integers, and whether they are in groups of four.
typedef enum { WORDS, BYTES, FOURS } integer_kind;

// Adds a's products with each vector of b to that vector's sums.
INLINE void add_words(
    integer_kind kind, int vectors, words sums[INTEGER_VECTORS], words a, const words b[INTEGER_VECTORS]) {
#if defined(__x86_64__) && LANES == 8 && MULTIPLIER == PAIRS
    if (vectors == 2) {  // On Zen 3, two products and then their additions are 4% faster than in turns.
        words first;
        __asm__ volatile(
            "vpmaddwd %4, %3, %2\n\tvpmaddwd %5, %3, %3\n\tvpaddd %2, %0, %0\n\tvpaddd %3, %1, %1"
            : "+x"(sums[0]), "+x"(sums[1]), "=&x"(first), "+x"(a) : "x"(b[0]), "x"(b[1]));
        return;
    }
#endif
    UNROLL for (int v = 0; v < vectors; v++) {
        sums[v] = kind == FOURS ? add_fours(sums[v], a, b[v]) : add_pairs(sums[v], a, b[v]);
    }
}

// The bytes of a word of B in memory: pairs of bytes have half a word.
INLINE ptrdiff_t word_bytes(integer_kind kind) { return kind == BYTES ? 2 : 4; }

// A vector of words of B; pairs of bytes are widened.
INLINE words right_words(integer_kind kind, const char *b) {
    if (kind == BYTES) return (words)__builtin_convertvector((byte_pairs)*(const unaligned_byte_pairs *)b, pairs);
    return *(const unaligned_words *)b;
}

typedef struct {
    ptrdiff_t columns;  // to be written
    const void *a, *b;  // of the tile's rows and of its panel's strip
    ptrdiff_t a_row, words_of_depth;  // words from row to row of A; words of a column of B
    ptrdiff_t first_lane;             // of the panel in its strip
    ptrdiff_t first_word;             // of the depth: those before are in `sums`
    const int32_t *sums;              // [rows, BYTE_PANEL], if first_word > 0
    const float *row_scales, *scales, *bias, *residual;
    const int32_t *offsets, *zeros;
    ptrdiff_t residual_row;
    float *c;
    ptrdiff_t c_row;
} integer_tile;

// The scales, the bias and the residual of a tile. The flags are constants where the tile is whole: asked at each vector,
// they would make all sums leave the registers.
INLINE void finish_tile(
    int rows, int vectors, bool is_whole, bool has_residual, words sums[INTEGER_ROWS][INTEGER_VECTORS], integer_tile t) {
    UNROLL for (int v = 0; v < vectors; v++) {
        const ptrdiff_t j = v * LANES, n = is_whole ? LANES : t.columns - j;
        if (n <= 0) break;
        const vector scales = load_part(t.scales + j, n);
        const vector bias = t.bias ? load_part(t.bias + j, n) : (vector)-0.0f;  // Adding -0 changes nothing.
        UNROLL for (int r = 0; r < rows; r++) {
            vector x = __builtin_convertvector((integers)sums[r][v], vector);
            x = x * (scales * t.row_scales[r]);
            x = x + bias;
            if (has_residual) x = x + load_part(t.residual + r * t.residual_row + j, n);
            store_part(t.c + r * t.c_row + j, x, n);
        }
    }
}

// What a tile reads next: of A three rows to a pointer (see `multiply_steps`), of B its strips.
typedef struct {
    const uint32_t *a[(INTEGER_ROWS + 2) / 3];
    const char *b[(INTEGER_PANEL + CK_INTEGER_STRIP - 1) / CK_INTEGER_STRIP];
} integer_lines;

// Adds the products of `steps` words of the depth to a tile's sums.
INLINE void multiply_words(
    int rows, int vectors, int steps, integer_kind kind, ptrdiff_t a_row, integer_lines *lines,
    words sums[INTEGER_ROWS][INTEGER_VECTORS]) {
    const ptrdiff_t line_bytes = CK_INTEGER_STRIP * word_bytes(kind);
    UNROLL for (int s = 0; s < steps; s++) {
        words line[INTEGER_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) {
            const int lane = v * LANES % CK_INTEGER_STRIP;
            line[v] = right_words(
                kind, lines->b[v * LANES / CK_INTEGER_STRIP] + s * line_bytes + lane * word_bytes(kind));
        }
        UNROLL for (int r = 0; r < rows; r++) {
            uint32_t word;
            memcpy(&word, lines->a[r / 3] + r % 3 * a_row + s, sizeof word);
            add_words(kind, vectors, sums[r], (words)word, line);
        }
        KEEP_STEP(lines->b[0]);
    }
    UNROLL for (int i = 0; i < (rows + 2) / 3; i++) {
        lines->a[i] += steps;
        KEEP_POINTER(lines->a[i]);
    }
    UNROLL for (int i = 0; i * CK_INTEGER_STRIP < vectors * LANES; i++) lines->b[i] += steps * line_bytes;
}

// A tile of `rows` by `vectors` (both constants).
INLINE void integer_tile_of(int rows, int vectors, integer_kind kind, integer_tile t) {
    words sums[INTEGER_ROWS][INTEGER_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) {
        words start = 0;
        if (kind == FOURS) {
            integers offsets = 0;
            const ptrdiff_t left = t.columns - v * LANES;
            memcpy(&offsets, t.offsets + v * LANES, (size_t)(left < LANES ? left : LANES) * 4);
            start = (words)offsets;
        }
        UNROLL for (int r = 0; r < rows; r++) {
            sums[r][v] = kind == FOURS ? start * (words)t.zeros[r] : start;
            if (TILES && t.first_word > 0) {
                sums[r][v] += *(const unaligned_words *)(t.sums + r * BYTE_PANEL + v * LANES);
            }
        }
    }
    integer_lines lines;
    UNROLL for (int i = 0; i < (rows + 2) / 3; i++) {
        lines.a[i] = (const uint32_t *)t.a + 3 * i * t.a_row + t.first_word;
    }
    UNROLL for (int i = 0; i * CK_INTEGER_STRIP < vectors * LANES; i++) {
        const ptrdiff_t place = CK_INTEGER_STRIP * (i * t.words_of_depth + t.first_word) + t.first_lane;
        lines.b[i] = (const char *)t.b + place * word_bytes(kind);
    }
    const uint32_t *end = (const uint32_t *)t.a + t.words_of_depth;
    const uint32_t *whole = end - (t.words_of_depth - t.first_word) % WORD_STEPS;
    while (lines.a[0] < whole) multiply_words(rows, vectors, WORD_STEPS, kind, t.a_row, &lines, sums);
    while (lines.a[0] < end) multiply_words(rows, vectors, 1, kind, t.a_row, &lines, sums);
    if (t.columns < vectors * LANES) return finish_tile(rows, vectors, false, t.residual, sums, t);
    if (t.residual) return finish_tile(rows, vectors, true, true, sums, t);
    finish_tile(rows, vectors, true, false, sums, t);
}

// The same for any `rows` up to INTEGER_ROWS and any columns up to INTEGER_PANEL.
INLINE void integer_tile_by(integer_kind kind, ptrdiff_t rows, integer_tile t) {
    const ptrdiff_t vectors = (t.columns + LANES - 1) / LANES;
#define TILE(r, v) case r * 4 + v: return integer_tile_of(r, v, kind, t)
    switch (rows * 4 + vectors) {
        TILE(1, 1); TILE(2, 1); TILE(3, 1); TILE(4, 1); TILE(5, 1); TILE(6, 1);
        TILE(1, 2); TILE(2, 2); TILE(3, 2); TILE(4, 2); TILE(5, 2); TILE(6, 2);
#if REGISTERS >= 32
        TILE(7, 1); TILE(8, 1); TILE(7, 2); TILE(8, 2);
#endif
#if LANES == 16
        TILE(1, 3); TILE(2, 3); TILE(3, 3); TILE(4, 3);
        TILE(5, 3); TILE(6, 3); TILE(7, 3); TILE(8, 3);
#endif
    }
#undef TILE
}

static void tile_of_words(ptrdiff_t rows, const integer_tile *t) { integer_tile_by(WORDS, rows, *t); }

#if !TILES

static void tile_of_bytes(ptrdiff_t rows, const integer_tile *t) {
    integer_tile_by(MULTIPLIER == VNNI ? FOURS : BYTES, rows, *t);
}

#else

// Tiles of AMX hold 16 rows of 16 words: words of A as `quantize` writes them, words of B as packed. Tiles 0 to 3 are
// sums, 4 and 5 rows of A, 6 and 7 strips of B.
enum { TILE_SIDE = 16 };

// Configures the thread's tiles for strips of `rows` rows, 1 to BYTE_ROWS.
static void configure_tiles(ptrdiff_t rows) {
    const uint8_t first = rows < TILE_SIDE ? (uint8_t)rows : TILE_SIDE;
    const uint8_t second = rows > TILE_SIDE ? (uint8_t)(rows - TILE_SIDE) : TILE_SIDE;
    const tile_configuration configuration = {
        .palette = 1,
        .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
        .rows = {first, first, second, second, first, second, TILE_SIDE, TILE_SIDE},
    };
    __builtin_ia32_tile_loadconfig(&configuration);
}

// The sums of a strip of rows and two strips of columns, or one, over the depth's whole steps of 64 bytes:
// [rows, BYTE_PANEL].
INLINE void sums_of_tiles(int tall, int wide, ptrdiff_t steps, integer_tile t, int32_t *sums) {
    const char *a = t.a, *b = t.b;
    const ptrdiff_t a_row = t.a_row * 4, next = CK_INTEGER_STRIP * t.words_of_depth * 4, row = BYTE_PANEL * 4;
    __builtin_ia32_tilezero(0);
    __builtin_ia32_tilezero(1);
    __builtin_ia32_tilezero(2);
    __builtin_ia32_tilezero(3);
    for (ptrdiff_t p = 0; p < steps; p++, a += 64, b += 1024) {
        __builtin_ia32_tileloadd64(6, b, 64);
        __builtin_ia32_tileloadd64(4, a, a_row);
        __builtin_ia32_tdpbusd(0, 4, 6);
        if (wide) __builtin_ia32_tileloadd64(7, b + next, 64);
        if (wide) __builtin_ia32_tdpbusd(1, 4, 7);
        if (tall) __builtin_ia32_tileloadd64(5, a + TILE_SIDE * a_row, a_row);
        if (tall) __builtin_ia32_tdpbusd(2, 5, 6);
        if (tall && wide) __builtin_ia32_tdpbusd(3, 5, 7);
    }
    __builtin_ia32_tilestored64(0, sums, row);
    if (wide) __builtin_ia32_tilestored64(1, sums + TILE_SIDE, row);
    if (tall) __builtin_ia32_tilestored64(2, sums + TILE_SIDE * BYTE_PANEL, row);
    if (tall && wide) __builtin_ia32_tilestored64(3, sums + TILE_SIDE * BYTE_PANEL + TILE_SIDE, row);
}

static void tile_of_bytes(ptrdiff_t rows, const integer_tile *whole) {
    integer_tile t = *whole;
    int32_t sums[BYTE_ROWS * BYTE_PANEL] __attribute__((aligned(64)));
    const ptrdiff_t steps = t.words_of_depth / TILE_SIDE;
    if (steps > 0) {
        const bool wide = t.columns > TILE_SIDE;
        if (rows > TILE_SIDE) {
            if (wide) sums_of_tiles(true, true, steps, t, sums); else sums_of_tiles(true, false, steps, t, sums);
        } else {
            if (wide) sums_of_tiles(false, true, steps, t, sums); else sums_of_tiles(false, false, steps, t, sums);
        }
    }
    // What is left of the depth, and the scales, bias and residual, some rows at a time.
    t.first_word = steps * TILE_SIDE;
    for (ptrdiff_t r = 0; r < rows; r += INTEGER_ROWS) {
        integer_tile part = t;
        part.sums = sums + r * BYTE_PANEL;
        part.a = (const uint32_t *)t.a + r * t.a_row;
        part.row_scales += r;
        part.zeros += r;
        if (t.residual) part.residual += r * t.residual_row;
        part.c += r * t.c_row;
        integer_tile_by(FOURS, rows - r < INTEGER_ROWS ? rows - r : INTEGER_ROWS, part);
    }
}

#endif

static void integer_product(ck_integer_product_task t) {
    const ptrdiff_t m = t.rows, n = t.columns, depth = ck_integer_depth(t.depth);
    const ptrdiff_t words_of_depth = t.bits == 8 ? depth / BYTE_GROUP : depth / 2;
    const ptrdiff_t size = word_bytes(t.bits == 8 && BYTE_GROUP == 2 ? BYTES : WORDS);
    const ptrdiff_t column_bytes = words_of_depth * size > 0 ? words_of_depth * size : 1;
    const ptrdiff_t panel = t.bits == 8 ? BYTE_PANEL : INTEGER_PANEL, most = t.bits == 8 ? BYTE_ROWS : INTEGER_ROWS;
    ptrdiff_t group = INTEGER_GROUP_BYTES / column_bytes / panel * panel;
    if (group < panel) group = panel;
    const ptrdiff_t strips = (m + most - 1) / most;
    for (ptrdiff_t first_column = 0; first_column < n; first_column += group) {
        const ptrdiff_t end = n - first_column < group ? n : first_column + group;
        for (ptrdiff_t s = 0; s < strips; s++) {
            // Strips of even size: a tile of two rows takes nearly as long as one of five.
            const ptrdiff_t first = m * s / strips, rows = m * (s + 1) / strips - first;
            const ptrdiff_t below = s + 1 < strips ? m * (s + 2) / strips - first - rows : 0;
#if TILES
            if (t.bits == 8) configure_tiles(rows);
#endif
            integer_tile tile = {
                .a = (const uint32_t *)t.left.integers + first * words_of_depth,
                .a_row = words_of_depth,
                .words_of_depth = words_of_depth,
                .row_scales = t.left.scales + first,
                .zeros = t.left.zeros ? t.left.zeros + first : 0,
                .scales = t.right.scales + first_column,
                .bias = t.bias ? t.bias + first_column : 0,
                .residual = t.residual ? t.residual + first * t.residual_row_stride + first_column : 0,
                .offsets = t.offsets ? t.offsets + first_column : 0,
                .residual_row = t.residual_row_stride,
                .c = t.c + first * t.c_row_stride + first_column,
                .c_row = t.c_row_stride,
            };
            for (ptrdiff_t j = first_column; j < end; j += panel) {
                const ptrdiff_t strip = j / CK_INTEGER_STRIP * CK_INTEGER_STRIP;
                tile.columns = end - j < panel ? end - j : panel;
                tile.b = (const char *)t.right.integers + strip * words_of_depth * size;
                tile.first_lane = j - strip;
                // The strip below uses this panel in its turn.
                if (!(TILES && t.bits == 8)) {
                    prefetch_rows(true, below, tile.columns, tile.c + rows * tile.c_row, tile.c_row);
                }
                if (t.bits == 8) tile_of_bytes(rows, &tile); else tile_of_words(rows, &tile);
                tile.scales += panel;
                if (tile.bias) tile.bias += panel;
                if (tile.residual) tile.residual += panel;
                if (tile.offsets) tile.offsets += panel;
                tile.c += panel;
            }
        }
    }
#if TILES
    if (t.bits == 8) __builtin_ia32_tilerelease();
#endif
}
