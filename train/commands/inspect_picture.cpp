// train/commands/inspect_picture.cpp -- a picture: what the file holds and which square of it the model sees.
#include <iostream>
#include <span>

#include "base/digest.h"
#include "base/json.h"
#include "data/formats/pair_source.h"
#include "image/decode.h"
#include "image/transform.h"
#include "train/commands/inspect.h"

namespace longclip {

void inspect_picture(const InspectOptions& options) {
  const int64_t size = options.size.value_or(224);
  const std::string bytes = read_picture_file(options.path);
  const std::span<const uint8_t> file(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  const Picture picture = decode_picture(file, options.path, options.decode);
  const CropGeometry crop = crop_geometry(picture.width, picture.height, size);
  const std::string hash = sha256_hex(clip_crop(picture, size));
  if (options.json) {
    const Json json = {{"kind", "picture"},
                       {"path", options.path},
                       {"format", picture.format},
                       {"size", {picture.width, picture.height}},
                       {"mode", std::string(mode_name(picture.mode))},
                       {"resized", {crop.resized_width, crop.resized_height}},
                       {"crop_offset", {crop.crop_left, crop.crop_top}},
                       {"sha256", hash}};
    std::cout << to_json_line(json) << std::endl;
    return;
  }
  std::cout << fmt::format(
                   "{}: a {} picture of {} x {} pixels, mode {}\n"
                   "resized to {} x {}; the {} x {} square begins at ({}, {})\n"
                   "sha256 of the square's RGB bytes: {}\n",
                   options.path, picture.format, picture.width, picture.height, mode_name(picture.mode),
                   crop.resized_width, crop.resized_height, size, size, crop.crop_left, crop.crop_top, hash)
            << std::flush;
}

}  // namespace longclip
