// All kernels of one instruction set, and their table. The including file defines LANES, REGISTERS,
// FUSED, AVX512, PAIRED (and with that WIDE_TILES), SPLIT, SET_NAME and TABLE.

#include "Vector.h"
#include "GELU.h"
#include "Transpose.h"
#include "MatrixProduct.h"
#include "Unpack.h"
#include "RunningSoftmax.h"
#include "Attention.h"
#include "AttentionBackward.h"
#include "LayerNorm.h"
#include "Gradients.h"
#include "Reductions.h"
#include "Softmax.h"
#include "SwiGLU.h"
#include "Updates.h"

const ck_kernels TABLE = {
    .name = SET_NAME,
    .has_fused_multiply_add = FUSED,
#if PAIRED
    .balance = balance_rows,
#elif SPLIT
    .balance = split_rows,
    .split = split_right,
#endif
    .prepare_keys = prepare_keys,
    .pack = pack,
    .unpack = unpack,
    .product = product,
    .finish = finish,
    .gelu = gelu_rows,
    .attention = attention,
    .attention_pullback = attention_pullback,
    .layer_norm = layer_norm,
    .transpose = transpose_matrix,
    .gelu_gradient = gelu_gradient,
    .layer_norm_gradient = layer_norm_gradient,
    .column_sums = column_sums,
    .dot = dot,
    .softmax = softmax,
    .cross_entropy = cross_entropy,
    .cross_entropy_gradient = cross_entropy_gradient,
    .swiglu = swiglu,
    .swiglu_gradient = swiglu_gradient,
    .adamw = adamw,
    .multiply_add_limit = multiply_add_limit,
};
