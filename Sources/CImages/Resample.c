// Resampling in fixed point, bit-identical with every instruction set.
//
// A weight w is a signed multiple of 2^-22. w * sample takes 31 bits, but the only multiply-add instructions
// have 16-bit operands (pmaddwd), so w = high * 2048 + low with both in 16 bits, and two sums are kept side
// by side. They may wrap: the result is right modulo 2^32, and it fits.
#include <string.h>

#include "Reader.h"

enum { low_bits = 11, weight_bits = 22 };

static int level_allowed = 3;

void cimage_limit_instructions(int level) {
    level_allowed = level;
}

int cimage_instruction_level(void) {
    return level_allowed;
}

static inline uint8_t rounded(uint32_t high, uint32_t low) {
    int32_t sum = (int32_t)((high << low_bits) + low + (1u << (weight_bits - 1))) >> weight_bits;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static inline int32_t weight(CImageTaps taps, ptrdiff_t i) {
    return taps.high[i] * (1 << low_bits) + taps.low[i];
}

/// Processes four rows at once, so that the weights are read once for the four. The padding taps up to a
/// multiple of 4 have zero weight but are read: at most 13 bytes after the last tap.
typedef void FourRows(const uint8_t *const rows[4], uint8_t *const results[4], ptrdiff_t width,
                      CImageTaps taps);

static void four_rows_plain(const uint8_t *const rows[4], uint8_t *const results[4],
                            ptrdiff_t width, CImageTaps taps) {
    for (int r = 0; r < 4; ++r) {
        for (ptrdiff_t x = 0; x < width; ++x) {
            const uint8_t *sample = rows[r] + (ptrdiff_t)taps.starts[x] * 3;
            uint32_t sums[3] = {0, 0, 0};
            for (ptrdiff_t t = 0; t < taps.counts[x]; ++t, sample += 3) {
                uint32_t w = (uint32_t)weight(taps, x * taps.stride + t);
                for (int c = 0; c < 3; ++c) sums[c] += w * sample[c];
            }
            for (int c = 0; c < 3; ++c) results[r][x * 3 + c] = rounded(0, sums[c]);
        }
    }
}

static void columns_plain(CImageRows rows, uint8_t *result, ptrdiff_t from, ptrdiff_t row,
                          CImageTaps taps) {
    ptrdiff_t count = taps.counts[row];
    const uint8_t *first = rows.first + taps.starts[row] * rows.row_bytes;
    for (ptrdiff_t i = from; i < rows.bytes; ++i) {
        uint32_t sum = 0;
        for (ptrdiff_t t = 0; t < count; ++t) {
            sum += (uint32_t)weight(taps, row * taps.stride + t) * first[t * rows.row_bytes + i];
        }
        result[i] = rounded(0, sum);
    }
}

#if defined(__x86_64__)
#include <immintrin.h>

static inline int32_t two_weights(const int16_t *weights) {
    int32_t two;
    memcpy(&two, weights, 4);
    return two;
}

static inline __m128i four_bytes(const uint8_t *bytes) {
    int32_t four;
    memcpy(&four, bytes, 4);
    return _mm_cvtsi32_si128(four);
}

/// Rounds sums of four 32-bit lanes to samples, clamped to 0...255, in the low 4 bytes.
static inline __m128i rounded_lanes(__m128i high, __m128i low) {
    __m128i sum = _mm_add_epi32(_mm_slli_epi32(high, low_bits), low);
    sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(1 << (weight_bits - 1))), weight_bits);
    sum = _mm_packs_epi32(sum, sum);
    return _mm_packus_epi16(sum, sum);
}

static inline void store_pixel(uint8_t *result, __m128i pixel) {
    uint32_t bits = (uint32_t)_mm_cvtsi128_si32(pixel);
    memcpy(result, &bits, 2);
    result[2] = (uint8_t)(bits >> 16);
}

static void four_rows_sse2(const uint8_t *const rows[4], uint8_t *const results[4],
                           ptrdiff_t width, CImageTaps taps) {
    const __m128i zero = _mm_setzero_si128();
    for (ptrdiff_t x = 0; x < width; ++x) {
        const int16_t *highs = taps.high + x * taps.stride, *lows = taps.low + x * taps.stride;
        ptrdiff_t at = (ptrdiff_t)taps.starts[x] * 3, count = taps.counts[x];
        __m128i high[4] = {zero, zero, zero, zero}, low[4] = {zero, zero, zero, zero};
        for (ptrdiff_t t = 0; t < count; t += 2, at += 6) {
            __m128i h = _mm_set1_epi32(two_weights(highs + t));
            __m128i l = _mm_set1_epi32(two_weights(lows + t));
            for (int r = 0; r < 4; ++r) {
                // r0 r1 g0 g1 b0 b1 . . as 16-bit samples of two neighbours.
                __m128i pair = _mm_unpacklo_epi8(four_bytes(rows[r] + at),
                                                 four_bytes(rows[r] + at + 3));
                pair = _mm_unpacklo_epi8(pair, zero);
                high[r] = _mm_add_epi32(high[r], _mm_madd_epi16(pair, h));
                low[r] = _mm_add_epi32(low[r], _mm_madd_epi16(pair, l));
            }
        }
        for (int r = 0; r < 4; ++r) {
            store_pixel(results[r] + x * 3, rounded_lanes(high[r], low[r]));
        }
    }
}

