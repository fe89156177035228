// data/scenes/scene_set.cpp -- pictures first, their list last, then one rename.
#include "data/scenes/scene_set.h"

#include <fstream>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/signals.h"
#include "data/scenes/scene.h"
#include "data/scenes/scene_captions.h"
#include "data/scenes/scene_painter.h"

namespace longclip {
namespace {
constexpr int64_t kMostScenes = 1'000'000;  // names have six digits

/// Not fsynced: thousands of small files would take minutes, and an unfinished set is drawn again.
void write_picture(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  require<std::runtime_error>(file.good(), "{}: cannot be written; is the disk full?", path.string());
}
}  // namespace

void write_scene_set(const std::filesystem::path& folder, const SceneSetOptions& options) {
  require<InputError>(options.count >= 1 && options.count <= kMostScenes, "{} scenes; a set has 1 to {}", options.count,
                      kMostScenes);
  require<InputError>(!std::filesystem::exists(folder), "{}: already exists; name a new folder for the scenes",
                      folder.string());
  const std::filesystem::path target = folder.has_filename() ? folder : folder.parent_path();  // "scenes/" is "scenes"
  std::filesystem::path partial = target;
  partial += ".partial";
  std::filesystem::remove_all(partial);
  std::filesystem::create_directories(partial / "images");
  std::string lines;
  ProgressBar progress("draw scenes", options.count);
  for (int64_t i = 0; i < options.count; ++i) {
    throw_if_stop_requested();
    const Scene scene = draw_scene(options.seed, options.first_index + static_cast<uint64_t>(i));
    const std::string name = fmt::format("images/{:06}.png", i);
    write_picture(partial / name, paint_scene_png(scene, options.side));
    lines += to_json_line({{"image", name}, {"long", long_caption(scene)}, {"short", short_caption(scene)}}) + '\n';
    progress.update(i + 1);
  }
  write_file_atomically(partial / "triples.jsonl", lines);
  publish_folder(partial, target);
}

}  // namespace longclip
