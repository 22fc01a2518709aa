// Keeps the disposition of SIGHUP that the process was started with (ignored, under nohup). UCX, a library of MPICH, installs
// a handler of its own as it is loaded, before the program has any say.

#ifdef __linux__

#include <signal.h>

static struct sigaction inherited;

static void read_disposition(void) { sigaction(SIGHUP, 0, &inherited); }

// Runs before the initialisers of shared libraries.
__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = read_disposition;

// Runs after them.
__attribute__((constructor)) static void restore_disposition(void) { sigaction(SIGHUP, &inherited, 0); }

#endif
