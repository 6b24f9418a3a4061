# One translation unit for every public header: each must compile on its own.
file(GLOB public_headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/include/ca3/*.hpp
     ${PROJECT_SOURCE_DIR}/include/ca3/*/*.hpp)
foreach(header IN LISTS public_headers)
  string(MAKE_C_IDENTIFIER ${header} unit)
  set(unit ${CMAKE_CURRENT_BINARY_DIR}/layout/${unit}.cpp)
  file(CONFIGURE OUTPUT ${unit} CONTENT "#include <@header@>\n\n#include <@header@>\n" @ONLY)
  target_sources(layout_test PRIVATE ${unit})
endforeach()
