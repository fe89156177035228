// tests/e2e/program.cpp -- see tests/e2e/program.h
#include "program.h"

#include <stdexcept>
#include <string_view>

#include "base/digest.h"

namespace longclip::test {
namespace fs = std::filesystem;

namespace {

std::string bytes_of_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

constexpr std::string_view kPngStart = "89504e470d0a1a0a0000000d4948445200000002000000020802000000fdd49a73";
constexpr std::string_view kRedPixels = "0000001049444154789c63f8cfc000440c100a001fee03fd8b5f14d4";
constexpr std::string_view kBluePixels = "0000000f49444154789c636060f80f46600a0017f603fd7eeb37f3";
constexpr std::string_view kPngEnd = "0000000049454e44ae426082";

const fs::path& models_folder() {
  static const TemporaryFolder folder;
  return folder.path();
}

std::string made_once(const std::string& name, const std::string& arguments) {
  const fs::path file = models_folder() / name;
  if (!fs::exists(file)) run_well(arguments + " " + file.string());
  return file.string();
}

}  // namespace

CommandResult run_longclip(const std::string& arguments, const fs::path& folder) {
  return run_command(program().string() + " " + arguments, folder);
}

std::string run_well(const std::string& arguments, const fs::path& folder) {
  const CommandResult result = run_longclip(arguments, folder);
  if (result.exit_code != 0) {
    throw std::runtime_error("longclip " + arguments + " ended with " + std::to_string(result.exit_code) + ": " +
                             result.err);
  }
  return result.out;
}

std::string unstretched_model() { return made_once("base.safetensors", "init --arch tiny --seed 1"); }
std::string stretched_model() { return made_once("long.safetensors", "stretch " + unstretched_model()); }

std::string model_of_224_pixels() {
  const fs::path sizes = models_folder() / "sizes.yaml";
  write_text(sizes,
             "image_size: 224\npatch_size: 32\nembed_dim: 32\n"
             "vision: {width: 64, layers: 1, heads: 1, mlp_width: 128}\n"
             "text: {width: 64, layers: 1, heads: 1, mlp_width: 128}\n");
  return made_once("pixels224.safetensors", "init --seed 1 --arch " + sizes.string());
}

void write_red_png(const fs::path& file) {
  write_text(file, bytes_of_hex(kPngStart) + bytes_of_hex(kRedPixels) + bytes_of_hex(kPngEnd));
}
void write_blue_png(const fs::path& file) {
  write_text(file, bytes_of_hex(kPngStart) + bytes_of_hex(kBluePixels) + bytes_of_hex(kPngEnd));
}

void write_experiment(const fs::path& folder) {
  write_red_png(folder / "0.png");
  write_blue_png(folder / "1.png");
  std::string rows;
  for (int i = 0; i < 8; ++i) {
    const Json row = {{"image", std::to_string(i % 2) + ".png"},
                      {"long", "picture " + std::to_string(i) + ". It has one colour."},
                      {"short", "number " + std::to_string(i)}};
    rows += to_json_line(row) + "\n";
  }
  write_text(folder / "rows.jsonl", rows);
  write_text(folder / "run.yaml",
             "run: {name: small, dir: out, device: cpu}\n"
             "model: {init: " +
                 stretched_model() +
                 "}\n"
                 "data:\n"
                 "  train: [{format: triples, path: rows.jsonl}]\n"
                 "  pairs_per_step: 4\n"
                 "schedule: {steps: 2, warmup_steps: 1}\n"
                 "precision: {compute: fp32}\n");
}

Json case_values(const std::string& name) {
  const fs::path file = *cases_dir() / name / "case.json";
  return parse_json(read_text(file), file.string()).at("expected").at("values");
}

std::map<std::string, std::string> hashes_below(const fs::path& folder) {
  std::map<std::string, std::string> hashes;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) hashes[entry.path().string()] = sha256_hex(read_text(entry.path()));
  }
  return hashes;
}

}  // namespace longclip::test
