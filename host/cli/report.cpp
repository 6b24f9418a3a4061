#include "report.hpp"

#include "whole_file.hpp"

#include <ca3/version.hpp>

#include <filesystem>
#include <iostream>

namespace ca3::cli {

nlohmann::json json_header(std::string const& command) {
    return {{"program", "ca3"}, {"version", CA3_VERSION_STRING}, {"command", command}};
}

std::string dump(nlohmann::json const& json) {
    return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void write_json(Options const& options, nlohmann::json const& json) {
    if (options.json == "-") {
        std::cout << dump(json);
    } else if (!options.json.empty()) {
        write_whole(options.json, dump(json));
    }
}

Report::Report(Environment const& environment, std::string name, std::string const& id, std::string const& title, std::string const& data)
    : environment_(environment), name_(std::move(name)), json_(json_header("hopfield " + name_)) {
    auto const& options = environment.options;
    check_can_write(options.json);
    make_folder(options.out);
    json_["title"] = title;
    json_["seed"] = options.seed;
    json_["backend"] = to_string(environment.context.backend());
    if (!id.empty()) json_["experiment"] = id;
    if (!data.empty()) json_["data"] = data;
    json_["results"] = nlohmann::json::object();
    json_["tables"] = nlohmann::json::object();
    std::string const heading = (id.empty() ? "" : id + "  ") + title;
    line(heading);
    line(std::string(heading.size(), '='));
    line("seed " + std::to_string(options.seed) + ", " + (data.empty() ? "" : data + ", ") + environment.context.describe());
}

void Report::line(std::string const& text) {
    if (environment_.options.prints_text()) std::cout << text << '\n';
}

void Report::member(std::string const& key, nlohmann::json value) {
    json_[key] = std::move(value);
}

void Report::table(std::string const& key, std::string const& title, Table const& table) {
    json_["tables"][key] = to_json(table);
    json_["tables"][key]["title"] = title;
    line("");
    line(title);
    if (environment_.options.prints_text()) print(std::cout, table);
}

void Report::result(std::string const& key, nlohmann::json value) {
    json_["results"][key] = std::move(value);
}

std::string Report::path(std::string const& file) {
    files_.push_back(file);
    return (std::filesystem::path(environment_.options.out) / file).string();
}

void Report::figure(std::string const& stem, ImageGrid const& grid) {
    write_png(path(stem + ".png"), grid);
}

void Report::figure(std::string const& stem, std::vector<Panel> const& panels) {
    write_whole(path(stem + ".csv"), to_csv(panels));
    if (!write_curves(path(stem + ".png"), panels)) {
        files_.pop_back();
        line("(gnuplot is not installed: " + stem + ".csv holds the curves, " + stem + ".png was not drawn)");
    }
}

nlohmann::json Report::finish() {
    std::string const file = path(name_ + ".json");
    json_["files"] = files_;
    write_whole(file, dump(json_));
    if (!environment_.part_of_tour) write_json(environment_.options, json_);
    std::string list;
    for (auto const& f : files_) list += (list.empty() ? "" : ", ") + f;
    line("");
    line("written to " + environment_.options.out + ": " + list);
    line("");
    return json_;
}

}  // namespace ca3::cli