__attribute__((target("avx2"))) static void four_rows_avx2(const uint8_t *const rows[4],
                                                           uint8_t *const results[4],
                                                           ptrdiff_t width, CImageTaps taps) {
    // r0 r1 g0 g1 b0 b1 . . of pixels 0 and 1 in the lower half, of 2 and 3 in the upper.
    const __m256i pairs = _mm256_setr_epi8(
        0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,
        6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    const __m256i spread = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    const __m256i zero = _mm256_setzero_si256();
    for (ptrdiff_t x = 0; x < width; ++x) {
        const int16_t *highs = taps.high + x * taps.stride, *lows = taps.low + x * taps.stride;
        ptrdiff_t at = (ptrdiff_t)taps.starts[x] * 3, count = taps.counts[x];
        __m256i high[4] = {zero, zero, zero, zero}, low[4] = {zero, zero, zero, zero};
        for (ptrdiff_t t = 0; t < count; t += 4, at += 12) {
            __m256i h = _mm256_permutevar8x32_epi32(
                _mm256_castsi128_si256(_mm_loadl_epi64((const __m128i *)(highs + t))), spread);
            __m256i l = _mm256_permutevar8x32_epi32(
                _mm256_castsi128_si256(_mm_loadl_epi64((const __m128i *)(lows + t))), spread);
            for (int r = 0; r < 4; ++r) {
                __m256i four = _mm256_broadcastsi128_si256(
                    _mm_loadu_si128((const __m128i *)(rows[r] + at)));
                four = _mm256_shuffle_epi8(four, pairs);
                high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(four, h));
                low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(four, l));
            }
        }
        for (int r = 0; r < 4; ++r) {
            __m128i h = _mm_add_epi32(_mm256_castsi256_si128(high[r]),
                                      _mm256_extracti128_si256(high[r], 1));
            __m128i l = _mm_add_epi32(_mm256_castsi256_si128(low[r]),
                                      _mm256_extracti128_si256(low[r], 1));
            store_pixel(results[r] + x * 3, rounded_lanes(h, l));
        }
    }
}

/// Processes eight bytes of a row at once; returns the number of bytes done.
static ptrdiff_t columns_sse2(CImageRows rows, uint8_t *result, ptrdiff_t row, CImageTaps taps) {
    const __m128i zero = _mm_setzero_si128();
    const int16_t *highs = taps.high + row * taps.stride, *lows = taps.low + row * taps.stride;
    ptrdiff_t count = taps.counts[row], i = 0;
    for (; i + 8 <= rows.bytes; i += 8) {
        const uint8_t *sample = rows.first + taps.starts[row] * rows.row_bytes + i;
        __m128i high[2] = {zero, zero}, low[2] = {zero, zero};
        for (ptrdiff_t t = 0; t < count; t += 2, sample += 2 * rows.row_bytes) {
            __m128i h = _mm_set1_epi32(two_weights(highs + t));
            __m128i l = _mm_set1_epi32(two_weights(lows + t));
            // With an odd count the last partner has zero weight; the row itself takes its place.
            const uint8_t *next = t + 1 < count ? sample + rows.row_bytes : sample;
            __m128i both = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)sample),
                                             _mm_loadl_epi64((const __m128i *)next));
            __m128i pair[2] = {_mm_unpacklo_epi8(both, zero), _mm_unpackhi_epi8(both, zero)};
            for (int j = 0; j < 2; ++j) {
                high[j] = _mm_add_epi32(high[j], _mm_madd_epi16(pair[j], h));
                low[j] = _mm_add_epi32(low[j], _mm_madd_epi16(pair[j], l));
            }
        }
        __m128i eight = _mm_unpacklo_epi32(rounded_lanes(high[0], low[0]),
                                           rounded_lanes(high[1], low[1]));
        _mm_storel_epi64((__m128i *)(result + i), eight);
    }
    return i;
}
#elif defined(__aarch64__)
// NEON multiplies in 32 bits, so weights stay whole.
typedef uint8_t four_bytes __attribute__((ext_vector_type(4)));
typedef uint8_t sixteen_bytes __attribute__((ext_vector_type(16)));
typedef int32_t four_integers __attribute__((ext_vector_type(4)));
typedef int32_t sixteen_integers __attribute__((ext_vector_type(16)));

