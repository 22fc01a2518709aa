#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MESSAGES = 20, REGIONS = 64 };

long check_count, failure_count;
static const char *set_name = "";

void begin_set(const char *name) { set_name = name; }

void expect(bool holds, const char *format, ...) {
    check_count++;
    if (holds) return;
    if (++failure_count > MESSAGES) return;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", set_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

// SplitMix64 (Steele, Lea and Flood 2014).
uint64_t next_bits(noise *n) {
    uint64_t z = *n += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

float next_float(noise *n) { return (float)(next_bits(n) >> 40) * 0x1p-23f - 1; }

ptrdiff_t next_below(noise *n, ptrdiff_t count) { return (ptrdiff_t)(next_bits(n) % (uint64_t)count); }

// The bits of an unwritten float: a NaN, so that it shows in every result computed from it, of a pattern that no
// arithmetic produces.
static const uint32_t CANARY = 0x7fc0beef;

static struct { uint8_t *start; size_t length; } regions[REGIONS];
static int region_count;

uint8_t *guarded(size_t bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), usable = page + (bytes + page - 1) / page * page;
    uint8_t *start = mmap(0, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region_count == REGIONS || start == MAP_FAILED || mprotect(start + usable, page, PROT_NONE) != 0) {
        perror("guarded memory");
        exit(1);
    }
    for (size_t i = 0; i < usable; i += 4) memcpy(start + i, &CANARY, 4);
    regions[region_count].start = start;
    regions[region_count++].length = usable + page;
    return start + usable - bytes;
}

float *guarded_floats(ptrdiff_t count) { return (float *)(void *)guarded((size_t)count * sizeof(float)); }

void release(void) {
    while (region_count > 0) {
        region_count--;
        munmap(regions[region_count].start, regions[region_count].length);
    }
}

matrix unwritten(ptrdiff_t rows, ptrdiff_t columns, layout layout) {
    matrix m = {.rows = rows, .columns = columns};
    m.row = layout == BY_ROWS ? columns + 3 : layout == BY_COLUMNS ? 1 : 3 * columns + 2;
    m.column = layout == BY_ROWS ? 1 : layout == BY_COLUMNS ? rows + 5 : 3;
    const bool is_empty = rows == 0 || columns == 0;
    m.base = guarded_floats(is_empty ? 0 : (rows - 1) * m.row + (columns - 1) * m.column + 1);
    return m;
}

matrix random_matrix(ptrdiff_t rows, ptrdiff_t columns, layout layout, float size, noise *n) {
    matrix m = unwritten(rows, columns, layout);
    for (ptrdiff_t r = 0; r < rows; r++) {
        for (ptrdiff_t c = 0; c < columns; c++) m.base[r * m.row + c * m.column] = size * next_float(n);
    }
    return m;
}

matrix far_matrix(ptrdiff_t rows, ptrdiff_t columns, noise *n) {
    matrix m = {.rows = rows, .columns = columns, .row = (ptrdiff_t)1 << 30, .column = 1};
    const size_t length = (size_t)((rows - 1) * m.row + columns) * sizeof(float);
    m.base = mmap(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region_count == REGIONS || m.base == MAP_FAILED) {
        perror("rows far apart");
        exit(1);
    }
    regions[region_count].start = (uint8_t *)m.base;
    regions[region_count++].length = length;
    for (ptrdiff_t r = 0; r < rows; r++) {
        for (ptrdiff_t c = 0; c < columns; c++) m.base[r * m.row + c] = next_float(n);
    }
    return m;
}

matrix copy_of(matrix m) {
    matrix copy = m;
    const ptrdiff_t count = (m.rows - 1) * m.row + (m.columns - 1) * m.column + 1;
    copy.base = guarded_floats(count);
    memcpy(copy.base, m.base, (size_t)count * sizeof(float));
    return copy;
}

static uint32_t bits(const float *x) {
    uint32_t bits;
    memcpy(&bits, x, 4);
    return bits;
}

bool is_written_exactly(matrix m) {
    const ptrdiff_t in_front = sysconf(_SC_PAGESIZE) / 4;
    const ptrdiff_t count = (m.rows - 1) * m.row + (m.columns - 1) * m.column + 1;
    ptrdiff_t written = 0;
    for (ptrdiff_t i = -in_front; i < count; i++) written += bits(m.base + i) != CANARY;
    ptrdiff_t elements = 0;
    for (ptrdiff_t r = 0; r < m.rows; r++) {
        for (ptrdiff_t c = 0; c < m.columns; c++) elements += bits(m.base + r * m.row + c * m.column) != CANARY;
    }
    return written == elements && elements == m.rows * m.columns;
}

bool is_identical(matrix a, matrix b) {
    for (ptrdiff_t r = 0; r < a.rows; r++) {
        for (ptrdiff_t c = 0; c < a.columns; c++) {
            if (bits(a.base + r * a.row + c * a.column) != bits(b.base + r * b.row + c * b.column)) return false;
        }
    }
    return true;
}

double exact_gelu(double x) { return x * erfc(-x / sqrt(2)) / 2; }

double exact_gelu_slope(double x) { return erfc(-x / sqrt(2)) / 2 + x * exp(-x * x / 2) / sqrt(2 * M_PI); }
