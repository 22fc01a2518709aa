#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "Reader.h"

typedef struct {
    CImageReader reader;
    png_structp png;
    png_infop info;
    const uint8_t *next;
    size_t left;
    uint8_t *rgba;  // Rows with alpha, before they are composited over white.
    jmp_buf jump;
    char *message;
} PNGReader;

static void png_failed(png_structp png, png_const_charp text) {
    PNGReader *self = png_get_error_ptr(png);
    strncpy(self->message, text, sizeof((CImageHeader *)0)->message - 1);
    longjmp(self->jump, 1);
}

// Warnings concern ancillary chunks and data after the picture; its pixels are complete.
static void png_warned(png_structp png, png_const_charp text) {
    (void)png, (void)text;
}

static void png_take(png_structp png, png_bytep out, size_t count) {
    PNGReader *self = png_get_io_ptr(png);
    if (count > self->left) png_error(png, "the data ends too soon");
    memcpy(out, self->next, count);
    self->next += count;
    self->left -= count;
}

static void close_png(CImageReader *reader) {
    PNGReader *self = (PNGReader *)reader;
    if (self->png) png_destroy_read_struct(&self->png, &self->info, NULL);
    free(self->rgba);
    free(self);
}

// Reads every row. In an interlaced picture each pass fills in more of the same rows.
static void read_rows(PNGReader *self, uint8_t *rows, size_t row_bytes, size_t height, int passes) {
    for (int pass = 0; pass < passes; ++pass) {
        for (size_t y = 0; y < height; ++y) png_read_row(self->png, rows + y * row_bytes, NULL);
    }
    png_read_end(self->png, NULL);  // Verifies the remaining checksums.
}

// round(alpha * sample + (1 - alpha) * 255), exact in integers: t / 255 = (t + 128 + (t + 128 >> 8)) >> 8.
static inline uint8_t over_white(unsigned sample, unsigned alpha) {
    unsigned t = sample * alpha + 255 * (255 - alpha) + 128;
    return (uint8_t)((t + (t >> 8)) >> 8);
}

static void lay_over_white(const uint8_t *rgba, uint8_t *rgb, size_t pixels) {
    for (size_t i = 0; i < pixels; ++i, rgba += 4, rgb += 3) {
        for (int c = 0; c < 3; ++c) rgb[c] = over_white(rgba[c], rgba[3]);
    }
}

static bool read_png(CImageReader *reader, uint8_t *pixels, CImageHeader *header) {
    PNGReader *self = (PNGReader *)reader;
    self->message = header->message;
    if (setjmp(self->jump)) return false;

    // Everything is converted to 8-bit RGB or RGBA. Of 16 bits the high 8 are kept, as in Pillow.
    png_set_expand(self->png);
    png_set_strip_16(self->png);
    png_set_gray_to_rgb(self->png);
    int passes = png_set_interlace_handling(self->png);
    png_read_update_info(self->png, self->info);

    size_t width = header->width, height = header->height;
    int channels = png_get_channels(self->png, self->info);
    if (png_get_rowbytes(self->png, self->info) != width * (size_t)channels ||
        (channels != 3 && channels != 4)) {
        png_error(self->png, "its rows cannot be converted to RGB");
    }

    if (channels == 3) {
        read_rows(self, pixels, width * 3, height, passes);
        return true;
    }
    // An interlaced picture needs all rows until the end.
    self->rgba = malloc(width * 4 * (passes == 1 ? 1 : height));
    if (!self->rgba) png_error(self->png, "out of memory");
    if (passes > 1) {
        read_rows(self, self->rgba, width * 4, height, passes);
        lay_over_white(self->rgba, pixels, width * height);
        return true;
    }
    for (size_t y = 0; y < height; ++y) {
        png_read_row(self->png, self->rgba, NULL);
        lay_over_white(self->rgba, pixels + y * width * 3, width);
    }
    png_read_end(self->png, NULL);
    return true;
}

static bool read_stored(CImageReader *reader, uint8_t *samples, CImageHeader *header) {
    PNGReader *self = (PNGReader *)reader;
    self->message = header->message;
    if (setjmp(self->jump)) return false;

    png_set_packing(self->png);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    png_set_swap(self->png);
#endif
    int passes = png_set_interlace_handling(self->png);
    png_read_update_info(self->png, self->info);
    size_t row_bytes = (size_t)header->width * header->channels * (header->bit_depth == 16 ? 2 : 1);
    if (png_get_rowbytes(self->png, self->info) != row_bytes) {
        png_error(self->png, "its rows do not match its header");
    }
    read_rows(self, samples, row_bytes, header->height, passes);
    return true;
}

