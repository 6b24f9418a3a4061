#include "kernels/autoencoder/graph.hpp"

#include "core/cuda.hpp"
#include "kernels/common/check.cuh"

namespace ca3::autoencoder::cuda {

StepGraph::StepGraph(Context context) : context_(std::move(context)) {}

#ifdef CA3_SIMT

StepGraph::~StepGraph() = default;

bool StepGraph::record(std::function<void()> const& enqueue) {
    if (context_.stream() == nullptr) return false;
    simt::Recording recording;
    enqueue();
    launches_ = std::move(recording).launches();
    return true;
}

void StepGraph::replay() const {
    ca3::cuda::CurrentDevice const current(context_.device());
    for (auto const& launch : launches_) launch();
}

#else

StepGraph::~StepGraph() {
    if (executable_ != nullptr) cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(executable_));
}

bool StepGraph::record(std::function<void()> const& enqueue) {
    cudaStream_t const stream = context_.stream();
    if (stream == nullptr || stream == cudaStreamLegacy || stream == cudaStreamPerThread) return false;
    ca3::cuda::CurrentDevice const current(context_.device());
    cudaGraph_t graph = nullptr;
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    try {
        enqueue();
    } catch (...) {
        if (cudaStreamEndCapture(stream, &graph) == cudaSuccess && graph != nullptr) cudaGraphDestroy(graph);
        cudaGetLastError();
        throw;
    }
    check(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
    cudaGraphExec_t executable = nullptr;
    cudaError_t const code = cudaGraphInstantiate(&executable, graph, 0);
    cudaGraphDestroy(graph);
    check(code, "cudaGraphInstantiate");
    if (executable_ != nullptr) cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(executable_));
    executable_ = executable;
    return true;
}

void StepGraph::replay() const {
    ca3::cuda::CurrentDevice const current(context_.device());
    check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(executable_), context_.stream()), "cudaGraphLaunch");
}

#endif

}  // namespace ca3::autoencoder::cuda
