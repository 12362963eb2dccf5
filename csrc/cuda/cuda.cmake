# pycnn._cuda and pycnn._cuda_emulated: the same sources, for a GPU and for the CPU. Both share the bindings with pycnn._core, compiled for
# device arrays.

file(GLOB PYCNN_CUDA_BINDINGS CONFIGURE_DEPENDS csrc/python/*.cpp csrc/python/device/*.cpp)
file(GLOB PYCNN_CUDA_OPS CONFIGURE_DEPENDS csrc/ops/*.cpp)
file(GLOB PYCNN_CUDA_KERNELS CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} csrc/cuda/*.cu)
set(PYCNN_CUDA_SOURCES csrc/core/printable.cpp csrc/core/row_groups.cpp csrc/core/shape.cpp csrc/cuda/memory.cpp csrc/cuda/runtime.cpp
    csrc/cuda/step_graph.cpp csrc/cuda/stream.cpp ${PYCNN_CUDA_OPS} ${PYCNN_CUDA_BINDINGS})

if(PYCNN_CUDA_EMULATED)
  # A C++ source for each CUDA source: CMake would give a .cu to nvcc.
  foreach(kernel ${PYCNN_CUDA_KERNELS})
    get_filename_component(name ${kernel} NAME_WE)
    set(wrapper ${CMAKE_CURRENT_BINARY_DIR}/cuda_emulated/${name}.cpp)
    file(CONFIGURE OUTPUT ${wrapper} CONTENT "#include \"cuda/${name}.cu\"\n")
    list(APPEND PYCNN_CUDA_WRAPPERS ${wrapper})
  endforeach()
  pybind11_add_module(_cuda_emulated NO_EXTRAS ${PYCNN_CUDA_SOURCES} ${PYCNN_CUDA_WRAPPERS}
    csrc/core/cpu_limits.cpp csrc/core/desk.cpp csrc/core/parallel.cpp csrc/core/spare_threads.cpp csrc/core/team.cpp
    csrc/cuda/emulator/emulator.cpp csrc/cuda/emulator/fiber.cpp csrc/cuda/emulator/queue.cpp csrc/cuda/emulator/runtime.cpp)
  pycnn_compile_together(_cuda_emulated ${PYCNN_CUDA_BINDINGS})
  target_include_directories(_cuda_emulated PRIVATE csrc/python/device csrc/cuda/for_ops)
  target_link_libraries(_cuda_emulated PRIVATE pycnn_options OpenMP::OpenMP_CXX)
  target_compile_definitions(_cuda_emulated PRIVATE PYCNN_CUDA_EMULATED)
  target_compile_options(_cuda_emulated PRIVATE -Wno-unknown-pragmas -ffp-contract=off)
  install(TARGETS _cuda_emulated DESTINATION pycnn)
endif()

if(PYCNN_CUDA)
  include(CheckLanguage)
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    message(FATAL_ERROR "PYCNN_CUDA=ON needs nvcc, of CUDA 12 or 13: none was found (set CUDACXX to its path)")
  endif()
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --list-gpu-code OUTPUT_VARIABLE known)
    # Code for each that this compiler knows, and PTX, which devices without code translate: that of the last for later ones, and
    # that of 90 for those in between (11.0, say): PTX runs on its own architecture and later ones, code within its major version.
    foreach(architecture 75 80 86 89 90 100 120)
      if(known MATCHES "sm_${architecture}")
        list(APPEND CMAKE_CUDA_ARCHITECTURES ${architecture}-real)
        set(last ${architecture})
      endif()
    endforeach()
    if(NOT last)
      message(FATAL_ERROR "${CMAKE_CUDA_COMPILER} --list-gpu-code names no architecture that pycnn knows (sm_75 to sm_120): "
        "set CMAKE_CUDA_ARCHITECTURES")
    endif()
    list(APPEND CMAKE_CUDA_ARCHITECTURES 90-virtual ${last}-virtual)
    list(REMOVE_DUPLICATES CMAKE_CUDA_ARCHITECTURES)  # CUDA 12.0 to 12.6 end with 90
  endif()
  enable_language(CUDA)
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # older CMakes do not know that nvcc 12 takes it
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
  pybind11_add_module(_cuda NO_EXTRAS ${PYCNN_CUDA_SOURCES} ${PYCNN_CUDA_KERNELS})
  target_include_directories(_cuda PRIVATE csrc csrc/python/device csrc/cuda/for_ops ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
  target_compile_options(_cuda PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra $<$<BOOL:${PYCNN_WERROR}>:-Werror>>
    $<$<COMPILE_LANGUAGE:CUDA>:-ftz=true>  # denormal numbers count as zero in all ops
    $<$<COMPILE_LANGUAGE:CUDA>:$<$<BOOL:${PYCNN_WERROR}>:-Werror=all-warnings>>)
  install(TARGETS _cuda DESTINATION pycnn)
endif()
