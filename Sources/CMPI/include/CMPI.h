// MPI's functions as the package uses them: the two implementations differ in the types of their handles and in
// constants that are macros. Where the trait is off, nothing of MPI is included and nothing here is defined.
#pragma once

#include <stddef.h>

/// The outcome of an operation.
enum cmpi_outcome {
    CMPI_DONE,
    /// The partner did not answer within the limit.
    CMPI_LATE,
    /// MPI reports an error.
    CMPI_FAILED,
};

/// The length of the texts that are returned, with the terminating zero.
#define CMPI_TEXT 512

/// Starts MPI, for calls from one thread at a time. Returns 0, or another number if MPI cannot be started.
int cmpi_start(int *rank, int *count, char host[CMPI_TEXT]);

/// Sends bytes to a partner while receiving bytes from it, unless nothing happens for `limit` seconds. In case of failure `reason` is MPI's
/// text for it.
enum cmpi_outcome cmpi_exchange(
    const void *bytes, size_t sent, void *buffer, size_t received, int partner, double limit,
    char reason[CMPI_TEXT]);

/// Waits until all ranks have called this, for `limit` seconds at most.
enum cmpi_outcome cmpi_meet(double limit);

/// Ends MPI; all ranks call it.
void cmpi_finish(void);

/// Ends all ranks.
void cmpi_abort(void);
