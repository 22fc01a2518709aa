// The sizes that the kernels' memory goes by, the same for every instruction set.

#include <stddef.h>

enum {
    DEPTH = 384,        // to which the right factor of a product is packed at a time
    KEYS = 64,          // of a block of attention
    WIDEST_PANEL = 48,  // columns of the widest panel
    WIDEST_VECTOR = 16,
    BACKWARD_KEYS = 128,    // of a block of attention's backward pass
    BACKWARD_QUERIES = 64,  // likewise
};

// The pieces of at most DEPTH that a depth is cut into.
static inline ptrdiff_t depth_blocks(ptrdiff_t k) {
    return k > DEPTH ? (k + DEPTH - 1) / DEPTH : 1;
}
