// Block sizes that fix the layout of packed and scratch memory, the same for every instruction set.

#include "CKernels.h"

enum {
    DEPTH = 384,        // the most depth of a product processed at a time
    GROUP = 192,        // the most columns of a product processed at a time
    KEYS = 128,         // the most keys of a block in attention: whole strips
    PLAIN_KEYS = 96,    // the same for plain tiles, which copy keys and values
    WIDEST_PANEL = 48,  // columns of the widest panel
    WIDEST_VECTOR = 16,
    SPLIT_SIDE = 16, SPLIT_STEP = 64,  // rows or columns of a block on AMX, and the depth of a tile
    BACKWARD_KEYS = 128,    // the most keys of a block in attention's backward pass
    BACKWARD_QUERIES = 64,  // the most queries of a block there
};

// The number of blocks that keys are split into, and the start of one: of even size, in whole strips of `whole` rows
// except for the last.
static inline ptrdiff_t key_blocks(ptrdiff_t keys, ptrdiff_t most) { return (keys + most - 1) / most; }

static inline ptrdiff_t key_block_start(ptrdiff_t block, ptrdiff_t keys, ptrdiff_t most, ptrdiff_t whole) {
    const ptrdiff_t strips = (keys + whole - 1) / whole;
    const ptrdiff_t start = strips * block / key_blocks(keys, most) * whole;
    return start < keys ? start : keys;
}

// Floats in `rows` rows of a balanced left factor: whole strips, with two extra numbers for each row.
static inline ptrdiff_t balanced_block(ptrdiff_t rows, ptrdiff_t depth) {
    return (rows + CK_STRIP - 1) / CK_STRIP * CK_STRIP * (depth + 2);
}

// The steps of a depth on AMX, and the bytes of `lines` rows of A or columns of B there: three bytes for each number,
// and an exponent for each line.
static inline ptrdiff_t split_steps(ptrdiff_t depth) { return (depth + SPLIT_STEP - 1) / SPLIT_STEP; }

static inline ptrdiff_t split_bytes(ptrdiff_t lines, ptrdiff_t depth) {
    return (lines + SPLIT_SIDE - 1) / SPLIT_SIDE * SPLIT_SIDE * (split_steps(depth) * SPLIT_STEP * 3 + 4);
}

// Floats in `rows` rows of 16-bit integers, and their scales after them.
static inline ptrdiff_t quantized_block(ptrdiff_t rows, ptrdiff_t depth) {
    return rows * (ck_integer_depth(depth) / 2 + 1);
}
