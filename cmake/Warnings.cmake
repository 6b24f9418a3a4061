# ca3_warnings: what every target of this project is compiled with; never exported.
add_library(ca3_warnings INTERFACE)
target_compile_options(ca3_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wno-missing-field-initializers>
  $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wno-unused-parameter,-Wno-missing-field-initializers>)
# GCC 12 sees an overlapping copy in every "literal" + std::string (GCC bug 105651).
target_compile_options(ca3_warnings INTERFACE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>)
if(CA3_WERROR)
  target_compile_options(ca3_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>
    $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>)
  # These depend on what the optimiser makes of the standard library: shown, not fatal.
  target_compile_options(ca3_warnings INTERFACE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-error=maybe-uninitialized>)
endif()

# ca3_build: numerics and sanitizers. Contraction is off because results are promised to be bit-identical; fma is written where wanted.
add_library(ca3_build INTERFACE)
target_compile_options(ca3_build INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off -fno-math-errno>
  $<$<COMPILE_LANGUAGE:CUDA>:--fmad=false -lineinfo>)
if(CA3_SANITIZE)
  target_compile_options(ca3_build INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${CA3_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all>)
  target_link_options(ca3_build INTERFACE -fsanitize=${CA3_SANITIZE})
  # GCC's flow analysis loses its way in instrumented code.
  target_compile_options(ca3_warnings INTERFACE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-maybe-uninitialized>)
  add_compile_definitions(CA3_SANITIZED=1)
  # UBSan triples the compile time of vectors held in arrays; the portable forms of the same templates stay under it.
  if(CA3_SANITIZE MATCHES "undefined")
    set_source_files_properties(host/autoencoder/cpu_avx2.cpp host/autoencoder/cpu_avx512.cpp host/autoencoder/cpu_bf16.cpp
      DIRECTORY ${PROJECT_SOURCE_DIR} PROPERTIES COMPILE_OPTIONS -fno-sanitize=undefined)
  endif()
endif()
