#include "autoencoder/baseline_kernels.hpp"

#include "core/aligned.hpp"
#include "core/check.hpp"
#include "core/target.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace ca3::autoencoder {
namespace {
namespace portable {
constexpr int lanes = 2, block_rows = 4, block_vectors = 2;
#include "autoencoder/baseline_kernels_inl.hpp"
}  // namespace portable
}  // namespace
}  // namespace ca3::autoencoder

#if defined(__x86_64__)
CA3_TARGET_BEGIN("avx2")
namespace ca3::autoencoder {
namespace {
namespace avx2 {
constexpr int lanes = 4, block_rows = 4, block_vectors = 2;
#include "autoencoder/baseline_kernels_inl.hpp"
}  // namespace avx2
}  // namespace
}  // namespace ca3::autoencoder
CA3_TARGET_END

CA3_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl")
namespace ca3::autoencoder {
namespace {
namespace avx512 {
constexpr int lanes = 8, block_rows = 8, block_vectors = 2;
#include "autoencoder/baseline_kernels_inl.hpp"
}  // namespace avx512
}  // namespace
}  // namespace ca3::autoencoder
CA3_TARGET_END
#endif

namespace ca3::autoencoder {

BaselineKernels const& baseline_kernels_for(InstructionSet set) {
#if defined(__x86_64__)
    switch (set) {
        case InstructionSet::avx2:
            return avx2::table;
        case InstructionSet::avx512_vnni:
        case InstructionSet::avx512_vpopcntdq:
            return avx512::table;
        case InstructionSet::automatic:
        case InstructionSet::portable:
            break;
    }
#endif
    return portable::table;
}

namespace {

/// Columns [first, first + columns) of some samples less their means, in panels of `panel` columns: panel after panel, sample after sample.
/// The last panel is filled up with zeros.
void pack(MatrixView<double const> samples, std::int64_t begin, std::int64_t count, double const* mean, std::int64_t first,
          std::int64_t columns, std::int64_t panel, double* to) {
    for (std::int64_t p = 0; p < columns; p += panel) {
        std::int64_t const width = std::min(panel, columns - p);
        double const* const m = mean + first + p;
        for (std::int64_t k = 0; k < count; ++k, to += panel) {
            double const* const x = samples.row(begin + k) + first + p;
            for (std::int64_t j = 0; j < width; ++j) to[j] = x[j] - m[j];
            std::fill(to + width, to + panel, 0.0);
        }
    }
}

/// What a thread computes a tile in.
struct Workspace {
    AlignedVector<double> left = AlignedVector<double>(static_cast<std::size_t>(samples_at_once * tile_columns));
    AlignedVector<double> right = AlignedVector<double>(static_cast<std::size_t>(samples_at_once * tile_columns));
    AlignedVector<double> sums = AlignedVector<double>(static_cast<std::size_t>(tile_columns * tile_columns));
};
static_assert(tile_columns % left_panel == 0 && tile_columns % right_panel == 0);

}  // namespace

void centred_product(ThreadPool& pool, InstructionSet set, MatrixView<double const> samples, double const* mean, double* out) {
    std::int64_t const d = samples.cols;
    std::int64_t const tiles = (d + tile_columns - 1) / tile_columns;
    BaselineKernels const& kernels = baseline_kernels_for(set);
    std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
    for (std::int64_t i = 0; i < tiles; ++i)
        for (std::int64_t j = 0; j <= i; ++j) pairs.emplace_back(i * tile_columns, j * tile_columns);
    std::vector<Workspace> workspaces(static_cast<std::size_t>(std::min<std::int64_t>(pool.size(), std::ssize(pairs))));
    // A pool may have more threads than there are tiles: then tiles are told apart by their number.
    bool const by_thread = workspaces.size() == static_cast<std::size_t>(pool.size());
    pool.run(std::ssize(pairs), [&](std::int64_t index, int thread) {
        auto const [top, left] = pairs[static_cast<std::size_t>(index)];
        Workspace& w = workspaces[static_cast<std::size_t>(by_thread ? thread : index)];
        std::int64_t const rows = std::min(tile_columns, d - top), columns = std::min(tile_columns, d - left);
        std::fill(w.sums.begin(), w.sums.end(), 0.0);
        for (std::int64_t begin = 0; begin < samples.rows; begin += samples_at_once) {
            std::int64_t const count = std::min(samples_at_once, samples.rows - begin);
            pack(samples, begin, count, mean, top, rows, left_panel, w.left.data());
            pack(samples, begin, count, mean, left, columns, right_panel, w.right.data());
            for (std::int64_t j = 0; j < columns; j += right_panel)
                for (std::int64_t i = 0; i < rows; i += left_panel)
                    kernels.add_product(w.left.data() + i * count, w.right.data() + j * count, count, w.sums.data() + i * tile_columns + j,
                                        tile_columns);
        }
        for (std::int64_t i = 0; i < rows; ++i)
            for (std::int64_t j = 0; j < columns; ++j)
                out[(top + i) * d + left + j] = out[(left + j) * d + top + i] = w.sums[static_cast<std::size_t>(i * tile_columns + j)];
    });
}

void column_means(ThreadPool& pool, MatrixView<double const> samples, double* means) {
    std::int64_t const d = samples.cols, parts = (samples.rows + samples_at_once - 1) / samples_at_once;
    std::vector<double> sums(static_cast<std::size_t>(parts * d), 0.0);
    pool.run(parts, [&](std::int64_t part, int) {
        double* const sum = sums.data() + part * d;
        std::int64_t const end = std::min(samples.rows, (part + 1) * samples_at_once);
        for (std::int64_t i = part * samples_at_once; i < end; ++i)
            for (std::int64_t j = 0; j < d; ++j) sum[j] += samples(i, j);
    });
    std::fill(means, means + d, 0.0);
    for (std::int64_t part = 0; part < parts; ++part)
        for (std::int64_t j = 0; j < d; ++j) means[j] += sums[static_cast<std::size_t>(part * d + j)];
    for (std::int64_t j = 0; j < d; ++j) means[j] /= static_cast<double>(samples.rows);
}

void require_finite(ThreadPool& pool, MatrixView<double const> samples, char const* function, char const* argument, bool non_negative) {
    std::int64_t const d = samples.cols, parts = (samples.rows + samples_at_once - 1) / samples_at_once;
    double const least = non_negative ? 0.0 : std::numeric_limits<double>::lowest();
    auto const is_fine = [&](double x) { return x >= least && x <= std::numeric_limits<double>::max(); };
    std::vector<std::uint8_t> wrong(static_cast<std::size_t>(parts), 0);
    pool.run(parts, [&](std::int64_t part, int) {
        std::int64_t const end = std::min(samples.rows, (part + 1) * samples_at_once);
        bool fine = true;
        for (std::int64_t i = part * samples_at_once; i < end; ++i)
            for (std::int64_t j = 0; j < d; ++j) fine &= is_fine(samples(i, j));
        wrong[static_cast<std::size_t>(part)] = !fine;
    });
    auto const part = std::find(wrong.begin(), wrong.end(), 1) - wrong.begin();
    for (std::int64_t i = part * samples_at_once; i < samples.rows; ++i)
        for (std::int64_t j = 0; j < d; ++j)
            require(is_fine(samples(i, j)), function, [&] {
                return std::string(argument) + "(" + std::to_string(i) + ", " + std::to_string(j) + ") is " +
                       std::to_string(samples(i, j)) + ", must be finite" + (non_negative ? " and not negative" : "");
            });
}

}  // namespace ca3::autoencoder
