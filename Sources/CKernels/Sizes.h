// The sizes that the kernels' memory goes by, the same for every instruction set.

#include <stddef.h>

enum {
    DEPTH = 384,        // of a product that is done at a time
    GROUP = 192,        // columns of a product likewise
    KEYS = 128,         // of a block of attention
    WIDEST_PANEL = 48,  // columns of the widest panel
    WIDEST_VECTOR = 16,
    BACKWARD_KEYS = 128,    // of a block of attention's backward pass
    BACKWARD_QUERIES = 64,  // likewise
};
