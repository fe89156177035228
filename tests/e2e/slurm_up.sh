#!/usr/bin/env bash
# tests/e2e/slurm_up.sh -- a Slurm cluster of two nodes on this machine, for tests: SLURM_DIR holds all of it.
# As root, with Debian's packages slurmctld, slurmd, slurm-client and munge. tests/e2e/slurm_down.sh ends it. Then
#   export SLURM_CONF=$SLURM_DIR/slurm.conf; srun -N 2 -n 2 hostname
set -euo pipefail
d=${SLURM_DIR:?a temporary folder}
host=$(hostname -s)
nodes=2
memory=$(($(awk '/MemTotal/ {print $2}' /proc/meminfo) / 1024 / nodes))

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
port=$((20000 + $$ % 10000))
while answers "$port" || answers $((port + 1)) || answers $((port + 2)); do port=$((port + 3)); done

mkdir -p "$d"/{state,spool,log,run}
chmod 755 "$d" "$d/run"
cat >"$d/slurm.conf" <<CONF
ClusterName=$host
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$d/run/munge.socket,cred_expire=5
CryptoType=crypto/munge
SlurmctldPort=$port
StateSaveLocation=$d/state
SlurmdSpoolDir=$d/spool/%n
SlurmctldPidFile=$d/run/slurmctld.pid
SlurmdPidFile=$d/run/slurmd-%n.pid
SlurmctldLogFile=$d/log/slurmctld.log
SlurmdLogFile=$d/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=2,sched_interval=2
ReturnToService=2
KillWait=10
JobRequeue=1
MinJobAge=3600
SlurmctldTimeout=30
SlurmdTimeout=30
NodeName=$host[1-$nodes] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + nodes))] CPUs=$(nproc) RealMemory=$memory State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
(umask 077; head -c 1024 /dev/urandom >"$d/run/munge.key")
munged --force --key-file="$d/run/munge.key" --socket="$d/run/munge.socket" --pid-file="$d/run/munged.pid" \
  --log-file="$d/log/munged.log" --seed-file="$d/run/munge.seed"

export SLURM_CONF="$d/slurm.conf"
slurmctld -f "$SLURM_CONF"
for ((i = 1; i <= nodes; ++i)); do
  mkdir -p "$d/spool/$host$i"
  slurmd -N "$host$i" -f "$SLURM_CONF"
done
for ((try = 0; try < 150; ++try)); do
  [[ $(sinfo -h -N -o %T 2>/dev/null | grep -cxE 'idle|mixed|allocated') -eq $nodes ]] && exit 0
  sleep 0.2
done
echo "slurm_up.sh: the nodes do not come up:" >&2
sinfo -N >&2 || true
tail -n 20 "$d"/log/*.log >&2
exit 1
