// The C parts of the module Images: libpng and libjpeg report errors by longjmp, which must not cross Swift
// frames, and resampling and augmentation use vector instructions.
#ifndef CIMAGES_H
#define CIMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The properties of a file according to its header, and the message of an error.
typedef struct {
    uint32_t width, height;
    // PNG: as stored. JPEG: 0.
    uint32_t bit_depth, channels;
    uint32_t palette_count;  ///< 0 if samples are not indices.
    bool has_key;            ///< One level or colour is transparent: `key`, in stored samples.
    uint16_t key[3];
    size_t data_count;    ///< Bytes of compressed picture data; for JPEG, of the file.
    const uint8_t *exif;  ///< TIFF data, possibly after "Exif\0\0"; valid as long as the reader.
    size_t exif_count;
    char message[256];  ///< The library's message if a function fails.
} CImageHeader;

typedef struct CImageReader CImageReader;

/// Reads the header. On failure returns NULL; see `header->message`. `bytes` must outlive the reader.
CImageReader *cimage_open_png(const uint8_t *bytes, size_t count, CImageHeader *header);
CImageReader *cimage_open_jpeg(const uint8_t *bytes, size_t count, CImageHeader *header);

/// Writes width * height * 3 bytes of RGB. On failure returns false; see `header->message`. Call it only once.
bool cimage_read(CImageReader *reader, uint8_t *pixels, CImageHeader *header);

/// PNG only: writes width * height * channels samples as stored, one byte each, or two in native order if the
/// depth is 16. On failure returns false; see `header->message`. Call it instead of `cimage_read`.
bool cimage_read_stored(CImageReader *reader, uint8_t *samples, CImageHeader *header);

/// PNG only: writes red, green, blue and alpha of each palette entry.
void cimage_palette(CImageReader *reader, uint8_t rgba[256 * 4]);

void cimage_close(CImageReader *reader);

/// The size and format of a PNG file to write.
typedef struct {
    uint32_t width, height;
    int channels;       ///< 1 (gray, or indices into a palette) or 3 (RGB).
    int depth;          ///< Bits per sample; other than 8 for gray alone. Levels are not scaled.
    int palette_count;  ///< 0 if there is no palette.
} CImageFormat;

/// Encodes 8-bit pixels; `palette` has RGB triples. Free the result with `cimage_free`. On failure returns
/// NULL and fills `message`, 256 bytes.
uint8_t *cimage_encode_png(const uint8_t *pixels, CImageFormat format, const uint8_t *palette,
                           size_t *count, char *message);
void cimage_free(uint8_t *bytes);

/// The first tap of each result of a resampling, and the weights of its taps in units of 2^-22, each split into
/// high * 2048 + low with 0 <= low < 2048. Every result has `stride` weights, a multiple of 4; those after its
/// count of taps are zero.
typedef struct {
    const int32_t *starts, *counts;
    const int16_t *high, *low;
    ptrdiff_t stride;
} CImageTaps;

/// Rows of RGB pixels, each `bytes` long and `row_bytes` apart, in memory that ends at `end`.
typedef struct {
    const uint8_t *first, *end;
    ptrdiff_t bytes, row_bytes;
} CImageRows;

/// Resamples `count` rows to `width` pixels each. `scratch` has room for 4 rows of `bytes + 32`.
void cimage_resample_rows(CImageRows rows, ptrdiff_t count, uint8_t *result, ptrdiff_t width,
                          CImageTaps taps, uint8_t *scratch);

/// Writes `height` rows, each the weighted sum of source rows.
void cimage_resample_columns(CImageRows rows, uint8_t *result, ptrdiff_t height, CImageTaps taps);

// Augmentations of `count` RGB pixels in place, bit-identical to Pillow.

/// Interpolates between the level, or each pixel's luminance, (factor 0) and the pixel (1), or extrapolates
/// beyond it.
void cimage_blend_with_level(uint8_t *pixels, ptrdiff_t count, float factor, uint8_t level);
void cimage_blend_with_luminance(uint8_t *pixels, ptrdiff_t count, float factor);
/// Shifts the hue by `levels` 255ths of the circle.
void cimage_turn_hue(uint8_t *pixels, ptrdiff_t count, uint8_t levels);
/// Inverts samples of 128 or more.
void cimage_solarize(uint8_t *pixels, ptrdiff_t count);
uint64_t cimage_luminance_sum(const uint8_t *pixels, ptrdiff_t count);

/// Writes 3 planes of `count` numbers each: (sample / 255 - mean) / deviation.
void cimage_normalize(const uint8_t *pixels, ptrdiff_t count, const float mean[3],
                      const float deviation[3], float *result);

/// Memory for a blur: `picture` of the picture's size, `rows` of two rows and 12 * (radius + 1) bytes,
/// `sources` of 2 * radius + 3 pointers.
typedef struct {
    uint8_t *picture, *rows;
    const uint8_t **sources;
} CImageBlurScratch;

/// A box filter: weights the 2 * radius + 1 pixels around its centre by `weight` each and one more on either
/// side by `ends`, in units of 2^-24.
typedef struct {
    ptrdiff_t radius;
    uint32_t weight, ends;
} CImageBox;

/// Blurs by three box means along the rows, then three along the columns; border pixels are repeated beyond
/// the border.
void cimage_box_blur(uint8_t *pixels, ptrdiff_t width, ptrdiff_t height, CImageBox box,
                     CImageBlurScratch scratch);

/// For tests: 0 limits the code to plain C, 1 to the baseline's instructions, 2 to AVX2; 3 allows all.
void cimage_limit_instructions(int level);

#endif
