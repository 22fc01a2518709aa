// BLAS and LAPACK of Apple's systems. Accelerate has LAPACK's own functions, but not LAPACKE's, of which those that the
// package calls are here, with the same results.

#ifndef CBLAS_APPLE_H
#define CBLAS_APPLE_H

#include <Accelerate/Accelerate.h>
#include <stdlib.h>

enum { LAPACK_ROW_MAJOR = 101, LAPACK_COL_MAJOR = 102, LAPACK_WORK_MEMORY_ERROR = -1010 };

// The lower triangle by rows is the upper triangle by columns.
static inline char lapack_triangle(int layout, char triangle) {
    if (layout == LAPACK_COL_MAJOR) return triangle;
    return triangle == 'L' ? 'U' : 'L';
}

// Memory for a function of LAPACK, of the sizes that it asked for.
typedef struct {
    int count, integer_count;
    double *numbers;
    int *integers;
} lapack_workspace;

static inline lapack_workspace lapack_allocate(double count, int integer_count) {
    return (lapack_workspace){
        (int)count, integer_count, malloc((size_t)count * sizeof(double)), malloc((size_t)integer_count * sizeof(int)),
    };
}

static inline void lapack_free(lapack_workspace work) {
    free(work.numbers);
    free(work.integers);
}

// Eigenvalues of a symmetric matrix; `job` is 'N': vectors would have to be transposed in row-major order.
static inline int LAPACKE_dsyevd(int layout, char job, char triangle, int n, double *a, int lda, double *w) {
    char stored = lapack_triangle(layout, triangle);
    int info = 0, query = -1, integers = 0;
    double numbers = 0;
    dsyevd_(&job, &stored, &n, a, &lda, w, &numbers, &query, &integers, &query, &info);
    if (info != 0) return info;
    lapack_workspace work = lapack_allocate(numbers, integers);
    info = LAPACK_WORK_MEMORY_ERROR;
    if (work.numbers && work.integers) {
        dsyevd_(&job, &stored, &n, a, &lda, w, work.numbers, &work.count, work.integers, &work.integer_count, &info);
    }
    lapack_free(work);
    return info;
}

// Eigenvalues and vectors of a symmetric matrix in column-major order.
static inline int LAPACKE_dsyevr(
    int layout, char job, char range, char triangle, int n, double *a, int lda, double least, double most, int first,
    int last, double tolerance, int *found, double *w, double *z, int ldz, int *support) {
    char stored = lapack_triangle(layout, triangle);
    int info = 0, query = -1, integers = 0;
    double numbers = 0;
    dsyevr_(&job, &range, &stored, &n, a, &lda, &least, &most, &first, &last, &tolerance, found, w, z, &ldz, support,
            &numbers, &query, &integers, &query, &info);
    if (info != 0) return info;
    lapack_workspace work = lapack_allocate(numbers, integers);
    info = LAPACK_WORK_MEMORY_ERROR;
    if (work.numbers && work.integers) {
        dsyevr_(&job, &range, &stored, &n, a, &lda, &least, &most, &first, &last, &tolerance, found, w, z, &ldz, support,
                work.numbers, &work.count, work.integers, &work.integer_count, &info);
    }
    lapack_free(work);
    return info;
}

#endif
