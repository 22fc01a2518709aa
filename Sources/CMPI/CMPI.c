#include "CMPI.h"

#ifdef DINO_VIT_MPI

#include <mpi.h>
#include <sched.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + 1e-9 * time.tv_nsec;
}

int cmpi_start(int *rank, int *count, char host[CMPI_TEXT]) {
    int provided;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS) return 1;
    if (provided < MPI_THREAD_SERIALIZED) return 1;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    char name[MPI_MAX_PROCESSOR_NAME];
    int length = 0;
    if (MPI_Comm_rank(MPI_COMM_WORLD, rank) != MPI_SUCCESS ||
        MPI_Comm_size(MPI_COMM_WORLD, count) != MPI_SUCCESS ||
        MPI_Get_processor_name(name, &length) != MPI_SUCCESS)
        return 1;
    if (length > CMPI_TEXT - 1) length = CMPI_TEXT - 1;
    memcpy(host, name, length);
    host[length] = 0;
    return 0;
}

// Waits without occupying a processor that another rank may need: at first it only yields, then it sleeps ever longer, up
// to a tenth of a millisecond.
static enum cmpi_outcome await(int count, MPI_Request requests[], double limit, int *error) {
    const double start = now();
    for (;;) {
        int done = 0;
        *error = MPI_Testall(count, requests, &done, MPI_STATUSES_IGNORE);
        if (*error != MPI_SUCCESS) return CMPI_FAILED;
        if (done) return CMPI_DONE;
        const double waited = now() - start;
        if (waited > limit) return CMPI_LATE;
        if (waited < 1e-3) {
            sched_yield();
        } else {
            const struct timespec pause = {0, waited < 1e-2 ? 20000 : 100000};
            nanosleep(&pause, NULL);
        }
    }
}

enum cmpi_outcome cmpi_exchange(
    const void *bytes, size_t sent, void *buffer, size_t received, int partner, double limit,
    char reason[CMPI_TEXT]) {
    // Counts are ints, so long messages go in pieces; the partner cuts them alike.
    const size_t most = (size_t)1 << 30;
    size_t out = 0, in = 0;
    int error = MPI_SUCCESS;
    enum cmpi_outcome outcome = CMPI_DONE;
    while (outcome == CMPI_DONE && (out < sent || in < received)) {
        MPI_Request requests[2];
        int count = 0;
        const size_t next_in = received - in < most ? received - in : most;
        const size_t next_out = sent - out < most ? sent - out : most;
        if (next_in > 0 && error == MPI_SUCCESS)
            error = MPI_Irecv(
                (char *)buffer + in, (int)next_in, MPI_BYTE, partner, 0, MPI_COMM_WORLD,
                &requests[count++]);
        if (next_out > 0 && error == MPI_SUCCESS)
            error = MPI_Isend(
                (const char *)bytes + out, (int)next_out, MPI_BYTE, partner, 0, MPI_COMM_WORLD,
                &requests[count++]);
        outcome = error == MPI_SUCCESS ? await(count, requests, limit, &error) : CMPI_FAILED;
        in += next_in;
        out += next_out;
    }
    if (outcome == CMPI_FAILED) {
        char text[MPI_MAX_ERROR_STRING];
        int length = 0;
        if (MPI_Error_string(error, text, &length) != MPI_SUCCESS) length = 0;
        if (length > CMPI_TEXT - 1) length = CMPI_TEXT - 1;
        memcpy(reason, text, length);
        reason[length] = 0;
    }
    return outcome;
}

enum cmpi_outcome cmpi_meet(double limit) {
    MPI_Request request;
    int error;
    if (MPI_Ibarrier(MPI_COMM_WORLD, &request) != MPI_SUCCESS) return CMPI_FAILED;
    return await(1, &request, limit, &error);
}

void cmpi_finish(void) { MPI_Finalize(); }

void cmpi_abort(void) { MPI_Abort(MPI_COMM_WORLD, 1); }

#endif
