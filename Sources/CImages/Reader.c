#include "Reader.h"

bool cimage_read(CImageReader *reader, uint8_t *pixels, CImageHeader *header) {
    return reader->read(reader, pixels, header);
}

void cimage_close(CImageReader *reader) {
    reader->close(reader);
}
