#include "tests/support/simt/fiber.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>

#ifndef CA3_SIMT_UCONTEXT
// Saves what the System V ABI lets a function keep across a call, stores the stack pointer at *rdi and continues at rsi. The floating point
// control words are left alone: no kernel changes them. The jump instead of a return spares the return predictor, which it would only
// mislead.
extern "C" void ca3_simt_switch(void** from, void* to);
asm(R"(
.text
.globl ca3_simt_switch
.hidden ca3_simt_switch
.type ca3_simt_switch, @function
ca3_simt_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx
    jmpq *%rcx
.size ca3_simt_switch, .-ca3_simt_switch
)");
#endif

namespace ca3::simt {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(CA3_SIMT_TSAN)
constexpr std::size_t stack_bytes = 256 * 1024;  // instrumented frames are larger
#else
constexpr std::size_t stack_bytes = 64 * 1024;
#endif
constexpr std::size_t stagger_bytes = 192;
constexpr int stagger_steps = 64;

[[maybe_unused]] Fiber* switched_from = nullptr;
[[maybe_unused]] Fiber* switched_to = nullptr;

std::size_t page_bytes() {
    return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

void adopt_host_thread([[maybe_unused]] Fiber& fiber) {
#if defined(CA3_SIMT_TSAN)
    fiber.thread = __tsan_get_current_fiber();
#endif
}

void create(Fiber& fiber, void (*entry)(), int index) {
    std::size_t const guard = page_bytes();
    void* const memory = mmap(nullptr, guard + stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    if (mprotect(memory, guard, PROT_NONE) != 0) {
        munmap(memory, guard + stack_bytes);
        throw std::bad_alloc();
    }
    fiber.stack = static_cast<std::byte*>(memory) + guard;
    fiber.stack_bytes = stack_bytes;
    std::size_t const offset = stagger_bytes * static_cast<std::size_t>(index % stagger_steps);
#ifdef CA3_SIMT_UCONTEXT
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack;
    fiber.context.uc_stack.ss_size = stack_bytes - offset;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, entry, 0);
#else
    auto* top = reinterpret_cast<std::uintptr_t*>(static_cast<std::byte*>(fiber.stack) + stack_bytes - offset);
    *--top = 0;  // stands for the return address of `entry`: aligns the stack as after a call, and ends backtraces
    *--top = reinterpret_cast<std::uintptr_t>(entry);
    for (int saved = 0; saved < 6; ++saved) *--top = 0;
    fiber.stack_pointer = top;
#endif
#if defined(CA3_SIMT_TSAN)
    fiber.thread = __tsan_create_fiber(0);
#endif
}

void destroy(Fiber& fiber) noexcept {
    if (fiber.stack == nullptr) return;
#if defined(CA3_SIMT_TSAN)
    __tsan_destroy_fiber(fiber.thread);
#endif
    munmap(static_cast<std::byte*>(fiber.stack) - page_bytes(), page_bytes() + fiber.stack_bytes);
    fiber.stack = nullptr;
}

void fiber_entered() {
#if defined(__SANITIZE_ADDRESS__)
    void const* bottom = nullptr;
    std::size_t size = 0;
    __sanitizer_finish_switch_fiber(switched_to->fake_stack, &bottom, &size);
    switched_from->stack = const_cast<void*>(bottom);  // how the host thread's bounds become known
    switched_from->stack_bytes = size;
#endif
}

void switch_fiber(Fiber& from, Fiber& to) {
#if defined(__SANITIZE_ADDRESS__)
    switched_from = &from;
    switched_to = &to;
    __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.stack_bytes);
#endif
#if defined(CA3_SIMT_TSAN)
    __tsan_switch_to_fiber(to.thread, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef CA3_SIMT_UCONTEXT
    swapcontext(&from.context, &to.context);
#else
    ca3_simt_switch(&from.stack_pointer, to.stack_pointer);
#endif
    fiber_entered();
}

}  // namespace ca3::simt
