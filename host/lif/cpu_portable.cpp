#include "lif/cpu_kernels.hpp"
#include "lif/neuron_step.hpp"

#include <algorithm>
#include <bit>

namespace ca3::lif::cpu {

namespace {

namespace portable {
#include "lif/cpu_generic_inl.hpp"
}

template <class Real, Kind kind>
constexpr Update<Real> each = portable::update_each<kind, Real>;

}  // namespace

Kernels const& portable_kernels() {
    static constexpr Kernels table{
        .update_f32 = {each<float, Kind::delta>, each<float, Kind::exponential>, each<float, Kind::exponential_one>,
                       each<float, Kind::alpha>, each<float, Kind::alpha_one>, each<float, Kind::conductance>,
                       each<float, Kind::hodgkin_huxley>},
        .update_f64 = {each<double, Kind::delta>, each<double, Kind::exponential>, each<double, Kind::exponential_one>,
                       each<double, Kind::alpha>, each<double, Kind::alpha_one>, each<double, Kind::conductance>,
                       each<double, Kind::hodgkin_huxley>},
        .poisson_f32 = portable::add_poisson_each<float>,
        .poisson_f64 = portable::add_poisson_each<double>};
    return table;
}

Kernels const& kernels_for(InstructionSet set) {
#if defined(__x86_64__)
    switch (set) {
        case InstructionSet::avx2:
            return avx2_kernels();
        case InstructionSet::avx512_vnni:
        case InstructionSet::avx512_vpopcntdq:
            return avx512_kernels();
        case InstructionSet::automatic:
        case InstructionSet::portable:
            break;
    }
#endif
    return portable_kernels();
}

}  // namespace ca3::lif::cpu
