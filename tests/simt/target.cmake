# Tests of the executor itself: no kernel of the library is needed.
target_link_libraries(simt_test PRIVATE ca3_simt_executor)
