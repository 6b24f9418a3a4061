#include "io/output.hpp"

#include <ca3/error.hpp>

#include <zlib.h>

#include <algorithm>
#include <array>

namespace ca3::io {

struct Deflater::State {
    z_stream zlib = {};
    Sink sink;
    std::array<std::byte, 65536> output;

    void run(int flush) {
        do {
            zlib.next_out = reinterpret_cast<Bytef*>(output.data());
            zlib.avail_out = static_cast<uInt>(output.size());
            deflate(&zlib, flush);  // cannot fail: the state is valid and there is room
            sink(std::span(output).first(output.size() - zlib.avail_out));
        } while (zlib.avail_out == 0);
    }
};

Deflater::Deflater(Wrapping wrapping, Sink sink) : state_(std::make_unique<State>()) {
    int constexpr window_bits = 15;
    int constexpr memory_level = 8;
    state_->sink = std::move(sink);
    int const bits = wrapping == Wrapping::gzip ? window_bits + 16 : -window_bits;
    if (deflateInit2(&state_->zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED, bits, memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
        throw OutOfMemory("deflate", std::uint64_t{1} << 18, 0);
    }
}

Deflater::~Deflater() {
    deflateEnd(&state_->zlib);
}

void Deflater::write(std::span<std::byte const> bytes) {
    while (!bytes.empty()) {
        auto const chunk = bytes.first(std::min<std::size_t>(bytes.size(), std::size_t{1} << 30));
        // zlib's interface is not const-correct; it does not write here.
        state_->zlib.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(chunk.data()));
        state_->zlib.avail_in = static_cast<uInt>(chunk.size());
        state_->run(Z_NO_FLUSH);
        bytes = bytes.subspan(chunk.size());
    }
}

void Deflater::finish() {
    state_->zlib.avail_in = 0;
    state_->run(Z_FINISH);
}

}  // namespace ca3::io
