#pragma once

namespace ca3 {
__extension__ typedef __int128 int128;  // GCC and Clang; products of two 64-bit integers
}
