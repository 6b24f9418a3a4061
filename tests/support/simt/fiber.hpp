#pragma once

#include <cstddef>

/// Contexts of execution with a stack of their own on one host thread.
///
/// The sanitizers are told of every switch. ThreadSanitizer sees each fiber as a thread, and a switch as no synchronisation.
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(CA3_SIMT_TSAN)
#include <sanitizer/tsan_interface.h>
#endif
#if !defined(CA3_SIMT_UCONTEXT) && (!defined(__x86_64__) || defined(__SHSTK__))
#define CA3_SIMT_UCONTEXT 1
#endif
#ifdef CA3_SIMT_UCONTEXT
#include <ucontext.h>
#endif

namespace ca3::simt {

struct Fiber {
#ifdef CA3_SIMT_UCONTEXT
    ucontext_t context{};
#else
    void* stack_pointer = nullptr;
#endif
    void* stack = nullptr;  ///< lowest usable byte
    std::size_t stack_bytes = 0;
    void* fake_stack = nullptr;  ///< AddressSanitizer's
    void* thread = nullptr;      ///< ThreadSanitizer's
};

/// The fiber that runs on the host thread's own stack.
void adopt_host_thread(Fiber& fiber);

/// A stack with a guard page below, and a context that will enter `entry`, which must begin with fiber_entered() and never return.
/// @param index staggers the top of the stack, so that equal frames of many fibers do not compete for the same cache sets
/// @throws std::bad_alloc
void create(Fiber& fiber, void (*entry)(), int index);
void destroy(Fiber& fiber) noexcept;

void switch_fiber(Fiber& from, Fiber& to);
void fiber_entered();

}  // namespace ca3::simt
