"""How a process answers `compare`."""
import sys, time


def serve(version, work, check=None):
    """Prints "ready VERSION", then answers each line, the name of a piece of work, with the
    milliseconds that it took, after one untimed run; "check NAME FILE" with how much the result
    of that work, on the common input, differs from an array in a file."""
    print('ready', version, flush=True)
    for line in sys.stdin:
        if line.startswith('check '):
            print(check(*line.strip().split(' ', 2)[1:]), flush=True)
            continue
        call = work[line.strip()]
        call()
        start = time.perf_counter()
        call()
        print((time.perf_counter() - start) * 1e3, flush=True)
