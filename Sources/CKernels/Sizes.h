// The sizes that the kernels' memory goes by, the same for every instruction set.

#include "CKernels.h"

enum {
    DEPTH = 384,        // of a product that is done at a time
    GROUP = 192,        // columns of a product likewise
    KEYS = 128,         // of a block of attention: whole strips
    WIDEST_PANEL = 48,  // columns of the widest panel
    WIDEST_VECTOR = 16,
    BACKWARD_KEYS = 128,    // of a block of attention's backward pass
    BACKWARD_QUERIES = 64,  // likewise
};

// The blocks that keys are cut into, and where one begins: even ones, of whole strips but for the last.
static inline ptrdiff_t key_blocks(ptrdiff_t keys) { return (keys + KEYS - 1) / KEYS; }

static inline ptrdiff_t key_block_start(ptrdiff_t block, ptrdiff_t keys) {
    const ptrdiff_t strips = (keys + CK_STRIP - 1) / CK_STRIP;
    const ptrdiff_t start = strips * block / key_blocks(keys) * CK_STRIP;
    return start < keys ? start : keys;
}

// Floats of `rows` of a balanced left factor: whole strips, and in each two numbers beside a row.
static inline ptrdiff_t balanced_block(ptrdiff_t rows, ptrdiff_t depth) {
    return (rows + CK_STRIP - 1) / CK_STRIP * CK_STRIP * (depth + 2);
}
