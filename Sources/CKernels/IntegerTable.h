// The integer kernels of one instruction set, and their table. The including file defines LANES, REGISTERS, MULTIPLIER,
// TILES, SET_NAME and TABLE.

// Nothing here but attention is contracted: a product that is rounded before it is added gives the same bits everywhere.
// For the same reason the instructions of AVX-512 that round in their own way are not used by name.
#pragma clang fp contract(off)
#define AVX512 0

// MULTIPLIER is how sums of products are formed: by instructions for pairs of 16 bits alone, or by those of VNNI, which
// also multiply bytes by fours and add to the sum at once. TILES is whether AMX has tiles of the latter.
#define PAIRS 0
#define VNNI 1
#define BYTE_GROUP (MULTIPLIER == VNNI ? 4 : 2)

#include "Vector.h"
#include "GELU.h"
#include "IntegerKernels.h"
#include "Quantization.h"
#include "IntegerProduct.h"
#include "Transpose.h"
#include "RunningSoftmax.h"
#include "IntegerAttention.h"

const ck_integer_kernels TABLE = {
    .name = SET_NAME,
    .vector_bits = 32 * LANES,
    .has_tiles = TILES,
    .byte_group = BYTE_GROUP,
    .quantize = quantize,
    .product = integer_product,
    .prepare_keys = prepare_integer_keys,
    .attention = integer_attention,
};
