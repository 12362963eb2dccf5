"""Groups of parameters, each with settings of its own, as PyTorch's optimizers take them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from pycnn._arguments import written
from pycnn.autograd import Tensor
from pycnn.layers.parameter import Parameter, list_of_parameters

Group: TypeAlias = dict[str, Any]
Params: TypeAlias = Iterable[Tensor] | Iterable[Mapping[str, Any]]


class Setting:
    """A setting as an attribute of an optimizer: of its first group; assigned, of all groups."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, optimizer: Any, owner: type) -> Any:
        return self if optimizer is None else optimizer.param_groups[0][self._name]

    def __set__(self, optimizer: Any, value: Any) -> None:
        groups = optimizer.param_groups
        checked = [optimizer.checked({**group, self._name: value}) for group in groups]
        for group, settings in zip(groups, checked, strict=True):
            group[self._name] = settings[self._name]


def groups_of(owner: str, params: Any) -> list[Mapping[str, Any]]:
    """Return the groups that `params` of an optimizer stands for; parameters alone are one."""
    if isinstance(params, Mapping):
        raise TypeError(
            f"[{owner}] params must be a list of groups, [{{...}}], got one group alone"
        )
    if isinstance(params, (list, tuple)) and any(isinstance(item, Mapping) for item in params):
        for item in params:
            if not isinstance(item, Mapping):
                raise TypeError(
                    f"[{owner}] params must hold groups or Parameters, not both: one item is "
                    f"{type(item).__name__}"
                )
        return list(params)
    return [{"params": list_of_parameters(owner, "params", params)}]


def parts_of(
    owner: str, group: Any, settings: Mapping[str, Any]
) -> tuple[list[Parameter], dict[str, Any]]:
    """Return the parameters of a group, each once, and the settings of its own."""
    if not isinstance(group, Mapping) or "params" not in group:
        raise TypeError(
            f"[{owner}] a group must be a dict with 'params' and settings, got {written(group)}"
        )
    own = {name: value for name, value in group.items() if name != "params"}
    unknown = [name for name in own if name not in settings and name != "name"]
    if unknown:
        raise ValueError(
            f"[{owner}] a group has no setting {written(unknown[0])}; "
            f"there are {', '.join(settings)}"
        )
    params = group["params"]
    if isinstance(params, Parameter):
        params = [params]
    if isinstance(params, (set, frozenset)):
        raise TypeError(f"[{owner}] params must have an order, got {type(params).__name__}")
    listed = list_of_parameters(owner, "params", params)
    return list({id(parameter): parameter for parameter in listed}.values()), own
