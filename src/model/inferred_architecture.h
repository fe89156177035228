#pragma once
// model/inferred_architecture.h -- the architecture of weights that come without a config: from their shapes, from what
// is known of published models, and from what the user says.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/architecture.h"
#include "tensors/tensor_map.h"

namespace longclip {

/// What shapes do not tell, as the user says it.
struct ArchitectureHints {
  std::optional<Activation> hidden_act = std::nullopt;
  std::optional<int64_t> text_heads = std::nullopt;
  std::optional<int64_t> vision_heads = std::nullopt;
};

/// `openai`: OpenAI's names, any device. Heads are width / 64, as in every text tower and in OpenAI's image towers, but 16 for
/// OpenCLIP's wide image towers (ViT-H, ViT-g, ViT-bigG, ViT-e); QuickGELU as OpenAI, but exact GELU for text towers of
/// width 1024 and more, which only LAION's models have; end of text = highest id. What was assumed goes to `notes`.
/// Throws DataError "WHERE: ..." for shapes that contradict each other, InputError for hints that cannot be.
Architecture inferred_architecture(const TensorMap& openai, const ArchitectureHints& hints, const std::string& where,
                                   std::vector<std::string>& notes);
TextArchitecture inferred_text_architecture(const TensorMap& openai, const ArchitectureHints& hints,
                                            const std::string& where, std::vector<std::string>& notes);

}  // namespace longclip
