"""The configuration of this build, and of the machine it runs on."""

from __future__ import annotations

from pycnn import _core, cuda, devices

# Whether the program has called `set_num_threads`.
threads_were_set = False


class Config(dict[str, object]):
    """A dictionary that prints as a table."""

    def __repr__(self) -> str:
        """Return one line, name and value, for each entry."""
        width = max(len(name) for name in self)
        lines = []
        for name, value in self.items():
            text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            lines.append(f"{name:<{width}}  {text}")
        return "\n".join(lines)

    __str__ = __repr__


def gpus() -> str | tuple[str, ...]:
    """Return the GPUs with their memory, or why there are none."""
    try:
        found = cuda.devices()
    except devices.DeviceError:
        return "this pycnn was built without it"
    named = (f"{device['name']} ({device['memory'] / 2**30:.0f} GiB)" for device in found)
    return tuple(named) or "built, but there is no GPU"


def show_config() -> Config:
    """Return version, instruction set, threads, convolution, backends, GPUs and compiler.

    Returns
    -------
    Config
        A dictionary with the keys ``version``, ``isa`` (the one in use), ``isa_available``,
        ``threads``, ``convolution`` (that of `set_convolution`, or the forced algorithm),
        ``backends`` (those that can be used), ``cuda`` (the GPUs, or why there are none),
        ``compiler`` and ``build_type``; it prints as a table.

    Raises
    ------
    ValueError
        If the environment forces an unknown instruction set or an unknown algorithm.

    Notes
    -----
    ``PYCNN_ISA=name`` in the environment forces an instruction set, ``PYCNN_CONV=name`` an
    algorithm of convolution; ``PYCNN_CONV=accurate`` does what `set_convolution` does. The number
    of threads is that of `set_num_threads`, else that of ``PYCNN_NUM_THREADS``, else the least of
    ``OMP_NUM_THREADS``, ``OMP_THREAD_LIMIT`` and the cores that the process may use (CPU affinity,
    and the smallest quota of its control groups).
    """
    return Config(
        version=_core.version,
        isa=_core.isa(),
        isa_available=_core.isa_available(),
        threads=_core.get_num_threads(),
        convolution=_core.forced_conv_algorithm() or _core.get_convolution(),
        backends=("reference", "cpu", *devices.available()),
        cuda=gpus(),
        compiler=_core.compiler,
        build_type=_core.build_type,
    )


def set_num_threads(n: int) -> None:
    """Set how many threads the ops use from now on.

    Parameters
    ----------
    n : int
        1 to 1024. A team never has more than 64 threads, or four for each core if that is more, nor
        more than ``OMP_THREAD_LIMIT`` allows. Results are the same bits for any number.

    Raises
    ------
    TypeError, ValueError
        If it is not an integer, or out of range.
    """
    _core.set_num_threads(n)
    global threads_were_set
    threads_were_set = True


def get_num_threads() -> int:
    """Return how many threads the ops use."""
    return _core.get_num_threads()


def set_convolution(mode: str) -> None:
    """Choose between the fastest algorithms of convolution and those that round least, on the CPU.

    Winograd's tiles take 4 times fewer multiplications for large enough convolutions of 3 x 3
    filters, 1.8 times fewer with a stride of 2, 2.8 times fewer for 5 x 5, half of them for filters
    of text networks over 3 to 5 words, and round 2 to 5 times as much as a plain sum of the
    products does (dw of 5 x 5 filters 11 times). Ask for 'accurate' to compare with another
    library, or where many such layers without normalisation follow each other.

    Parameters
    ----------
    mode : {'fast', 'accurate'}
        'accurate' uses no Winograd tiles. The choice is the process's, for all calls from now on.

    Raises
    ------
    TypeError, ValueError
        If it is not one of the two words.
    """
    _core.set_convolution(mode)


def get_convolution() -> str:
    """Return the mode of `set_convolution`: 'fast', as at first, or 'accurate'."""
    return _core.get_convolution()
