// Resampling along rows and columns, sample by sample and exactly: weighted sums in fixed point.

#include <string.h>

#include "CImages.h"
#include "check.h"

// Random taps, with weights that sum to 1 in units of 2^-22, small ones of either sign beside a large one.
typedef struct {
    CImageTaps taps;
    const int32_t *weights;  // `stride` for each result
} kernel;

static kernel taps_of(ptrdiff_t sources, ptrdiff_t results, ptrdiff_t most, noise *n) {
    const ptrdiff_t stride = (most + 3) / 4 * 4;
    int32_t *starts = (int32_t *)(void *)guarded((size_t)results * 4), *counts = (int32_t *)(void *)guarded((size_t)results * 4);
    int32_t *weights = (int32_t *)(void *)guarded((size_t)(results * stride) * 4);
    int16_t *high = (int16_t *)(void *)guarded((size_t)(results * stride) * 2);
    int16_t *low = (int16_t *)(void *)guarded((size_t)(results * stride) * 2);
    memset(weights, 0, (size_t)(results * stride) * 4);
    for (ptrdiff_t i = 0; i < results; i++) {
        counts[i] = (int32_t)(1 + next_below(n, most));
        starts[i] = (int32_t)next_below(n, sources - counts[i] + 1);
        int32_t left = 1 << 22;
        for (int32_t t = 1; t < counts[i]; t++) {
            const int32_t weight = (int32_t)(next_float(n) * 0x1p18f);
            weights[i * stride + t] = weight;
            left -= weight;
        }
        weights[i * stride] = left;
    }
    for (ptrdiff_t i = 0; i < results * stride; i++) {
        high[i] = (int16_t)(weights[i] >> 11);
        low[i] = (int16_t)(weights[i] & 2047);
    }
    return (kernel){{starts, counts, high, low, stride}, weights};
}

static uint8_t weighted(const uint8_t *first, ptrdiff_t step, kernel k, ptrdiff_t result) {
    int64_t sum = 1 << 21;
    for (int32_t t = 0; t < k.taps.counts[result]; t++) {
        sum += (int64_t)first[t * step] * k.weights[result * k.taps.stride + t];
    }
    sum >>= 22;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static void check_sizes(ptrdiff_t width, ptrdiff_t height, ptrdiff_t results, ptrdiff_t most) {
    noise n = (noise)(width * 100 + most);
    const ptrdiff_t row_bytes = width * 3 + 6, bytes = width * 3;
    uint8_t *source = guarded((size_t)(height * row_bytes));
    for (ptrdiff_t i = 0; i < height * row_bytes; i++) source[i] = (uint8_t)next_bits(&n);

    const kernel along = taps_of(width, results, most < width ? most : width, &n);
    uint8_t *found = guarded((size_t)(height * results * 3));
    cimage_resample_rows(
        (CImageRows){source, source + height * row_bytes, bytes, row_bytes}, height, found, results, along.taps,
        guarded((size_t)(4 * (bytes + 32))));
    ptrdiff_t wrong = 0;
    for (ptrdiff_t i = 0; i < height * results * 3; i++) {
        const ptrdiff_t x = i / 3 % results, y = i / 3 / results;
        wrong += found[i] != weighted(source + y * row_bytes + along.taps.starts[x] * 3 + i % 3, 3, along, x);
    }
    expect(wrong == 0, "resample_rows, %td to %td pixels with up to %td taps: %td samples are wrong", width, results, most, wrong);
    release();

    source = guarded((size_t)((height - 1) * row_bytes + bytes));
    for (ptrdiff_t i = 0; i < (height - 1) * row_bytes + bytes; i++) source[i] = (uint8_t)next_bits(&n);
    const kernel down = taps_of(height, results, most < height ? most : height, &n);
    found = guarded((size_t)(results * bytes));
    cimage_resample_columns(
        (CImageRows){source, source + (height - 1) * row_bytes + bytes, bytes, row_bytes}, found, results, down.taps);
    wrong = 0;
    for (ptrdiff_t i = 0; i < results * bytes; i++) {
        const ptrdiff_t row = i / bytes;
        wrong += found[i]
            != weighted(source + down.taps.starts[row] * row_bytes + i % bytes, row_bytes, down, row);
    }
    expect(wrong == 0, "resample_columns, %td rows of %td bytes with up to %td taps: %td samples are wrong", height, bytes, most, wrong);
    release();
}

void check_resampling(void) {
    for (ptrdiff_t most = 1; most < 12; most++) {
        check_sizes(40, 13, 23, most);
        check_sizes(1, 1, 5, most);
        check_sizes(11, 6, 31, most);
    }
}
