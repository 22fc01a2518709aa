#ifndef CIMAGES_AUGMENT_TABLE_H
#define CIMAGES_AUGMENT_TABLE_H

#include <stddef.h>
#include <stdint.h>

/// Changes blocks of 16 pixels in place; the meaning of the two numbers depends on the kernel.
typedef void Recolouring(uint8_t *pixels, ptrdiff_t blocks, float first, float second);

/// The kernels of `Augment.h` for one instruction set.
typedef struct {
    Recolouring *blend_with_level;      ///< the factor, the level
    Recolouring *blend_with_luminance;  ///< the factor
    Recolouring *turn_hue;              ///< 0 to 255 levels
    Recolouring *solarize;
    uint64_t (*luminance_sum)(const uint8_t *pixels, ptrdiff_t blocks);
    void (*normalize)(const uint8_t *pixels, ptrdiff_t blocks, const float mean[3],
                      const float deviation[3], float *result, ptrdiff_t plane);
    void (*box)(const uint8_t *const *sources, ptrdiff_t last, uint32_t weight, uint32_t ends,
                uint8_t *restrict result, ptrdiff_t count);
} AugmentTable;

#endif
