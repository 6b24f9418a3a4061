#pragma once

/// The functions between CA3_TARGET_BEGIN("avx2,fma") and CA3_TARGET_END are compiled for these instruction sets, whatever the build is
/// for. To stand past all includes: inline functions of the standard library must not be compiled so, for the linker keeps one of their
/// copies.
#define CA3_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define CA3_TARGET_BEGIN(features) CA3_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define CA3_TARGET_END CA3_PRAGMA(clang attribute pop)
#else
#define CA3_TARGET_BEGIN(features) CA3_PRAGMA(GCC push_options) CA3_PRAGMA(GCC target(features))
#define CA3_TARGET_END CA3_PRAGMA(GCC pop_options)
#endif
