from pycnn.backends.types import (
    AnyArray,
    ByteArray,
    FloatArray,
    IndexArray,
    IntArray,
    Padding,
    Pair,
    Places,
    Shape4,
    Sides,
)

version: str
compiler: str
build_type: str

def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def cgroup_quota(root: str) -> int: ...
def isa() -> str: ...
def simd_lanes() -> int: ...
def kernel_isa() -> str: ...
def isa_available() -> tuple[str, ...]: ...
def set_isa(name: str) -> None: ...

class BlockLog:
    def start(self) -> None: ...
    def stop(self) -> None: ...
    @property
    def memory(self) -> int: ...

class Recording:
    def __init__(self, log: BlockLog | None = None) -> None: ...
    def allow(self, array: AnyArray) -> None: ...
    def holds(self, array: AnyArray) -> bool: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def pause(self) -> None: ...
    def keep_lanes(self) -> None: ...
    def start_renewal(self, first: int) -> None: ...
    def end_renewal(self) -> int: ...
    def clear(self) -> None: ...
    def refuse(self, who: str, why: str) -> None: ...
    def add_call(
        self,
        op: str,
        call: object,
        reads: list[AnyArray],
        made: list[AnyArray],
        changed: list[AnyArray],
    ) -> None: ...
    def add_loss(self, op: str, call: object, reads: list[AnyArray]) -> None: ...
    def run(self, first: int, last: int) -> float: ...
    def times(self, first: int, last: int) -> list[float]: ...
    @property
    def memory(self) -> int: ...
    @property
    def places(self) -> int: ...
    @property
    def losses(self) -> int: ...
    @property
    def refusal(self) -> str: ...
    @property
    def steps(self) -> list[tuple[str, str, str]]: ...

def cached_bytes() -> int: ...
def used_bytes() -> int: ...
def most_used_bytes() -> int: ...
def forget_most_used() -> None: ...
def trim_cache() -> None: ...
def poison_memory(on: bool) -> None: ...
def damaged_blocks() -> int: ...
def conv_algorithms() -> tuple[str, ...]: ...
def force_conv_algorithm(name: str) -> None: ...
def forced_conv_algorithm() -> str: ...
def set_convolution(mode: str) -> None: ...
def get_convolution() -> str: ...
def fma_peak(threads: int, seconds: float) -> float: ...
def pixel_rows(
    pixels: ByteArray, index: IntArray, tables: FloatArray, lines: AnyArray, out: FloatArray
) -> None: ...
def borrowed(array: AnyArray) -> AnyArray: ...
def recordable(shape: list[int], dtype: object) -> AnyArray: ...
def concatenate(arrays: list[AnyArray], axis: int) -> FloatArray: ...
def split(array: FloatArray, extents: list[int], axis: int) -> list[FloatArray]: ...
def table_gradient(
    dy: FloatArray, index: IntArray, padding_idx: int | None, V: int
) -> FloatArray: ...
def folded_norm(
    mean: FloatArray,
    var: FloatArray,
    weight: FloatArray | None,
    bias: FloatArray | None,
    eps: float,
) -> tuple[FloatArray, FloatArray, FloatArray]: ...
def same_bytes(a: AnyArray, b: AnyArray) -> bool: ...
def linear_weight_factors(
    dy: FloatArray, x: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]: ...
