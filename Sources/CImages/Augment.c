// Augmentations of whole pictures, using the processor's best instruction set.
#include <string.h>

#include "AugmentTable.h"
#include "CImages.h"
#include "Reader.h"

extern const AugmentTable cimage_augment_baseline;
#if defined(__x86_64__)
extern const AugmentTable cimage_augment_avx2, cimage_augment_avx512;
#endif

static const AugmentTable *table(void) {
#if defined(__x86_64__)
    const int level = cimage_instruction_level();
    if (level >= 3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
        return &cimage_augment_avx512;
    }
    if (level >= 2 && __builtin_cpu_supports("avx2")) return &cimage_augment_avx2;
#endif
    return &cimage_augment_baseline;
}

/// Changes pixels in blocks; those after the last whole block go through a block padded with black.
static void recolour(Recolouring *kernel, uint8_t *pixels, ptrdiff_t count, float first,
                     float second) {
    const ptrdiff_t whole = count / 16, rest = count % 16;
    kernel(pixels, whole, first, second);
    if (rest > 0) {
        uint8_t last[48] = {0};
        memcpy(last, pixels + whole * 48, (size_t)rest * 3);
        kernel(last, 1, first, second);
        memcpy(pixels + whole * 48, last, (size_t)rest * 3);
    }
}

void cimage_blend_with_level(uint8_t *pixels, ptrdiff_t count, float factor, uint8_t level) {
    recolour(table()->blend_with_level, pixels, count, factor, level);
}

void cimage_blend_with_luminance(uint8_t *pixels, ptrdiff_t count, float factor) {
    recolour(table()->blend_with_luminance, pixels, count, factor, 0);
}

void cimage_turn_hue(uint8_t *pixels, ptrdiff_t count, uint8_t levels) {
    recolour(table()->turn_hue, pixels, count, levels, 0);
}

void cimage_solarize(uint8_t *pixels, ptrdiff_t count) {
    recolour(table()->solarize, pixels, count, 0, 0);
}

uint64_t cimage_luminance_sum(const uint8_t *pixels, ptrdiff_t count) {
    const ptrdiff_t whole = count / 16, rest = count % 16;
    uint8_t last[48] = {0};
    memcpy(last, pixels + whole * 48, (size_t)rest * 3);
    return table()->luminance_sum(pixels, whole) + table()->luminance_sum(last, 1);
}

void cimage_normalize(const uint8_t *pixels, ptrdiff_t count, const float mean[3],
                      const float deviation[3], float *result) {
    const ptrdiff_t whole = count / 16, rest = count % 16;
    table()->normalize(pixels, whole, mean, deviation, result, count);
    if (rest > 0) {
        uint8_t last[48] = {0};
        float planes[48];
        memcpy(last, pixels + whole * 48, (size_t)rest * 3);
        table()->normalize(last, 1, mean, deviation, planes, 16);
        for (int channel = 0; channel < 3; ++channel) {
            memcpy(result + channel * count + whole * 16, planes + channel * 16,
                   (size_t)rest * sizeof(float));
        }
    }
}

/// Repeats the first and the last pixel of a row `beside` times before and after it.
static void extend(uint8_t *row, ptrdiff_t width, ptrdiff_t beside) {
    uint8_t *last = row + (width - 1) * 3;
    for (ptrdiff_t i = 1; i <= beside; ++i) {
        memcpy(row - i * 3, row, 3);
        memcpy(last + i * 3, last, 3);
    }
}

enum { passes = 3 };

void cimage_box_blur(uint8_t *pixels, ptrdiff_t width, ptrdiff_t height, CImageBox box,
                     CImageBlurScratch scratch) {
    const AugmentTable *kernels = table();
    const ptrdiff_t row_bytes = width * 3, beside = box.radius + 1, last = 2 * beside;
    uint8_t *rows[2] = {scratch.rows + beside * 3, scratch.rows + row_bytes + beside * 9};
    for (ptrdiff_t y = 0; y < height; ++y) {
        memcpy(rows[0], pixels + y * row_bytes, (size_t)row_bytes);
        for (int pass = 0; pass < passes; ++pass) {
            uint8_t *from = rows[pass % 2];
            extend(from, width, beside);
            for (ptrdiff_t k = 0; k <= last; ++k) scratch.sources[k] = from + (k - beside) * 3;
            uint8_t *to = pass < passes - 1 ? rows[1 - pass % 2] : scratch.picture + y * row_bytes;
            kernels->box(scratch.sources, last, box.weight, box.ends, to, row_bytes);
        }
    }
    uint8_t *pictures[2] = {scratch.picture, pixels};
    for (int pass = 0; pass < passes; ++pass) {  // An odd number, so that the last ends in `pixels`.
        for (ptrdiff_t y = 0; y < height; ++y) {
            for (ptrdiff_t k = 0; k <= last; ++k) {
                ptrdiff_t row = y + k - beside;
                row = row < 0 ? 0 : row < height ? row : height - 1;
                scratch.sources[k] = pictures[pass % 2] + row * row_bytes;
            }
            uint8_t *to = pictures[1 - pass % 2] + y * row_bytes;
            kernels->box(scratch.sources, last, box.weight, box.ends, to, row_bytes);
        }
    }
}
