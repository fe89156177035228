// model/clip_file.cpp -- finds the model in a file, reads or infers its architecture, checks every tensor.
#include "model/clip_file.h"

#include <ATen/ops/aminmax.h>
#include <ATen/ops/equal.h>

#include <cmath>
#include <tuple>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "model/checkpoint_source.h"
#include "model/foreign_names.h"
#include "model/hf_config.h"
#include "model/open_clip_config.h"
#include "model/weight_names.h"
#include "tensors/safetensors.h"
#include "tensors/shape.h"

namespace longclip {
namespace fs = std::filesystem;

namespace {

using Stated = CheckpointSource::Stated;

constexpr int64_t kUpstreamLength = 248;

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

/// Without a copy of its size, as at::isfinite makes.
bool is_finite(const at::Tensor& tensor) {
  const auto [least, most] = at::aminmax(tensor);  // NaN if there is one
  return std::isfinite(least.item<float>()) && std::isfinite(most.item<float>());
}

using Shapes = std::map<std::string, std::vector<int64_t>>;

/// Float32, exactly these names and shapes, all finite; else one error that lists everything.
TensorMap checked(TensorMap tensors, const Shapes& shapes, const std::string& where) {
  std::vector<std::string> problems;
  for (const auto& [name, shape] : shapes) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) {
      problems.push_back("missing: " + name + " " + shape_text(shape));
      continue;
    }
    at::Tensor& tensor = found->second;
    if (tensor.sizes() != at::IntArrayRef(shape))
      problems.push_back("misshapen: " + name + " is " + shape_text(tensor.sizes()) + ", wanted is " +
                         shape_text(shape));
    else if (!tensor.is_floating_point())
      problems.push_back("not floating point: " + name);
    else {
      tensor = tensor.to(at::kFloat).contiguous();
      if (!tensor.is_meta() && !is_finite(tensor)) problems.push_back("holds NaN or infinity: " + name);
    }
  }
  for (const auto& [name, tensor] : tensors) {
    if (!shapes.contains(name)) problems.push_back("not known: " + name + " " + shape_text(tensor.sizes()));
  }
  require<DataError>(problems.empty(), "{}: these weights do not fit the model:{}", where, list_text(problems));
  return tensors;
}

/// The user's word where a config says the same or nothing.
void check_hints(const TextArchitecture& stated, std::optional<int64_t> vision_heads, const ReadHints& hints,
                 const std::string& where) {
  const auto check = [&](const auto& hint, const auto& value, const char* option) {
    require<InputError>(!hint || *hint == value,
                        "{}: states its architecture, and --{} says something else; leave the option out", where,
                        option);
  };
  check(hints.architecture.hidden_act, stated.activation, "hidden-act");
  check(hints.architecture.text_heads, stated.tower.heads, "text-heads");
  check(hints.architecture.vision_heads, vision_heads.value_or(0), "vision-heads");
}

/// Reads one checkpoint: names first, then the values of those that belong to the model.
class Reader {
 public:
  Reader(const fs::path& path, const ReadHints& hints)
      : source_(find_checkpoint(path)), hints_(hints), where_(source_.where) {}

