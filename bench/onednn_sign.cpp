#include "bench/onednn_sign.hpp"

#include <dnnl.h>
#include <omp.h>

#include <algorithm>
#include <stdexcept>

namespace ca3::bench {

namespace {

// One definition per instruction set, chosen when the program starts.
#if defined(__x86_64__)
#define CA3_BENCH_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CA3_BENCH_CLONES
#endif

CA3_BENCH_CLONES void decide(float const* __restrict h, float const* __restrict s, float* __restrict out, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = h[i] > 0 ? 1.0F : h[i] < 0 ? -1.0F : s[i];
}

CA3_BENCH_CLONES void decide(std::int32_t const* __restrict h, std::int8_t const* __restrict s, std::int8_t* __restrict out,
                             std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
        std::int32_t const tie = s[i];
        out[i] = static_cast<std::int8_t>(h[i] > 0 ? 1 : h[i] < 0 ? -1 : tie);
    }
}

dnnl_status_t multiply(std::int64_t rows, std::int64_t d, float const* s, float const* w, float* h) {
    return dnnl_sgemm('N', 'N', rows, d, d, 1.0F, s, d, w, d, 0.0F, h, d);
}

dnnl_status_t multiply(std::int64_t rows, std::int64_t d, std::int8_t const* s, std::int8_t const* w, std::int32_t* h) {
    std::int32_t const no_offset = 0;
    return dnnl_gemm_s8s8s32('N', 'N', 'F', rows, d, d, 1.0F, s, d, 0, w, d, 0, 0.0F, h, d, &no_offset);
}

}  // namespace

template <class Element>
OneDnnSign<Element>::OneDnnSign(std::vector<std::int32_t> const& weights, MatrixView<std::int8_t const> states, int threads)
    : d_(states.cols),
      batch_(states.rows),
      // 1024 rows and fewer took the same time within 5 %, a whole batch at once as much or more.
      block_(std::clamp<std::int64_t>(states.rows / threads, 1, 1024)),
      threads_(threads),
      weights_(weights.size()),
      in_(static_cast<std::size_t>(states.rows * states.cols)),
      out_(in_.size()),
      fields_(static_cast<std::size_t>(threads * block_ * d_)) {
    for (std::size_t k = 0; k < weights.size(); ++k) {
        weights_[k] = static_cast<Element>(weights[k]);
        if (static_cast<std::int32_t>(weights_[k]) != weights[k]) throw std::invalid_argument("the weights do not fit the baseline's type");
    }
    for (std::int64_t b = 0; b < batch_; ++b) std::copy_n(states.row(b), d_, in_.begin() + b * d_);
}

template <class Element>
void OneDnnSign<Element>::sweep() {
    bool failed = false;
#pragma omp parallel for schedule(dynamic) num_threads(threads_) reduction(|| : failed)
    for (std::int64_t first = 0; first < batch_; first += block_) {
        std::int64_t const rows = std::min(block_, batch_ - first);
        Field* const h = fields_.data() + omp_get_thread_num() * block_ * d_;
        Element const* const s = in_.data() + first * d_;
        failed = multiply(rows, d_, s, weights_.data(), h) != dnnl_success || failed;
        decide(h, s, out_.data() + first * d_, rows * d_);
    }
    if (failed) throw std::runtime_error("oneDNN could not multiply");
}

template <class Element>
bool agrees(OneDnnSign<Element>& baseline, std::vector<std::int32_t> const& sweeps, MatrixView<std::int8_t const> states) {
    std::int32_t const last = sweeps.empty() ? 0 : *std::max_element(sweeps.begin(), sweeps.end());
    for (std::int32_t t = 1; t <= last; ++t) {
        baseline.sweep();
        for (std::int64_t b = 0; b < states.rows; ++b) {
            if (sweeps[static_cast<std::size_t>(b)] == t && !std::equal(states.row(b), states.row(b) + states.cols, baseline.out(b)))
                return false;
        }
        baseline.swap();
    }
    return true;
}

template class OneDnnSign<float>;
template class OneDnnSign<std::int8_t>;
template bool agrees(OneDnnSign<float>&, std::vector<std::int32_t> const&, MatrixView<std::int8_t const>);
template bool agrees(OneDnnSign<std::int8_t>&, std::vector<std::int32_t> const&, MatrixView<std::int8_t const>);

}  // namespace ca3::bench
