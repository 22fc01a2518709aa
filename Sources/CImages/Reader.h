#ifndef CIMAGES_READER_H
#define CIMAGES_READER_H

#include "CImages.h"

/// The first member of every format's reader.
struct CImageReader {
    bool (*read)(CImageReader *, uint8_t *pixels, CImageHeader *);
    bool (*read_stored)(CImageReader *, uint8_t *samples, CImageHeader *);  // PNG only.
    void (*close)(CImageReader *);
};

/// See `cimage_limit_instructions`.
int cimage_instruction_level(void);

#endif
