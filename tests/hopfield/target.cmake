# Random models in integers, which the tests of the kernels made.
target_sources(hopfield_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/kernels/hopfield_cases.cpp)
