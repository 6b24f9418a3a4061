# Folders, and files as bytes, which the tests of file formats made.
target_sources(autoencoder_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/io/files.cpp)
