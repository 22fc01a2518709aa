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

// Eigenvalues of a symmetric matrix; `job` is 'N': vectors would have to be transposed in row-major order.
static inline int LAPACKE_dsyevd(int layout, char job, char triangle, int n, double *a, int lda, double *w) {
    char stored = lapack_triangle(layout, triangle);
    int info = 0, work_count = -1, integer_count = -1, integers_needed = 0;
    double work_needed = 0;
    dsyevd_(&job, &stored, &n, a, &lda, w, &work_needed, &work_count, &integers_needed, &integer_count, &info);
    if (info != 0) return info;
    work_count = (int)work_needed;
    integer_count = integers_needed;
    double *work = malloc((size_t)work_count * sizeof *work);
    int *integers = malloc((size_t)integer_count * sizeof *integers);
    if (work && integers) {
        dsyevd_(&job, &stored, &n, a, &lda, w, work, &work_count, integers, &integer_count, &info);
    } else {
        info = LAPACK_WORK_MEMORY_ERROR;
    }
    free(work);
    free(integers);
    return info;
}

// Eigenvalues and vectors of a symmetric matrix in column-major order.
static inline int LAPACKE_dsyevr(
    int layout, char job, char range, char triangle, int n, double *a, int lda, double least, double most, int first,
    int last, double tolerance, int *found, double *w, double *z, int ldz, int *support) {
    char stored = lapack_triangle(layout, triangle);
    int info = 0, work_count = -1, integer_count = -1, integers_needed = 0;
    double work_needed = 0;
    dsyevr_(&job, &range, &stored, &n, a, &lda, &least, &most, &first, &last, &tolerance, found, w, z, &ldz, support,
            &work_needed, &work_count, &integers_needed, &integer_count, &info);
    if (info != 0) return info;
    work_count = (int)work_needed;
    integer_count = integers_needed;
    double *work = malloc((size_t)work_count * sizeof *work);
    int *integers = malloc((size_t)integer_count * sizeof *integers);
    if (work && integers) {
        dsyevr_(&job, &range, &stored, &n, a, &lda, &least, &most, &first, &last, &tolerance, found, w, z, &ldz, support,
                work, &work_count, integers, &integer_count, &info);
    } else {
        info = LAPACK_WORK_MEMORY_ERROR;
    }
    free(work);
    free(integers);
    return info;
}

#endif
