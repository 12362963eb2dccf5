// The CPU's pycnn::Workspace, for the code in ops/.
#pragma once

#include "core/memory.hpp"
