#!/usr/bin/env bash
# scripts/setup.sh -- installs what is missing to build longclip: Debian packages and LibTorch.
# It says what it does and what it skips; run again, it finds everything in place and ends at once.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/setup.sh [--cpu | --full-wheel] [--test-packages] [--fuzz]

Installs what is missing, and nothing else:
  Debian/Ubuntu packages  as root or with sudo
  LibTorch 2.11.0         where nvcc is found: the whole torch wheel and the packages of the Python tests, in .venv (5 GB)
                          without nvcc:        the part of the wheel that C++ on a CPU needs, in .venv-cpu (1.3 GB)
  --cpu         .venv-cpu even where nvcc is found
  --full-wheel  .venv even without nvcc: for torchrun and the Python tests
  --test-packages  also what only tests use: Slurm, Open MPI, iproute2
  --fuzz        also clang, for scripts/fuzz.sh
Environment:
  TORCH_DIR  an existing LibTorch (the folder that holds include/ and lib/); then none is installed
  PYTHON     the Python (3.10 or newer) that makes the virtual environment; default python3
TEXT
}

say() { echo "setup: $*"; }
fail() { echo "setup: error: $*" >&2; exit 1; }

# The torch wheel is the LibTorch. Versions of the packages of the Python tests: tried together with it.
readonly kTorch=2.11.0
# torchvision is also what scripts/bench_data.sh compares with; ftfy belongs to open_clip's tokenizer, which is CLIP's own.
readonly kFullWheel=("torch==$kTorch" torchvision==0.26.0 numpy pytest==9.2.0 transformers==5.24.0 safetensors==0.8.0
  pillow==13.0.0 diffusers==0.42.1 open_clip_torch==3.3.0 timm==1.0.31 ftfy==6.3.1)
# libtorch_cpu of the CUDA wheel loads these two; without them it does not start, with them it needs no other.
readonly kCpuWheels=("torch==$kTorch" nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)

kind=auto
with_test_packages=no
fuzz=()
for argument in "$@"; do
  case "$argument" in
    --cpu) kind=cpu ;;
    --full-wheel) kind=full ;;
    --test-packages) with_test_packages=yes ;;
    --fuzz) fuzz=(clang libclang-rt-dev) ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; fail "unknown argument '$argument'" ;;
  esac
done

packages=(g++ cmake ninja-build ccache pkg-config python3-venv
  libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev libyaml-cpp-dev libspdlog-dev libfmt-dev
  nlohmann-json3-dev catch2 libcli11-dev libicu-dev libjpeg62-turbo-dev libpng-dev libtiff-dev libwebp-dev zlib1g-dev libssl-dev libbenchmark-dev
  "${fuzz[@]}")
# Tests that miss these say so and are skipped.
readonly test_packages=(slurmctld slurmd slurm-client munge openmpi-bin iproute2)

install_packages() {
  [[ $with_test_packages == no ]] || packages+=("${test_packages[@]}")
  if ! command -v dpkg-query >/dev/null; then
    say "no Debian package manager here: the packages are not checked. Needed, by their Debian names: ${packages[*]}"
    return
  fi
  if grep -qs '^ID=ubuntu' /etc/os-release; then
    packages=("${packages[@]/libjpeg62-turbo-dev/libjpeg-turbo8-dev}")
  fi
  local present missing=()
  present=" $(dpkg-query -W -f='${db:Status-Status}=${Package} ' "${packages[@]}" 2>/dev/null || true)"
  for package in "${packages[@]}"; do
    [[ $present == *" installed=$package "* ]] || missing+=("$package")
  done
  if [[ ${#missing[@]} -eq 0 ]]; then
    say "packages: all ${#packages[@]} are there"
    return
  fi
  local sudo=()
  if [[ $(id -u) -ne 0 ]]; then
    command -v sudo >/dev/null ||
      fail "packages are missing and this is neither root nor has sudo. As root: apt-get install ${missing[*]}"
    sudo=(sudo)
  fi
  say "packages: installing ${missing[*]}"
  "${sudo[@]}" apt-get update -qq || say "apt-get update failed (no network?); going on with the package lists that are here"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "apt-get could not install them (the lines above say why; without a network, install by hand: ${missing[*]})"
}

# make_venv FOLDER WHAT PIP-ARGUMENTS...: a virtual environment with these wheels. The stamp inside it lists what pip was
# asked for and is written last, so an installation that broke off is taken up again.
make_venv() {
  local folder=$1 what=$2
  shift 2
  local stamp="$folder/longclip-setup.txt"
  if [[ -f $stamp && $(<"$stamp") == "$*" ]] && compgen -G "$folder/lib/python3*/site-packages/torch/include/ATen/ATen.h" >/dev/null; then
    say "LibTorch: $folder is there ($what)"
    return
  fi
  local python=${PYTHON:-python3}
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
    fail "'$python' is not Python 3.10 or newer; set PYTHON to one (torch $kTorch needs it)"
  if [[ ! -x $folder/bin/python ]]; then
    "$python" -m venv "$folder" || fail "'$python' cannot make a virtual environment; on Debian: apt-get install python3-venv"
  fi
  say "LibTorch: pip installs $what into $folder; this takes a minute or two"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@" ||
    fail "pip could not install $* (without a network: set TORCH_DIR to an existing LibTorch)"
  echo "$*" >"$stamp"
}

install_packages

if [[ -n ${TORCH_DIR:-} ]]; then
  [[ -f $TORCH_DIR/include/ATen/ATen.h ]] || fail "TORCH_DIR='$TORCH_DIR' holds no LibTorch (no include/ATen/ATen.h)"
  say "LibTorch: TORCH_DIR=$TORCH_DIR is used, none is installed"
  exit 0
fi
if [[ $kind == auto ]]; then
  if command -v nvcc >/dev/null || [[ -x ${CUDA_HOME:-/usr/local/cuda}/bin/nvcc ]]; then
    kind=full
  elif [[ -f .venv/longclip-setup.txt ]]; then
    kind=full
  else
    say "nvcc was not found: LibTorch for CPUs only (scripts/setup.sh --full-wheel: also torchrun and the Python tests)"
    kind=cpu
  fi
fi
if [[ $kind == full ]]; then
  make_venv .venv "torch $kTorch with CUDA, and the Python tests' packages" "${kFullWheel[@]}"
else
  make_venv .venv-cpu "torch $kTorch for C++ on CPUs; no torchrun, no Python tests" --no-deps "${kCpuWheels[@]}"
fi
