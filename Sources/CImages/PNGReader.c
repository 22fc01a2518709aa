#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "Reader.h"

typedef struct {
    CImageReader reader;
    png_structp png;
    png_infop info;
    const uint8_t *next;
    size_t left;
    uint8_t *rgba;  // Rows with alpha before they are laid over white.
    png_bytep *rows;
    jmp_buf jump;
    char *message;
} PNGReader;

static void png_failed(png_structp png, png_const_charp text) {
    PNGReader *self = png_get_error_ptr(png);
    strncpy(self->message, text, sizeof((CImageHeader *)0)->message - 1);
    longjmp(self->jump, 1);
}

// Warnings tell of ancillary chunks and of data after the picture; its pixels are whole.
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
    free(self->rows);
    free(self);
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

    // Everything becomes RGB or RGBA of 8 bits. Of 16 bits the high 8 stay, as in Pillow.
    png_set_expand(self->png);
    png_set_strip_16(self->png);
    png_set_gray_to_rgb(self->png);
    int passes = png_set_interlace_handling(self->png);
    png_read_update_info(self->png, self->info);

    size_t width = header->width, height = header->height;
    int channels = png_get_channels(self->png, self->info);
    if (png_get_rowbytes(self->png, self->info) != width * (size_t)channels ||
        (channels != 3 && channels != 4)) {
        png_error(self->png, "its rows do not become RGB");
    }

    if (channels == 3) {
        for (int pass = 0; pass < passes; ++pass) {
            for (size_t y = 0; y < height; ++y) {
                png_read_row(self->png, pixels + y * width * 3, NULL);
            }
        }
    } else if (passes == 1) {
        self->rgba = malloc(width * 4);
        if (!self->rgba) png_error(self->png, "out of memory");
        for (size_t y = 0; y < height; ++y) {
            png_read_row(self->png, self->rgba, NULL);
            lay_over_white(self->rgba, pixels + y * width * 3, width);
        }
    } else {
        // Each pass adds to what the last one left in the row, so all rows stay until the end.
        self->rgba = malloc(width * height * 4);
        if (!self->rgba) png_error(self->png, "out of memory");
        for (int pass = 0; pass < passes; ++pass) {
            for (size_t y = 0; y < height; ++y) {
                png_read_row(self->png, self->rgba + y * width * 4, NULL);
            }
        }
        lay_over_white(self->rgba, pixels, width * height);
    }
    png_read_end(self->png, NULL);  // Checks the last checksums.
    return true;
}

CImageReader *cimage_open_png(const uint8_t *bytes, size_t count, CImageHeader *header) {
    memset(header, 0, sizeof *header);
    PNGReader *self = calloc(1, sizeof *self);
    if (!self) {
        strcpy(header->message, "out of memory");
        return NULL;
    }
    self->reader = (CImageReader){read_png, close_png};
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
    // Texts and colour profiles may be compressed bombs of their own; nothing here reads them.
    static const png_byte unread[] = "iCCP\0iTXt\0tEXt\0zTXt\0sPLT\0eXIf\0hIST";
    png_set_keep_unknown_chunks(self->png, PNG_HANDLE_CHUNK_NEVER, unread, 7);
#endif
    png_set_read_fn(self->png, self, png_take);
    png_read_info(self->png, self->info);
    header->width = png_get_image_width(self->png, self->info);
    header->height = png_get_image_height(self->png, self->info);
    header->bits_per_pixel = (uint32_t)png_get_bit_depth(self->png, self->info) *
                             png_get_channels(self->png, self->info);
    return &self->reader;
}