  /// `values`: false leaves the tensors on the meta device.
  AnyWeights read(bool values) {
    TensorFile file = read_tensors(source_, {.values = false});
    format_ = file.format;
    take_metadata(file);
    if (source_.stated == Stated::kOwn) return own(std::move(file), values);
    const bool text_only = source_.stated == Stated::kOwnText || source_.stated == Stated::kHuggingFaceText;
    const FoundWeights found = find_weights(file.tensors, hints_.entry, text_only, where_);
    if (!file.ignored.empty()) notes_.push_back("not weights, left out: " + joined(file.ignored));
    notes_.insert(notes_.end(), found.notes.begin(), found.notes.end());
    TensorMap shapes = take_found(file.tensors, found);  // on the meta device
    if (values)
      file = read_tensors(source_, {.wanted = [&](const std::string& name) { return found.names.contains(name); }});
    TensorMap tensors = take_found(std::move(file.tensors), found);
    if (has_huggingface_names(tensors)) {
      shapes = openai_shapes(std::move(shapes), found.text_only);
      if (found.text_only) return finish_huggingface<TextEncoderWeights>(text_architecture(shapes), std::move(tensors));
      return finish_huggingface<ClipWeights>(architecture(shapes), std::move(tensors));
    }
    const bool two_tables = tensors.contains("positional_embedding_res");
    if (two_tables) note_two_tables(tensors, values);
    fold_two_tables(tensors, where_);
    if (found.text_only) {
      TextArchitecture stated = text_architecture(tensors);
      return finish<TextEncoderWeights>(std::move(stated), two_tables, std::move(tensors));
    }
    Architecture stated = architecture(tensors);
    return finish<ClipWeights>(std::move(stated), two_tables, std::move(tensors));
  }

 private:
  void note_two_tables(const TensorMap& tensors, bool values) {
    std::string note =
        "two position tables folded into one: rows 0..19 of positional_embedding, the others of "
        "positional_embedding_res";
    const auto frozen = tensors.find("positional_embedding");
    if (values && frozen != tensors.end()) {
      const at::Tensor& trained = tensors.at("positional_embedding_res");
      const bool equal =
          frozen->second.sizes() == trained.sizes() && at::equal(frozen->second.to(at::kFloat), trained.to(at::kFloat));
      note += equal ? "; both are equal" : "; they differ";
    }
    notes_.push_back(std::move(note));
  }

  /// Our files state their architecture themselves.
  void take_metadata(const TensorFile& file) {
    if (source_.stated != Stated::kNothing) return;
    for (const auto& [key, stated] : {std::pair{kMetadataKey, Stated::kOwn}, {kTextMetadataKey, Stated::kOwnText}}) {
      const auto found = file.metadata.find(key);
      if (found == file.metadata.end()) continue;
      source_.stated = stated;
      source_.config = parse_json(found->second, where_ + ": metadata '" + key + "'", {.max_values = kMaxCheckpointValues});
    }
  }

  AnyWeights own(TensorFile file, bool values) {
    const Architecture architecture = architecture_from_json(source_.config, where_);
    check_hints(text_half(architecture), architecture.vision.heads, hints_, where_);
    if (values) file = read_tensors(source_, {});
    return ClipWeights{.architecture = architecture, .tensors = checked(std::move(file.tensors), weight_shapes(architecture), where_)};
  }

  Architecture architecture(const TensorMap& tensors) {
    if (source_.stated == Stated::kNothing) return inferred_architecture(tensors, hints_.architecture, where_, notes_);
    const bool open_clip = source_.stated == Stated::kOpenClip;
    format_ = open_clip ? "OpenCLIP" : "Hugging Face";
    const Architecture stated = open_clip ? architecture_from_open_clip_config(source_.config, where_)
                                          : architecture_from_hf_config(source_.config, where_, notes_);
    check_hints(text_half(stated), stated.vision.heads, hints_, where_);
    return stated;
  }

  TextArchitecture text_architecture(const TensorMap& tensors) {
    TextArchitecture stated;
    switch (source_.stated) {
      case Stated::kNothing: return inferred_text_architecture(tensors, hints_.architecture, where_, notes_);
      case Stated::kOwnText:
        format_ = "longclip";
        stated = text_architecture_from_json(source_.config, where_);
        break;
      case Stated::kHuggingFaceText:
        format_ = "Hugging Face";
        stated = text_architecture_from_hf_config(source_.config, tensors.contains("text_projection"), where_, notes_);
        break;
      default:
        fail<DataError>("{}: its config states a whole CLIP, its weights are those of a text encoder alone", where_);
    }
    check_hints(stated, std::nullopt, hints_, where_);
    return stated;
  }

