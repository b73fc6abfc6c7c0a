#!/bin/bash
# A study on the nodes of one Slurm job:   sbatch cluster/slurm.sh search_spaces/fashion_mnist.yaml [options]
# Run it from the project's folder, on a file system that all nodes share. Given again, it goes on where it stopped.
#SBATCH --job-name=hagcn
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-node=1
#SBATCH --time=08:00:00
set -euo pipefail

python=${HAGCN_PYTHON:-.venv/bin/python}
port=$((20000 + SLURM_JOB_ID % 20000)) # two jobs may share a node
nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes%%$'\n'*}

# Whoever reaches a port of Ray's can run code, unless Ray asks for a token. It is in a file of ours alone: an argument
# would be seen in process lists.
folder=$(mktemp -d "$HOME/.hagcn-token.XXXXXX")
trap 'rm -rf "$folder"' EXIT
(umask 077 && "$python" -c 'import secrets; print(secrets.token_hex(32), end="")' > "$folder/token")
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$folder/token" RAY_USAGE_STATS_ENABLED=0

ray=("$python" -m ray.scripts.scripts start --block --disable-usage-stats
  --num-cpus "$SLURM_CPUS_PER_TASK" --num-gpus "${SLURM_GPUS_ON_NODE:-0}")
srun --nodes=1 --ntasks=1 --nodelist="$head" --overlap "${ray[@]}" --head --port="$port" --include-dashboard=false &
if ((SLURM_JOB_NUM_NODES > 1)); then
  # Workers try until the head is there.
  srun --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) --exclude="$head" --overlap \
    bash -c 'until "$@"; do sleep 2; done' -- "${ray[@]}" --address="$head:$port" &
fi

# The driver's --address is retried too. Its nodes may come later: a study uses those that join.
until srun --nodes=1 --ntasks=1 --nodelist="$head" --overlap \
  "$python" -c "import ray; ray.init('$head:$port', log_to_driver=False)"; do sleep 2; done
srun --nodes=1 --ntasks=1 --nodelist="$head" --overlap \
  "$python" run_study.py "$@" --address "$head:$port"
