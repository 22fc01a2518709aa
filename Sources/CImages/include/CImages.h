// What the module Images needs C for: libpng and libjpeg report errors by longjmp, which must not
// cross Swift frames, and resampling is at home in 16-bit multiply-add instructions.
#ifndef CIMAGES_H
#define CIMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// What a file says of itself, and what went wrong with it.
typedef struct {
    uint32_t width, height;
    // PNG, as stored; JPEG: 0.
    uint32_t bit_depth, channels;
    uint32_t palette_count;  ///< 0: samples are no indices.
    bool has_key;            ///< One value, or one colour, is transparent: `key`, in stored samples.
    uint16_t key[3];
    size_t data_count;    ///< Compressed bytes of the picture; JPEG: the file's.
    const uint8_t *exif;  ///< TIFF data, maybe behind "Exif\0\0"; lives as long as the reader.
    size_t exif_count;
    char message[256];  ///< The library's words, where a function says that it failed.
} CImageHeader;

typedef struct CImageReader CImageReader;

/// Reads the header. NULL: see `header->message`. `bytes` must outlive the reader.
CImageReader *cimage_open_png(const uint8_t *bytes, size_t count, CImageHeader *header);
CImageReader *cimage_open_jpeg(const uint8_t *bytes, size_t count, CImageHeader *header);

/// Writes width * height * 3 bytes of RGB. False: see `header->message`. Once only.
bool cimage_read(CImageReader *reader, uint8_t *pixels, CImageHeader *header);

/// PNG only: writes width * height * channels samples as they are stored, a byte each, or two in the
/// processor's order where the depth is 16. False: see `header->message`. Instead of `cimage_read`.
bool cimage_read_stored(CImageReader *reader, uint8_t *samples, CImageHeader *header);

/// PNG only: writes the palette, red, green, blue and alpha of each of its entries.
void cimage_palette(CImageReader *reader, uint8_t rgba[256 * 4]);

void cimage_close(CImageReader *reader);

/// Encodes 8-bit pixels of 1 (gray) or 3 (RGB) channels. The result goes to `cimage_free`.
/// With `palette_count` above 0 the one channel is an index into `palette` (RGB triples). Gray may be
/// stored in another `depth` than 8: the numbers stay. NULL: see `message`, of 256 bytes.
uint8_t *cimage_encode_png(const uint8_t *pixels, uint32_t width, uint32_t height, int channels,
                           int depth, const uint8_t *palette, int palette_count, size_t *count,
                           char *message);
void cimage_free(uint8_t *bytes);

/// Where the taps of each result of a resampling start, and their weights in units of 2^-22, each
/// split as high * 2048 + low with 0 <= low < 2048. `stride` weights belong to each result, a
/// multiple of 4; those after its count of taps are zero.
typedef struct {
    const int32_t *starts, *counts;
    const int16_t *high, *low;
    ptrdiff_t stride;
} CImageTaps;

/// Resamples `rows` rows of RGB pixels, of `bytes` bytes and `row_bytes` apart, from `source` (in
/// memory that ends at `end`) to rows of `width` pixels. `scratch` holds 4 rows of `bytes + 32`.
void cimage_resample_rows(const uint8_t *source, const uint8_t *end, ptrdiff_t row_bytes,
                          ptrdiff_t bytes, ptrdiff_t rows, uint8_t *result, ptrdiff_t width,
                          CImageTaps taps, uint8_t *scratch);

/// Writes result row `row`, of `bytes` bytes: the weighted sum of rows that are `row_bytes` apart;
/// `source` is row 0.
void cimage_resample_columns(const uint8_t *source, ptrdiff_t row_bytes, uint8_t *result,
                             ptrdiff_t bytes, ptrdiff_t row, CImageTaps taps);

// Augmentations of `count` RGB pixels in place, by Pillow's arithmetic to the bit.

/// From the level, or from each pixel's luminance, by `factor` to the pixel, and beyond where it
/// exceeds 1.
void cimage_blend_with_level(uint8_t *pixels, ptrdiff_t count, float factor, uint8_t level);
void cimage_blend_with_luminance(uint8_t *pixels, ptrdiff_t count, float factor);
/// Turns the hue by 255ths of the circle.
void cimage_turn_hue(uint8_t *pixels, ptrdiff_t count, uint8_t levels);
/// Inverts samples of 128 and more.
void cimage_solarize(uint8_t *pixels, ptrdiff_t count);
uint64_t cimage_luminance_sum(const uint8_t *pixels, ptrdiff_t count);

/// Writes 3 planes of `count` numbers each: (sample / 255 - mean) / deviation.
void cimage_normalize(const uint8_t *pixels, ptrdiff_t count, const float mean[3],
                      const float deviation[3], float *result);

/// Memory for a blur: `picture` as large as the picture, `rows` of two rows and 12 * (radius + 1)
/// bytes, `sources` of 2 * radius + 3 pointers.
typedef struct {
    uint8_t *picture, *rows;
    const uint8_t **sources;
} CImageBlurScratch;

/// Three means over boxes along the rows, then three along the columns. A box weighs the
/// 2 * radius + 1 pixels around its middle `weight` each, and the two beside them `ends`, in units
/// of 2^-24; the pixels at the border are repeated beyond it.
void cimage_box_blur(uint8_t *pixels, ptrdiff_t width, ptrdiff_t height, ptrdiff_t radius,
                     uint32_t weight, uint32_t ends, CImageBlurScratch scratch);

/// Tests only: 0 keeps to the plain C, 1 to the baseline's instructions, 2 to AVX2, 3 allows all.
void cimage_limit_instructions(int level);

#endif
