"""How a process answers `compare`."""
import sys, time


def serve(version, work):
    """Prints "ready VERSION", then answers each line, the name of a piece of work, with the
    milliseconds that it took, after one untimed run."""
    print('ready', version, flush=True)
    for line in sys.stdin:
        call = work[line.strip()]
        call()
        start = time.perf_counter()
        call()
        print((time.perf_counter() - start) * 1e3, flush=True)
