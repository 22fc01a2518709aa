// The augmentations for one instruction set, bit-identical to Pillow, and their table. The including file
// defines TABLE. Vectors have 16 lanes with every set: the compiler splits them.
//
// Pixels are processed in blocks of 16: 48 bytes of interleaved red, green and blue.

#include <string.h>

#include "AugmentTable.h"

// A multiply-add without intermediate rounding would differ from Pillow.
#pragma STDC FP_CONTRACT OFF

// Vectors are wider than some sets' registers; they are only passed to inlined functions.
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))

typedef uint8_t bytes __attribute__((ext_vector_type(16)));
typedef int32_t integers __attribute__((ext_vector_type(16)));
typedef uint32_t naturals __attribute__((ext_vector_type(16)));
typedef float floats __attribute__((ext_vector_type(16)));
typedef bytes unaligned_bytes __attribute__((aligned(1)));
typedef floats unaligned_floats __attribute__((aligned(4)));

typedef struct {
    bytes red, green, blue;
} block;

INLINE bytes load(const uint8_t *p) { return *(const unaligned_bytes *)p; }
INLINE void store(uint8_t *p, bytes v) { *(unaligned_bytes *)p = v; }

INLINE integers integers_of(bytes v) { return __builtin_convertvector(v, integers); }
INLINE floats floats_of(bytes v) { return __builtin_convertvector(integers_of(v), floats); }
INLINE integers truncated(floats v) { return __builtin_convertvector(v, integers); }
INLINE bytes bytes_of(integers v) { return __builtin_convertvector(v, bytes); }

#define pick __builtin_shufflevector

INLINE block load_block(const uint8_t *p) {
    bytes a = load(p), b = load(p + 16), c = load(p + 32);
    bytes red = pick(a, b, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, -1, -1, -1, -1, -1);
    bytes green = pick(a, b, 1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, -1, -1, -1, -1, -1);
    bytes blue = pick(a, b, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29, -1, -1, -1, -1, -1, -1);
    return (block){
        pick(red, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29),
        pick(green, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30),
        pick(blue, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31),
    };
}

INLINE void store_block(uint8_t *p, block v) {
    bytes a = pick(v.red, v.green, 0, 16, -1, 1, 17, -1, 2, 18, -1, 3, 19, -1, 4, 20, -1, 5);
    bytes b = pick(v.red, v.green, 21, -1, 6, 22, -1, 7, 23, -1, 8, 24, -1, 9, 25, -1, 10, 26);
    bytes c = pick(v.red, v.green, -1, 11, 27, -1, 12, 28, -1, 13, 29, -1, 14, 30, -1, 15, 31, -1);
    store(p, pick(a, v.blue, 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15));
    store(p + 16, pick(b, v.blue, 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15));
    store(p + 32, pick(c, v.blue, 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31));
}

// ITU-R 601-2 in units of 2^-16, rounded: Pillow's conversion to "L".
INLINE integers luminance(block v) {
    integers sum = integers_of(v.red) * 19595 + integers_of(v.green) * 38470
        + integers_of(v.blue) * 7471 + 0x8000;
    return sum >> 16;
}

// Interpolates from `level` to `v` and beyond, truncated: Pillow's blend, in the same float32 arithmetic.
INLINE bytes blended(floats level, bytes v, float factor) {
    floats sum = level + factor * (floats_of(v) - level);
    sum = sum > 0.0f ? sum : 0.0f;
    sum = sum < 255.0f ? sum : 255.0f;
    return bytes_of(truncated(sum));
}

static void blend_with_level(uint8_t *pixels, ptrdiff_t blocks, float factor, float level) {
    for (ptrdiff_t i = 0; i < blocks * 48; i += 16) {
        store(pixels + i, blended(level, load(pixels + i), factor));
    }
}

static void blend_with_luminance(uint8_t *pixels, ptrdiff_t blocks, float factor, float unused) {
    (void)unused;
    for (ptrdiff_t i = 0; i < blocks * 48; i += 48) {
        block v = load_block(pixels + i);
        floats gray = __builtin_convertvector(luminance(v), floats);
        v.red = blended(gray, v.red, factor);
        v.green = blended(gray, v.green, factor);
        v.blue = blended(gray, v.blue, factor);
        store_block(pixels + i, v);
    }
}

static uint64_t luminance_sum(const uint8_t *pixels, ptrdiff_t blocks) {
    uint64_t total = 0;
    for (ptrdiff_t from = 0; from < blocks; from += 1 << 16) {  // In parts, so that no lane overflows.
        ptrdiff_t to = blocks < from + (1 << 16) ? blocks : from + (1 << 16);
        integers sum = 0;
        for (ptrdiff_t i = from; i < to; ++i) sum += luminance(load_block(pixels + i * 48));
        for (int lane = 0; lane < 16; ++lane) total += (uint64_t)sum[lane];
    }
    return total;
}

INLINE integers smaller(integers a, integers b) { return a < b ? a : b; }
INLINE integers larger(integers a, integers b) { return a > b ? a : b; }

// One channel from hue, saturation and value (Smith's hexcone): the value minus a share of the saturation that
// depends on the channel's distance from the hue, in 255ths of a sixth of the circle. All quantities before the
// last factor are integers below 2^24, and no ties occur.
INLINE bytes channel(integers hue, int turn, floats saturation, floats value) {
    integers place = hue * 6 + turn;  // 1530 is a full circle.
    place = place >= 1530 ? place - 1530 : place;
    integers away = larger((integers)0, smaller((integers)255, smaller(place, 1020 - place)));
    floats rest = value * (65025.0f - saturation * __builtin_convertvector(away, floats));
    return bytes_of(truncated(rest * (1.0f / 65025.0f) + 0.5f));
}

