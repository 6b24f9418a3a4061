#include <ca3/error.hpp>

#include "autoencoder/description_entries.hpp"

/// How a network is trained, as JSON.
namespace ca3::autoencoder::description {
namespace {

using io::Members;
using io::Node;

auto const as_reduction = [](Node const& node) { return node.choice<Reduction>({{"sum", Reduction::sum}, {"mean", Reduction::mean}}); };

// ---- optimizers ------------------------------------------------------------------------------------------------------

void take_rate_and_decay(Members& members, auto& optimizer) {
    members.take("learning_rate", "lr", optimizer.learning_rate, as_number);
    members.take("weight_decay", optimizer.weight_decay, as_number);
    members.take("l1", optimizer.l1, as_number);
}

/// beta1 and beta2, or both as PyTorch has them: "betas": [0.9, 0.999].
void take_betas(Members& members, auto& optimizer) {
    auto const betas = members.find("betas");
    for (auto const& [key, value] : {std::pair{"beta1", &optimizer.beta1}, std::pair{"beta2", &optimizer.beta2}}) {
        auto const beta = members.find(key);
        if (beta && betas) beta->fail("means the same as 'betas', which is there too");
        if (beta) *value = beta->number();
    }
    if (!betas) return;
    auto const list = betas->is_list() ? betas->numbers() : std::vector<double>{};
    if (list.size() != 2) betas->fail_kind("a list of two numbers");
    optimizer.beta1 = list[0];
    optimizer.beta2 = list[1];
}

Sgd read_sgd(Members& members) {
    Sgd sgd;
    take_rate_and_decay(members, sgd);
    members.take("momentum", sgd.momentum, as_number);
    members.take("dampening", sgd.dampening, as_number);
    members.take("nesterov", sgd.nesterov, as_flag);
    return sgd;
}

template <class Adaptive>
Adaptive read_adaptive(Members& members) {
    Adaptive adaptive;
    take_rate_and_decay(members, adaptive);
    take_betas(members, adaptive);
    members.take("epsilon", "eps", adaptive.epsilon, as_number);
    return adaptive;
}

Optimizer as_optimizer(Node const& node) {
    auto const kind = [](Node const& word) { return word.choice<Optimizer>({{"sgd", Sgd{}}, {"adam", Adam{}}, {"adamw", AdamW{}}}); };
    if (!node.is_object()) return kind(node);
    Members members(node);
    Optimizer optimizer = kind(members.at("kind"));
    if (std::holds_alternative<Sgd>(optimizer)) optimizer = read_sgd(members);
    if (std::holds_alternative<Adam>(optimizer)) optimizer = read_adaptive<Adam>(members);
    if (std::holds_alternative<AdamW>(optimizer)) optimizer = read_adaptive<AdamW>(members);
    members.close();
    return optimizer;
}

Schedule as_schedule(Node const& node) {
    using Kind = Schedule::Kind;
    auto const kind = [](Node const& word) {
        return word.choice<Kind>({{"constant", Kind::constant}, {"step", Kind::step}, {"cosine", Kind::cosine}});
    };
    if (!node.is_object()) return {.kind = kind(node)};
    Members members(node);
    Schedule schedule{.kind = kind(members.at("kind"))};
    if (schedule.kind == Kind::step) {
        members.take("every", "step_size", schedule.every, as_whole);
        members.take("gamma", schedule.gamma, as_number);
    }
    if (schedule.kind == Kind::cosine) {
        members.take("period", "T_max", schedule.period, as_whole);
        members.take("floor", schedule.floor, as_number);
    }
    members.close();
    return schedule;
}

// ---- corruptions -----------------------------------------------------------------------------------------------------

OccludedRectangle read_rectangle(Members& members) {
    OccludedRectangle rectangle;
    members.take("height", rectangle.height, as_whole);
    members.take("width", rectangle.width, as_whole);
    members.take("row", rectangle.row, as_whole);
    members.take("column", rectangle.column, as_whole);
    members.take("value", rectangle.value, as_number);
    members.take("image_width", rectangle.image_width, as_whole);
    return rectangle;
}

Corruption as_corruption(Node const& node) {
    auto const kind = [](Node const& word) {
        return word.choice<Corruption>({{"gaussian_noise", GaussianNoise{}},
                                        {"salt_and_pepper", SaltAndPepper{}},
                                        {"bit_flips", BitFlips{}},
                                        {"occluded_rectangle", OccludedRectangle{}},
                                        {"rotation", Rotation{}},
                                        {"pixel_permutation", PixelPermutation{}}});
    };
    if (!node.is_object()) return kind(node);
    Members members(node);
    Corruption corruption = kind(members.at("kind"));
    if (auto* noise = std::get_if<GaussianNoise>(&corruption)) members.take("sigma", noise->sigma, as_number);
    if (auto* salt = std::get_if<SaltAndPepper>(&corruption)) members.take("share", salt->share, as_number);
    if (auto* flips = std::get_if<BitFlips>(&corruption)) members.take("share", flips->share, as_number);
    if (std::holds_alternative<OccludedRectangle>(corruption)) corruption = read_rectangle(members);
    if (auto* rotation = std::get_if<Rotation>(&corruption)) {
        members.take("degrees", rotation->degrees, as_number);
        members.take("fixed", rotation->fixed, as_flag);
        members.take("image_width", rotation->image_width, as_whole);
    }
    if (auto* permutation = std::get_if<PixelPermutation>(&corruption)) members.take("seed", permutation->seed, as_seed);
    members.close();
    return corruption;
}

// ---- what is minimised -----------------------------------------------------------------------------------------------

ActivityPenalty as_penalty(Node const& node) {
    Members members(node);
    ActivityPenalty penalty;
    penalty.layer = as_index(members.at("layer"));
    penalty.scale = members.at("scale").number();
    members.take("reduction", penalty.reduction, as_reduction);
    members.close();
    return penalty;
}

void take_kl(Node const& node, FitOptions& fit) {
    Members members(node);
    members.take("scale", fit.kl_scale, as_number);
    members.take("reduction", fit.kl_reduction, as_reduction);
    members.close();
}

EarlyStop as_early_stop(Node const& node) {
    Members members(node);
    EarlyStop stop{.patience = members.at("patience").whole()};
    members.take("least_gain", "min_delta", stop.least_gain, as_number);
    members.close();
    return stop;
}

/// A list of what `read` makes of each element.
template <class T, class Read>
auto each(Read read) {
    return [read](Node const& node) {
        std::vector<T> list;
        for (Node const& element : node.list()) list.push_back(read(element));
        return list;
    };
}

}  // namespace

FitOptions read_fit(Members& members) {
    FitOptions fit;
    members.take("loss", fit.loss, [](Node const& node) { return named(node, Loss::nll); });
    members.take("optimizer", "optimiser", fit.optimizer, as_optimizer);
    members.take("schedule", fit.schedule, as_schedule);
    members.take("epochs", fit.epochs, as_whole);
    members.take("batch", "batch_size", fit.batch, as_whole);
    members.take("drop_last", fit.drop_last, as_flag);
    members.take("shuffle", fit.shuffle, as_flag);
    members.take("training_seed", fit.seed, as_seed);
    members.take("clip_norm", fit.clip_norm, as_number);
    members.take("penalties", fit.penalties, each<ActivityPenalty>(as_penalty));
    if (auto const kl = members.find("kl")) take_kl(*kl, fit);
    members.take("corrupt", fit.corrupt, each<Corruption>(as_corruption));
    members.take("early_stop", fit.early_stop, as_early_stop);
    members.take("checkpoint", fit.checkpoint, as_text);
    members.take("checkpoint_every", fit.checkpoint_every, as_whole);
    members.take("resume", fit.resume, as_flag);
    return fit;
}

}  // namespace ca3::autoencoder::description
