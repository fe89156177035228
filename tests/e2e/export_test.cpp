// tests/e2e/export_test.cpp -- longclip export: what is written reads back as the same model.
#include "program.h"
#include "support/catch.h"

namespace longclip::test {

namespace {

Json hashes_of_tensors(const std::string& path) {
  const Json inspected = parse_json(run_well("inspect --json " + path), path);
  Json hashes;
  for (const auto& [name, tensor] : inspected.at("tensors").items()) {
    hashes[name] = tensor.at("sha256");
  }
  return hashes;
}

}  // namespace

TEST_CASE("export: every format reads back as the model that was exported", "[e2e]") {
  const TemporaryFolder folder;
  const std::string model = stretched_model();
  const Json before = hashes_of_tensors(model);
  REQUIRE(before.size() > 10);
  for (const auto& [format, name] : {std::pair{"hf", "hf"},
                                     {"upstream", "long.pt"},
                                     {"open_clip", "open_clip"},
                                     {"open_clip", "open_clip.safetensors"},
                                     {"open_clip", "open_clip.bin"}}) {
    const std::string out = (folder / name).string();
    run_well("export " + model + " " + out + " --format " + format);
    REQUIRE(hashes_of_tensors(out) == before);
  }
  run_well("export " + unstretched_model() + " " + (folder / "clip.pt").string() + " --format openai");
  REQUIRE(hashes_of_tensors((folder / "clip.pt").string()) == hashes_of_tensors(unstretched_model()));
  const Json config = parse_json(read_text(folder / "hf/config.json"), "config.json");
  REQUIRE(config.at("text_config").at("max_position_embeddings") == 248);
  run_well("export " + model + " " + (folder / "hf").string() + " --format hf --dtype fp16 --overwrite");
  const Json half = parse_json(run_well("inspect --json " + (folder / "hf").string()), "inspect");
  REQUIRE(half.at("stored_types").contains("float16"));
}

TEST_CASE("export: an unstretched model is no model of the original Long-CLIP code", "[e2e]") {
  const TemporaryFolder folder;
  const CommandResult result =
      run_longclip("export " + unstretched_model() + " out.pt --format upstream", folder.path());
  REQUIRE(result.exit_code == 2);
  REQUIRE_THAT(result.err, ContainsSubstring("longclip stretch"));
  REQUIRE(hashes_below(folder.path()).empty());
}

TEST_CASE("export: a text encoder is the text half of the model, in a folder and in a file", "[e2e]") {
  const TemporaryFolder folder;
  const Json whole = hashes_of_tensors(stretched_model());
  const std::string encoder = (folder / "te/text_encoder").string(), file = (folder / "te.safetensors").string();
  run_well("export " + stretched_model() + " " + (folder / "te").string() + " --format text-encoder --projection");
  run_well("export " + encoder + " " + file + " --format comfyui");
  const Json half = hashes_of_tensors(encoder);
  REQUIRE(half == hashes_of_tensors(file));
  REQUIRE(half.contains("positional_embedding"));
  REQUIRE(!half.contains("visual.proj"));
  for (const auto& [name, hash] : half.items()) REQUIRE(hash == whole.at(name));
}

TEST_CASE("export: --help says which format is for which program", "[e2e]") {
  const std::string help = run_well("export --help");
  for (const char* words : {"transformers", "diffusers", "ComfyUI", "open_clip_torch", "Long-CLIP", "clip.load"})
    REQUIRE_THAT(help, ContainsSubstring(words));
  const CommandResult result = run_longclip("export " + stretched_model() + " out --format hf --projection");
  REQUIRE(result.exit_code == 2);
  REQUIRE_THAT(result.err, ContainsSubstring("--projection belongs to --format text-encoder"));
}

}  // namespace longclip::test