/// `rounded` for vectors.
#define ROUNDED(vector, sum)                                                            \
    ({                                                                                  \
        vector levels = ((sum) + (1 << (weight_bits - 1))) >> weight_bits;              \
        levels = levels < 0 ? (vector)0 : levels;                                       \
        levels > 255 ? (vector)255 : levels;                                            \
    })

static void four_rows_neon(const uint8_t *const rows[4], uint8_t *const results[4],
                           ptrdiff_t width, CImageTaps taps) {
    for (ptrdiff_t x = 0; x < width; ++x) {
        const ptrdiff_t at = (ptrdiff_t)taps.starts[x] * 3, count = taps.counts[x];
        four_integers sums[4] = {0, 0, 0, 0};
        for (ptrdiff_t t = 0; t < count; ++t) {
            const int32_t w = weight(taps, x * taps.stride + t);
            for (int r = 0; r < 4; ++r) {
                four_bytes pixel;  // And the next one's red.
                memcpy(&pixel, rows[r] + at + t * 3, 4);
                sums[r] += __builtin_convertvector(pixel, four_integers) * w;
            }
        }
        for (int r = 0; r < 4; ++r) {
            four_bytes pixel = __builtin_convertvector(ROUNDED(four_integers, sums[r]), four_bytes);
            memcpy(results[r] + x * 3, &pixel, 3);
        }
    }
}

/// Processes sixteen bytes of a row at once; returns the number of bytes done.
static ptrdiff_t columns_neon(CImageRows rows, uint8_t *result, ptrdiff_t row, CImageTaps taps) {
    const uint8_t *first = rows.first + taps.starts[row] * rows.row_bytes;
    ptrdiff_t i = 0;
    for (; i + 16 <= rows.bytes; i += 16) {
        sixteen_integers sums = 0;
        for (ptrdiff_t t = 0; t < taps.counts[row]; ++t) {
            sixteen_bytes samples;
            memcpy(&samples, first + t * rows.row_bytes + i, 16);
            sums += __builtin_convertvector(samples, sixteen_integers)
                * weight(taps, row * taps.stride + t);
        }
        sixteen_bytes levels =
            __builtin_convertvector(ROUNDED(sixteen_integers, sums), sixteen_bytes);
        memcpy(result + i, &levels, 16);
    }
    return i;
}
#endif

void cimage_resample_rows(CImageRows rows, ptrdiff_t count, uint8_t *result, ptrdiff_t width,
                          CImageTaps taps, uint8_t *scratch) {
    FourRows *four_rows = four_rows_plain;
#if defined(__x86_64__)
    if (level_allowed >= 1) four_rows = four_rows_sse2;
    if (level_allowed >= 2 && __builtin_cpu_supports("avx2")) four_rows = four_rows_avx2;
#elif defined(__aarch64__)
    if (level_allowed >= 1) four_rows = four_rows_neon;
#endif
    for (ptrdiff_t y = 0; y < count; y += 4) {
        const uint8_t *from[4];
        uint8_t *to[4];
        for (int r = 0; r < 4; ++r) {
            // With fewer than four rows left, the last one is computed repeatedly.
            ptrdiff_t row = y + r < count ? y + r : count - 1;
            from[r] = rows.first + row * rows.row_bytes;
            to[r] = result + row * width * 3;
            // Reading past the row would leave the picture.
            if (rows.end - from[r] < rows.bytes + 32) {
                uint8_t *copy = scratch + r * (rows.bytes + 32);
                memcpy(copy, from[r], (size_t)rows.bytes);
                memset(copy + rows.bytes, 0, 32);
                from[r] = copy;
            }
        }
        four_rows(from, to, width, taps);
    }
}

void cimage_resample_columns(CImageRows rows, uint8_t *result, ptrdiff_t height, CImageTaps taps) {
    for (ptrdiff_t row = 0; row < height; ++row, result += rows.bytes) {
        ptrdiff_t done = 0;
#if defined(__x86_64__)
        if (level_allowed >= 1) done = columns_sse2(rows, result, row, taps);
#elif defined(__aarch64__)
        if (level_allowed >= 1) done = columns_neon(rows, result, row, taps);
#endif
        columns_plain(rows, result, done, row, taps);
    }
}
