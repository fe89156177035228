#pragma once
// base/version.h -- the version of the program, from the project() line of CMakeLists.txt.

namespace longclip {

const char* program_version();

}  // namespace longclip
