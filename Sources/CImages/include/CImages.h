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
    uint32_t bits_per_pixel;  ///< PNG: as stored. JPEG: 0.
    const uint8_t *exif;      ///< The first APP1 segment that holds EXIF; lives as long as the reader.
    size_t exif_count;
    char message[256];  ///< The library's words, where a function says that it failed.
} CImageHeader;

typedef struct CImageReader CImageReader;

/// Reads the header. NULL: see `header->message`. `bytes` must outlive the reader.
CImageReader *cimage_open_png(const uint8_t *bytes, size_t count, CImageHeader *header);
CImageReader *cimage_open_jpeg(const uint8_t *bytes, size_t count, CImageHeader *header);

/// Writes width * height * 3 bytes of RGB. False: see `header->message`. Once only.
bool cimage_read(CImageReader *reader, uint8_t *pixels, CImageHeader *header);

void cimage_close(CImageReader *reader);

/// Encodes 8-bit pixels of 1 (gray) or 3 (RGB) channels. The result goes to `cimage_free`.
/// With `palette_count` above 0 the one channel is an index into `palette` (RGB triples).
/// NULL: see `message`, of 256 bytes.
uint8_t *cimage_encode_png(const uint8_t *pixels, uint32_t width, uint32_t height, int channels,
                           const uint8_t *palette, int palette_count, size_t *count,
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

/// Resamples `rows` rows of RGB pixels, `row_bytes` apart, from `source` (which ends at `end`) to
/// rows of `width` pixels. `scratch` holds 4 rows of `row_bytes + 32` bytes.
void cimage_resample_rows(const uint8_t *source, const uint8_t *end, ptrdiff_t row_bytes,
                          ptrdiff_t rows, uint8_t *result, ptrdiff_t width, CImageTaps taps,
                          uint8_t *scratch);

/// Writes result row `row`: the weighted sum of rows of `row_bytes` bytes; `source` is row 0.
void cimage_resample_columns(const uint8_t *source, ptrdiff_t row_bytes, uint8_t *result,
                             ptrdiff_t row, CImageTaps taps);

/// Tests only: 0 keeps to the plain C, 1 to the baseline's instructions, 2 allows all.
void cimage_limit_instructions(int level);

#endif
