// tests/support/catch_main.cpp -- main() of every test executable, for Catch2 versions 2 and 3.
#if __has_include(<catch2/catch.hpp>)
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#else
#include <catch2/catch_all.hpp>
#endif

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
