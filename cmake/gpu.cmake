# The optional GPU kernel: compiled by nvcc alone into a fat binary that the library carries as bytes. Nothing is linked
# against CUDA, and CMake's own CUDA language is not enabled, so a build without a toolkit is the same build less the bytes.
#
# -DLEHR_CUDA=AUTO (the default) builds it where a working nvcc of CUDA 12 or later is found, ON demands one, OFF leaves it out.
set(LEHR_CUDA AUTO CACHE STRING "Build the GPU kernel: AUTO where nvcc is found, ON, OFF")
set_property(CACHE LEHR_CUDA PROPERTY STRINGS AUTO ON OFF)

string(TOUPPER "${LEHR_CUDA}" lehr_cuda_asked)
if(NOT lehr_cuda_asked MATCHES "^(AUTO|ON|OFF|TRUE|FALSE|YES|NO|1|0)$")
  message(FATAL_ERROR "LEHR_CUDA=${LEHR_CUDA} is not known; use AUTO, ON or OFF")
endif()

function(lehr_find_nvcc nvcc_out toolkit_out architectures_out)
  set(${nvcc_out} "" PARENT_SCOPE)
  if(NOT LEHR_CUDA)
    return()
  endif()
  find_program(LEHR_NVCC nvcc HINTS ENV CUDAToolkit_ROOT ENV CUDA_PATH ENV CUDA_HOME PATHS /usr/local/cuda
    PATH_SUFFIXES bin)
  set(why "nvcc was not found")
  if(LEHR_NVCC)
    execute_process(COMMAND ${LEHR_NVCC} --version OUTPUT_VARIABLE version ERROR_QUIET RESULT_VARIABLE failed)
    execute_process(COMMAND ${LEHR_NVCC} --list-gpu-arch OUTPUT_VARIABLE known ERROR_QUIET)
    if(failed OR NOT version MATCHES "release ([0-9]+)\\.([0-9]+)")
      set(why "${LEHR_NVCC} does not run")
    elseif(CMAKE_MATCH_1 LESS 12)
      set(why "${LEHR_NVCC} is of CUDA ${CMAKE_MATCH_1}, older than 12")
    else()
      set(release "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}")
      math(EXPR toolkit "1000 * ${CMAKE_MATCH_1} + 10 * ${CMAKE_MATCH_2}")  # as the driver counts versions
      # A toolkit may be there and not get on with the compiler: better known now than in the middle of a build.
      set(trial ${CMAKE_CURRENT_BINARY_DIR}/nvcc_trial.cu)
      file(WRITE ${trial} "#include <cmath>\nextern \"C\" __global__ void trial(double* x) { *x = std::exp(*x); }\n")
      execute_process(COMMAND ${LEHR_NVCC} -std=c++20 -arch=compute_75 -ptx -o ${trial}.ptx ${trial}
        OUTPUT_VARIABLE said ERROR_VARIABLE said RESULT_VARIABLE failed)
      if(failed)
        set(why "${LEHR_NVCC} cannot compile: ${said}")
      else()
        set(architectures "")
        foreach(architecture 75 80 86 89 90 100 120)
          if(known MATCHES "compute_${architecture}[^0-9]")
            list(APPEND architectures ${architecture})
          endif()
        endforeach()
        message(STATUS "GPU kernel: nvcc ${release}, architectures ${architectures}")
        set(${nvcc_out} ${LEHR_NVCC} PARENT_SCOPE)
        set(${toolkit_out} ${toolkit} PARENT_SCOPE)
        set(${architectures_out} ${architectures} PARENT_SCOPE)
        return()
      endif()
    endif()
  endif()
  if(NOT LEHR_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "LEHR_CUDA=${LEHR_CUDA}, but ${why}")
  endif()
  message(STATUS "GPU kernel: left out, ${why}")
endfunction()

# Adds the fat binary of `kernel` to `source`, which embeds it, and tells it what the binary needs.
function(lehr_embed_gpu_kernel target source kernel)
  lehr_find_nvcc(nvcc toolkit architectures)
  if(NOT nvcc)
    return()
  endif()
  set(codes "")
  foreach(architecture IN LISTS architectures)
    list(APPEND codes -gencode arch=compute_${architecture},code=sm_${architecture})
  endforeach()
  list(GET architectures -1 newest)
  list(GET architectures 0 oldest)
  # PTX for what has no machine code here: GPUs to come, and those that are part of a chip (8.7, 11.0), which do not run
  # the machine code of cards. Of the oldest, so that all can compile it, and of the newest, which may know more.
  set(ptx ${oldest} ${newest})
  list(REMOVE_DUPLICATES ptx)
  foreach(architecture IN LISTS ptx)
    list(APPEND codes -gencode arch=compute_${architecture},code=compute_${architecture})
  endforeach()
  list(JOIN architectures "," binaries)
  list(JOIN ptx "," ptx)
  set(binary ${CMAKE_CURRENT_BINARY_DIR}/kernel.fatbin)
  add_custom_command(OUTPUT ${binary}
    COMMAND ${nvcc} -fatbin -std=c++20 -O3 --threads 2 -I ${PROJECT_SOURCE_DIR}/cpp ${codes} -o ${binary} ${kernel}
      -MD -MF ${binary}.d
    MAIN_DEPENDENCY ${kernel} DEPFILE ${binary}.d COMMENT "Compiling the GPU kernel" VERBATIM)
  add_custom_target(${target}_gpu_kernel DEPENDS ${binary})
  add_dependencies(${target} ${target}_gpu_kernel)
  set_property(SOURCE ${source} TARGET_DIRECTORY ${target} APPEND PROPERTY COMPILE_DEFINITIONS
    LEHR_KERNEL_FILE="${binary}" LEHR_KERNEL_TOOLKIT=${toolkit} LEHR_KERNEL_BINARIES=${binaries}
    LEHR_KERNEL_PTX=${ptx})
  set_property(SOURCE ${source} TARGET_DIRECTORY ${target} APPEND PROPERTY OBJECT_DEPENDS ${binary})
endfunction()
