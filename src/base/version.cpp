// base/version.cpp -- LONGCLIP_VERSION is defined for this file alone, so that a new version compiles one file.
#include "base/version.h"

namespace longclip {

const char* program_version() { return LONGCLIP_VERSION; }

}  // namespace longclip
