// Reads lines "major minor registers shared_bytes threads" and prints how many blocks of such a kernel a multiprocessor holds, by
// NVIDIA's own calculator. Built by cuda_static.py.
#include <cuda_occupancy.h>

#include <cstdio>

int main() {
    int major, minor, registers, threads;
    size_t shared;
    while (std::scanf("%d %d %d %zu %d", &major, &minor, &registers, &shared, &threads) == 5) {
        cudaOccDeviceProp device{};
        device.computeMajor = major;
        device.computeMinor = minor;
        device.maxThreadsPerBlock = 1024;
        const bool small = major == 7 || (major == 8 && minor != 0) || major == 12;
        device.maxThreadsPerMultiprocessor = major == 7 ? 1024 : small ? 1536 : 2048;
        device.regsPerBlock = device.regsPerMultiprocessor = 65536;
        device.warpSize = 32;
        device.sharedMemPerBlock = 48 * 1024;
        device.sharedMemPerMultiprocessor = (major == 7 ? 64 : small ? 100 : major == 8 ? 164 : 228) * size_t{1024};
        device.sharedMemPerBlockOptin = device.sharedMemPerMultiprocessor - 1024;
        device.reservedSharedMemPerBlock = major == 7 ? 0 : 1024;
        device.numSms = 1;
        cudaOccFuncAttributes kernel{};
        kernel.maxThreadsPerBlock = threads;
        kernel.numRegs = registers;
        kernel.sharedSizeBytes = shared;
        kernel.partitionedGCConfig = PARTITIONED_GC_OFF;
        kernel.shmemLimitConfig = FUNC_SHMEM_LIMIT_DEFAULT;
        kernel.maxDynamicSharedSizeBytes = 48 * 1024;
        const cudaOccDeviceState state{};
        cudaOccResult result{};
        const bool known =
            cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &kernel, &state, threads, 0) == CUDA_OCC_SUCCESS;
        std::printf("%d %d\n", known ? result.activeBlocksPerMultiprocessor : -1, device.maxThreadsPerMultiprocessor);
    }
}
