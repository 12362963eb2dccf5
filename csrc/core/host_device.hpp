// PYCNN_HOST_DEVICE marks functions that nvcc compiles for kernels as well; to other compilers it says nothing.
#pragma once

#ifdef __CUDACC__
#define PYCNN_HOST_DEVICE __host__ __device__
#else
#define PYCNN_HOST_DEVICE
#endif