  /// For the architecture: of what fits, where a config states it; then the check of values finds the same and more.
  TensorMap openai_shapes(TensorMap huggingface, bool text_only) const {
    std::vector<std::string> found_later;
    if (source_.stated == Stated::kNothing) return to_openai_names(std::move(huggingface), text_only, where_);
    return to_openai_names(std::move(huggingface), text_only, found_later);
  }

  /// Checked under the names of the file, which its errors tell.
  template <class Weights, class A> AnyWeights finish_huggingface(A architecture, TensorMap tensors) {
    const bool plain_projection = tensors.contains("text_projection");
    tensors = checked(std::move(tensors), huggingface_shapes(architecture, plain_projection), where_);
    tensors = to_openai_names(std::move(tensors), std::is_same_v<Weights, TextEncoderWeights>, where_);
    return Weights{std::move(architecture), std::move(tensors), format_, notes_};
  }

  template <class Weights, class A> AnyWeights finish(A architecture, bool two_tables, TensorMap tensors) {
    if (two_tables && architecture.context_length == kUpstreamLength && !architecture.stretch) {
      architecture.stretch = Stretch{.keep = 20, .ratio = 4, .source_length = 77};
    }
    tensors = checked(std::move(tensors), weight_shapes(architecture), where_);
    return Weights{std::move(architecture), std::move(tensors), format_, notes_};
  }

  CheckpointSource source_;
  const ReadHints& hints_;
  std::string where_;
  std::string format_;
  std::vector<std::string> notes_;
};

}  // namespace

AnyWeights read_checkpoint(const fs::path& path, const ReadHints& hints) { return Reader(path, hints).read(true); }

ClipWeights read_clip(const fs::path& path, const ReadHints& hints) {
  AnyWeights weights = read_checkpoint(path, hints);
  require<DataError>(std::holds_alternative<ClipWeights>(weights),
                     "{}: a text encoder alone, without the image tower that is needed here", path.string());
  return std::get<ClipWeights>(std::move(weights));
}

std::variant<Architecture, TextArchitecture> read_architecture(const fs::path& path, const ReadHints& hints) {
  return std::visit(
      [](const auto& weights) -> std::variant<Architecture, TextArchitecture> { return weights.architecture; },
      Reader(path, hints).read(false));
}

TextEncoderWeights text_encoder_of(const ClipWeights& clip) {
  TextEncoderWeights text{text_half(clip.architecture), {}, clip.source_format, clip.notes};
  for (const auto& [name, shape] : weight_shapes(text.architecture)) text.tensors[name] = clip.tensors.at(name);
  return text;
}

void check_may_write(const fs::path& out, bool overwrite) {
  require<InputError>(overwrite || !fs::exists(out) || (fs::is_directory(out) && fs::is_empty(out)),
                      "{}: exists already; name another output, remove it, or give --overwrite", out.string());
}

void write_clip(const fs::path& out, const ClipWeights& weights, bool overwrite) {
  check_may_write(out, overwrite);
  const Json architecture = to_json(weights.architecture);
  const std::map<std::string, std::string> metadata{{kMetadataKey, to_json_line(architecture)}};
  if (out.extension() == ".safetensors") return write_safetensors(out, weights.tensors, metadata);
  write_safetensors(out / kModelFile, weights.tensors, metadata);
  write_file_atomically(out / kArchitectureFile,
                        architecture.dump(2) + "\n");  // last: without it this is no checkpoint
}

void write_text_encoder(const fs::path& out, const TextEncoderWeights& weights, bool overwrite) {
  check_may_write(out, overwrite);
  const TensorMap tensors = to_huggingface_names(weights.tensors);
  const std::map<std::string, std::string> metadata{{kTextMetadataKey, to_json_line(to_json(weights.architecture))}};
  if (out.extension() == ".safetensors") return write_safetensors(out, tensors, metadata);
  write_safetensors(out / kModelFile, tensors, metadata);
  write_file_atomically(out / "config.json",
                        to_hf_text_config(weights.architecture, "float32").dump(2) + "\n");  // last
}

}  // namespace longclip