def sgd_steps(
    entries: list[tuple[FloatArray, FloatArray | tuple[FloatArray, FloatArray], FloatArray | None]],
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    first: bool,
) -> None: ...
def adam_steps(
    entries: list[
        tuple[FloatArray, FloatArray | tuple[FloatArray, FloatArray], FloatArray, FloatArray]
    ],
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> None: ...

class InferencePlan:
    """The compiled steps of `pycnn.inference.engine.Engine`, added one by one, then run."""

    def __init__(self, kept: int, passing: int, input: int, output: int) -> None: ...
    def begin_image_by_image(self, work: float) -> None: ...
    def end_image_by_image(self) -> None: ...
    def floats(self, images: int) -> int: ...
    def run(self, x: FloatArray, y: FloatArray) -> None: ...
    def times(self, x: FloatArray, y: FloatArray) -> list[float]: ...

# The ops. Derived by tests/project/derive_contract.py: change nothing below.
def activation(x: FloatArray, kind: str, a: float = 0.0, b: float = 0.0) -> FloatArray: ...
def activation_backward(
    dy: FloatArray, x: FloatArray, kind: str, a: float = 0.0, b: float = 0.0
) -> FloatArray: ...
def adadelta_step(
    w: FloatArray,
    grad: FloatArray,
    square_avg: FloatArray,
    acc_delta: FloatArray,
    lr: float = 1.0,
    rho: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
) -> None: ...
def adam_step(
    w: FloatArray,
    grad: FloatArray,
    m: FloatArray,
    v: FloatArray,
    step: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> None: ...
def adaptive_avg_pool2d(x: FloatArray, output_size: Pair) -> FloatArray: ...
def adaptive_avg_pool2d_backward(dy: FloatArray, input_shape: Shape4) -> FloatArray: ...
def adaptive_max_pool2d(x: FloatArray, output_size: Pair) -> tuple[FloatArray, IndexArray]: ...
def add(a: FloatArray, b: FloatArray) -> FloatArray: ...
def avg_pool2d(
    x: FloatArray,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> FloatArray: ...
def avg_pool2d_backward(
    dy: FloatArray,
    input_shape: Shape4,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> FloatArray: ...
def batch_norm2d(
    x: FloatArray, weight: FloatArray | None, bias: FloatArray | None, eps: float = 1e-5
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]: ...
def batch_norm2d_apply(
    x: FloatArray,
    weight: FloatArray | None,
    bias: FloatArray | None,
    mean: FloatArray,
    inv_std: FloatArray,
    residual: FloatArray | None = None,
    lower: float | None = None,
    upper: float | None = None,
) -> FloatArray: ...
def batch_norm2d_backward(
    dy: FloatArray, x: FloatArray, weight: FloatArray | None, mean: FloatArray, inv_std: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]: ...
def batch_norm2d_clamp(
    x: FloatArray,
    weight: FloatArray | None,
    bias: FloatArray | None,
    eps: float = 1e-5,
    residual: FloatArray | None = None,
    lower: float | None = None,
    upper: float | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]: ...
def batch_norm2d_clamp_backward(
    dy: FloatArray,
    y: FloatArray | None,
    x: FloatArray,
    weight: FloatArray | None,
    mean: FloatArray,
    inv_std: FloatArray,
    lower: float | None = None,
    upper: float | None = None,
    residual_gradient: bool = False,
    bias: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray | None]: ...
def batch_norm2d_statistics(
    x: FloatArray, eps: float = 1e-5
) -> tuple[FloatArray, FloatArray, FloatArray]: ...
def bce_with_logits(
    logits: FloatArray,
    target: FloatArray,
    weight: FloatArray | None = None,
    pos_weight: FloatArray | None = None,
    reduction: str = "mean",
) -> float | FloatArray: ...
def bce_with_logits_backward(
    logits: FloatArray,
    target: FloatArray,
    dloss: float | FloatArray = 1.0,
    weight: FloatArray | None = None,
    pos_weight: FloatArray | None = None,
    reduction: str = "mean",
) -> FloatArray: ...
def channel_affine(x: FloatArray, scale: FloatArray, shift: FloatArray) -> FloatArray: ...
def channel_affine_backward(
    dy: FloatArray, x: FloatArray, scale: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]: ...
def conv2d(
    x: FloatArray,
    w: FloatArray,
    b: FloatArray | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> FloatArray: ...
def conv2d_algorithm(
    input_shape: Shape4,
    weight_shape: Shape4,
    direction: str = "forward",
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> str: ...
def conv2d_backward_input(
    dy: FloatArray,
    w: FloatArray,
    input_shape: Shape4,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> FloatArray: ...
def conv2d_backward_weight(
    dy: FloatArray,
    x: FloatArray,
    weight_shape: Shape4,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    out: Places | None = None,
) -> tuple[FloatArray, FloatArray]: ...
def conv2d_relu(
    x: FloatArray,
    w: FloatArray,
    b: FloatArray | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> FloatArray: ...
def conv2d_relu_max_pool2d(
    x: FloatArray,
    w: FloatArray,
    b: FloatArray | None,
    window: Pair,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[FloatArray, AnyArray]: ...
def conv2d_relu_max_pool2d_backward(
    dy: FloatArray,
    winners: AnyArray,
    x: FloatArray,
    w: FloatArray,
    window: Pair,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    input_gradient: bool = True,
    out: Places | None = None,
) -> tuple[FloatArray | None, FloatArray, FloatArray]: ...
def conv_transpose2d(
    x: FloatArray,
    w: FloatArray,
    b: FloatArray | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> FloatArray: ...
def conv_transpose2d_backward_input(
    dy: FloatArray,
    w: FloatArray,
    input_shape: Shape4,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> FloatArray: ...
def conv_transpose2d_backward_weight(
    dy: FloatArray,
    x: FloatArray,
    weight_shape: Shape4,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[FloatArray, FloatArray]: ...
def dropout(
    x: FloatArray, p: float, seed: int, first_block: int = 0
) -> tuple[FloatArray, ByteArray]: ...
def dropout_backward(dy: FloatArray, kept: ByteArray, p: float) -> FloatArray: ...
def embedding(weight: FloatArray, index: IntArray) -> FloatArray: ...
def embedding_backward(
    dy: FloatArray, index: IntArray, padding_idx: int | None = None
) -> tuple[IntArray, FloatArray]: ...
def gelu(x: FloatArray, approximate: str = "none") -> FloatArray: ...
def gelu_backward(dy: FloatArray, x: FloatArray, approximate: str = "none") -> FloatArray: ...
def leaky_relu(x: FloatArray, negative_slope: float = 0.01) -> FloatArray: ...
def leaky_relu_backward(
    dy: FloatArray, x: FloatArray, negative_slope: float = 0.01
) -> FloatArray: ...
def linear(x: FloatArray, w: FloatArray, b: FloatArray | None = None) -> FloatArray: ...
def linear_backward_input(dy: FloatArray, w: FloatArray) -> FloatArray: ...
def linear_backward_weight(
    dy: FloatArray, x: FloatArray, out: Places | None = None
) -> tuple[FloatArray, FloatArray]: ...
def linear_relu(x: FloatArray, w: FloatArray, b: FloatArray | None = None) -> FloatArray: ...
def local_response_norm(
    x: FloatArray,
    size: int = 5,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    form: str = "mean",
) -> tuple[FloatArray, FloatArray]: ...
def local_response_norm_backward(
    dy: FloatArray,
    x: FloatArray,
    y: FloatArray,
    scale: FloatArray,
    size: int = 5,
    alpha: float = 1e-4,
    beta: float = 0.75,
    form: str = "mean",
) -> FloatArray: ...
def log_softmax(x: FloatArray) -> FloatArray: ...
def log_softmax_backward(dy: FloatArray, y: FloatArray) -> FloatArray: ...
def map_loss(
    distances: FloatArray, target: IntArray, j: float = 0.1, reduction: str = "mean"
) -> float | FloatArray: ...
def map_loss_backward(
    distances: FloatArray,
    target: IntArray,
    dloss: float | FloatArray = 1.0,
    j: float = 0.1,
    reduction: str = "mean",
) -> FloatArray: ...
def max_pool2d(
    x: FloatArray,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> tuple[FloatArray, IndexArray]: ...
def max_pool2d_backward(dy: FloatArray, indices: IndexArray, input_shape: Shape4) -> FloatArray: ...
def mse_loss(
    output: FloatArray, target: FloatArray, reduction: str = "mean"
) -> float | FloatArray: ...
def mse_loss_backward(
    output: FloatArray, target: FloatArray, dloss: float | FloatArray = 1.0, reduction: str = "mean"
) -> FloatArray: ...
def nll_loss(
    log_probs: FloatArray,
    target: IntArray,
    weight: FloatArray | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> float | FloatArray: ...
def nll_loss_backward(
    log_probs: FloatArray,
    target: IntArray,
    dloss: float | FloatArray = 1.0,
    weight: FloatArray | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> FloatArray: ...
def pointwise_loss(
    output: FloatArray,
    target: FloatArray,
    kind: str,
    a: float = 0.0,
    b: float = 0.0,
    weight: FloatArray | None = None,
    divisor: float = 1.0,
    reduction: str = "mean",
) -> float | FloatArray: ...
def pointwise_loss_backward(
    output: FloatArray,
    target: FloatArray,
    kind: str,
    dloss: float | FloatArray = 1.0,
    a: float = 0.0,
    b: float = 0.0,
    weight: FloatArray | None = None,
    divisor: float = 1.0,
    reduction: str = "mean",
) -> FloatArray: ...
def rbf(x: FloatArray, centres: FloatArray) -> FloatArray: ...
def rbf_backward(
    dy: FloatArray, x: FloatArray, centres: FloatArray
) -> tuple[FloatArray, FloatArray]: ...
def relu(x: FloatArray) -> FloatArray: ...
def relu_backward(dy: FloatArray, y: FloatArray) -> FloatArray: ...
def rmsprop_step(
    w: FloatArray,
    grad: FloatArray,
    square_avg: FloatArray,
    momentum_buffer: FloatArray | None,
    grad_avg: FloatArray | None,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
) -> None: ...
def sgd_step(
    w: FloatArray,
    grad: FloatArray,
    velocity: FloatArray | None,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    first: bool = False,
) -> None: ...
def sigmoid(x: FloatArray) -> FloatArray: ...
def sigmoid_backward(dy: FloatArray, y: FloatArray) -> FloatArray: ...
def softmax(x: FloatArray) -> FloatArray: ...
def softmax_backward(dy: FloatArray, p: FloatArray) -> FloatArray: ...
def softmax_cross_entropy(
    logits: FloatArray,
    target: IntArray,
    weight: FloatArray | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[float | FloatArray, FloatArray]: ...
def softmax_cross_entropy_backward(
    probs: FloatArray,
    target: IntArray,
    dloss: float | FloatArray = 1.0,
    weight: FloatArray | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> FloatArray: ...
def tanh(x: FloatArray, amplitude: float = 1.0, slope: float = 1.0) -> FloatArray: ...
def tanh_backward(
    dy: FloatArray, y: FloatArray, amplitude: float = 1.0, slope: float = 1.0
) -> FloatArray: ...
def upsample2d(
    x: FloatArray, scale_factor: Pair, mode: str = "nearest", align_corners: bool = False
) -> FloatArray: ...
def upsample2d_backward(
    dy: FloatArray,
    input_shape: Shape4,
    scale_factor: Pair,
    mode: str = "nearest",
    align_corners: bool = False,
) -> FloatArray: ...
def zero_pad2d(x: FloatArray, padding: Sides) -> FloatArray: ...
def zero_pad2d_backward(dy: FloatArray, input_shape: Shape4, padding: Sides) -> FloatArray: ...
