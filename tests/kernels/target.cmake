# The library with its CUDA backend on the host executor: Context::cuda() runs the real launchers and the portable kernels.
target_link_libraries(kernels_test PRIVATE ca3_simt_executor $<TARGET_NAME_IF_EXISTS:ca3_simt>)
