#include "tests/support/simt/shared_memory.hpp"

#include "tests/support/simt/executor.hpp"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ca3::simt {

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t guard_bytes = 0;  // the tool's own red zone follows
#else
constexpr std::size_t guard_bytes = 256;
#endif
constexpr unsigned char guard = 0xA5;
constexpr std::size_t alignment = 128;

struct Region {
    unsigned char* begin;
    std::size_t bytes;
};

struct Free {
    void operator()(unsigned char* p) const noexcept { std::free(p); }
};

struct DynamicMemory {
    std::unique_ptr<unsigned char, Free> memory;
    Region region{};
};

std::array<DynamicMemory, max_cluster> memories;  // by rank
Region dynamic{};                                 // of the running block

// ---- static shared variables, by the tag in their symbol names ----------------------------------------------------------

template <class T>
std::vector<T> read_table(std::ifstream& file, std::uint64_t offset, std::uint64_t bytes) {
    std::vector<T> out(bytes / sizeof(T));
    file.seekg(static_cast<std::streamoff>(offset));
    file.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size() * sizeof(T)));
    if (!file) out.clear();
    return out;
}

/// Appends the tagged variables of one loaded object. @returns whether it has a symbol table
bool find_tagged(std::string const& path, ElfW(Addr) base, std::vector<Region>& out) {
    std::ifstream file(path, std::ios::binary);
    auto const header = read_table<ElfW(Ehdr)>(file, 0, sizeof(ElfW(Ehdr)));
    if (header.empty() || std::memcmp(header[0].e_ident, ELFMAG, SELFMAG) != 0) return false;
    auto const sections = read_table<ElfW(Shdr)>(file, header[0].e_shoff, std::uint64_t{header[0].e_shnum} * sizeof(ElfW(Shdr)));
    auto const table = std::find_if(sections.begin(), sections.end(), [](auto const& s) { return s.sh_type == SHT_SYMTAB; });
    if (table == sections.end() || table->sh_link >= sections.size()) return false;
    auto const symbols = read_table<ElfW(Sym)>(file, table->sh_offset, table->sh_size);
    auto names = read_table<char>(file, sections[table->sh_link].sh_offset, sections[table->sh_link].sh_size);
    names.push_back('\0');
    for (auto const& symbol : symbols) {
        bool const variable = (symbol.st_info & 0xF) == STT_OBJECT && symbol.st_shndx != SHN_UNDEF;
        if (!variable || symbol.st_name >= names.size()) continue;
        std::string_view const name(names.data() + symbol.st_name);
        if (name.find("ca3_simt_shared") == std::string_view::npos || name.starts_with("_ZGV")) continue;
        out.push_back({reinterpret_cast<unsigned char*>(base + symbol.st_value), symbol.st_size});
    }
    return true;
}

int visit(dl_phdr_info* object, std::size_t, void* data) {
    bool const program = object->dlpi_name == nullptr || object->dlpi_name[0] == '\0';
    bool const found =
        find_tagged(program ? "/proc/self/exe" : object->dlpi_name, object->dlpi_addr, *static_cast<std::vector<Region>*>(data));
    return program && !found ? 1 : 0;
}

std::vector<Region> const& static_regions() {
    static std::vector<Region> const regions = [] {
        std::vector<Region> out;
        if (dl_iterate_phdr(visit, &out) != 0) {
            throw std::runtime_error("simt: the program is stripped, but static shared memory is found by its symbol names");
        }
        std::sort(out.begin(), out.end(), [](Region const& a, Region const& b) { return a.begin < b.begin; });
        return out;
    }();
    return regions;
}

bool inside(void const* pointer, std::size_t bytes, Region const& region) {
    auto const* const p = static_cast<unsigned char const*>(pointer);
    return p >= region.begin && bytes <= region.bytes && static_cast<std::size_t>(p - region.begin) <= region.bytes - bytes;
}

}  // namespace

SharedMemory::SharedMemory(std::size_t bytes, int cluster) {
    static_regions();
    std::size_t const skipped = bytes == 0 ? alignment : 0;  // an empty block of malloc has a byte; the end of one has none
    for (int rank = 0; rank < cluster; ++rank) {
        void* block_begin = nullptr;
        if (posix_memalign(&block_begin, alignment, skipped + bytes + guard_bytes) != 0) throw std::bad_alloc();
        DynamicMemory& own = memories[static_cast<std::size_t>(rank)];
        own.memory.reset(static_cast<unsigned char*>(block_begin));
        own.region = {own.memory.get() + skipped, bytes};
        std::memset(own.region.begin + bytes, guard, guard_bytes);
    }
    use_shared_memory(0);
}

SharedMemory::~SharedMemory() {
    for (DynamicMemory& own : memories) own = {};
    dynamic = {};
}

void use_shared_memory(unsigned rank) {
    dynamic = memories[rank].region;
}

void poison_shared_memory() {
    std::memset(dynamic.begin, poison, dynamic.bytes);
    poison_static_memory();
}

void poison_static_memory() {
    for (Region const& region : static_regions()) std::memset(region.begin, poison, region.bytes);
}

bool shared_memory_overrun() {
    unsigned char const* const end = dynamic.begin + dynamic.bytes;
    return !std::all_of(end, end + guard_bytes, [](unsigned char byte) { return byte == guard; });
}

void* dynamic_shared() {
    return dynamic.begin;
}

void* cluster_map(void const* pointer, unsigned rank) {
    if (!inside(pointer, 1, dynamic)) fault("mapa: the pointer is not to dynamic shared memory of the block");
    if (rank >= block.cluster) fault("mapa: no block " + std::to_string(rank) + " in a cluster of " + std::to_string(block.cluster));
    return memories[rank].region.begin + (static_cast<unsigned char const*>(pointer) - dynamic.begin);
}

bool is_shared(void const* pointer, std::size_t bytes) {
    if (inside(pointer, bytes, dynamic)) return true;
    auto const& regions = static_regions();
    auto const after = std::upper_bound(regions.begin(), regions.end(), static_cast<unsigned char const*>(pointer),
                                        [](unsigned char const* p, Region const& region) { return p < region.begin; });
    return after != regions.begin() && inside(pointer, bytes, *std::prev(after));
}

}  // namespace ca3::simt
