# Target longclip_torch: LibTorch, from find_package(Torch) where nvcc is (CUDA, NCCL), else made by hand (CPU only).
# TORCH_DIR names the package folder: .../site-packages/torch of a venv, or an unpacked libtorch. Also used after installation,
# from longclipConfig.cmake, which sets LONGCLIP_BUILD_TORCH_DIR: where LibTorch was when longclip was built.

# A folder found here is not cached: a later configure may find a better one.
if(NOT TORCH_DIR)
  set(TORCH_DIR $ENV{TORCH_DIR})
endif()
if(NOT TORCH_DIR)
  file(GLOB full ${CMAKE_CURRENT_LIST_DIR}/../.venv/lib/python3*/site-packages/torch)
  file(GLOB cpu_part ${CMAKE_CURRENT_LIST_DIR}/../.venv-cpu/lib/python3*/site-packages/torch)
  foreach(candidate ${full} ${cpu_part} ${LONGCLIP_BUILD_TORCH_DIR})  # one GLOB would sort .venv-cpu first
    if(NOT TORCH_DIR AND EXISTS ${candidate}/include/ATen/ATen.h)
      set(TORCH_DIR ${candidate})
    endif()
  endforeach()
endif()
if(NOT EXISTS "${TORCH_DIR}/include/ATen/ATen.h")
  message(FATAL_ERROR "LibTorch was not found (TORCH_DIR='${TORCH_DIR}'). Run scripts/setup.sh, or set -DTORCH_DIR=<folder of torch: .../site-packages/torch>.")
endif()
get_filename_component(TORCH_DIR ${TORCH_DIR} REALPATH)
get_filename_component(LONGCLIP_SITE ${TORCH_DIR} DIRECTORY)

# Why the CUDA half cannot be built here, or "" if it can.
function(longclip_cuda_obstacle result)
  set(${result} "" PARENT_SCOPE)
  find_program(LONGCLIP_NVCC nvcc HINTS $ENV{CUDA_HOME}/bin /usr/local/cuda/bin)
  if(NOT LONGCLIP_NVCC)
    set(${result} "nvcc was not found" PARENT_SCOPE)
  elseif(NOT EXISTS ${TORCH_DIR}/lib/libtorch_cuda.so)
    set(${result} "this LibTorch is for CPUs only" PARENT_SCOPE)
  elseif(EXISTS ${TORCH_DIR}/version.py)  # a wheel; its CUDA libraries are packages beside it
    file(STRINGS ${TORCH_DIR}/version.py torch_cuda REGEX "^cuda")
    string(REGEX MATCH "'([0-9]+)" torch_cuda "${torch_cuda}")
    set(torch_cuda ${CMAKE_MATCH_1})
    execute_process(COMMAND ${LONGCLIP_NVCC} --version OUTPUT_VARIABLE nvcc_version)
    string(REGEX MATCH "release ([0-9]+)" nvcc_version "${nvcc_version}")
    if(NOT EXISTS ${LONGCLIP_SITE}/nvidia/nccl/include/nccl.h)
      set(${result} "the wheel was installed without its NVIDIA packages" PARENT_SCOPE)
    elseif(NOT CMAKE_MATCH_1 STREQUAL torch_cuda)
      set(${result} "nvcc is of CUDA ${CMAKE_MATCH_1}, this LibTorch of CUDA ${torch_cuda}" PARENT_SCOPE)
    endif()
  endif()
endfunction()

if(NOT DEFINED LONGCLIP_CUDA OR LONGCLIP_CUDA STREQUAL "AUTO")
  longclip_cuda_obstacle(obstacle)
  if(obstacle)
    set(LONGCLIP_WITH_CUDA OFF)
    set(LONGCLIP_TORCH_KIND "CPU only: ${obstacle}")
  else()
    set(LONGCLIP_WITH_CUDA ON)
    set(LONGCLIP_TORCH_KIND "with CUDA")
  endif()
else()
  set(LONGCLIP_WITH_CUDA ${LONGCLIP_CUDA})
  set(LONGCLIP_TORCH_KIND "LONGCLIP_CUDA=${LONGCLIP_CUDA}")
endif()

add_library(longclip_torch INTERFACE IMPORTED GLOBAL)
if(LONGCLIP_WITH_CUDA)
  if(NOT TORCH_CUDA_ARCH_LIST AND NOT DEFINED ENV{TORCH_CUDA_ARCH_LIST})
    set(TORCH_CUDA_ARCH_LIST "8.0;8.6;8.9;9.0;10.0")  # no GPU is needed to build, so none is asked
  endif()
  find_package(Torch REQUIRED PATHS ${TORCH_DIR}/share/cmake/Torch NO_DEFAULT_PATH)
  # nccl.h must be the one that LibTorch was built with: ProcessGroupNCCL::Options embeds its structs.
  find_path(LONGCLIP_NCCL_INCLUDE nccl.h HINTS ${LONGCLIP_SITE}/nvidia/nccl/include NO_DEFAULT_PATH)
  find_path(LONGCLIP_NCCL_INCLUDE nccl.h REQUIRED)
  find_library(LONGCLIP_NCCL_LIBRARY NAMES libnccl.so.2 nccl HINTS ${LONGCLIP_SITE}/nvidia/nccl/lib REQUIRED)
  target_link_libraries(longclip_torch INTERFACE torch ${LONGCLIP_NCCL_LIBRARY})
  target_include_directories(longclip_torch SYSTEM INTERFACE ${LONGCLIP_NCCL_INCLUDE})
  target_compile_definitions(longclip_torch INTERFACE LONGCLIP_WITH_CUDA USE_C10D_NCCL)
else()
  target_include_directories(longclip_torch SYSTEM INTERFACE
    ${TORCH_DIR}/include ${TORCH_DIR}/include/torch/csrc/api/include)
  target_compile_definitions(longclip_torch INTERFACE USE_RPC USE_TENSORPIPE)
  target_link_options(longclip_torch INTERFACE -Wl,--no-as-needed)
  target_link_libraries(longclip_torch INTERFACE ${TORCH_DIR}/lib/libtorch_cpu.so ${TORCH_DIR}/lib/libc10.so)
endif()
target_compile_definitions(longclip_torch INTERFACE USE_DISTRIBUTED USE_C10D_GLOO)
# at::parallel_for is a header: without OpenMP in the file that calls it, it runs on one thread and says nothing. The library is
# libgomp.so.1 for LibTorch too, so there is one set of threads.
find_package(OpenMP REQUIRED COMPONENTS CXX)
target_link_libraries(longclip_torch INTERFACE OpenMP::OpenMP_CXX)
# libtorch.so exports a copy of std::filesystem that does not work (remove_all jumps to null): libstdc++ must come first.
target_link_options(longclip_torch INTERFACE -Wl,--push-state,--no-as-needed -lstdc++ -Wl,--pop-state)
set(CMAKE_BUILD_RPATH ${TORCH_DIR}/lib ${LONGCLIP_SITE}/nvidia/cu13/lib ${LONGCLIP_SITE}/nvidia/cuda_runtime/lib ${LONGCLIP_SITE}/nvidia/nccl/lib)
set(CMAKE_INSTALL_RPATH ${CMAKE_BUILD_RPATH})
message(STATUS "LibTorch: ${TORCH_DIR} (${LONGCLIP_TORCH_KIND})")
