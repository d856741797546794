"""Filtered back projection of one sinogram with numpy alone: a function for those who have their mathematics in Python.

An event's payload is the sinogram, f32 (angles, columns), minus-log taken, over half a turn; its header `Angles` says
how many angles. The answer is the slice, f32 (columns, columns). Ramp filter in Fourier space, linear interpolation
(Kak and Slaney, Principles of Computerized Tomographic Imaging, 1988, section 3.3).
"""

import numpy as np
import pilotfish


def reconstruct(sinogram):
    """(angles, columns) to (columns, columns), both float32."""
    angles, columns = sinogram.shape
    padded = 1 << int(np.ceil(np.log2(2 * columns)))
    ramp = np.abs(np.fft.rfftfreq(padded))
    filtered = np.fft.irfft(np.fft.rfft(sinogram, padded, axis=1) * ramp, padded, axis=1)[:, :columns]
    middle = (columns - 1) / 2
    axis = np.arange(columns) - middle
    x, y = np.meshgrid(axis, -axis)
    slice_ = np.zeros((columns, columns))
    for projection, angle in zip(filtered, np.arange(angles) * np.pi / angles):
        slice_ += np.interp(x * np.cos(angle) + y * np.sin(angle) + middle, np.arange(columns), projection, 0, 0)
    return (slice_ * np.pi / angles).astype(np.float32)


def handle(event, ctx):
    angles = int(event.headers.get("Angles", "0"))
    values = np.frombuffer(event.data, dtype="<f4")
    if angles < 1 or values.size % angles:
        raise pilotfish.Reject("%d values do not make %d projections: send their number as header Angles" % (values.size, angles))
    if not np.isfinite(values).all():
        raise pilotfish.Reject("the sinogram has values that are no numbers")
    ctx.log.info("reconstructing", angles=angles, columns=values.size // angles)
    return reconstruct(values.reshape(angles, -1))


if __name__ == "__main__":
    pilotfish.run(handle)
