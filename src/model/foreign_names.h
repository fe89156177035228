#pragma once
// model/foreign_names.h -- finds the weights of a CLIP or of a text encoder among the names that other programs save:
// wrappers, prefixes, several models in one file. Sources: open_clip src/open_clip/model.py (CLIP, CustomTextCLIP);
// ComfyUI comfy/sd.py, comfy/sdxl_clip.py; the single-file checkpoints of Stable Diffusion 1, 2, XL and 3.

#include <map>
#include <string>
#include <vector>

#include "tensors/tensor_map.h"

namespace longclip {

/// Which tensors of a file are the model.
struct FoundWeights {
  std::map<std::string, std::string>
      names;                            ///< name in the file -> OpenAI's or Hugging Face's name (model/weight_names.h)
  bool text_only = false;               ///< a text encoder without an image tower
  std::vector<std::string> notes = {};  ///< what was used and what was left out
};

/// Looks at names alone. Removes `module.` and `_orig_mod.` wherever they stand, finds what stands before the model
/// (`state_dict.`, `cond_stage_model.transformer.`, ...), and leaves out everything beside it and all buffers.
/// A whole CLIP is taken before text encoders. `entry`: part of the prefix of the wanted one, where there are several.
/// `text_only`: leave out an image tower that is there. Throws DataError "WHERE: ..." if there is none or more than one,
/// and for what is no CLIP with vision transformer and CLIP's text tower: ResNet, timm, CoCa, SigLIP, BERT, by name.
FoundWeights find_weights(const TensorMap& tensors, const std::string& entry, bool text_only, const std::string& where);

/// The found tensors under their plain names. A logit_scale of one element becomes a scalar.
TensorMap take_found(TensorMap tensors, const FoundWeights& found);

}  // namespace longclip
