"""The place from which programs for PyTorch fetch trained weights; see `pycnn.utils.model_zoo`."""

from pycnn.utils.model_zoo import load_url as load_state_dict_from_url

__all__ = ["load_state_dict_from_url"]
