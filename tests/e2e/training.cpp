// tests/e2e/training.cpp -- see training.h
#include "training.h"

#include <sstream>
#include <stdexcept>

namespace longclip::test {
namespace fs = std::filesystem;

std::string narrow_model(int64_t width) {
  static const TemporaryFolder folder;
  const std::string w = std::to_string(width), name = "narrow" + w + ".safetensors";
  if (fs::exists(folder / name)) return (folder / name).string();
  write_text(folder / "sizes.yaml", "image_size: 32\npatch_size: 8\nembed_dim: " + w + "\n" +
                                        "vision: {width: " + w + ", layers: 2, heads: 2, mlp_width: 64}\n" +
                                        "text: {width: " + w + ", layers: 2, heads: 2, mlp_width: 64}\n");
  run_well("init base.safetensors --arch sizes.yaml --seed 1", folder.path());
  run_well("stretch base.safetensors " + name, folder.path());
  fs::remove(folder / "base.safetensors");
  return (folder / name).string();
}

void write_fast_experiment(const fs::path& folder, const std::string& more) {
  write_experiment(folder);
  write_text(folder / "run.yaml",
             "run: {name: fast, dir: out, device: cpu}\n"
             "model: {init: " +
                 narrow_model(32) +
                 "}\n"
                 "data: {train: [{format: triples, path: rows.jsonl}], pairs_per_step: 4}\n"
                 "loss: {pcm: {components: 1}}\n"
                 "optim: {lr: 1.0e-3}\n" +
                 more);
}

void copy_case(const std::string& name, const fs::path& folder) {
  fs::copy(*cases_dir() / name, folder, fs::copy_options::recursive);
  fs::copy(stretched_model(), folder / "long.safetensors");
}

std::vector<Json> json_lines(const fs::path& file) {
  std::vector<Json> lines;
  std::istringstream text(read_text(file));
  for (std::string line; std::getline(text, line);) lines.push_back(parse_json(line, file.string()));
  return lines;
}

std::vector<Json> values_of(const fs::path& file, const std::string& key) {
  std::vector<Json> values;
  for (const Json& line : json_lines(file)) values.push_back(line.at(key));
  return values;
}

std::set<int64_t> bad_lines(const fs::path& run) {
  std::set<int64_t> lines;
  for (const Json& row : json_lines(run / "bad_samples.jsonl")) {
    if (row.at("reason").get<std::string>().empty()) throw std::runtime_error("a bad sample without a reason");
    if (!lines.insert(row.at("line").get<int64_t>()).second) throw std::runtime_error("a bad sample stands twice");
  }
  return lines;
}

std::vector<Json> steps_to(int64_t last) {
  std::vector<Json> steps;
  for (int64_t step = 1; step <= last; ++step) steps.emplace_back(step);
  return steps;
}

std::string newest_weights(const fs::path& run) {
  std::string name = read_text(run / "checkpoints/latest");
  name.pop_back();  // the end of the line
  const fs::path checkpoint = run / "checkpoints" / name;
  return read_text(checkpoint / "model.safetensors") + read_text(checkpoint / "optimizer.safetensors");
}

CommandResult train_until_signal(const fs::path& folder, const std::string& signal, int64_t lines) {
  const std::string enough = "[ \"$(cat out/metrics.jsonl 2>/dev/null | wc -l)\" -ge " + std::to_string(lines) + " ]";
  return run_command("OMP_NUM_THREADS=1 " + program().string() + " train run.yaml & pid=$!; tries=0; until " + enough +
                         " || [ $tries -ge 3000 ]; do sleep 0.02; tries=$((tries + 1)); done; kill -" + signal +
                         " $pid; wait $pid",
                     folder);
}

}  // namespace longclip::test
