# longclip_module(optim DEPENDS base tensors torch): the sources of this folder as one static library, longclip_optim.

add_library(longclip_warnings INTERFACE)
target_compile_options(longclip_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wconversion $<$<BOOL:${LONGCLIP_WERROR}>:-Werror>>)
if(LONGCLIP_SANITIZE)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fsanitize=address,undefined>
                      $<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize-recover=undefined>)
  add_link_options(-fsanitize=address,undefined)
endif()

if(LONGCLIP_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
endif()

function(longclip_module name)
  cmake_parse_arguments(ARG "" "ONLY" "DEPENDS;PRIVATE;EXCLUDE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(ARG_ONLY)
    list(FILTER sources INCLUDE REGEX "${ARG_ONLY}")
  endif()
  foreach(pattern ${ARG_EXCLUDE})
    list(FILTER sources EXCLUDE REGEX "${pattern}")
  endforeach()
  add_library(longclip_${name} STATIC ${sources})
  list(TRANSFORM ARG_DEPENDS PREPEND longclip_)
  target_link_libraries(longclip_${name} PUBLIC ${ARG_DEPENDS} PRIVATE $<BUILD_INTERFACE:longclip_warnings> ${ARG_PRIVATE})
  target_include_directories(longclip_${name} PUBLIC
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/src> $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/longclip>)
  set_property(GLOBAL APPEND PROPERTY LONGCLIP_MODULES longclip_${name})
endfunction()

# longclip_test(NAME FOLDER DEPENDS modules... EXCLUDE patterns...): one executable. Each kind of case in it (unit, golden,
# dist, e2e) is a CTest test with that label; `-w NoTests` makes a filter that matches nothing a failure. Hidden [.gpu]
# cases are not run.
function(longclip_test name folder)
  cmake_parse_arguments(ARG "" "" "DEPENDS;EXCLUDE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  foreach(pattern ${ARG_EXCLUDE})
    list(FILTER sources EXCLUDE REGEX "${pattern}")
  endforeach()
  if(NOT sources)
    return()
  endif()
  set(target longclip_${name}_test)
  add_executable(${target} ${sources})
  list(TRANSFORM ARG_DEPENDS PREPEND longclip_)
  target_link_libraries(${target} PRIVATE ${ARG_DEPENDS} longclip_test_support longclip_warnings)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sources})
  foreach(kind unit golden dist e2e)
    set(found "")
    foreach(source ${sources})
      file(STRINGS ${source} hits REGEX "\\[${kind}\\]" LIMIT_COUNT 1)
      list(APPEND found ${hits})
    endforeach()
    if(found)
      add_test(NAME ${name}.${kind} COMMAND ${target} "[${kind}]" -w NoTests)
      set_tests_properties(${name}.${kind} PROPERTIES LABELS ${kind} TIMEOUT 3000
        ENVIRONMENT "LONGCLIP_PROGRAM=${CMAKE_BINARY_DIR}/bin/longclip;XDG_CACHE_HOME=${CMAKE_BINARY_DIR}/cache")
    endif()
  endforeach()
endfunction()
