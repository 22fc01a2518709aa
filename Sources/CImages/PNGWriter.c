#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "CImages.h"

typedef struct {
    uint8_t *bytes;
    size_t count, capacity;
    jmp_buf jump;
    char *message;
} PNGWriter;

static void write_failed(png_structp png, png_const_charp text) {
    PNGWriter *self = png_get_error_ptr(png);
    strncpy(self->message, text, 255);
    longjmp(self->jump, 1);
}

static void write_warned(png_structp png, png_const_charp text) {
    (void)png, (void)text;
}

static void write_take(png_structp png, png_bytep in, size_t count) {
    PNGWriter *self = png_get_io_ptr(png);
    if (self->capacity - self->count < count) {
        size_t capacity = self->capacity * 2 > self->count + count ? self->capacity * 2
                                                                   : self->count + count;
        uint8_t *bytes = realloc(self->bytes, capacity);
        if (!bytes) png_error(png, "out of memory");
        self->bytes = bytes;
        self->capacity = capacity;
    }
    memcpy(self->bytes + self->count, in, count);
    self->count += count;
}

static void write_flush(png_structp png) {
    (void)png;
}

uint8_t *cimage_encode_png(const uint8_t *pixels, CImageFormat format, const uint8_t *palette,
                           size_t *count, char *message) {
    PNGWriter *self = calloc(1, sizeof *self);
    memset(message, 0, 256);
    if (!self) {
        strcpy(message, "out of memory");
        return NULL;
    }
    self->message = message;
    png_structp volatile png = NULL;
    png_infop volatile info = NULL;
    uint8_t *volatile encoded = NULL;
    uint8_t *volatile wide = NULL;  // One row with 16-bit samples.
    if (!setjmp(self->jump)) {
        png = png_create_write_struct(PNG_LIBPNG_VER_STRING, self, write_failed, write_warned);
        if (png) info = png_create_info_struct(png);
        if (!info) {
            strcpy(message, "out of memory");
            longjmp(self->jump, 1);
        }
        png_set_write_fn(png, self, write_take, write_flush);
        bool is_indexed = format.palette_count > 0;
        int type = is_indexed             ? PNG_COLOR_TYPE_PALETTE
                   : format.channels == 1 ? PNG_COLOR_TYPE_GRAY
                                          : PNG_COLOR_TYPE_RGB;
        png_set_IHDR(png, info, format.width, format.height, format.depth, type, PNG_INTERLACE_NONE,
                     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        if (is_indexed) png_set_PLTE(png, info, (png_const_colorp)palette, format.palette_count);
        // Most pictures are viewed once: this level gives most of the compression in a small part of the time.
        png_set_compression_level(png, 3);
        if (!is_indexed) png_set_filter(png, 0, PNG_FILTER_SUB | PNG_FILTER_UP);
        png_write_info(png, info);
        png_set_packing(png);  // The samples passed in have one byte each even if the depth is less.
        size_t row_bytes = (size_t)format.width * (size_t)format.channels;
        if (format.depth == 16 && !(wide = calloc(row_bytes, 2))) png_error(png, "out of memory");
        for (uint32_t y = 0; y < format.height; ++y) {
            const uint8_t *row = pixels + y * row_bytes;
            for (size_t i = 0; wide && i < row_bytes; ++i) wide[2 * i + 1] = row[i];
            png_write_row(png, wide ? wide : row);
        }
        png_write_end(png, info);
        encoded = self->bytes;
        *count = self->count;
    } else {
        free(self->bytes);
    }
    png_structp taken = png;
    png_infop taken_info = info;
    if (taken) png_destroy_write_struct(&taken, &taken_info);
    free(wide);
    free(self);
    return encoded;
}

void cimage_free(uint8_t *bytes) {
    free(bytes);
}