// Converts to 8-bit hue, saturation and value, shifts the hue, and converts back. Pillow uses float64 in places;
// float32 gives the same for all 2^24 colours, and for all 2^24 triples on the way back.
static void turn_hue(uint8_t *pixels, ptrdiff_t blocks, float turn, float unused) {
    (void)unused;
    const int levels = (int)turn;
    for (ptrdiff_t i = 0; i < blocks * 48; i += 48) {
        block v = load_block(pixels + i);
        integers red = integers_of(v.red), green = integers_of(v.green);
        integers blue = integers_of(v.blue);
        integers most = larger(red, larger(green, blue));
        integers least = smaller(red, smaller(green, blue));
        integers is_gray = most == least;
        floats range = __builtin_convertvector(most - least - is_gray, floats);  // Never 0.

        // Around the circle from the largest channel, the middle one is before or after.
        integers red_most = red == most, green_most = ~red_most & (green == most);
        integers before = red_most ? green == least : green_most ? blue == least : red == least;
        integers middle = red + green + blue - most - least;
        floats part = __builtin_convertvector(most - middle, floats) / range;
        floats start = red_most ? (floats)0.0f : green_most ? (floats)2.0f : (floats)4.0f;
        floats hue = (before ? start - 1.0f + part : start + 1.0f - part) / 6.0f;
        hue = hue < 0.0f ? hue + 1.0f : hue;
        integers hue_level = is_gray ? (integers)0 : truncated(hue * 255.0f);

        floats value = __builtin_convertvector(most, floats);
        floats ratio = __builtin_convertvector(most - least, floats) / (value > 0.0f ? value : 1.0f);
        floats saturation = __builtin_convertvector(truncated(ratio * 255.0f), floats);

        hue_level = (hue_level + levels) & 255;
        v.red = channel(hue_level, 5 * 255, saturation, value);
        v.green = channel(hue_level, 3 * 255, saturation, value);
        v.blue = channel(hue_level, 1 * 255, saturation, value);
        store_block(pixels + i, v);
    }
}

static void solarize(uint8_t *pixels, ptrdiff_t blocks, float unused, float unused_too) {
    (void)unused, (void)unused_too;
    for (ptrdiff_t i = 0; i < blocks * 48; i += 16) {
        bytes v = load(pixels + i);
        store(pixels + i, v < 128 ? v : 255 - v);
    }
}

static void normalize(const uint8_t *pixels, ptrdiff_t blocks, const float mean[3],
                      const float deviation[3], float *result, ptrdiff_t plane) {
    for (ptrdiff_t i = 0; i < blocks; ++i, pixels += 48, result += 16) {
        block v = load_block(pixels);
        // A division, as in torchvision: a reciprocal would round differently.
        *(unaligned_floats *)result = (floats_of(v.red) / 255.0f - mean[0]) / deviation[0];
        *(unaligned_floats *)(result + plane)
            = (floats_of(v.green) / 255.0f - mean[1]) / deviation[1];
        *(unaligned_floats *)(result + 2 * plane)
            = (floats_of(v.blue) / 255.0f - mean[2]) / deviation[2];
    }
}

// A box of whole samples and a fraction of one at either end, for 16 positions at once from i on: sources[k][i] is
// the k-th sample of position i. The first and the last are weighted by `ends`, the others by `weight`, in units of
// 2^-24.
INLINE bytes boxed(const uint8_t *const *sources, ptrdiff_t last, ptrdiff_t i, uint32_t weight,
                   uint32_t ends) {
    naturals sum = 0;
    for (ptrdiff_t k = 1; k < last; ++k) {
        sum += __builtin_convertvector(load(sources[k] + i), naturals);
    }
    naturals far = __builtin_convertvector(load(sources[0] + i), naturals)
        + __builtin_convertvector(load(sources[last] + i), naturals);
    return __builtin_convertvector((sum * weight + far * ends + (1u << 23)) >> 24, bytes);
}

static void box(const uint8_t *const *sources, ptrdiff_t last, uint32_t weight, uint32_t ends,
                uint8_t *restrict result, ptrdiff_t count) {
    ptrdiff_t i = 0;
    if (last == 2) {
        for (; i + 16 <= count; i += 16) store(result + i, boxed(sources, 2, i, weight, ends));
    } else if (last == 4) {
        for (; i + 16 <= count; i += 16) store(result + i, boxed(sources, 4, i, weight, ends));
    } else {
        for (; i + 16 <= count; i += 16) store(result + i, boxed(sources, last, i, weight, ends));
    }
    for (; i < count; ++i) {
        uint32_t sum = 0;
        for (ptrdiff_t k = 1; k < last; ++k) sum += sources[k][i];
        uint32_t far = (uint32_t)sources[0][i] + sources[last][i];
        result[i] = (uint8_t)((sum * weight + far * ends + (1u << 23)) >> 24);
    }
}

const AugmentTable TABLE = {
    .blend_with_level = blend_with_level,
    .blend_with_luminance = blend_with_luminance,
    .luminance_sum = luminance_sum,
    .turn_hue = turn_hue,
    .solarize = solarize,
    .normalize = normalize,
    .box = box,
};
