#pragma once

#include <ca3/matrix.hpp>

#include "kernels/lif/network_view.hpp"
#include "lif/plan.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace ca3::lif::cuda {

/// A vector on the host and its copy on the device.
template <class T>
[[nodiscard]] Buffer<T> uploaded(Context const& context, std::vector<T> const& values) {
    Buffer<T> buffer(context, static_cast<std::int64_t>(values.size()));
    if (!values.empty()) buffer.copy_from_host(values.data());
    return buffer;
}

/// Numbers of the entries of a list, those of one population after those of the one before, in their order.
/// @param begin receives where each population's begin, and the end
template <class T>
[[nodiscard]] std::vector<std::size_t> by_population(std::vector<T> const& list, std::size_t populations,
                                                     std::vector<std::int32_t>& begin) {
    begin.assign(populations + 1, 0);
    for (auto const& entry : list) ++begin[static_cast<std::size_t>(entry.population) + 1];
    for (std::size_t p = 0; p < populations; ++p) begin[p + 1] += begin[p];
    std::vector<std::size_t> order(list.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return list[a].population < list[b].population; });
    return order;
}

/// Stimuli in device memory; made again when some were added.
struct DeviceStimuli {
    Buffer<DevicePoisson> poisson;
    Buffer<DeviceTable> tables;
    Buffer<std::uint32_t> thresholds;
    Buffer<std::int32_t> table_of;
    Buffer<DeviceCurrent> currents;
    Buffer<double> amplitudes;
    Buffer<std::int32_t> poisson_begin, current_begin;  ///< by population, and the end
    std::size_t poisson_count = 0, current_count = 0;

    DeviceStimuli() = default;
    DeviceStimuli(Context const& context, Plan const& plan) : poisson_count(plan.poisson.size()), current_count(plan.currents.size()) {
        std::vector<DevicePoisson> list;
        std::vector<DeviceTable> all_tables;
        std::vector<std::uint32_t> all_thresholds;
        std::vector<std::int32_t> which;
        std::vector<std::int32_t> begin;
        for (std::size_t const k : by_population(plan.poisson, plan.populations.size(), begin)) {
            auto const& p = plan.poisson[k];
            list.push_back({.population = p.population,
                            .stimulus = p.stimulus,
                            .first = p.first,
                            .count = p.count,
                            .start = p.start,
                            .stop = p.stop,
                            .weight = on_grid(p.weight, plan.populations[static_cast<std::size_t>(p.population)].unit),
                            .table = static_cast<std::int32_t>(all_tables.size()),
                            .table_of = p.table_of.empty() ? -1 : static_cast<std::int64_t>(which.size())});
            for (auto const& table : p.tables) {
                all_tables.push_back({.base = table.base,
                                      .count = static_cast<std::int32_t>(table.thresholds.size()),
                                      .first = static_cast<std::int64_t>(all_thresholds.size())});
                all_thresholds.insert(all_thresholds.end(), table.thresholds.begin(), table.thresholds.end());
                all_thresholds.resize((all_thresholds.size() + 3) / 4 * 4, poisson_padding);
            }
            which.insert(which.end(), p.table_of.begin(), p.table_of.end());
        }
        poisson_begin = uploaded(context, begin);
        std::vector<DeviceCurrent> list_of_currents;
        std::vector<double> all_amplitudes;
        for (std::size_t const k : by_population(plan.currents, plan.populations.size(), begin)) {
            auto const& c = plan.currents[k];
            list_of_currents.push_back({.population = c.population,
                                        .single = c.amplitude.size() == 1,
                                        .first = c.first,
                                        .count = c.count,
                                        .start = c.start,
                                        .stop = c.stop,
                                        .interval = c.interval,
                                        .amplitude = static_cast<std::int64_t>(all_amplitudes.size())});
            all_amplitudes.insert(all_amplitudes.end(), c.amplitude.begin(), c.amplitude.end());
        }
        current_begin = uploaded(context, begin);
        poisson = uploaded(context, list);
        tables = uploaded(context, all_tables);
        thresholds = uploaded(context, all_thresholds);
        table_of = uploaded(context, which);
        currents = uploaded(context, list_of_currents);
        amplitudes = uploaded(context, all_amplitudes);
    }
};

}  // namespace ca3::lif::cuda
