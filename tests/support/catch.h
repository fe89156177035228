#pragma once
// tests/support/catch.h -- the only place that includes Catch2, so that versions 2 and 3 both work.
// LibTorch defines glog-like CHECK macros; include this header last.

#ifdef CHECK
#undef CHECK
#endif
// Version 2 first: its one header may have been brought along (scripts/collect_headers.sh) to a machine that has version 3.
#if __has_include(<catch2/catch.hpp>)
#include <catch2/catch.hpp>
inline auto ContainsSubstring(const std::string& text) { return Catch::Matchers::Contains(text); }
#else
#include <catch2/catch_all.hpp>
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;
#endif
