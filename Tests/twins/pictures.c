// The augmentations of CImages, sample by sample and exactly: they use the same arithmetic as Pillow and torchvision.

#include <string.h>

#include "CImages.h"
#include "check.h"

// A multiply-add without intermediate rounding would differ.
#pragma STDC FP_CONTRACT OFF

static uint8_t *random_bytes(ptrdiff_t count, noise *n) {
    uint8_t *bytes = guarded((size_t)count);
    for (ptrdiff_t i = 0; i < count; i++) bytes[i] = (uint8_t)next_bits(n);
    return bytes;
}

static uint8_t *copy_of_bytes(const uint8_t *bytes, ptrdiff_t count) {
    return memcpy(guarded((size_t)count), bytes, (size_t)count);
}

static void expect_equal(const uint8_t *found, const uint8_t *expected, ptrdiff_t count, const char *work, double with) {
    ptrdiff_t i = 0;
    while (i < count && found[i] == expected[i]) i++;
    expect(i == count, "%s (%g) of %td samples: sample %td is %d instead of %d", work, with, count, i,
           i < count ? found[i] : 0, i < count ? expected[i] : 0);
}

// ITU-R 601-2 in units of 2^-16, rounded.
static uint8_t luminance(const uint8_t *pixel) {
    return (uint8_t)((pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 0x8000) >> 16);
}

static uint8_t blended(float level, uint8_t sample, float factor) {
    const float sum = level + factor * ((float)sample - level);
    return sum <= 0 ? 0 : sum >= 255 ? 255 : (uint8_t)sum;
}

static void check_colours(ptrdiff_t count) {
    noise n = (noise)count;
    uint8_t *source = random_bytes(count * 3, &n), *expected = guarded((size_t)count * 3);
    static const float factors[] = {0, 0.3f, 0.6f, 1, 1.4f, 17, 3e38f};
    for (size_t f = 0; f < sizeof factors / sizeof *factors; f++) {
        uint8_t *found = copy_of_bytes(source, count * 3);
        for (ptrdiff_t i = 0; i < count * 3; i++) expected[i] = blended(101, source[i], factors[f]);
        cimage_blend_with_level(found, count, factors[f], 101);
        expect_equal(found, expected, count * 3, "blend_with_level", (double)factors[f]);
        memcpy(found, source, (size_t)count * 3);
        for (ptrdiff_t i = 0; i < count * 3; i++) {
            expected[i] = blended(luminance(source + i / 3 * 3), source[i], factors[f]);
        }
        cimage_blend_with_luminance(found, count, factors[f]);
        expect_equal(found, expected, count * 3, "blend_with_luminance", (double)factors[f]);
    }
    uint8_t *found = copy_of_bytes(source, count * 3);
    for (ptrdiff_t i = 0; i < count * 3; i++) expected[i] = source[i] < 128 ? source[i] : 255 - source[i];
    cimage_solarize(found, count);
    expect_equal(found, expected, count * 3, "solarize", 128);

    uint64_t sum = 0;
    for (ptrdiff_t i = 0; i < count; i++) sum += luminance(source + 3 * i);
    expect(cimage_luminance_sum(source, count) == sum, "luminance_sum of %td pixels", count);

    const float mean[] = {0.485f, 0.456f, 0.406f}, deviation[] = {0.229f, 0.224f, 0.225f};
    matrix planes = unwritten(1, 3 * count, BY_ROWS);
    cimage_normalize(source, count, mean, deviation, planes.base);
    expect(is_written_exactly(planes), "normalize writes %td pixels and nothing else", count);
    for (ptrdiff_t i = 0; i < count * 3; i++) {
        const ptrdiff_t c = i % 3;
        const float exact = ((float)source[i] / 255 - mean[c]) / deviation[c];
        expect(planes.base[c * count + i / 3] == exact, "normalize, sample %td", i);
    }
    release();
}

