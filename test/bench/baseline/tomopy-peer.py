"""TomoPy as the peer of a benchmark: one JSON request a line on stdin, one answer a line on stdout.

A request names the sinogram's file (slices, angles, columns), the algorithm, its iterations and how often to run it; the answer has the CPU
seconds of one run and the file of the result. One thread. GridRec gets the best FFT plans: FFTW remembers the plans that are measured here
before the first run, and TomoPy's own quick planning then finds them.
"""

import ctypes
import json
import sys
import time

import numpy as np
import tomopy

FFTW_MEASURE, FORWARD, BACKWARD = 0, -1, 1


def fftw():
    """The FFTW that TomoPy has loaded, or None (a build with another library plans as it likes)."""
    with open("/proc/self/maps") as maps:
        paths = [line.split()[-1] for line in maps if "fftw3f" in line]
    for path in paths:
        library = ctypes.CDLL(path)
        if hasattr(library, "fftwf_plan_dft_2d"):
            return library
    return None


def measure_plans(size):
    library = fftw()
    if library is None:
        return False
    library.fftwf_malloc.restype = ctypes.c_void_p
    library.fftwf_malloc.argtypes = [ctypes.c_size_t]
    for name in ("fftwf_plan_dft_1d", "fftwf_plan_dft_2d"):
        getattr(library, name).restype = ctypes.c_void_p
    room = ctypes.c_void_p(library.fftwf_malloc(8 * size * size))
    library.fftwf_plan_dft_1d(size, room, room, BACKWARD, FFTW_MEASURE)
    library.fftwf_plan_dft_2d(size, size, room, room, FORWARD, FFTW_MEASURE)
    return True


def run(request):
    sinogram = np.load(request["sinogram"])
    slices, angles, columns = sinogram.shape
    theta = np.arange(angles) * np.pi / angles
    options = {"algorithm": request["algorithm"], "ncore": 1, "nchunk": slices, "sinogram_order": True}
    if request["algorithm"] == "gridrec":
        options |= {"filter_name": "shepp"}
    else:
        options |= {"num_iter": request["iterations"]}
    times = []
    for _ in range(request["repeats"]):
        started = time.process_time()
        result = tomopy.recon(sinogram, theta, center=columns / 2, **options)
        times.append(time.process_time() - started)
    np.save(request["out"], result)
    return min(times)


def main():
    print(json.dumps({"version": tomopy.__version__}), flush=True)
    planned = {}
    for line in sys.stdin:
        request = json.loads(line)
        columns = request["columns"]
        if request["algorithm"] == "gridrec" and columns not in planned:
            planned[columns] = measure_plans(1 << max(4, (columns - 1).bit_length()))
        print(json.dumps({"seconds": run(request), "plans": planned.get(columns, False)}), flush=True)


main()
