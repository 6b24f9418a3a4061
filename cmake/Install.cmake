# The package ca3::ca3: library, headers, the program if it was built, and a config file for find_package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(ca3_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ca3)
get_target_property(ca3_type ca3 TYPE)
set(CA3_STATIC OFF)
if(ca3_type STREQUAL "STATIC_LIBRARY")
  set(CA3_STATIC ON)
endif()

install(TARGETS ca3 EXPORT ca3Targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/include/ca3 DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(EXPORT ca3Targets NAMESPACE ca3:: DESTINATION ${ca3_package_dir})

if(CA3_BUILD_CLI)
  # So that the installed program finds a shared library beside it.
  file(RELATIVE_PATH ca3_bin_to_lib ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(ca3_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${ca3_bin_to_lib}")
endif()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/ca3Config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/ca3Config.cmake
  INSTALL_DESTINATION ${ca3_package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/ca3ConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ca3Config.cmake ${CMAKE_CURRENT_BINARY_DIR}/ca3ConfigVersion.cmake
  DESTINATION ${ca3_package_dir})
install(FILES ${CMAKE_CURRENT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
