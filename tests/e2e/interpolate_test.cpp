// tests/e2e/interpolate_test.cpp -- longclip interpolate: a model between two, and the ends.
#include "program.h"
#include "support/catch.h"

namespace longclip::test {

namespace {

Json inspected(const std::string& path) { return parse_json(run_well("inspect --json " + path), path); }

Json hashes(const std::string& path) {
  Json result;
  const Json told = inspected(path);
  for (const auto& [name, tensor] : told.at("tensors").items()) result[name] = tensor.at("sha256");
  return result;
}

}  // namespace

TEST_CASE("interpolate: weight 0 is A, weight 1 is B, the middle is neither and a checkpoint", "[e2e]") {
  const TemporaryFolder folder;
  run_well("init other.safetensors --arch tiny --seed 2", folder.path());
  run_well("stretch other.safetensors b.safetensors", folder.path());
  const std::string a = stretched_model(), b = (folder / "b.safetensors").string();
  const auto between = [&](const std::string& weight, const std::string& out) {
    run_well("interpolate " + a + " " + b + " --weight " + weight + " --out " + out, folder.path());
    return hashes((folder / out).string());
  };
  REQUIRE(between("0", "zero.safetensors") == hashes(a));
  REQUIRE(between("1", "one.safetensors") == hashes(b));
  const Json middle = between("0.5", "half");
  REQUIRE(middle.at("token_embedding.weight") != hashes(a).at("token_embedding.weight"));
  REQUIRE(middle.at("token_embedding.weight") != hashes(b).at("token_embedding.weight"));
  REQUIRE(inspected((folder / "half").string()).at("architecture") == inspected(a).at("architecture"));
}

TEST_CASE("interpolate: what cannot be is refused with the way out, and nothing is written", "[e2e]") {
  const TemporaryFolder folder;
  write_text(folder / "mine.safetensors", "mine");
  const std::string a = unstretched_model(), b = stretched_model();
  const auto refused = [&](const std::string& arguments, const std::string& says) {
    const auto before = hashes_below(folder.path());
    const CommandResult result = run_longclip("interpolate " + arguments, folder.path());
    CAPTURE(arguments, result.err);
    REQUIRE(result.exit_code == 2);
    REQUIRE_THAT(result.err, ContainsSubstring(says));
    REQUIRE(hashes_below(folder.path()) == before);
  };
  refused(a + " " + b + " --weight 0.5 --out out", "longclip stretch " + a + " OUT.safetensors --keep 20 --ratio 4");
  refused(b + " " + b + " --weight 1.5 --out out", "--weight");
  refused(b + " " + b + " --out out", "--weight is required");
  refused(b + " " + b + " --weight 0.5 --out mine.safetensors", "exists already");
  refused("gone " + b + " --weight 0.5 --out out", "gone");
}

}  // namespace longclip::test
