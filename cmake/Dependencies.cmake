# find_package first; cmake/setup.sh installs what is missing on Debian.
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_path(RANDOM123_INCLUDE_DIR Random123/philox.h REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)

find_package(Eigen3 3.4 REQUIRED NO_MODULE)

# Headers that the sources use and the public interface does not show.
target_include_directories(ca3_build SYSTEM INTERFACE ${RANDOM123_INCLUDE_DIR}
  $<TARGET_PROPERTY:nlohmann_json::nlohmann_json,INTERFACE_INCLUDE_DIRECTORIES>
  $<TARGET_PROPERTY:Eigen3::Eigen,INTERFACE_INCLUDE_DIRECTORIES>)

if(CA3_BUILD_CLI)
  find_package(CLI11 REQUIRED)
  find_package(PNG REQUIRED)
endif()
if(CA3_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
if(CA3_BUILD_BENCH)
  find_package(benchmark REQUIRED)
  # Not by oneDNN's config file: Debian's asks for the headers of OpenCL, which nothing here includes.
  find_path(DNNL_INCLUDE_DIR dnnl.h REQUIRED)
  find_library(DNNL_LIBRARY dnnl REQUIRED)
endif()
