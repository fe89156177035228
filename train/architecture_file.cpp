// train/architecture_file.cpp -- the strict config reader over a struct with the keys of model.json.
#include "train/architecture_file.h"

#include "base/error.h"
#include "config/section_reader.h"

namespace longclip {

template <> struct EnumNames<Activation> {
  static constexpr std::array kNames{std::pair{Activation::kQuickGelu, "quick_gelu"}, std::pair{Activation::kGelu, "gelu"}};
};

namespace {

struct TowerFields : TowerSize {
  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("width", self.width, {"Width of the tower.", "", kRequired});
    visit("layers", self.layers, {"Blocks.", "", kRequired});
    visit("heads", self.heads, {"Attention heads; they divide the width.", "", kRequired});
    visit("mlp_width", self.mlp_width, {"Width inside the MLP.", "", kRequired});
  }
};

struct ArchitectureFields {
  Architecture architecture;
  TowerFields vision, text;

  template <class Self, class Visitor> static void fields(Self& self, Visitor&& visit) {
    visit("image_size", self.architecture.image_size, {"Side of the picture in pixels.", "", kRequired});
    visit("patch_size", self.architecture.patch_size, {"Side of a patch in pixels.", "", kRequired});
    visit("vision", self.vision, {"The vision tower.", "", kRequired});
    visit("text", self.text, {"The text tower.", "", kRequired});
    visit("embed_dim", self.architecture.embed_dim, {"Width of the joint embedding.", "", kRequired});
    visit("context_length", self.architecture.context_length, {"Text positions."});
    visit("vocabulary_size", self.architecture.vocabulary_size, {"Token ids."});
    visit("eos_id", self.architecture.eos_id, {"The end-of-text token."});
    visit("hidden_act", self.architecture.activation, {"Activation of the MLPs."});
  }
};

}  // namespace

Architecture load_architecture(const std::filesystem::path& file) {
  ArchitectureFields fields;
  read_section(load_yaml(file), "", fields);
  Architecture architecture = fields.architecture;
  architecture.vision = fields.vision;
  architecture.text = fields.text;
  try {
    architecture.validate();
  } catch (const InputError& error) {
    fail<ConfigError>("{}: {}", file.string(), error.what());
  }
  return architecture;
}

}  // namespace longclip
