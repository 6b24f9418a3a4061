#include "core/state.hpp"
#include "outer_product/backend.hpp"
#include "outer_product/cpu_pack.hpp"
#include "outer_product/cpu_tile.hpp"
#include "outer_product/cpu_write.hpp"

#include <algorithm>
#include <atomic>
#include <vector>

/// Entry (i, j) is P minus (twice) the number of patterns in which the packed columns i and j differ. Tiles of the lower triangle are
/// counted by a kernel chosen by instruction set; each is written to its place and, transposed in the cache, to the mirrored one.
namespace ca3::outer_product::cpu {

namespace {

constexpr std::int64_t tiles_per_strip = 8;        // neighbours in a row of tiles, which share their left operand in the cache
constexpr std::int64_t streaming_bytes = 1 << 23;  // larger matrices bypass the caches, which would read each line before it is written

struct Strip {
    std::int64_t row;
    std::int64_t begin;
    std::int64_t end;
};

std::vector<Strip> strips_of_lower_triangle(std::int64_t tiles) {
    std::vector<Strip> strips;
    for (std::int64_t row = tiles - 1; row >= 0; --row)
        for (std::int64_t begin = 0; begin <= row; begin += tiles_per_strip)
            strips.push_back({row, begin, std::min(begin + tiles_per_strip, row + 1)});
    return strips;
}

/// Calls write(rows, i, j) for every 8 x 64 elements of the matrix, (i, j) their first. `write` may change them.
/// Between two panels 8 finished rows of the tile and 8 of the last tile's mirror image go out, so that memory is busy while bits are
/// counted.
template <class T, class Write>
void for_each_panel(Context const& context, PackedColumns const& packed, std::int64_t columns, std::int64_t patterns, Write const& write) {
    auto const count = panel_kernel<T>(context.instruction_set());
    auto const strips = strips_of_lower_triangle((columns + tile_side - 1) / tile_side);
    std::int64_t const tile_words = tile_side * packed.words, group_words = group_columns * packed.words;
    pool(context).run(static_cast<std::int64_t>(strips.size()), [&](std::int64_t index, int) {
        alignas(64) T tile[tile_side * tile_side];
        alignas(64) T mirrored[tile_side * tile_side];
        auto const [row, begin, end] = strips[static_cast<std::size_t>(index)];
        std::int64_t const mirrors_end = std::min(end, row);  // the tile on the diagonal is its own mirror image
        for (std::int64_t column = begin; column <= mirrors_end; ++column) {
            for (std::int64_t k = 0; k < tile_groups; ++k) {
                std::int64_t const first = k * group_columns;
                if (column < end) {
                    T* const panel = tile + first * tile_side;
                    count(packed.bits.data() + row * tile_words + k * group_words, packed.bits.data() + column * tile_words, packed.words,
                          patterns, panel);
                    write(panel, row * tile_side + first, column * tile_side);
                }
                if (column > begin) write(mirrored + first * tile_side, (column - 1) * tile_side + first, row * tile_side);
            }
            if (column < mirrors_end) transpose_tile(tile, mirrored);
        }
        finish_streaming();
    });
}

/// Calls body(row of the panel, number of elements) for those of its rows that the matrix has.
template <class Body>
void for_each_row(std::int64_t i, std::int64_t j, std::int64_t d, Body const& body) {
    std::int64_t const rows = std::min(group_columns, d - i), elements = std::min(tile_side, d - j);
    for (std::int64_t r = 0; r < rows; ++r) body(r, elements);
}

template <class T>
void replace(Context const& context, PackedColumns const& packed, T diagonal, std::int64_t patterns, MatrixView<T> weights) {
    std::int64_t const d = weights.rows;
    bool const streaming = d > streaming_bytes / static_cast<std::int64_t>(sizeof(T)) / d;
    for_each_panel<T>(context, packed, d, patterns, [&](T* panel, std::int64_t i, std::int64_t j) {
        for_each_row(i, j, d, [&](std::int64_t r, std::int64_t elements) {
            T* const row = panel + r * tile_side;
            if (j <= i + r && i + r < j + tile_side) row[i + r - j] = diagonal;
            write_row(row, weights.row(i + r) + j, elements, streaming);
        });
    });
}

/// False when former content was impossible somewhere.
template <class T>
bool update(Context const& context, PackedColumns const& packed, Update const& change, std::int64_t patterns, MatrixView<T> weights) {
    std::int64_t const d = weights.rows;
    std::atomic<bool> possible{true};
    for_each_panel<T>(context, packed, d, patterns, [&](T const* panel, std::int64_t i, std::int64_t j) {
        for_each_row(i, j, d, [&](std::int64_t r, std::int64_t elements) {
            if (!update_row(change, panel + r * tile_side, weights.row(i + r) + j, elements))
                possible.store(false, std::memory_order_relaxed);
        });
    });
    return possible.load();
}

}  // namespace

template <class T>
void accumulate(Context const& context, AccumulateOptions const& options, MatrixView<std::int8_t const> patterns, MatrixView<T> weights) {
    std::int64_t const d = patterns.cols;
    std::int64_t const after = stored_after(options, patterns.rows);
    auto const packed = pack_columns(context, patterns);
    if (options.stored == 0) return replace(context, packed, diagonal_value<T>(options, patterns.rows), patterns.rows, weights);

    std::vector<T> former_diagonal(static_cast<std::size_t>(d));
    for (std::int64_t i = 0; i < d; ++i) {
        former_diagonal[static_cast<std::size_t>(i)] = weights(i, i);
        weights(i, i) = static_cast<T>(options.stored);  // what it would be if it were kept: it takes part in the check
    }
    bool const possible = update(context, packed, {options.operation, options.stored, after}, patterns.rows, weights);
    if (!possible) {
        auto const inverse = options.operation == Operation::add ? Operation::remove : Operation::add;
        static_cast<void>(update(context, packed, {inverse, after, options.stored}, patterns.rows, weights));
        for (std::int64_t i = 0; i < d; ++i) weights(i, i) = former_diagonal[static_cast<std::size_t>(i)];
        throw_not_a_sum(options, patterns.rows);
    }
    for (std::int64_t i = 0; i < d; ++i) weights(i, i) = diagonal_value<T>(options, patterns.rows);
}

template void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const>, MatrixView<std::uint8_t>);
template void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const>, MatrixView<std::int16_t>);
template void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const>, MatrixView<std::int32_t>);

}  // namespace ca3::outer_product::cpu