// Smith's hexcone: hue and saturation in 255ths, truncated. Many lie on the border between two, so that the precision of
// every step matters: it is Pillow's, single for what is named here and double for what is not.
static void turn_hue(uint8_t *pixel, int levels) {
    const int r = pixel[0], g = pixel[1], b = pixel[2];
    const int high = r > g ? (r > b ? r : b) : g > b ? g : b, low = r < g ? (r < b ? r : b) : g < b ? g : b;
    int hue = 0, saturation = 0;
    if (high > low) {
        const float range = (float)(high - low), ratio = range / (float)high;
        const float red = (float)(high - r) / range, green = (float)(high - g) / range;
        const float blue = (float)(high - b) / range;
        const float sixth = high == r ? blue - green
            : (float)(high == g ? 2 + (double)red - (double)blue : 4 + (double)green - (double)red);
        const float circle = (float)fmod((double)sixth / 6 + 1, 1);
        hue = (int)((double)circle * 255);
        saturation = (int)((double)ratio * 255);
    }
    hue = (hue + levels) & 255;
    // Each channel falls with the distance of its own hue, red, green or blue, beyond a sixth of the circle.
    static const int own[] = {0, 2, 4};
    for (int c = 0; c < 3; c++) {
        double away = fabs(hue * 6 / 255.0 - own[c]);
        if (away > 3) away = 6 - away;
        const double share = away <= 1 ? 0 : away >= 2 ? 1 : away - 1;
        pixel[c] = (uint8_t)(high * (1 - saturation / 255.0 * share) + 0.5);
    }
}

static void check_hues(void) {
    // Every fifth level, with both ends, of each channel.
    enum { LEVELS = 52, COUNT = LEVELS * LEVELS * LEVELS };
    for (int levels = 0; levels < 256; levels += 51) {
        uint8_t *found = guarded(COUNT * 3), *expected = guarded(COUNT * 3);
        for (int i = 0; i < COUNT; i++) {
            const uint8_t pixel[] = {
                (uint8_t)(i % LEVELS * 5), (uint8_t)(i / LEVELS % LEVELS * 5), (uint8_t)(i / LEVELS / LEVELS * 5)};
            memcpy(found + 3 * i, pixel, 3);
            memcpy(expected + 3 * i, pixel, 3);
            turn_hue(expected + 3 * i, levels);
        }
        cimage_turn_hue(found, COUNT, (uint8_t)levels);
        expect_equal(found, expected, COUNT * 3, "turn_hue", levels);
        release();
    }
}

static ptrdiff_t within(ptrdiff_t i, ptrdiff_t count) { return i < 0 ? 0 : i < count ? i : count - 1; }

// Three box means along the rows, then three along the columns, each rounded to 8 bits.
static void check_blur(ptrdiff_t width, ptrdiff_t height, ptrdiff_t radius) {
    const ptrdiff_t bytes = width * height * 3;
    const uint32_t weight = (uint32_t)(0x1p24 / (2 * (double)radius + 1.6));
    const uint32_t ends = ((1 << 24) - (uint32_t)(2 * radius + 1) * weight) / 2;
    noise n = (noise)(width + radius);
    uint8_t *found = random_bytes(bytes, &n), *expected = copy_of_bytes(found, bytes), *before = guarded((size_t)bytes);
    for (int pass = 0; pass < 6; pass++) {
        memcpy(before, expected, (size_t)bytes);
        for (ptrdiff_t i = 0; i < bytes; i++) {
            const ptrdiff_t x = i / 3 % width, y = i / 3 / width;
            uint64_t sum = 1 << 23;
            for (ptrdiff_t k = -radius - 1; k <= radius + 1; k++) {
                const ptrdiff_t from = pass < 3 ? y * width + within(x + k, width) : within(y + k, height) * width + x;
                sum += (uint64_t)before[from * 3 + i % 3] * (k < -radius || k > radius ? ends : weight);
            }
            expected[i] = (uint8_t)(sum >> 24);
        }
    }
    const uint8_t **sources =
        (const uint8_t **)(void *)guarded((size_t)(2 * radius + 3) * sizeof(uint8_t *));
    cimage_box_blur(
        found, width, height, (CImageBox){radius, weight, ends},
        (CImageBlurScratch){guarded((size_t)bytes), guarded((size_t)(2 * width * 3 + 12 * (radius + 1))), sources});
    expect_equal(found, expected, bytes, "box_blur", (double)radius);
    release();
}

void check_pictures(void) {
    for (ptrdiff_t count = 1; count < 70; count += count < 20 ? 1 : 7) check_colours(count);
    check_hues();
    for (ptrdiff_t radius = 0; radius < 5; radius++) {
        check_blur(37, 9, radius);
        check_blur(3, 2, radius);
        check_blur(16, 5, radius);
    }
}
