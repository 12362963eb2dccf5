"""Whether a ``forward`` of one's own does the same in every step, seen in its bytecode.

A plan repeats what a ``forward`` did once. That is right if the code only calls modules, functions
of pycnn and methods of tensors, and reads nothing that may change unseen. Instructions, names and
objects are looked up in lists of what is known to be so; whatever is not there is refused.
"""

from __future__ import annotations

import dis
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from pycnn.layers.module import Module
from pycnn.layers.parameter import Buffer, Parameter
from pycnn.layers.passes import is_ours

# Where a plain value is read from, to compare it later: getattr(owner, name).
Constants = list[tuple[Any, str]]

PLAIN = (int, float, str, bool, bytes, type(None), type(...))
BUILTINS = {len, range, zip, enumerate, reversed, tuple, list, int, isinstance}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Methods and attributes of tensors. What NumPy computes is refused by the op that reads it.
OF_TENSORS = _words(
    """
    T abs add amax amin argmax argmin bool ceil chunk clamp clone contiguous cos detach device dim
    div dtype eq erf exp expand expm1 flatten float floor ge gelu gt int le log log1p log_softmax
    long lt masked_fill matmul max maximum mean min minimum mT mul ndim ne neg norm numel permute
    pow prod reciprocal relu repeat reshape round rsqrt shape sigmoid sign silu sin size softmax
    split sqrt square squeeze std sub sum swapaxes tanh transpose unbind unflatten unsqueeze var
    view view_as where
    """
)
# Modules of pycnn whose functions do the same in every step.
OF_FUNCTIONS = (
    "pycnn.autograd",
    "pycnn.functional",
    "pycnn.layers.folding",
    "pycnn.layers.more_activations",
)
# Instructions that change nothing but the stack and local names.
_HARMLESS = _words(
    """
    RESUME NOP CACHE PRECALL PUSH_NULL POP_TOP COPY SWAP KW_NAMES CALL CALL_KW CALL_FUNCTION
    CALL_FUNCTION_KW CALL_FUNCTION_EX CALL_METHOD CALL_INTRINSIC_1 RETURN_VALUE RETURN_CONST
    LOAD_CONST LOAD_SMALL_INT LOAD_FAST LOAD_FAST_BORROW LOAD_FAST_CHECK LOAD_FAST_LOAD_FAST
    LOAD_FAST_BORROW_LOAD_FAST_BORROW LOAD_FAST_AND_CLEAR LOAD_GLOBAL LOAD_ATTR LOAD_METHOD
    STORE_FAST STORE_FAST_STORE_FAST STORE_FAST_LOAD_FAST STORE_FAST_MAYBE_NULL DELETE_FAST
    BINARY_OP BINARY_ADD BINARY_SUBTRACT BINARY_MULTIPLY BINARY_TRUE_DIVIDE BINARY_FLOOR_DIVIDE
    BINARY_MODULO BINARY_POWER BINARY_MATRIX_MULTIPLY BINARY_SUBSCR BINARY_SLICE BUILD_SLICE
    UNARY_NEGATIVE UNARY_NOT COMPARE_OP IS_OP CONTAINS_OP TO_BOOL BUILD_TUPLE BUILD_LIST
    BUILD_MAP BUILD_CONST_KEY_MAP LIST_APPEND LIST_EXTEND LIST_TO_TUPLE UNPACK_SEQUENCE GET_ITER
    FOR_ITER END_FOR POP_ITER JUMP_FORWARD JUMP_BACKWARD JUMP_ABSOLUTE NOT_TAKEN
    POP_JUMP_IF_TRUE POP_JUMP_IF_FALSE POP_JUMP_IF_NONE POP_JUMP_IF_NOT_NONE
    POP_JUMP_FORWARD_IF_TRUE POP_JUMP_FORWARD_IF_FALSE POP_JUMP_FORWARD_IF_NONE
    POP_JUMP_FORWARD_IF_NOT_NONE JUMP_IF_TRUE_OR_POP JUMP_IF_FALSE_OR_POP ROT_TWO ROT_THREE
    DUP_TOP
    """
)
# What a class of one's own may define besides `forward` and helpers.
_OF_CLASSES = _words(
    """
    __init__ __module__ __doc__ __qualname__ __annotations__ __annotate_func__ __firstlineno__
    __static_attributes__ __annotations_cache__ __conditional_annotations__ __parameters__
    __orig_bases__ forward backward backward_parameters extra_repr _arguments _training_at_first
    """
)
_UNKNOWN = object()