void cimage_palette(CImageReader *reader, uint8_t rgba[256 * 4]) {
    PNGReader *self = (PNGReader *)reader;
    png_colorp colours = NULL;
    png_bytep alphas = NULL;
    int count = 0, alpha_count = 0;
    png_get_PLTE(self->png, self->info, &colours, &count);
    png_get_tRNS(self->png, self->info, &alphas, &alpha_count, NULL);
    for (int i = 0; i < count && i < 256; ++i, rgba += 4) {
        rgba[0] = colours[i].red, rgba[1] = colours[i].green, rgba[2] = colours[i].blue;
        rgba[3] = alphas && i < alpha_count ? alphas[i] : 255;
    }
}

static uint32_t big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

// PNG's checksum (ISO 3309). Used for one small chunk only, so bit by bit; libpng checks the others.
static uint32_t checksum(const uint8_t *bytes, size_t count) {
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i < count; ++i) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum & 1 ? 0xEDB88320 : 0);
    }
    return ~sum;
}

// Walks through the chunks before libpng sees any: libpng allocates memory for some by the length that they
// claim, so every length is first compared with the file's. Records the length of the compressed picture and
// the EXIF data: those of the last intact eXIf chunk, as in Pillow.
static bool list_chunks(const uint8_t *bytes, size_t count, CImageHeader *header) {
    for (size_t at = 8;;) {
        size_t left = count - at;
        uint32_t length = left < 12 ? 0 : big_endian(bytes + at);
        if (left < 12 || length > left - 12) {
            snprintf(header->message, sizeof header->message,
                     "the data ends too soon: a chunk of %zu bytes has only %zu",
                     (size_t)length + 12, left);
            return false;
        }
        const uint8_t *type = bytes + at + 4, *data = type + 4;
        if (!memcmp(type, "IEND", 4)) return true;
        if (!memcmp(type, "IDAT", 4)) header->data_count += length;
        if (!memcmp(type, "eXIf", 4) && checksum(type, length + 4) == big_endian(data + length)) {
            header->exif = data;
            header->exif_count = length;
        }
        at += 12 + (size_t)length;
    }
}

CImageReader *cimage_open_png(const uint8_t *bytes, size_t count, CImageHeader *header) {
    memset(header, 0, sizeof *header);
    if (!list_chunks(bytes, count, header)) return NULL;
    PNGReader *self = calloc(1, sizeof *self);
    if (!self) {
        strcpy(header->message, "out of memory");
        return NULL;
    }
    self->reader = (CImageReader){read_png, read_stored, close_png};
    self->next = bytes;
    self->left = count;
    self->message = header->message;
    if (setjmp(self->jump)) {
        close_png(&self->reader);
        return NULL;
    }
    self->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, self, png_failed, png_warned);
    if (self->png) self->info = png_create_info_struct(self->png);
    if (!self->info) {
        strcpy(header->message, "out of memory");
        close_png(&self->reader);
        return NULL;
    }
#ifdef PNG_HANDLE_AS_UNKNOWN_SUPPORTED
    // Drop all optional chunks: texts and colour profiles may be decompression bombs of their own.
    png_set_keep_unknown_chunks(self->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
#endif
    png_set_read_fn(self->png, self, png_take);
    png_read_info(self->png, self->info);
    header->width = png_get_image_width(self->png, self->info);
    header->height = png_get_image_height(self->png, self->info);
    header->bit_depth = png_get_bit_depth(self->png, self->info);
    header->channels = png_get_channels(self->png, self->info);
    png_bytep alphas = NULL;
    png_colorp colours = NULL;
    png_color_16p key = NULL;
    int count_of_alphas = 0, colour_count = 0;
    if (png_get_color_type(self->png, self->info) == PNG_COLOR_TYPE_PALETTE) {
        png_get_PLTE(self->png, self->info, &colours, &colour_count);
        header->palette_count = colour_count;
    } else if (png_get_tRNS(self->png, self->info, &alphas, &count_of_alphas, &key) && key) {
        bool is_gray = header->channels == 1;
        header->has_key = true;
        header->key[0] = is_gray ? key->gray : key->red;
        header->key[1] = key->green, header->key[2] = key->blue;
    }
    return &self->reader;
}
