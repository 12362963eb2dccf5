// The device's pycnn::Workspace, for the code in ops/.
#pragma once

#include "cuda/memory.hpp"

namespace pycnn {

using cuda::Workspace;

}  // namespace pycnn
