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

// A wait for another rank. Time in which this process itself was stopped is not the partner's, so what passes between two
// looks counts as a second at most.
struct patience {
    double last;
    double waited; // since something arrived or was sent
    double total;
};

// Lets a moment pass without occupying a processor that another rank may need: at first it only yields, then it sleeps ever
// longer, up to a tenth of a millisecond. Returns whether the wait has lasted longer than the limit.
static int pause_beyond(struct patience *p, double limit) {
    const double time = now();
    const double passed = time - p->last < 1 ? time - p->last : 1;
    p->last = time;
    p->waited += passed;
    p->total += passed;
    if (p->waited > limit) return 1;
    if (p->total < 1e-3) {
        sched_yield();
    } else {
        const struct timespec pause = {0, p->total < 1e-2 ? 20000 : 100000};
        nanosleep(&pause, NULL);
    }
    return 0;
}

// One direction of an exchange, in pieces of which several are under way. One long message would wait for the other
// direction's: its partner's permission to send travels behind that.
enum { PIECE = 1 << 18, PIECES = 8 };

struct direction {
    char *at;
    size_t left;
    int count; // pieces under way, the oldest at first
    int first;
    MPI_Request requests[PIECES];
};

static int start_pieces(struct direction *d, int is_sending, int partner) {
    while (d->count < PIECES && d->left > 0) {
        const int length = d->left < PIECE ? (int)d->left : PIECE;
        MPI_Request *request = &d->requests[(d->first + d->count) % PIECES];
        const int error =
            is_sending ? MPI_Isend(d->at, length, MPI_BYTE, partner, 0, MPI_COMM_WORLD, request)
                       : MPI_Irecv(d->at, length, MPI_BYTE, partner, 0, MPI_COMM_WORLD, request);
        if (error != MPI_SUCCESS) return error;
        d->at += length;
        d->left -= length;
        d->count++;
    }
    return MPI_SUCCESS;
}

static int end_pieces(struct direction *d, int *has_ended) {
    while (d->count > 0) {
        int done = 0;
        const int error = MPI_Test(&d->requests[d->first], &done, MPI_STATUS_IGNORE);
        if (error != MPI_SUCCESS || !done) return error;
        d->first = (d->first + 1) % PIECES;
        d->count--;
        *has_ended = 1;
    }
    return MPI_SUCCESS;
}

enum cmpi_outcome cmpi_exchange(
    const void *bytes, size_t sent, void *buffer, size_t received, int partner, double limit,
    char reason[CMPI_TEXT]) {
    struct direction out = {.at = (char *)bytes, .left = sent};
    struct direction in = {.at = buffer, .left = received};
    struct patience patience = {.last = now()};
    int error = MPI_SUCCESS;
    while (out.left > 0 || in.left > 0 || out.count > 0 || in.count > 0) {
        int has_ended = 0;
        if ((error = start_pieces(&in, 0, partner)) != MPI_SUCCESS ||
            (error = start_pieces(&out, 1, partner)) != MPI_SUCCESS ||
            (error = end_pieces(&in, &has_ended)) != MPI_SUCCESS ||
            (error = end_pieces(&out, &has_ended)) != MPI_SUCCESS)
            break;
        if (has_ended)
            patience.waited = 0;
        else if (pause_beyond(&patience, limit))
            return CMPI_LATE;
    }
    if (error == MPI_SUCCESS) return CMPI_DONE;
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;
    if (MPI_Error_string(error, text, &length) != MPI_SUCCESS) length = 0;
    if (length > CMPI_TEXT - 1) length = CMPI_TEXT - 1;
    memcpy(reason, text, length);
    reason[length] = 0;
    return CMPI_FAILED;
}

enum cmpi_outcome cmpi_meet(double limit) {
    MPI_Request request;
    if (MPI_Ibarrier(MPI_COMM_WORLD, &request) != MPI_SUCCESS) return CMPI_FAILED;
    struct patience patience = {.last = now()};
    for (;;) {
        int done = 0;
        if (MPI_Test(&request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) return CMPI_FAILED;
        if (done) return CMPI_DONE;
        if (pause_beyond(&patience, limit)) return CMPI_LATE;
    }
}

void cmpi_finish(void) { MPI_Finalize(); }

void cmpi_abort(void) { MPI_Abort(MPI_COMM_WORLD, 1); }

#endif
