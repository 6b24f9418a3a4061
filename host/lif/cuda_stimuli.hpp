#pragma once

#include <ca3/matrix.hpp>

#include "kernels/lif/network_view.hpp"
#include "lif/plan.hpp"

#include <cstdint>
#include <vector>

namespace ca3::lif::cuda {

/// A vector on the host and its copy on the device.
template <class T>
[[nodiscard]] Buffer<T> uploaded(Context const& context, std::vector<T> const& values) {
    Buffer<T> buffer(context, static_cast<std::int64_t>(values.size()));
    if (!values.empty()) buffer.copy_from_host(values.data());
    return buffer;
}

/// Stimuli in device memory; made again when some were added.
struct DeviceStimuli {
    Buffer<DevicePoisson> poisson;
    Buffer<DeviceTable> tables;
    Buffer<std::uint32_t> thresholds;
    Buffer<std::int32_t> table_of;
    Buffer<DeviceCurrent> currents;
    Buffer<double> amplitudes;
    std::size_t poisson_count = 0, current_count = 0;

    DeviceStimuli() = default;
    DeviceStimuli(Context const& context, Plan const& plan) : poisson_count(plan.poisson.size()), current_count(plan.currents.size()) {
        std::vector<DevicePoisson> list;
        std::vector<DeviceTable> all_tables;
        std::vector<std::uint32_t> all_thresholds;
        std::vector<std::int32_t> which;
        for (auto const& p : plan.poisson) {
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
            }
            which.insert(which.end(), p.table_of.begin(), p.table_of.end());
        }
        std::vector<DeviceCurrent> list_of_currents;
        std::vector<double> all_amplitudes;
        for (auto const& c : plan.currents) {
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
        poisson = uploaded(context, list);
        tables = uploaded(context, all_tables);
        thresholds = uploaded(context, all_thresholds);
        table_of = uploaded(context, which);
        currents = uploaded(context, list_of_currents);
        amplitudes = uploaded(context, all_amplitudes);
    }
};

}  // namespace ca3::lif::cuda
