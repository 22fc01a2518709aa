#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "Reader.h"

typedef struct {
    CImageReader reader;
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    uint8_t *cmyk;
    jmp_buf jump;
    char *message;
} JPEGReader;

// A dozen bytes of a progressive file can demand a pass over the whole picture. Encoders write about
// ten scans; 500 is the limit of libjpeg-turbo's own tools and fuzzers. Large pictures, for which a pass
// takes a tenth of a second or more, are allowed fewer: 32 for the largest accepted.
enum { max_scans = 500 };
static const double max_scanned_pixels = 32.0 * (1 << 28);

static void jpeg_failed(j_common_ptr jpeg) {
    JPEGReader *self = jpeg->client_data;
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    snprintf(self->message, sizeof((CImageHeader *)0)->message, "%s", text);
    longjmp(self->jump, 1);
}

// libjpeg conceals faults inside the data; they are tolerated, as in browsers and Pillow. A truncated file
// is an error, since the rest of the picture would be gray.
static void jpeg_noted(j_common_ptr jpeg, int level) {
    if (level >= 0) return;
    if (jpeg->err->msg_code == JWRN_JPEG_EOF) jpeg_failed(jpeg);
    jpeg->err->num_warnings += 1;
}

static void jpeg_progressed(j_common_ptr jpeg) {
    if (!jpeg->is_decompressor) return;
    j_decompress_ptr reader = (j_decompress_ptr)jpeg;
    const double allowed =
        max_scanned_pixels / ((double)reader->image_width * reader->image_height);
    if (reader->input_scan_number > max_scans || reader->input_scan_number > allowed) {
        JPEGReader *self = jpeg->client_data;
        snprintf(self->message, sizeof((CImageHeader *)0)->message,
                 "it has more than %d scans of its %ux%u pixels",
                 allowed < max_scans ? (int)allowed : (int)max_scans, reader->image_width,
                 reader->image_height);
        longjmp(self->jump, 1);
    }
}

static void close_jpeg(CImageReader *reader) {
    JPEGReader *self = (JPEGReader *)reader;
    jpeg_destroy_decompress(&self->jpeg);
    free(self->cmyk);
    free(self);
}

static inline uint8_t scaled(unsigned a, unsigned b) {  // round(a * b / 255)
    unsigned t = a * b + 128;
    return (uint8_t)((t + (t >> 8)) >> 8);
}

// Four-component JPEGs are stored inverted (Adobe's convention, which Pillow assumes for all), so that
// 255 means no ink: red, green and blue are each the rounded product of their own value and black's.
static void rgb_from_inverted_cmyk(const uint8_t *cmyk, uint8_t *rgb, size_t pixels) {
    for (size_t i = 0; i < pixels; ++i, cmyk += 4, rgb += 3) {
        for (int c = 0; c < 3; ++c) {
            // As in Pillow, the ink is rounded, not its complement.
            rgb[c] = (uint8_t)(cmyk[3] - scaled(255u - cmyk[c], cmyk[3]));
        }
    }
}

static bool read_jpeg(CImageReader *reader, uint8_t *pixels, CImageHeader *header) {
    JPEGReader *self = (JPEGReader *)reader;
    j_decompress_ptr jpeg = &self->jpeg;
    self->message = header->message;
    if (setjmp(self->jump)) return false;

    bool four = jpeg->num_components == 4;
    jpeg->out_color_space = four ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(jpeg);
    size_t width = header->width;
    if (jpeg->output_width != width || jpeg->output_height != header->height ||
        jpeg->output_components != (four ? 4 : 3)) {
        strcpy(self->message, "its rows cannot be converted to RGB");
        return false;
    }
    if (four) {
        self->cmyk = malloc(width * 4);
        if (!self->cmyk) {
            strcpy(self->message, "out of memory");
            return false;
        }
    }
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *row = pixels + (size_t)jpeg->output_scanline * width * 3;
        if (four) {
            if (jpeg_read_scanlines(jpeg, &self->cmyk, 1) != 1) return false;
            rgb_from_inverted_cmyk(self->cmyk, row, width);
        } else {
            JSAMPROW rows[4] = {row, row + width * 3, row + width * 6, row + width * 9};
            JDIMENSION left = jpeg->output_height - jpeg->output_scanline;
            if (jpeg_read_scanlines(jpeg, rows, left < 4 ? left : 4) < 1) return false;
        }
    }
    return true;
}

CImageReader *cimage_open_jpeg(const uint8_t *bytes, size_t count, CImageHeader *header) {
    memset(header, 0, sizeof *header);
    JPEGReader *self = calloc(1, sizeof *self);
    if (!self) {
        strcpy(header->message, "out of memory");
        return NULL;
    }
    self->reader = (CImageReader){.read = read_jpeg, .close = close_jpeg};
    self->message = header->message;
    self->jpeg.err = jpeg_std_error(&self->errors);
    self->errors.error_exit = jpeg_failed;
    self->errors.emit_message = jpeg_noted;
    self->jpeg.client_data = self;
    if (setjmp(self->jump)) {
        close_jpeg(&self->reader);
        return NULL;
    }
    jpeg_create_decompress(&self->jpeg);
    self->progress.progress_monitor = jpeg_progressed;
    self->jpeg.progress = &self->progress;
    jpeg_mem_src(&self->jpeg, bytes, (unsigned long)count);
    jpeg_save_markers(&self->jpeg, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&self->jpeg, TRUE);

    header->width = self->jpeg.image_width;
    header->height = self->jpeg.image_height;
    header->data_count = count;
    int components = self->jpeg.num_components;
    if (components != 1 && components != 3 && components != 4) {
        snprintf(header->message, sizeof header->message,
                 "it has %d components; expected 1, 3 or 4", components);
        close_jpeg(&self->reader);
        return NULL;
    }
    for (jpeg_saved_marker_ptr marker = self->jpeg.marker_list; marker; marker = marker->next) {
        if (marker->data_length >= 6 && !memcmp(marker->data, "Exif\0", 6)) {
            header->exif = marker->data;
            header->exif_count = marker->data_length;
            break;
        }
    }
    return &self->reader;
}