class _Namespace:
    """The global names of a function, as attributes."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def __getattr__(self, name: str) -> Any:
        return self._names.get(name, _UNKNOWN)


class Varying(Exception):
    """Says what may change from step to step."""


def constants_of_forward(module: Module) -> Constants:
    """Return the plain values that a module's class and its ``forward`` read from elsewhere.

    Raises
    ------
    Varying
        If the code may do something else in the next step.
    """
    kind = type(module)
    own = [cls for cls in kind.__mro__ if not is_ours(cls) and cls is not object]
    first = next(cls for cls in kind.__mro__ if is_ours(cls))
    if first is not Module:
        own = [cls for cls in own if set(vars(cls)) - (_OF_CLASSES - {"forward", "backward"})]
        if own:
            raise Varying(f"{kind.__name__} changes a layer of pycnn")
        return []
    for cls in own:
        for name in vars(cls):
            if hasattr(Module, name) and name not in _OF_CLASSES:
                raise Varying(f"{kind.__name__} defines {name}")
    if kind.backward is not Module.backward:
        raise Varying(f"{kind.__name__} has a backward of its own")
    if kind.backward_parameters is not Module.backward_parameters:
        raise Varying(f"{kind.__name__} has a backward_parameters of its own")
    reader = _Reader(module)
    reader.function(getattr(kind.forward, "__wrapped__", kind.forward), is_method=True)
    return reader.constants


class _Reader:
    """Reads the functions that a forward pass consists of."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.constants: Constants = [(type(module), "forward")]
        self._seen: set[CodeType] = set()

    def function(self, function: Any, *, is_method: bool) -> None:
        """Read a function of the user's, and those that it calls.

        The first argument of a method is the module, whatever its name.
        """
        if type(function) is not FunctionType or function.__closure__:
            raise Varying(f"{_named(function)} is no plain function")
        code = function.__code__
        own = code.co_varnames[0] if is_method and code.co_argcount else ""
        self._code(code, function.__globals__, own)

    def _code(self, code: CodeType, names: dict[str, Any], own: str) -> None:
        if code in self._seen:
            return
        self._seen.add(code)
        known: Any = _UNKNOWN
        for step in dis.get_instructions(code):
            operation, name = step.opname, step.argval
            if operation not in _HARMLESS:
                raise Varying(f"{code.co_name} has the instruction {operation}")
            if (
                own
                and "STORE_FAST" in operation
                and own in (name if isinstance(name, tuple) else (name,))
            ):
                raise Varying(f"{code.co_name} assigns to {own}")
            if operation == "LOAD_GLOBAL":
                known = self._global(names, name)
            elif operation in ("LOAD_ATTR", "LOAD_METHOD"):
                known = self._attribute(known, name)
            elif "LOAD_FAST" in operation:
                last = name[-1] if isinstance(name, tuple) else name
                known = self.module if own and last == own else _UNKNOWN
            elif operation not in ("CACHE", "PUSH_NULL"):
                known = _UNKNOWN

    def _global(self, names: dict[str, Any], name: str) -> Any:
        builtins = names["__builtins__"]
        builtins = vars(builtins) if isinstance(builtins, ModuleType) else builtins
        if name not in names:
            if builtins.get(name) not in BUILTINS:
                raise Varying(f"{name} is none of the functions that are known to be repeatable")
            return _UNKNOWN
        self.constants.append((_Namespace(names), name))
        return self._value(name, names[name])

    def _attribute(self, owner: Any, name: str) -> Any:
        if owner is _UNKNOWN:
            if name not in OF_TENSORS:
                raise Varying(f"{name} is none of the attributes that are known to be repeatable")
            return _UNKNOWN
        if isinstance(owner, Parameter | Buffer):
            return self._attribute(_UNKNOWN, name)
        if not hasattr(owner, name):
            raise Varying(f"there is no {name}")
        if isinstance(owner, Module):
            if name in ("training", "forward"):
                return _UNKNOWN
            if name not in vars(owner):
                self.constants.append((type(owner), name))
        else:
            self.constants.append((owner, name))
        return self._value(name, getattr(owner, name))

    def _value(self, name: str, value: Any) -> Any:
        """Return a value that may be read, or `_UNKNOWN` if nothing is known of its attributes."""
        if isinstance(value, Module | Parameter | Buffer):
            return value
        if _is_plain(value):
            return _UNKNOWN
        if isinstance(value, ModuleType) and value.__name__.partition(".")[0] == "pycnn":
            return value
        is_method = isinstance(value, MethodType) and value.__self__ is self.module
        if is_method:
            value = value.__func__
        if isinstance(value, FunctionType):
            if value.__module__.partition(".")[0] != "pycnn":
                self.function(value, is_method=is_method)
            elif not value.__module__.startswith(OF_FUNCTIONS):
                raise Varying(f"{name} is a function of {value.__module__}")
            elif "dropout" in name:
                raise Varying(f"{name} draws from the stream of pycnn.manual_seed")
            return _UNKNOWN
        raise Varying(f"{name} is a {type(value).__name__}")


def _is_plain(value: Any) -> bool:
    """Whether a value is a number or a word, or nested of them: what lists hold is compared."""
    if isinstance(value, (tuple, list)):
        return all(_is_plain(one) or isinstance(one, Module) for one in value)
    return isinstance(value, PLAIN)


def _named(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__name__)
