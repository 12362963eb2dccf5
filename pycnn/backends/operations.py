"""Every op, as a back-end offers it. Derived by tests/project/derive_contract.py: do not edit.

Each method takes all parameters of the op of its name in `pycnn.ops`, by position.
"""

from __future__ import annotations

from typing import Protocol

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


class Operations(Protocol):
    """The ops of `pycnn.ops`."""

    def activation(self, x: FloatArray, kind: str, a: float, b: float, /) -> FloatArray: ...
    def activation_backward(
        self, dy: FloatArray, x: FloatArray, kind: str, a: float, b: float, /
    ) -> FloatArray: ...
    def adadelta_step(
        self,
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
    def adam_step(
        self,
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
    def adaptive_avg_pool2d(self, x: FloatArray, output_size: Pair, /) -> FloatArray: ...
    def adaptive_avg_pool2d_backward(
        self, dy: FloatArray, input_shape: Shape4, /
    ) -> FloatArray: ...
    def adaptive_max_pool2d(
        self, x: FloatArray, output_size: Pair, /
    ) -> tuple[FloatArray, IndexArray]: ...
    def add(self, a: FloatArray, b: FloatArray, /) -> FloatArray: ...
    def avg_pool2d(
        self,
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
        self,
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
    def batch_norm2d(
        self, x: FloatArray, weight: FloatArray | None, bias: FloatArray | None, eps: float, /
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]: ...
    def batch_norm2d_apply(
        self,
        x: FloatArray,
        weight: FloatArray | None,
        bias: FloatArray | None,
        mean: FloatArray,
        inv_std: FloatArray,
        residual: FloatArray | None,
        lower: float | None,
        upper: float | None,
        /,
    ) -> FloatArray: ...
    def batch_norm2d_backward(
        self,
        dy: FloatArray,
        x: FloatArray,
        weight: FloatArray | None,
        mean: FloatArray,
        inv_std: FloatArray,
        /,
    ) -> tuple[FloatArray, FloatArray, FloatArray]: ...
    def batch_norm2d_clamp(
        self,
        x: FloatArray,
        weight: FloatArray | None,
        bias: FloatArray | None,
        eps: float,
        residual: FloatArray | None,
        lower: float | None,
        upper: float | None,
        /,
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]: ...
    def batch_norm2d_clamp_backward(
        self,
        dy: FloatArray,
        y: FloatArray | None,
        x: FloatArray,
        weight: FloatArray | None,
        mean: FloatArray,
        inv_std: FloatArray,
        lower: float | None,
        upper: float | None,
        residual_gradient: bool,
        bias: FloatArray | None,
        /,
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray | None]: ...
    def batch_norm2d_statistics(
        self, x: FloatArray, eps: float, /
    ) -> tuple[FloatArray, FloatArray, FloatArray]: ...
    def bce_with_logits(
        self,
        logits: FloatArray,
        target: FloatArray,
        weight: FloatArray | None,
        pos_weight: FloatArray | None,
        reduction: str,
        /,
    ) -> float | FloatArray: ...
    def bce_with_logits_backward(
        self,
        logits: FloatArray,
        target: FloatArray,
        dloss: float | FloatArray,
        weight: FloatArray | None,
        pos_weight: FloatArray | None,
        reduction: str,
        /,
    ) -> FloatArray: ...
    def channel_affine(
        self, x: FloatArray, scale: FloatArray, shift: FloatArray, /
    ) -> FloatArray: ...
    def channel_affine_backward(
        self, dy: FloatArray, x: FloatArray, scale: FloatArray, /
    ) -> tuple[FloatArray, FloatArray, FloatArray]: ...
    def conv2d(
        self,
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
        self,
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
        self,
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
    def conv2d_relu(
        self,
        x: FloatArray,
        w: FloatArray,
        b: FloatArray | None,
        stride: Pair,
        padding: Padding,
        dilation: Pair,
        groups: int,
        /,
    ) -> FloatArray: ...
    def conv2d_relu_max_pool2d(
        self,
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
        self,
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
        self,
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
        self,
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
        self,
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
    def dropout(
        self, x: FloatArray, p: float, seed: int, first_block: int, /
    ) -> tuple[FloatArray, ByteArray]: ...
    def dropout_backward(self, dy: FloatArray, kept: ByteArray, p: float, /) -> FloatArray: ...
    def embedding(self, weight: FloatArray, index: IntArray, /) -> FloatArray: ...
    def embedding_backward(
        self, dy: FloatArray, index: IntArray, padding_idx: int | None, /
    ) -> tuple[IntArray, FloatArray]: ...
    def gelu(self, x: FloatArray, approximate: str, /) -> FloatArray: ...
    def gelu_backward(self, dy: FloatArray, x: FloatArray, approximate: str, /) -> FloatArray: ...
    def leaky_relu(self, x: FloatArray, negative_slope: float, /) -> FloatArray: ...
    def leaky_relu_backward(
        self, dy: FloatArray, x: FloatArray, negative_slope: float, /
    ) -> FloatArray: ...
    def linear(self, x: FloatArray, w: FloatArray, b: FloatArray | None, /) -> FloatArray: ...
    def linear_backward_input(self, dy: FloatArray, w: FloatArray, /) -> FloatArray: ...
    def linear_backward_weight(
        self, dy: FloatArray, x: FloatArray, out: Places | None, /
    ) -> tuple[FloatArray, FloatArray]: ...
    def linear_relu(self, x: FloatArray, w: FloatArray, b: FloatArray | None, /) -> FloatArray: ...
    def local_response_norm(
        self, x: FloatArray, size: int, alpha: float, beta: float, k: float, form: str, /
    ) -> tuple[FloatArray, FloatArray]: ...
    def local_response_norm_backward(
        self,
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
    def log_softmax(self, x: FloatArray, /) -> FloatArray: ...
    def log_softmax_backward(self, dy: FloatArray, y: FloatArray, /) -> FloatArray: ...
    def map_loss(
        self, distances: FloatArray, target: IntArray, j: float, reduction: str, /
    ) -> float | FloatArray: ...
    def map_loss_backward(
        self,
        distances: FloatArray,
        target: IntArray,
        dloss: float | FloatArray,
        j: float,
        reduction: str,
        /,
    ) -> FloatArray: ...
    def max_pool2d(
        self,
        x: FloatArray,
        kernel_size: Pair,
        stride: Pair | None,
        padding: Pair,
        dilation: Pair,
        ceil_mode: bool,
        /,
    ) -> tuple[FloatArray, IndexArray]: ...
    def max_pool2d_backward(
        self, dy: FloatArray, indices: IndexArray, input_shape: Shape4, /
    ) -> FloatArray: ...
    def mse_loss(
        self, output: FloatArray, target: FloatArray, reduction: str, /
    ) -> float | FloatArray: ...
    def mse_loss_backward(
        self, output: FloatArray, target: FloatArray, dloss: float | FloatArray, reduction: str, /
    ) -> FloatArray: ...
    def nll_loss(
        self,
        log_probs: FloatArray,
        target: IntArray,
        weight: FloatArray | None,
        ignore_index: int,
        reduction: str,
        /,
    ) -> float | FloatArray: ...
    def nll_loss_backward(
        self,
        log_probs: FloatArray,
        target: IntArray,
        dloss: float | FloatArray,
        weight: FloatArray | None,
        ignore_index: int,
        reduction: str,
        /,
    ) -> FloatArray: ...
    def pointwise_loss(
        self,
        output: FloatArray,
        target: FloatArray,
        kind: str,
        a: float,
        b: float,
        weight: FloatArray | None,
        divisor: float,
        reduction: str,
        /,
    ) -> float | FloatArray: ...
    def pointwise_loss_backward(
        self,
        output: FloatArray,
        target: FloatArray,
        kind: str,
        dloss: float | FloatArray,
        a: float,
        b: float,
        weight: FloatArray | None,
        divisor: float,
        reduction: str,
        /,
    ) -> FloatArray: ...
    def rbf(self, x: FloatArray, centres: FloatArray, /) -> FloatArray: ...
    def rbf_backward(
        self, dy: FloatArray, x: FloatArray, centres: FloatArray, /
    ) -> tuple[FloatArray, FloatArray]: ...
    def relu(self, x: FloatArray, /) -> FloatArray: ...
    def relu_backward(self, dy: FloatArray, y: FloatArray, /) -> FloatArray: ...
    def rmsprop_step(
        self,
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
    def sgd_step(
        self,
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
    def sigmoid(self, x: FloatArray, /) -> FloatArray: ...
    def sigmoid_backward(self, dy: FloatArray, y: FloatArray, /) -> FloatArray: ...
    def softmax(self, x: FloatArray, /) -> FloatArray: ...
    def softmax_backward(self, dy: FloatArray, p: FloatArray, /) -> FloatArray: ...
    def softmax_cross_entropy(
        self,
        logits: FloatArray,
        target: IntArray,
        weight: FloatArray | None,
        ignore_index: int,
        label_smoothing: float,
        reduction: str,
        /,
    ) -> tuple[float | FloatArray, FloatArray]: ...
    def softmax_cross_entropy_backward(
        self,
        probs: FloatArray,
        target: IntArray,
        dloss: float | FloatArray,
        weight: FloatArray | None,
        ignore_index: int,
        label_smoothing: float,
        reduction: str,
        /,
    ) -> FloatArray: ...
    def tanh(self, x: FloatArray, amplitude: float, slope: float, /) -> FloatArray: ...
    def tanh_backward(
        self, dy: FloatArray, y: FloatArray, amplitude: float, slope: float, /
    ) -> FloatArray: ...
    def upsample2d(
        self, x: FloatArray, scale_factor: Pair, mode: str, align_corners: bool, /
    ) -> FloatArray: ...
    def upsample2d_backward(
        self,
        dy: FloatArray,
        input_shape: Shape4,
        scale_factor: Pair,
        mode: str,
        align_corners: bool,
        /,
    ) -> FloatArray: ...
    def zero_pad2d(self, x: FloatArray, padding: Sides, /) -> FloatArray: ...
    def zero_pad2d_backward(
        self, dy: FloatArray, input_shape: Shape4, padding: Sides, /
    ) -> FloatArray: ...
