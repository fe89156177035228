# cmake --install: the program, the libraries with their headers, and the package that find_package(longclip) reads.
# The package finds LibTorch and the other libraries by the same two files as this build.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/longclip)
get_property(modules GLOBAL PROPERTY LONGCLIP_MODULES)
foreach(module ${modules})  # longclip_model becomes longclip::model
  string(REPLACE "longclip_" "" name ${module})
  set_target_properties(${module} PROPERTIES EXPORT_NAME ${name})
endforeach()
install(TARGETS ${modules} EXPORT longclip ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT longclip NAMESPACE longclip:: FILE longclipTargets.cmake DESTINATION ${package_dir})
if(TARGET longclip)
  install(TARGETS longclip RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# The folders stay as they are, so that an installed header is included as in this project: "model/clip.h", "data/..."
set(headers DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/longclip FILES_MATCHING PATTERN "*.h")
install(DIRECTORY src/ ${headers})
install(DIRECTORY data train ${headers})

configure_package_config_file(cmake/longclipConfig.cmake.in ${CMAKE_BINARY_DIR}/longclipConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/longclipConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/longclipConfig.cmake ${CMAKE_BINARY_DIR}/longclipConfigVersion.cmake
  cmake/LongclipTorch.cmake cmake/LongclipDepends.cmake DESTINATION ${package_dir})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
