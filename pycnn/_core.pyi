from pycnn.ops.types import (
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
def set_num_threads(n: int, /) -> None: ...
def cgroup_quota(root: str) -> int: ...
def isa() -> str: ...
def kernel_isa() -> str: ...
def isa_available() -> tuple[str, ...]: ...
def set_isa(name: str, /) -> None: ...
def cached_bytes() -> int: ...
def trim_cache() -> None: ...
def poison_memory(on: bool, /) -> None: ...
def damaged_blocks() -> int: ...
def conv2d_algorithm(
    input_shape: Shape4,
    weight_shape: Shape4,
    direction: str,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    /,
) -> str: ...
def conv_algorithms() -> tuple[str, ...]: ...
def force_conv_algorithm(name: str, /) -> None: ...
def forced_conv_algorithm() -> str: ...
def fma_peak(threads: int, seconds: float, /) -> float: ...
def conv2d(
    x: FloatArray,
    w: FloatArray,
    b: FloatArray | None,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    /,
) -> FloatArray: ...
def conv2d_relu(
    x: FloatArray,
    w: FloatArray,
    b: FloatArray | None,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    /,
) -> FloatArray: ...
def conv2d_backward_input(
    dy: FloatArray,
    w: FloatArray,
    input_shape: Shape4,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    /,
) -> FloatArray: ...
def conv2d_backward_weight(
    dy: FloatArray,
    x: FloatArray,
    weight_shape: Shape4,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    out: Places | None,
    /,
) -> tuple[FloatArray, FloatArray]: ...
def conv2d_relu_max_pool2d(
    x: FloatArray,
    w: FloatArray,
    b: FloatArray | None,
    window: Pair,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    /,
) -> tuple[FloatArray, AnyArray]: ...
def conv2d_relu_max_pool2d_backward(
    dy: FloatArray,
    winners: AnyArray,
    x: FloatArray,
    w: FloatArray,
    window: Pair,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
    input_gradient: bool,
    out: Places | None,
    /,
) -> tuple[FloatArray | None, FloatArray, FloatArray]: ...
def conv_transpose2d(
    x: FloatArray,
    w: FloatArray,
    b: FloatArray | None,
    stride: Pair,
    padding: Pair,
    output_padding: Pair,
    dilation: Pair,
    groups: int,
    /,
) -> FloatArray: ...
def conv_transpose2d_backward_input(
    dy: FloatArray,
    w: FloatArray,
    input_shape: Shape4,
    stride: Pair,
    padding: Pair,
    output_padding: Pair,
    dilation: Pair,
    groups: int,
    /,
) -> FloatArray: ...
def conv_transpose2d_backward_weight(
    dy: FloatArray,
    x: FloatArray,
    weight_shape: Shape4,
    stride: Pair,
    padding: Pair,
    output_padding: Pair,
    dilation: Pair,
    groups: int,
    /,
) -> tuple[FloatArray, FloatArray]: ...
def max_pool2d(
    x: FloatArray,
    kernel_size: Pair,
    stride: Pair | None,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
    /,
) -> tuple[FloatArray, IndexArray]: ...
def max_pool2d_backward(
    dy: FloatArray, indices: IndexArray, input_shape: Shape4, /
) -> FloatArray: ...
def avg_pool2d(
    x: FloatArray,
    kernel_size: Pair,
    stride: Pair | None,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
    /,
) -> FloatArray: ...
def avg_pool2d_backward(
    dy: FloatArray,
    input_shape: Shape4,
    kernel_size: Pair,
    stride: Pair | None,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
    /,
) -> FloatArray: ...
def adaptive_avg_pool2d(x: FloatArray, output_size: Pair, /) -> FloatArray: ...
def adaptive_avg_pool2d_backward(dy: FloatArray, input_shape: Shape4, /) -> FloatArray: ...
def adaptive_max_pool2d(x: FloatArray, output_size: Pair, /) -> tuple[FloatArray, IndexArray]: ...
def upsample2d(
    x: FloatArray, scale_factor: Pair, mode: str, align_corners: bool, /
) -> FloatArray: ...
def upsample2d_backward(
    dy: FloatArray, input_shape: Shape4, scale_factor: Pair, mode: str, align_corners: bool, /
) -> FloatArray: ...
def zero_pad2d(x: FloatArray, padding: Sides, /) -> FloatArray: ...
def zero_pad2d_backward(dy: FloatArray, input_shape: Shape4, padding: Sides, /) -> FloatArray: ...
def relu(x: FloatArray, /) -> FloatArray: ...
def relu_backward(dy: FloatArray, y: FloatArray, /) -> FloatArray: ...
def linear(x: FloatArray, w: FloatArray, b: FloatArray | None, /) -> FloatArray: ...
def linear_relu(x: FloatArray, w: FloatArray, b: FloatArray | None, /) -> FloatArray: ...
def linear_backward_input(dy: FloatArray, w: FloatArray, /) -> FloatArray: ...
def linear_backward_weight(
    dy: FloatArray, x: FloatArray, out: Places | None, /
) -> tuple[FloatArray, FloatArray]: ...
def embedding(weight: FloatArray, index: IntArray, /) -> FloatArray: ...
def embedding_backward(
    dy: FloatArray, index: IntArray, padding_idx: int | None, /
) -> tuple[IntArray, FloatArray]: ...
def channel_affine(x: FloatArray, scale: FloatArray, shift: FloatArray, /) -> FloatArray: ...
def channel_affine_backward(
    dy: FloatArray, x: FloatArray, scale: FloatArray, /
) -> tuple[FloatArray, FloatArray, FloatArray]: ...
def batch_norm2d(
    x: FloatArray, weight: FloatArray | None, bias: FloatArray | None, eps: float, /
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]: ...
def batch_norm2d_backward(
    dy: FloatArray,
    x: FloatArray,
    weight: FloatArray | None,
    mean: FloatArray,
    inv_std: FloatArray,
    /,
) -> tuple[FloatArray, FloatArray, FloatArray]: ...
def leaky_relu(x: FloatArray, negative_slope: float, /) -> FloatArray: ...
def leaky_relu_backward(dy: FloatArray, x: FloatArray, negative_slope: float, /) -> FloatArray: ...
def tanh(x: FloatArray, amplitude: float, slope: float, /) -> FloatArray: ...
def tanh_backward(
    dy: FloatArray, y: FloatArray, amplitude: float, slope: float, /
) -> FloatArray: ...
def sigmoid(x: FloatArray, /) -> FloatArray: ...
def sigmoid_backward(dy: FloatArray, y: FloatArray, /) -> FloatArray: ...
def gelu(x: FloatArray, approximate: str, /) -> FloatArray: ...
def gelu_backward(dy: FloatArray, x: FloatArray, approximate: str, /) -> FloatArray: ...
def dropout(
    x: FloatArray, p: float, seed: int, first_block: int, /
) -> tuple[FloatArray, ByteArray]: ...
def dropout_backward(dy: FloatArray, kept: ByteArray, p: float, /) -> FloatArray: ...
def local_response_norm(
    x: FloatArray, size: int, alpha: float, beta: float, k: float, form: str, /
) -> tuple[FloatArray, FloatArray]: ...
def local_response_norm_backward(
    dy: FloatArray,
    x: FloatArray,
    y: FloatArray,
    scale: FloatArray,
    size: int,
    alpha: float,
    beta: float,
    form: str,
    /,
) -> FloatArray: ...
def rbf(x: FloatArray, centres: FloatArray, /) -> FloatArray: ...
def rbf_backward(
    dy: FloatArray, x: FloatArray, centres: FloatArray, /
) -> tuple[FloatArray, FloatArray]: ...
def softmax(x: FloatArray, /) -> FloatArray: ...
def softmax_backward(dy: FloatArray, p: FloatArray, /) -> FloatArray: ...
def log_softmax(x: FloatArray, /) -> FloatArray: ...
def log_softmax_backward(dy: FloatArray, y: FloatArray, /) -> FloatArray: ...
def nll_loss(
    log_probs: FloatArray,
    target: IntArray,
    weight: FloatArray | None,
    ignore_index: int,
    reduction: str,
    /,
) -> float | FloatArray: ...
def nll_loss_backward(
    log_probs: FloatArray,
    target: IntArray,
    dloss: float | FloatArray,
    weight: FloatArray | None,
    ignore_index: int,
    reduction: str,
    /,
) -> FloatArray: ...
def map_loss(
    distances: FloatArray, target: IntArray, j: float, reduction: str, /
) -> float | FloatArray: ...
def map_loss_backward(
    distances: FloatArray,
    target: IntArray,
    dloss: float | FloatArray,
    j: float,
    reduction: str,
    /,
) -> FloatArray: ...
def mse_loss(output: FloatArray, target: FloatArray, reduction: str, /) -> float | FloatArray: ...
def mse_loss_backward(
    output: FloatArray, target: FloatArray, dloss: float | FloatArray, reduction: str, /
) -> FloatArray: ...
def bce_with_logits(
    logits: FloatArray,
    target: FloatArray,
    weight: FloatArray | None,
    pos_weight: FloatArray | None,
    reduction: str,
    /,
) -> float | FloatArray: ...
def bce_with_logits_backward(
    logits: FloatArray,
    target: FloatArray,
    dloss: float | FloatArray,
    weight: FloatArray | None,
    pos_weight: FloatArray | None,
    reduction: str,
    /,
) -> FloatArray: ...
def softmax_cross_entropy(
    logits: FloatArray,
    target: IntArray,
    weight: FloatArray | None,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
    /,
) -> tuple[float | FloatArray, FloatArray]: ...
def softmax_cross_entropy_backward(
    probs: FloatArray,
    target: IntArray,
    dloss: float | FloatArray,
    weight: FloatArray | None,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
    /,
) -> FloatArray: ...
def sgd_step(
    w: FloatArray,
    grad: FloatArray,
    velocity: FloatArray | None,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    first: bool,
    /,
) -> None: ...
def adam_step(
    w: FloatArray,
    grad: FloatArray,
    m: FloatArray,
    v: FloatArray,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    decoupled: bool,
    /,
) -> None: ...
def adadelta_step(
    w: FloatArray,
    grad: FloatArray,
    square_avg: FloatArray,
    acc_delta: FloatArray,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    /,
) -> None: ...
def rmsprop_step(
    w: FloatArray,
    grad: FloatArray,
    square_avg: FloatArray,
    momentum_buffer: FloatArray | None,
    grad_avg: FloatArray | None,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    /,
) -> None: ...
